#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every command in the documentation works, and prints what is shown.

In README.md and docs/*.md, blocks fenced as ```console have lines that start with `$ ` (a command),
`> ` (its continuation) or are output, in which `...` stands for anything. The commands of a
document are given to one shell, in order, in a directory of its own, with our programs in its PATH.
Each must end with status 0; output is compared where some is shown.
"""

import atexit
import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

from lib import server, tap

ROOT = os.path.dirname(os.path.dirname(tap.HERE))
# What a document may need that is not everywhere.
OPTIONAL = ('xxd', 'openssl', 'socat', 'jq', 'python3', 'qemu-system-x86_64', 'fusermount3')


# What `qom mount` says where there is no FUSE.
CANNOT_MOUNT = re.compile("nothing can be mounted|this build has no 'mount'")


class Shell:
    """A shell that tells the end of each command with a line of ours."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='qomd-docs-')
        path = os.path.dirname(server.find('qomd')) + ':' + os.environ['PATH']
        self.output = open(os.path.join(self.dir, '.output'), 'w+b', 0)
        self.process = subprocess.Popen(['bash'], stdin=subprocess.PIPE, stdout=self.output,
                                        stderr=subprocess.STDOUT, cwd=self.dir,
                                        env={**os.environ, 'PATH': path, 'LC_ALL': 'C.UTF-8'},
                                        start_new_session=True)
        atexit.register(self.close)

    def run(self, command):
        """(status, output) of a command."""
        mark = os.urandom(8).hex()
        start = self.output.tell()
        self.process.stdin.write(f'{command}\necho "@{mark}:$?"\n'.encode())
        self.process.stdin.flush()

        def ended():
            self.output.seek(start)
            return re.search(f'@{mark}:(\\d+)\n'.encode(), self.output.read())
        match = tap.until(ended, 60)
        self.output.seek(start)
        text = self.output.read().decode(errors='replace')
        if not match:
            raise tap.Failure(f'no end; so far: {text}')
        return int(match.group(1)), text[:text.index(f'@{mark}:')]

    def close(self):
        """Ends the shell and, by their pid files, the daemons."""
        for path in glob.glob(os.path.join(self.dir, '*pid*')):
            try:
                with open(path, encoding='ascii') as f:
                    pid = int(f.read())
                with open(f'/proc/{pid}/comm', encoding='utf-8') as f:
                    if f.read().startswith('qomd'):
                        os.kill(pid, signal.SIGTERM)
            except (OSError, ValueError):
                pass
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.process.stdin.close()
        self.process.wait()
        self.output.close()
        shutil.rmtree(self.dir, True)


def commands_of(path):
    """[line number, command, expected output] for each command of a document."""
    found, inside = [], False
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip('\n')
            if line.lstrip().startswith('```'):
                inside = line.strip() == '```console'
            elif inside and line.startswith('$ '):
                found.append([number, line[2:], ''])
            elif inside and found and line.startswith('> ') and not found[-1][2]:
                found[-1][1] += '\n' + line[2:]
            elif inside and found:
                found[-1][2] += line + '\n'
    return found


def matches(shown, text):
    """Whether the output is as shown; `...` is anything, blanks at ends do not count."""
    def tidy(lines):
        return '\n'.join(line.rstrip() for line in lines.strip().split('\n'))
    pattern = '.*'.join(re.escape(part) for part in tidy(shown).split('...'))
    return re.fullmatch(pattern, tidy(text), re.DOTALL)


def missing(command):
    """A program that the command needs and that is not here."""
    for program in OPTIONAL:
        if re.search(rf'(^|[|&;(\s]){re.escape(program)}\s', command) and not shutil.which(program):
            return program
    return None


def document(path):
    """Declares the cases of a document."""
    name = os.path.relpath(path, ROOT)
    state = {'shell': None, 'without': None}

    def case(number, command, shown):
        def run(t):
            state['without'] = state['without'] or missing(command)
            if state['without']:
                t.skip(f'{state["without"]} is not installed')
            if not os.path.exists(os.path.join(os.path.dirname(server.find('qomd')), 'qom')):
                t.skip('the client qom is not built')
            state['shell'] = state['shell'] or Shell()
            status, text = state['shell'].run(command)
            if status and command.startswith('qom mount') and CANNOT_MOUNT.search(text):
                state['without'] = 'FUSE'
                t.skip('nothing can be mounted here')
            t.equal(status, 0, f'status; output: {text}')
            if shown:
                t.ok(matches(shown, text), f'shown:\n{shown}printed:\n{text}')
        first = shlex.quote(command.split('\n')[0]).strip("'")
        tap.add(f'{name}:{number}: {first}', run, only='qomd')

    for entry in commands_of(path):
        case(*entry)


for path_ in [os.path.join(ROOT, 'README.md')] + sorted(glob.glob(ROOT + '/docs/*.md')):
    document(path_)

if __name__ == '__main__':
    tap.main()
