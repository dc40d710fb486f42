#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`qom shell`: from a pipe, and on a terminal with line editing."""

import fcntl
import json
import os
import pty
import re
import select
import stat
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from lib import server as servers, tap  # noqa: E402

QOM = os.environ['QOM']

# libedit keeps the names of the functions that keys are bound to.
LIBEDIT = ('print_suppressions=0:suppressions='
           + os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lsan.supp'))


def script(t, text, *options, server=None):
    """Runs lines from a pipe: (status, stdout, stderr)."""
    s = server or t.shared()
    r = subprocess.run([QOM, '-s', s.paths[0], *options, 'shell'], input=text.encode(),
                       capture_output=True, timeout=60, check=False)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def lines(t, text, *options, server=None):
    """What lines that all succeed print."""
    status, out, err = script(t, text, *options, server=server)
    t.equal((status, err), (0, ''), f'status and stderr of {text!r}, which printed {out!r}')
    return out


# -- from a pipe

@tap.case('a line is a QMP command with typed arguments')
def _(t):
    out = lines(t, 'object-add qom-type=memory-backend-ram id=m0 size=1.5M share=on host-nodes=0 '
                   'policy=bind\nqom-get path=m0 property=size\nqom-get path=m0 property=share\n'
                   'qom-get path=m0 property=host-nodes\nobject-del id=m0\n', '--json')
    t.equal([json.loads(line) for line in out.splitlines()], [{}, 1572864, True, [0], {}])


@tap.case('a line is a subcommand of qom')
def _(t):
    t.equal(lines(t, 'add iothread io0\nset io0.poll-max-ns 64k\nget io0.poll-max-ns io0.type\n'
                     'del io0\n'), '65536\niothread\n')
    t.contains(lines(t, 'tree -d 0 /objects\n'), '/objects  container')
    t.contains(lines(t, 'types --implements=rng-backend\n'), 'rng-random')


@tap.case('a line is a request in JSON, also over several lines')
def _(t):
    out = lines(t, '{"execute": "object-add",\n "arguments": {"qom-type": "iothread",\n'
                   '"id": "io0", "poll-max-ns": 5}}\n\n'
                   "{'execute': 'qom-get', 'arguments': {'path': 'io0', 'property': 'poll-max-ns'},"
                   "'id': 7}\n  {\"execute\": \"object-del\", \"arguments\": {\"id\": \"io0\"}}\n",
                '--json')
    t.equal(out, '{}\n5\n{}\n')


@tap.case('arguments may be JSON, dotted, quoted, or one JSON object')
def _(t):
    out = lines(t, 'chardev-add id=r0 backend={"type": "ringbuf",\n  "data": {"size": 64}}\n'
                   'chardev-add id=r1 backend.type=ringbuf backend.data.size=64\n'
                   'chardev-add {"id": "r2", "backend": {"type": "ringbuf", "data": {}}}\n'
                   "ringbuf-write device=r0 data='a \"b\"'\nringbuf-write device=r0 data=\" c\\\"\"\n"
                   'ringbuf-read device=r0 size=64\n'
                   'chardev-remove id=r0\nchardev-remove id=r1\ncall chardev-remove id=r2\n',
                '--json')
    t.equal(json.loads(out.splitlines()[5]), 'a "b" c"')


@tap.case('comments and empty lines are nothing, and the last line may lack its end')
def _(t):
    t.equal(lines(t, '# get nonsense\n\n   \n  # "\nget /objects type'), 'container\n')
    t.equal(lines(t, ''), '')
    t.equal(lines(t, 'exit\nnonsense\n'), '')


@tap.case('a script stops at the first failure, with its exit status and the number of its line')
def _(t):
    status, out, err = script(t, 'get /objects type\n\nget /nowhere.x\nget / type\n')
    t.equal((status, out), (6, 'container\n'))
    t.contains(err, 'DeviceNotFound')
    t.contains(err, 'line 3 has failed')
    t.equal(script(t, 'no-such-command\n')[0], 5)
    t.equal(script(t, 'object-add qom-type=memory-backend-ram id=m size=abc\n')[0], 2)
    t.equal(script(t, 'get\n')[0], 2)


@tap.case('what is wrong is said, and nothing is sent')
def _(t):
    for text, part in (('{"execute": 5}', 'expected {"execute"'), ('{"a": 1}', "'a'"),
                       ('{"execute": "quit", }', 'JSON parse error'), ('quit', "'call quit'"),
                       ('get "/objects', 'inside of quotes'), ('query-name x=[', 'inside of'),
                       ('shell', 'inside of the shell'), ('mount /mnt', 'inside of the shell'),
                       ('events', 'inside of the shell'), ('apply -', 'name a file')):
        status, out, err = script(t, text + '\n')
        t.equal((status, out), (2, ''), text)
        t.contains(err, part, text)
    t.ok(t.shared().alive(), 'the server lives')


@tap.case('what belongs to the shell can not be had by a line of it')
def _(t):
    for line in ('get -s /nowhere / type', 'list --timeout 5', 'apply - --prune', 'diff -', 'apply --prune -'):
        status, out, err = script(t, line + '\n')
        t.equal((status, out), (2, ''), line)
        t.contains(err, "shell")
    t.equal(script(t, 'get / -\n')[0], 4)  # the server's word


@tap.case('what is no text ends a script, and is told')
def _(t):
    status, out, err = script(t, 'get / type\nget / type\0junk\n')
    t.equal((status, out), (2, 'container\n'))
    t.contains(err, 'no text')


@tap.case('with --json errors and warnings are JSON')
def _(t):
    status, _, err = script(t, 'list /nope\n', '--json')
    t.equal((status, [list(json.loads(line)) for line in err.splitlines()]), (6, [['error'], ['warning']]))


@tap.case('the end of the server ends the shell with status 3')
def _(t):
    s = t.server()
    shell = subprocess.Popen([QOM, '-s', s.paths[0], 'shell'], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    t.cleanup(shell.wait)
    t.cleanup(shell.kill)
    shell.stdin.write('call quit\n')
    shell.stdin.flush()
    s.wait()  # a server that is about to end may still answer what came right behind
    try:
        _, err = shell.communicate('get / type\n', timeout=60)
    except BrokenPipeError:
        err = shell.stderr.read()
    t.equal(shell.wait(60), 3)
    t.ok(err.startswith('qom: '), err)


@tap.case('events do not get into the output of a script, however many come', only='qomd')
def _(t):
    s = t.server()
    out = lines(t, 'qomd-watch path=/objects recurse=true\n'
                + 'add rng-builtin r0\ndel r0\n' * 2000 + 'get / type\n', '--json', server=s)
    t.equal(out.splitlines()[-1], '"container"')
    t.ok('event' not in out, 'no events')


@tap.case('help tells of subcommands and of QMP commands')
def _(t):
    t.contains(lines(t, 'help\n'), 'Ctrl-D')
    t.contains(lines(t, 'help set\n'), 'PATH PROPERTY VALUE')
    t.contains(lines(t, 'help object-del\n'), 'id')
    t.ok(script(t, 'help no-such-thing\n')[0] != 0, 'there is nothing to tell')


# -- on a terminal

class Terminal:
    """A shell on a terminal; what it writes is in .text."""

    editing = True

    def __init__(self, t, server, *options, columns=80, state=None):
        if not os.environ.get('QOM_EDIT'):
            t.skip('built without libedit')
        try:
            self.fd, theirs = pty.openpty()
        except OSError as e:
            t.skip(f'no terminal can be made: {e}')
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        self.state = state or os.path.join(t.dir, 'state')
        env = {**os.environ, 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm', 'NO_COLOR': '1',
               'XDG_STATE_HOME': self.state, 'HOME': t.dir, 'LSAN_OPTIONS': LIBEDIT}
        env.pop('EDITRC', None)
        self.process = subprocess.Popen([QOM, '-s', server.paths[0], *options, 'shell'], env=env,
                                        stdin=theirs, stdout=theirs, stderr=theirs,
                                        start_new_session=True)
        os.close(theirs)
        t.cleanup(os.close, self.fd)
        t.cleanup(self.process.wait)
        t.cleanup(self.process.kill)
        self.text = ''
        self.mark = 0
        self.wait('qom> ')

    def read(self):
        """Takes what has come within a tenth of a second; False: nothing will any more."""
        if select.select([self.fd], [], [], 0.1)[0]:
            try:
                self.text += os.read(self.fd, 65536).decode(errors='replace')
            except OSError:
                return False
        return True

    def wait(self, *parts):
        """Waits until the parts have come, one after the other, since the last wait."""
        deadline = time.monotonic() + servers.PATIENCE
        for part in parts:
            while part not in self.text[self.mark:]:
                if time.monotonic() > deadline or not self.read():
                    raise tap.Failure(f'{part!r} has not come: {self.text[self.mark:]!r}')
            self.mark = self.text.index(part, self.mark) + len(part)
            if part.endswith('> ') and self.editing:
                # libedit takes the terminal over just behind the prompt.
                tap.until(lambda: not termios.tcgetattr(self.fd)[3] & termios.ICANON)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def enter(self, line, *parts):
        """Types a line and waits for what it prints and the next prompt."""
        self.type(line + '\r')
        self.wait('\n', *parts, 'qom> ')

    def completes(self, keys, *words):
        """Types keys and Tab, waits for what the last word becomes, or the list of what it may
        become; gives the line up."""
        self.type(keys)
        self.wait(keys[-3:])
        self.type('\t')
        if len(words) == 1:
            words = (words[0].removeprefix(re.search(r'[^ ]*$', keys).group()),)
        self.wait(*words)
        self.type('\x03')
        self.wait('^C', 'qom> ')

    def end(self):
        """Types Ctrl-D, again if it came before libedit had the terminal; the exit status."""
        deadline = time.monotonic() + servers.PATIENCE
        while time.monotonic() < deadline:
            self.type('\x04')
            again = time.monotonic() + 2
            while time.monotonic() < again:
                if not self.read():
                    return self.process.wait(servers.PATIENCE)
        raise tap.Failure(f'Ctrl-D does not end it: {self.text[self.mark:]!r}')

    def history(self):
        with open(os.path.join(self.state, 'qom', 'history'), encoding='utf-8') as f:
            return f.read().splitlines()


@tap.case('on a terminal there is a prompt, errors do not end it, and Ctrl-D does')
def _(t):
    s = t.server('-object', 'iothread,id=io0')
    term = Terminal(t, s)
    term.enter('get io0.poll-max-ns', '32768\r\n')
    term.enter('get nix.x', 'DeviceNotFound')
    term.enter('qom-get path=/ property=type', '"container"')
    t.equal(term.end(), 0)


@tap.case('JSON goes on in the next line, with another prompt, and Ctrl-C gives it up')
def _(t):
    term = Terminal(t, t.server())
    term.type('{"execute": "qom-get",\r')
    term.wait('...> ')
    term.type('"arguments": {"path": "/",\r')
    term.wait('...> ')
    term.enter('"property": "type"}}', '"container"')
    term.type('{"execute":\r')
    term.wait('...> ')
    term.type('half\x03')
    term.wait('^C', 'qom> ')
    term.enter('get / type', 'container')


@tap.case('a line can be edited, and the arrow keys bring back what was run')
def _(t):
    term = Terminal(t, t.server())
    term.type('get / tyXe')
    term.type('\x1b[D\x7fp\r')
    term.wait('container', 'qom> ')
    term.enter('list /chardevs', 'type')
    term.type('\x1b[A\x1b[A\r')
    term.wait('get / type', 'container', 'qom> ')
    term.type('\x12ardev\r')
    term.wait('list /chardevs', 'qom> ')


@tap.case('Tab completes commands, arguments, named values, types, paths and properties')
def _(t):
    term = Terminal(t, t.server('-object', 'iothread,id=io0', '-object', 'iothread,id=io1'))
    term.completes('qom-list-ty', 'qom-list-types ')
    term.completes('object-add qom-t', 'qom-type=')
    term.completes('object-add qom-type=memory-backend-ra', 'qom-type=memory-backend-ram ')
    term.completes('object-add qom-type=memory-backend-ram size=1 sh', 'share=')
    term.completes('object-add qom-type=memory-backend-ram policy=b', 'policy=bind ')
    term.completes('object-add qom-type=memory-backend-ram share=o', 'share=off', 'share=on')
    term.completes('chardev-add id=x backend.type=ring', 'backend.type=ringbuf ')
    term.completes('chardev-add id=x backend.type=ringbuf backend.data.si', 'backend.data.size=')
    term.completes('add memory-backend-ram m0 mer', 'merge=')
    term.completes('call query-vers', 'query-version ')
    term.completes('type', 'types ')
    term.completes('get /obj', '/objects')
    term.completes('get /objects/i', '/objects/io')
    term.completes('get /objects/io0.poll-m', '/objects/io0.poll-max-ns ')
    term.completes('set io1.thread-pool-ma', 'io1.thread-pool-max ')
    term.completes('qom-get path=/objects/io1 property=poll-g', 'property=poll-grow ')
    term.completes('del io', 'io0', 'io1')
    term.completes('qom-list path=/mach', 'path=/machine')
    term.completes('props rng-ra', 'rng-random ')
    term.completes('schema memory-backend-ra', 'memory-backend-ram ')
    term.completes('help object-d', 'object-del ')
    term.completes('nonsense-comm', '\x07')
    term.enter('get / type', 'container')


@tap.case('Tab completes the values of properties', only='qomd')
def _(t):
    term = Terminal(t, t.server('-object', 'memory-backend-ram,id=m0,size=1M'))
    term.completes('set m0.policy in', 'interleave ')
    term.completes('set m0 dump of', 'off ')


@tap.case('an event is shown when it comes, and the edited line stays whole', only='qomd')
def _(t):
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    term = Terminal(t, s, columns=60)
    term.enter('qomd-watch path=/objects', '"watch": 1')
    term.type('get / ty')
    term.wait('get / ty')
    c.add_ok('rng-builtin', 'r0')
    term.wait('\r\x1b[J', 'QOMD_ADDED', '"/objects/r0"', '\r\n', 'qom> get / ty')
    term.type('pe\r')
    term.wait('container', 'qom> ')
    # The line takes two rows, and the cursor is in the second.
    term.type('get ' + 'x' * 70)
    term.wait('x' * 10)
    time.sleep(0.2)
    term.read()
    term.mark = len(term.text)
    c.delete('r0')
    term.wait('\r\x1b[1A\x1b[J', 'QOMD_REMOVED', 'qom> get xxx')
    term.type('\x03')
    term.wait('^C', 'qom> ')


@tap.case('events come as JSON with --json', only='qomd')
def _(t):
    s = t.server()
    term = Terminal(t, s, '--json')
    term.enter('qomd-watch path=/objects', '{"watch": 1}')
    with_client = s.connect()
    t.cleanup(with_client.close)
    with_client.add_ok('rng-builtin', 'r0')
    term.wait('"event": "QOMD_ADDED"')


@tap.case('history is kept for its owner alone, without what could be secret')
def _(t):
    s = t.server()
    term = Terminal(t, s)
    for line in ('get / type', 'object-add qom-type=secret id=s0 data=hunter2',
                 'add secret s1 data=hunter2', 'del s0',
                 '{"execute": "object-add", "arguments": {"qom-type": "secret", "id": "s2", '
                 '"data": "hunter2"}}',
                 '{"execute": "object-add", "arguments": {"qom-type": "secret", "id": "s3", '
                 '"d\\u0061ta": "hunter2"}}',
                 'qom-set path=s1 property=data value=hunter2', 'set s1.data hunter2',
                 'set_password protocol=vnc password=hunter2',
                 '{"execute": "qom-get",\r"arguments": {"path": "/", "property": "type"}}'):
        term.type(line + '\r')
        term.wait('\n')
    term.enter('list /objects')
    term.enter('get /objects type', 'container')
    t.equal(term.end(), 0)
    kept = term.history()
    t.equal(kept, ['get / type', 'del s0', '{"execute": "qom-get", "arguments": {"path": "/", '
                   '"property": "type"}}', 'list /objects', 'get /objects type'])
    path = os.path.join(term.state, 'qom')
    t.equal(oct(stat.S_IMODE(os.stat(path).st_mode)), '0o700')
    t.equal(oct(stat.S_IMODE(os.stat(path + '/history').st_mode)), '0o600')
    again = Terminal(t, s, state=term.state)
    again.type('\x1b[A')
    again.wait('get /objects type')


@tap.case('a history file that has grown long is shortened')
def _(t):
    folder = os.path.join(t.dir, 'state', 'qom')
    os.makedirs(folder)
    with open(folder + '/history', 'w', encoding='utf-8') as f:
        f.writelines(f'get {i}\n' for i in range(3000))
    term = Terminal(t, t.shared())
    t.equal(len(term.history()), 1000)
    t.equal(term.history()[-1], 'get 2999')
    t.equal(oct(stat.S_IMODE(os.stat(folder + '/history').st_mode)), '0o600')


@tap.case('the end of the server is told at the prompt, and ends the shell with status 3')
def _(t):
    s = t.server()
    term = Terminal(t, s)
    term.type('half a li')
    s.process.kill()
    term.wait('qom: ', s.paths[0])
    t.equal(term.process.wait(servers.PATIENCE), 3)


@tap.case('without line editing there are plain lines, and events between them', only='qomd')
def _(t):
    s = t.server()
    term = Terminal.__new__(Terminal)
    os.environ['TERM'], old = 'dumb', os.environ.get('TERM', '')
    t.cleanup(os.environ.__setitem__, 'TERM', old)
    try:
        term.fd, theirs = pty.openpty()
    except OSError as e:
        t.skip(f'no terminal can be made: {e}')
    term.process = subprocess.Popen([QOM, '-s', s.paths[0], 'shell'], stdin=theirs, stdout=theirs,
                                    stderr=theirs, env={**os.environ, 'NO_COLOR': '1'})
    os.close(theirs)
    t.cleanup(os.close, term.fd)
    t.cleanup(term.process.wait)
    t.cleanup(term.process.kill)
    term.text, term.mark, term.editing = '', 0, False
    term.wait('qom> ')
    term.enter('qomd-watch path=/objects', '"watch": 1')
    c = s.connect()
    t.cleanup(c.close)
    c.add_ok('rng-builtin', 'r0')
    term.wait('QOMD_ADDED', 'qom> ')
    t.equal(term.end(), 0)


if __name__ == '__main__':
    tap.main()
