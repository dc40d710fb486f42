#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client that goes at every byte of what it sends, or of what it is sent: the server serves the
others, has carried out whole commands only, and keeps nothing of the client."""

import array
import json
import os
import re
import socket
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

import session  # noqa: E402
from lib import proc, server, tap  # noqa: E402

# What the client would send. A descriptor goes with each getfd and add-fd.
SCRIPT = [
    ('qmp_capabilities', {}),
    session.add('rng-builtin', 'x1'),
    ('getfd', {'fdname': 'f'}),
    session.add('memory-backend-ram', 'x2', size=1 << 20, share=True),
    ('memdev-get-fd', {'id': 'x2'}),
    session.chardev('ringbuf', 'x3', size=4096),
    ('add-fd', {'fdset-id': 7}),
    session.add('iothread', 'x4'),
    session.set_('x4', 'poll-max-ns', 5),
    session.delete('x1'),
]

TAKES_FD = ('getfd', 'add-fd')


def encoded(oob=False):
    """The lines of the script."""
    lines = []
    for name, arguments in SCRIPT:
        if name == 'qmp_capabilities' and oob:
            arguments = {'enable': ['oob']}
        lines.append(json.dumps(server.request(name, arguments)).encode() + b'\n')
    return lines


class Looker:
    """A server and a client of it that stays."""

    def __init__(self, t, *args):
        self.server = t.server('-object', 'main-loop,id=loop,thread-pool-min=1,thread-pool-max=1',
                               *args)
        self.eyes = self.server.connect()
        t.cleanup(self.eyes.close)
        self.base = len(proc.fds(self.server.pid))

    def port(self):
        """Of the monitor on TCP."""
        names = [c['filename'] for c in self.eyes.ok('query-chardev')]
        return int(re.search(r'tcp:127\.0\.0\.1:(\d+)', ' '.join(names)).group(1))

    def others(self):
        """How many clients there are besides this one."""
        return sum(len(monitor['clients']) for monitor in self.eyes.ok('qomd-query-monitors')) - 1

    def made(self):
        """What of the script has been done, as ids."""
        objects = {name for name in self.eyes.objects() if name.startswith('x')}
        chardevs = {c['label'] for c in self.eyes.ok('query-chardev')
                    if c['label'].startswith('x')}
        return objects | chardevs | {'fdset' for _ in self.eyes.ok('query-fdsets')}

    def undo(self):
        """Takes back what has been done."""
        for name in self.made():
            if name == 'fdset':
                self.eyes.ok('remove-fd', {'fdset-id': 7})
            elif name == 'x3':
                self.eyes.ok('chardev-remove', {'id': name})
            else:
                self.eyes.ok(*session.delete(name))
        self.eyes.command('closefd', {'fdname': 'f'})

    def clean(self, what):
        """Nothing is left of a client that has gone."""
        if not tap.until(lambda: self.others() == 0, step=0.001):
            raise tap.Failure(f'{what}: its connection is still there')
        made = self.made()
        self.undo()
        if not tap.until(lambda: len(proc.fds(self.server.pid)) == self.base, step=0.001):
            raise tap.Failure(f'{what}: {self.base} descriptors before, now '
                              f'{sorted(proc.fds(self.server.pid).values())}')
        return made


# What has been made after each command of the script.
STAGES = [set(), set(), {'x1'}, {'x1'}, {'x1', 'x2'}, {'x1', 'x2'}, {'x1', 'x2', 'x3'},
          {'x1', 'x2', 'x3', 'fdset'}, {'x1', 'x2', 'x3', 'fdset', 'x4'},
          {'x1', 'x2', 'x3', 'fdset', 'x4'}, {'x2', 'x3', 'fdset', 'x4'}]


def complete(lines, n):
    """How many commands are whole in the first n bytes; the newline is not needed."""
    whole, end = 0, 0
    for line in lines:
        end += len(line)
        whole += end - 1 <= n
    return whole


def send_prefix(connection, lines, n, fds):
    """Sends n bytes, the descriptors with the lines that they belong to."""
    for line, command in zip(lines, SCRIPT):
        piece = line[:n]
        n -= len(piece)
        if piece and fds and command[0] in TAKES_FD:
            rights = array.array('i', fds)
            connection.sendmsg([piece], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        elif piece:
            connection.sendall(piece)


def at_every_byte(connect, looker, fds=(), oob=False):
    """A client for each length of the script that has been sent. A server that can not send an
    answer any more does not carry out what comes behind it."""
    lines = encoded(oob)
    total = sum(map(len, lines))
    for n in range(total + 1):
        connection = connect()
        if n % 2:
            connection.recv(4096)
        try:
            send_prefix(connection, lines, n, fds)
        except ConnectionError:
            pass
        connection.close()
        made = looker.clean(f'{n} bytes')
        allowed = STAGES[:complete(lines, n) + 1]
        # Without its descriptor add-fd fails, and nothing else does. The reader thread for
        # out-of-band commands reads ahead; a descriptor that comes replaces one not taken yet.
        if not fds or oob:
            allowed = [stage - {'fdset'} for stage in allowed]
        if (made - {'fdset'} if oob else made) not in allowed:
            raise tap.Failure(f'{n} bytes: there is {made}, wanted one of {allowed}')
    print(f'# {total + 1} points')


def over_unix(looker):
    def connect():
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(looker.server.paths[0])
        return connection
    return connect


def over_tcp(port):
    """Its end is a reset, which also drops what was on the way."""
    def connect():
        connection = socket.create_connection(('127.0.0.1', port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        return connection
    return connect


@tap.case('a client that goes at any byte has had whole commands, or none', only='qomd')
def _(t):
    looker = Looker(t)
    at_every_byte(over_unix(looker), looker)


@tap.case('descriptors on the way go with a client that goes at any byte', only='qomd')
def _(t):
    looker = Looker(t)
    fd = os.open('/dev/zero', os.O_RDONLY)
    t.cleanup(os.close, fd)
    at_every_byte(over_unix(looker), looker, fds=[fd])


@tap.case('a client with out-of-band commands goes at any byte', only='qomd')
def _(t):
    looker = Looker(t)
    # The reader thread and its loop stay.
    looker.server.connect(oob=True).close()
    tap.until(lambda: looker.others() == 0)
    looker.base = len(proc.fds(looker.server.pid))
    fd = os.open('/dev/zero', os.O_RDONLY)
    t.cleanup(os.close, fd)
    at_every_byte(over_unix(looker), looker, fds=[fd], oob=True)


@tap.case('a client over TCP that is reset at any byte leaves nothing', only='qomd')
def _(t):
    looker = Looker(t, '-qmp', 'tcp:127.0.0.1:0,server=on,wait=off')
    at_every_byte(over_tcp(looker.port()), looker)


@tap.case('a client that goes while it is answered leaves nothing', only='qomd')
def _(t):
    looker = Looker(t, '-qmp', 'tcp:127.0.0.1:0,server=on,wait=off')
    port = looker.port()

    def small(tcp):
        connection = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        connection.connect(('127.0.0.1', port) if tcp else looker.server.paths[0])
        return connection

    request = b'{"execute": "qmp_capabilities"}' + b'{"execute": "query-qmp-schema"}' * 60
    points = 0
    for tcp in False, True:
        # The small window of TCP makes more than a few thousand bytes take seconds.
        for n in [0, 1, 2, 3, 10, 100, 113, 114, 115, 1000] + \
                ([] if tcp else [4096, 65536, 200000, 1000000]):
            connection = small(tcp)
            connection.sendall(request)
            connection.settimeout(server.PATIENCE)
            left = n
            while left > 0:
                piece = connection.recv(min(left, 65536))
                if not piece:
                    raise tap.Failure(f'the answers end {left} bytes before {n}')
                left -= len(piece)
            connection.close()
            looker.clean(f'{n} bytes read')
            points += 1
    print(f'# {points} points')


@tap.case('a thousand clients that go in the middle cost no memory', only='qomd')
def _(t):
    looker = Looker(t)
    if looker.server.sanitized():
        t.skip('a sanitizer keeps freed memory')
    lines = encoded()
    text = b''.join(lines)

    def some(n):
        for i in range(n):
            connection = over_unix(looker)()
            connection.sendall(text[:len(text) * (i % 50) // 50])
            connection.close()
            if i % 50 == 49:
                tap.until(lambda: looker.others() == 0)
                looker.undo()
        looker.clean('many')

    some(500)
    before = proc.kilobytes(looker.server.pid, 'VmRSS')
    some(1000)
    after = proc.kilobytes(looker.server.pid, 'VmRSS')
    t.ok(after - before < 512, f'{before} kB before, {after} kB after')


tap.main()
