# SPDX-License-Identifier: BSD-3-Clause
"""Cases, their results as TAP, and what is known to differ.

A script declares cases with @case(name), or add(name, function) in a loop, and ends with main().
Every case says what must hold of *both* servers, qomd and QEMU: `script.py qomd` and
`script.py qemu` run the same cases. Where QEMU does otherwise, on purpose, differences.txt names
the case and the reason; such a case must then fail against QEMU. It is printed as TAP's TODO, so
that one that suddenly holds shows up as an unexpected pass, which is a failure. A line there that
names no case is a failure too. What only one of the two has is declared with only='qomd'.
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

from . import server as _server
from .server import until  # noqa: F401, for the scripts

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Failure(Exception):
    """What a case says must hold does not."""


class Skip(Exception):
    """The case can not be run here; the text says what is missing."""


_cases = []


def add(name, function, only=None):
    """Declares a case: function(t) is run with a Case; only: 'qomd' or 'qemu'."""
    if any(known == name for known, _, _ in _cases):
        raise ValueError(f'two cases are named {name!r}')
    _cases.append((name, function, only))


def case(name, only=None):
    """The same as a decorator."""
    def declare(function):
        add(name, function, only)
        return function
    return declare


class Case:
    """What a case gets: the server under test, assertions, and things that go away at its end."""

    shared_server = None

    def __init__(self, kind):
        self.kind = kind
        self.qomd = kind == 'qomd'
        self.servers = []
        self._cleanups = []
        self._dir = None

    # -- things that go away

    def cleanup(self, function, *args):
        """function(*args) is called when the case ends, last come first."""
        self._cleanups.append((function, args))

    def close(self):
        while self._cleanups:
            function, args = self._cleanups.pop()
            try:
                function(*args)
            except (OSError, EOFError) as error:
                print(f'# cleaning up: {error}')

    @property
    def dir(self):
        """A directory of the case's own."""
        if not self._dir:
            self._dir = tempfile.mkdtemp(prefix='qomd-e2e-')
            self.cleanup(shutil.rmtree, self._dir, True)
        return self._dir

    def file(self, name, data=b''):
        """Makes a file in the case's directory; its path."""
        path = os.path.join(self.dir, name)
        with open(path, 'wb') as f:
            f.write(data)
        return path

    def server(self, *args, **keywords):
        """A server of the case's own, see server.Server."""
        server = _server.Server(self.kind, *args, **keywords)
        self.cleanup(server.close)
        self.servers.append(server)
        return server

    def shared(self):
        """The script's server, started by the first who asks; a case leaves it as it was."""
        server = Case.shared_server
        if server is not None and not server.alive():
            server.close()
            server = None
        if server is None:
            server = Case.shared_server = _server.Server(self.kind)
        return server

    def client(self):
        """A client of the script's server that has negotiated."""
        client = self.shared().connect()
        self.cleanup(client.close)
        return client

    # -- assertions

    def ok(self, condition, what):
        if not condition:
            raise Failure(what)

    def equal(self, got, wanted, what='value'):
        if got != wanted or isinstance(got, bool) != isinstance(wanted, bool):
            raise Failure(f'{what}: got {got!r}, wanted {wanted!r}')

    def contains(self, text, part, what='text'):
        if part not in text:
            raise Failure(f'{what}: {part!r} is not in {text!r}')

    def matches(self, text, pattern, what='text'):
        if not re.search(pattern, text):
            raise Failure(f'{what}: {text!r} does not match {pattern!r}')

    def error(self, reply, error_class, text=None):
        """The reply is an error of that class and, if given, with that text (or pattern)."""
        error = reply.get('error')
        if error is None:
            raise Failure(f'wanted {error_class} {text!r}, got {str(reply)[:300]}')
        self.equal(error['class'], error_class, f'class of {error["desc"]!r}')
        if isinstance(text, re.Pattern):
            self.matches(error['desc'], text.pattern, 'error')
        elif text is not None:
            self.equal(error['desc'], text, 'error')

    def skip(self, why):
        raise Skip(why)


def _differences(script, kind, version):
    """{case: reason} for a script against a QEMU of that version."""
    found = {}
    if kind != 'qemu':
        return found
    with open(os.path.join(HERE, 'differences.txt'), encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith('#'):
                continue
            fields = [field.strip() for field in line.split(' | ')]
            if len(fields) != 4:
                raise ValueError(f'differences.txt:{number}: four fields separated by " | "')
            if fields[0] == script and _in_range(version, fields[2]):
                found[fields[1]] = fields[3]
    return found


def _in_range(version, spec):
    """Whether a major version is in 'all', '<N' or '>=N'."""
    if spec == 'all':
        return True
    relation, bound = re.fullmatch(r'(<|>=)(\d+)', spec).groups()
    return version < int(bound) if relation == '<' else version >= int(bound)


def _run(kind, function):
    """Runs a case: (held, skipped because, diagnosis)."""
    t = Case(kind)
    try:
        function(t)
        return True, None, None
    except Skip as skip:
        return True, str(skip), None
    except (Failure, _server.ProtocolError, OSError, EOFError,
            subprocess.SubprocessError) as failure:
        where = traceback.extract_tb(failure.__traceback__)
        lines = ', '.join(f'{os.path.basename(f.filename)}:{f.lineno}' for f in where[1:3])
        diagnosis = f'{type(failure).__name__}: {failure} ({lines})'
        for server in t.servers + [Case.shared_server]:
            if server is not None and not server.alive():
                diagnosis += f'\nthe server has ended: {server.process.returncode} '
                diagnosis += server.stderr()[-2000:]
        if isinstance(failure, TimeoutError) and Case.shared_server:
            Case.shared_server.process.kill()
            Case.shared_server.close()
            Case.shared_server = None
        return False, None, diagnosis
    finally:
        t.close()


def main():
    """Runs the cases against the server that argv names; argv[2:], if any, choose by name."""
    script = os.path.basename(sys.argv[0]).removeprefix('test_').removesuffix('.py')
    kind = sys.argv[1] if len(sys.argv) > 1 else 'qomd'
    binary = _server.find(kind)
    if not binary:
        print(f'1..0 # SKIP {kind} is not installed')
        return
    version = _server.qemu_version(binary) if kind == 'qemu' else 0
    differences = _differences(script, kind, version)
    chosen = [entry for entry in _cases if entry[2] in (None, kind)
              and (len(sys.argv) < 3 or any(part in entry[0] for part in sys.argv[2:]))]
    failed, named = 0, set()
    patience = _server.PATIENCE
    for number, (name, function, _) in enumerate(chosen, 1):
        reason = next((why for pattern, why in differences.items()
                       if fnmatch.fnmatchcase(name, pattern.replace('[', '[[]'))), None)
        named |= {pattern for pattern in differences
                  if fnmatch.fnmatchcase(name, pattern.replace('[', '[[]'))}
        _server.PATIENCE = min(patience, 3) if reason else patience
        held, skipped, diagnosis = _run(kind, function)
        if _server.complaints:
            held, diagnosis = False, _server.complaints.pop()
        failed += held != (reason is None) and not skipped
        line = f'{"ok" if held else "not ok"} {number} - {name.replace("#", "")}'
        if skipped:
            line += f' # SKIP {skipped}'
        elif reason:
            line += f' # TODO differs: {reason}'
        print(line)
        if diagnosis:
            print('\n'.join('# ' + part[:1000] for part in diagnosis.splitlines()))
        sys.stdout.flush()
    number = len(chosen)
    if len(sys.argv) < 3:
        for name in differences.keys() - named:
            number += 1
            failed += 1
            print(f'not ok {number} - differences.txt names a case that is not there: {name}')
    if Case.shared_server:
        Case.shared_server.close()
    for complaint in _server.complaints:
        number += 1
        failed += 1
        print(f'not ok {number} - the shared server ends without a complaint')
        print('\n'.join('# ' + line for line in complaint.splitlines()))
    print(f'1..{number}' if number else '1..0 # SKIP nothing here for ' + kind)
    sys.exit(1 if failed else 0)
