#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The program qom when its server goes: at every byte of the greeting and of an answer, by a reset,
and by SIGKILL. It ends with a status that says so, and a message, and does not wait."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

from lib import server, tap  # noqa: E402

NO_CONNECTION = 3

GREETING = (b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 8}, "package": "x"}, '
            b'"capabilities": ["oob"]}}\r\n')


def answers(request):
    """What a server says to one command."""
    if request['execute'] == 'qmp_capabilities':
        result = {}
    elif request['execute'] == 'qom-list':
        result = [{'name': 'type', 'type': 'string'}]
    else:
        result = 'text'
    reply = {'return': result}
    if 'id' in request:
        reply['id'] = request['id']
    return json.dumps(reply).encode() + b'\r\n'


class Dying:
    """A server that says so many bytes and goes."""

    def __init__(self, folder, tcp=False):
        self.tcp = tcp
        if tcp:
            self.listener = socket.create_server(('127.0.0.1', 0))
            self.address = f'127.0.0.1:{self.listener.getsockname()[1]}'
        else:
            self.address = os.path.join(folder, 'qmp')
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.address)
            self.listener.listen(1)
        self.said = 0

    def serve(self, n):
        """One connection, up to n bytes."""
        connection, _ = self.listener.accept()
        connection.settimeout(server.PATIENCE)
        if self.tcp:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        try:
            self.talk(connection, n)
        except OSError:
            pass
        connection.close()

    def talk(self, connection, n):
        self.said = 0
        self.say(connection, GREETING, n)
        buffer = b''
        while self.said < n:
            data = connection.recv(65536)
            if not data:
                return
            buffer += data
            while b'\n' in buffer:
                line, buffer = buffer.split(b'\n', 1)
                self.say(connection, answers(json.loads(line)), n)

    def say(self, connection, text, n):
        connection.sendall(text[:n - self.said])
        self.said += len(text[:n - self.said])


def qom(address, *arguments):
    """(status, output, errors); it must end by itself."""
    done = subprocess.run([os.environ['QOM'], '-s', address, *arguments], capture_output=True,
                          text=True, timeout=server.PATIENCE, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def once(dying, n):
    thread = threading.Thread(target=dying.serve, args=(n,))
    thread.start()
    result = qom(dying.address, 'get', '/objects/a.type')
    thread.join()
    return result


def at_every_byte(t, tcp):
    with tempfile.TemporaryDirectory() as folder:
        dying = Dying(folder, tcp)
        t.cleanup(dying.listener.close)
        status, out, errors = once(dying, 1 << 20)
        if (status, out.strip()) != (0, 'text'):
            raise tap.Failure(f'a server that lives: {status} {out!r} {errors!r}')
        total = dying.said
        for n in range(total):
            status, out, errors = once(dying, n)
            # The client has all it wants with the brace that closes the last answer.
            if n >= total - 2 and status == 0:
                continue
            if status != NO_CONNECTION or not errors.startswith('qom: ') or len(errors) < 20:
                raise tap.Failure(f'{n} of {total} bytes: {status} {out!r} {errors!r}')
    print(f'# {total} points')


@tap.case('the server goes at any byte of what it says', only='qomd')
def _(t):
    at_every_byte(t, False)


@tap.case('the server resets the connection at any byte of what it says', only='qomd')
def _(t):
    at_every_byte(t, True)


@tap.case('the server is killed while it works for us', only='qomd')
def _(t):
    fifo = os.path.join(t.dir, 'fifo')
    os.mkfifo(fifo)
    target = t.server()
    process = subprocess.Popen([os.environ['QOM'], '-s', target.paths[0], 'add', 'secret', 's',
                                f'file={fifo}'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    # Whoever writes is let in when the server reads, in the middle of the command.
    writer = os.open(fifo, os.O_WRONLY)
    target.signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=server.PATIENCE)
    os.close(writer)
    t.equal(process.returncode, NO_CONNECTION, 'status')
    t.matches(errors, r'^qom: .{10}', 'message')


@tap.case('nobody listens', only='qomd')
def _(t):
    path = os.path.join(t.dir, 'gone')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
    for address in path, os.path.join(t.dir, 'nothing'):
        status, _, errors = qom(address, 'list', '/')
        t.equal(status, NO_CONNECTION, 'status')
        t.contains(errors, address, 'message')


tap.main()
