# SPDX-License-Identifier: BSD-3-Clause
"""The two servers, started with the same arguments, and a QMP client that may also misbehave."""

import array
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import proc

# Time that a server has for anything, in seconds; a failure is reported after it. No test waits
# this long when all is well.
PATIENCE = float(os.environ.get('E2E_PATIENCE', '20'))

# QMP nests deeper than Python's decoder likes.
sys.setrecursionlimit(5000)

# Arguments with which QEMU is a server of objects and nothing else; qomd takes them, too.
COMMON = ['-M', 'none', '-nodefaults', '-display', 'none', '-S']


# What is to be said of servers that have been closed: a sanitizer has found something, there was no
# end at SIGTERM.
complaints = []


def find(kind):
    """The program of a kind of server, or None. $QOMD and $QEMU say which."""
    if kind == 'qomd':
        return shutil.which(os.environ.get('QOMD', 'qomd'))
    return shutil.which(os.environ.get('QEMU', 'qemu-system-x86_64'))


def qemu_version(binary):
    """Its major version."""
    text = subprocess.run([binary, '--version'], capture_output=True, text=True, check=True).stdout
    return int(re.search(r'version (\d+)', text).group(1))


def until(condition, timeout=None, step=0.01):
    """Waits for condition() to be true and returns it, or what it was at last."""
    deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
    while True:
        result = condition()
        if result or time.monotonic() > deadline:
            return result
        time.sleep(step)


class ProtocolError(Exception):
    """The server sent what it may not send here."""


class Client:
    """A connection to a monitor."""

    def __init__(self, connection, negotiate=True, oob=False, greeting=True):
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self.buffer = bytearray()
        self.events = []
        self.fds = []
        self.greeting = self.receive() if greeting else None
        if negotiate:
            self.ok('qmp_capabilities', {'enable': ['oob']} if oob else None)

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    # -- bytes

    def send(self, data, fds=()):
        """Sends bytes, with descriptors attached to the first of them."""
        if isinstance(data, str):
            data = data.encode()
        if fds:
            sent = self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                                 array.array('i', fds))])
            data = data[sent:]
        if data:
            self.socket.sendall(data)

    def line(self, timeout=None):
        """One line with its end. EOFError if there is none, TimeoutError if it does not come."""
        deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
        start = 0
        while True:
            end = self.buffer.find(b'\n', start)
            if end >= 0:
                line = bytes(self.buffer[:end + 1])
                del self.buffer[:end + 1]
                return line
            start = len(self.buffer)
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            data, ancillary, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4 * 16))
            for _, _, payload in ancillary:
                numbers = array.array('i')
                numbers.frombytes(payload[:len(payload) - len(payload) % numbers.itemsize])
                self.fds.extend(numbers)
            if not data:
                raise EOFError(f'connection closed, {len(self.buffer)} bytes of a line')
            self.buffer += data

    # -- messages

    def receive(self, timeout=None):
        """The next message, whatever it is."""
        line = self.line(timeout)
        try:
            return json.loads(line)
        except ValueError as error:
            raise ProtocolError(f'not JSON: {line[:200]}') from error

    def reply(self, timeout=None):
        """The next message that is no event; events are kept in .events."""
        deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
        while True:
            message = self.receive(max(deadline - time.monotonic(), 0.001))
            if 'event' not in message:
                return message
            self.events.append(message)

    def event(self, name, timeout=None):
        """The next event of that name."""
        deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
        while True:
            for i, message in enumerate(self.events):
                if message['event'] == name:
                    return self.events.pop(i)
            message = self.receive(max(deadline - time.monotonic(), 0.001))
            if 'event' not in message:
                raise ProtocolError(f'a reply instead of {name}: {message}')
            self.events.append(message)

    def quiet(self, seconds):
        """Whether nothing at all comes for that time."""
        try:
            self.buffer = bytearray(self.line(seconds)) + self.buffer
            return False
        except TimeoutError:
            return True

    def post(self, name, arguments=None, fds=(), **envelope):
        """Sends a command and does not wait."""
        self.send(json.dumps(request(name, arguments, **envelope)) + '\n', fds)

    def command(self, name, arguments=None, fds=(), **envelope):
        """Sends a command; its response."""
        self.post(name, arguments, fds, **envelope)
        return self.reply()

    def ok(self, name, arguments=None, fds=(), **envelope):
        """Sends a command that must succeed; what it returns."""
        reply = self.command(name, arguments, fds, **envelope)
        if 'return' not in reply:
            raise ProtocolError(f'{name} {str(arguments)[:200]}: {str(reply)[:500]}')
        return reply['return']

    def pipeline(self, commands):
        """Sends (name, arguments) pairs without waiting in between; their responses in order."""
        replies = []
        for start in range(0, len(commands), 200):
            chunk = commands[start:start + 200]
            self.send(''.join(json.dumps(request(*command)) + '\n' for command in chunk))
            replies += [self.reply() for _ in chunk]
        return replies

    # -- the commands that most tests use

    def add(self, qom_type, object_id, **properties):
        """object-add; its response. Underscores in the names of properties become dashes."""
        return self.command('object-add', object_options(qom_type, object_id, **properties))

    def add_ok(self, qom_type, object_id, **properties):
        return self.ok('object-add', object_options(qom_type, object_id, **properties))

    def delete(self, object_id):
        return self.command('object-del', {'id': object_id})

    def get(self, path, prop):
        """qom-get of a property that there is. The path may be an object's id."""
        return self.ok('qom-get', {'path': object_path(path), 'property': prop})

    def set(self, path, prop, value):
        """qom-set; its response."""
        return self.command('qom-set', {'path': object_path(path), 'property': prop,
                                        'value': value})

    def objects(self):
        """The ids under /objects, which QEMU before 8 has with the first object alone."""
        reply = self.command('qom-list', {'path': '/objects'})
        return sorted(p['name'] for p in reply.get('return', []) if p['type'].startswith('child<'))

    def clear(self):
        """Deletes all objects, if the server lives; what can not be deleted stays."""
        try:
            for object_id in self.objects():
                self.delete(object_id)
        except (OSError, EOFError):
            pass


def object_path(path):
    return path if path.startswith('/') else '/objects/' + path


def object_options(qom_type, object_id, **properties):
    options = {'qom-type': qom_type, 'id': object_id}
    options.update((name.replace('_', '-'), value) for name, value in properties.items())
    return options


def request(name, arguments=None, oob=False, **envelope):
    """A command as a dictionary; envelope: other members such as id."""
    message = {'exec-oob' if oob else 'execute': name}
    if arguments is not None:
        message['arguments'] = arguments
    message.update(envelope)
    return message


class Server:
    """A server process with some monitors on Unix sockets.

    args: more arguments, to which those in $E2E_OPTIONS come for qomd; monitors: how many sockets; options: more options of each socket's -qmp;
    serving: whether it is expected to serve, otherwise the caller waits for its end.
    """

    def __init__(self, kind, *args, monitors=1, serving=True, common=COMMON, stdin=None,
                 pass_fds=(), env=None, cwd=None, stdout=subprocess.DEVNULL, monitor_args=None):
        self.kind = kind
        self.dir = tempfile.mkdtemp(prefix=f'qomd-e2e-{kind}-')
        self.paths = [os.path.join(self.dir, f'qmp{i}') for i in range(monitors)]
        self.stderr_path = os.path.join(self.dir, 'stderr')
        argv = [find(kind)] + list(common)
        if monitor_args is None:
            for path in self.paths:
                argv += ['-qmp', f'unix:{path},server=on,wait=off']
        else:
            argv += monitor_args
        argv += list(args)
        if kind == 'qomd':
            argv += os.environ.get('E2E_OPTIONS', '').split()
        with open(self.stderr_path, 'wb') as stderr:
            self.process = subprocess.Popen(argv, stdin=stdin or subprocess.DEVNULL, stdout=stdout,
                                            stderr=stderr, pass_fds=pass_fds, env=env, cwd=cwd)
        self.pid = self.process.pid
        if serving and self.paths and monitor_args is None:
            until(lambda: not self.alive() or self.listening())
            if not self.alive():
                text = self.stderr()
                self.close()
                raise OSError(f'{kind} ended at its start: {text}')
            if kind == 'qemu':
                for index in range(monitors):
                    self._warm_up(index)

    def _warm_up(self, index):
        """Waits until a monitor of QEMU works. One that is dialled while it is being set up may
        greet twice, or never; from the first answer on it greets each client once."""
        deadline = time.monotonic() + PATIENCE
        while True:
            client = self.connect(index, negotiate=False, greeting=False)
            try:
                client.send('{"execute": "qmp_capabilities"}\n')
                while 'QMP' in client.receive(1):
                    pass
                return
            except (TimeoutError, EOFError, ConnectionError):
                if time.monotonic() > deadline or not self.alive():
                    raise
            finally:
                client.close()

    def listening(self):
        """Whether all sockets are there to be connected to."""
        with open('/proc/net/unix', encoding='utf-8') as f:
            bound = {line.split()[7] for line in f if len(line.split()) > 7}
        return all(path in bound for path in self.paths)

    def connect(self, index=0, negotiate=True, oob=False, greeting=True):
        """A client of a monitor. QEMU serves one client a socket, so take another index there."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                connection.connect(self.paths[index])
                break
            except (BlockingIOError, ConnectionRefusedError, FileNotFoundError):
                # QEMU's backlog of one is full until it has noticed who left. A socket that a test
                # has asked for beside the usual ones may come after them.
                if time.monotonic() > deadline or not self.alive():
                    raise
                time.sleep(0.01)
        return Client(connection, negotiate, oob, greeting)

    def alive(self):
        return self.process.poll() is None

    def stderr(self):
        """What it has written to its standard error."""
        with open(self.stderr_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def sanitized(self):
        """Whether it is built with a sanitizer, which keeps freed memory for a while and has
        terabytes of shadow."""
        return any(m.size > proc.SHADOW for m in proc.maps(self.pid, 'maps'))

    def wait(self, timeout=None):
        """Waits for its end; the exit status, negative for a signal."""
        return self.process.wait(PATIENCE if timeout is None else timeout)

    def signal(self, number):
        self.process.send_signal(number)

    def close(self):
        """Ends it if need be, and removes its files."""
        if self.alive():
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(5 if self.kind == 'qemu' else PATIENCE)
            except subprocess.TimeoutExpired:
                if self.kind == 'qomd':
                    complaints.append(f'no end {PATIENCE:g} s after SIGTERM')
                self.process.kill()
        self.process.wait()
        if os.path.exists(self.stderr_path):
            text = self.stderr()
            if re.search('Sanitizer: |runtime error: ', text):
                complaints.append(text[:4000])
        shutil.rmtree(self.dir, True)
