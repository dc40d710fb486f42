# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the client share: test_X.py QOM qemu|qomd|fake [SERVER], output is TAP.

With `qemu` and `qomd` the same checks run against the real program; with `fake` a server in this
file counts round trips and says what no honest server says. Only Python's library is used.
"""
import errno
import json
import os
import pty
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

QOM = sys.argv[1]
KIND = sys.argv[2]
SERVER = sys.argv[3] if len(sys.argv) > 3 else ''
TESTS = {'real': [], 'fake': []}


class Place:
    """Where the server is: filled in by main(). Two addresses, as QEMU serves one client at each."""
    directory = address = second = None


def check(group):
    def add(function):
        TESTS[group].append(function)
        return function
    return add


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f'status {self.status}, stdout {self.out!r}, stderr {self.err!r}'


def qom(*args, address=None, env=None, status=0):
    """Runs the client and checks its exit status (None: any)."""
    environment = {**os.environ, 'LC_ALL': 'C.UTF-8', 'QMP_SOCKET': address or Place.address, **(env or {})}
    run = subprocess.run([QOM, *args], env=environment, capture_output=True, timeout=60)
    r = Result(run.returncode, run.stdout.decode(), run.stderr.decode())
    assert status is None or r.status == status, f'{args}: {r}'
    return r


def qom_json(*args, **kwargs):
    return json.loads(qom('--json', *args, **kwargs).out)


class Running:
    """A client that goes on while others do things; next() is its next line."""

    def __init__(self, *args, address=None):
        environment = {**os.environ, 'LC_ALL': 'C.UTF-8', 'QMP_SOCKET': address or Place.address}
        self.process = subprocess.Popen([QOM, *args], env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode().rstrip('\n'))
        self.lines.put(None)

    def next(self, timeout=60):
        """None at the end, or (with a short @timeout) queue.Empty."""
        return self.lines.get(timeout=timeout)

    def provoke(self, action):
        """The first line after @action, which is done until there is one."""
        for _ in range(600):
            action()
            try:
                return self.next(0.1)
            except queue.Empty:
                pass
        raise AssertionError('nothing was shown')

    def status(self):
        return self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class Skip(Exception):
    """The test can not be run here; says why."""


def on_terminal(*args, address=None, env=None):
    """What the client writes to a terminal."""
    environment = {**os.environ, 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm', 'QMP_SOCKET': address or Place.address}
    environment.pop('NO_COLOR', None)
    environment.update(env or {})
    try:
        ours, theirs = pty.openpty()
    except OSError as e:
        raise Skip(f'no terminal can be made: {e}') from e
    child = subprocess.Popen([QOM, *args], env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    out = b''
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError as e:
            assert e.errno == errno.EIO
            break
        if not piece:
            break
        out += piece
    child.wait()
    os.close(ours)
    return out.decode()


def equal(got, want):
    assert got == want, f'got {got!r}, expected {want!r}'


def matches(pattern, text):
    assert re.search(pattern, text, re.M), f'{pattern!r} is not in {text!r}'


# --- The server in this file ----------------------------------------------------------------------

GREETING = {'QMP': {'version': {'qemu': {'major': 8, 'minor': 1, 'micro': 0}, 'package': ''},
                    'capabilities': ['oob']}}
OBJECTS = {
    '/': [('type', 'string', 'container'), ('a', 'child<container>', '/a'),
          ('b', 'child<thing>', '/b')],
    '/a': [('type', 'string', 'container'), ('deep', 'child<thing>', '/a/deep')],
    '/a/deep': [('type', 'string', 'thing'), ('n', 'int', 7), ('secret', 'string', None)],
    '/b': [('type', 'string', 'thing'), ('n', 'int', 8), ('peer', 'link<thing>', '/a/deep')],
}


class Refused(Exception):
    def __init__(self, text, name='GenericError'):
        super().__init__(text)
        self.name = name


class Fake:
    """A server with a small tree. @has: its bulk commands. @trips counts how often it had answered
    everything and heard more."""

    def __init__(self, has=(), gone=(), greeting=GREETING, override=None, noise=b'',
                 tcp=False):
        self.has, self.gone, self.greeting = has, gone, greeting
        self.override, self.noise = override or {}, noise
        self.trips, self.commands = 0, []
        self.path = tempfile.mktemp(dir=Place.directory)
        self.listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        self.listener.bind(('127.0.0.1', 0) if tcp else self.path)
        if tcp:
            self.path = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            connection, _ = self.listener.accept()
            with connection:
                if self.greeting is not None:
                    connection.sendall(json.dumps(self.greeting).encode() + b'\r\n')
                self.converse(connection)
        except OSError:
            pass

    def converse(self, connection):
        data = b''
        while True:
            piece = connection.recv(1 << 20)
            if not piece:
                return
            self.trips += 1
            data += piece
            *lines, data = data.split(b'\n')
            for line in lines:
                self.answer(connection, json.loads(line))

    def answer(self, connection, request):
        name, arguments = request['execute'], request.get('arguments', {})
        self.commands.append(name)
        if name in self.override:
            reply = self.override[name]
            if isinstance(reply, bytes):
                connection.sendall(reply)
                return
            reply = {'return': reply}
        else:
            try:
                reply = {'return': self.run(name, arguments)}
            except Refused as e:
                reply = {'error': {'class': e.name, 'desc': str(e)}}
        reply['id'] = request['id']
        connection.sendall(self.noise + json.dumps(reply).encode() + b'\r\n')

    def properties(self, path, values=True):
        path = '/a' if path == 'a' else path
        if path not in OBJECTS or path in self.gone:
            raise Refused(f"Device '{path}' not found", 'DeviceNotFound')
        return [{'name': n, 'type': t, **({'value': v} if values and v is not None else {})}
                for n, t, v in OBJECTS[path]]

    def tree(self, path, depth):
        properties = self.properties(path)
        children = [p['value'] for p in properties if p['type'].startswith('child<')]
        return {'path': path, 'type': properties[0]['value'],
                'properties': [p for p in properties if not p['type'].startswith('child<')],
                'children': [self.tree(c, depth - 1) for c in children if depth > 0]}

    def run(self, name, a):
        if name == 'qmp_capabilities':
            return {}
        if name == 'qom-list':
            return self.properties(a['path'], False)
        if name == 'qom-get':
            for p in self.properties(a['path']):
                if p['name'] == a['property'] and 'value' in p:
                    return p['value']
            raise Refused(f"Property 'x.{a['property']}' not found")
        if name == 'qom-list-get' and name in self.has:
            return [{'properties': self.properties(path)} for path in a['paths']]
        if name == 'qomd-tree-get' and name in self.has:
            return self.tree(a['path'], a['depth'])
        raise Refused(f'The command {name} has not been found', 'CommandNotFound')


# --- Running ----------------------------------------------------------------------------------

def wait_for(path, process):
    """Waits until the server answers: QEMU may greet a client that comes early twice, or never."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(1)
                s.connect(path)
                s.sendall(b'{"execute": "qmp_capabilities"}\n')
                if any('return' in json.loads(line) for line in s.makefile('rb')):
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def run_tests(tests):
    print(f'1..{len(tests)}')
    bad = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__
        try:
            test()
            print(f'ok {number} - {name}', flush=True)
        except Skip as e:
            print(f'ok {number} - {name} # SKIP {e}', flush=True)
        except Exception as e:  # a failed check or a client that hangs
            bad += 1
            text = str(e).replace('\n', '\n# ')
            print(f'not ok {number} - {name}\n# {type(e).__name__}: {text}', flush=True)
    return bad


def main():
    with tempfile.TemporaryDirectory() as Place.directory:
        Place.address = os.path.join(Place.directory, 'qmp.sock')
        Place.second = os.path.join(Place.directory, 'second.sock')
        if KIND == 'fake':
            return run_tests(TESTS['fake'])
        program = shutil.which(SERVER)
        if not program:
            print(f'1..0 # SKIP {SERVER} is not there')
            return 0
        server = subprocess.Popen([program, '-M', 'none', '-nodefaults', '-display', 'none', '-S',
                                   '-qmp', f'unix:{Place.address},server=on,wait=off',
                                   '-qmp', f'unix:{Place.second},server=on,wait=off'])
        try:
            if not wait_for(Place.address, server):
                print(f'Bail out! {SERVER} does not serve')
                return 1
            return run_tests(TESTS['real'])
        finally:
            server.kill()
            server.wait()


def run():
    sys.exit(1 if main() else 0)
