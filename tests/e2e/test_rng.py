#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""rng-builtin and rng-random: creation, and what rng-read gets from them."""

import base64
import os
import re
import time

from lib import proc, tap

GE, DNF = 'GenericError', 'DeviceNotFound'


def own(t):
    """A server with two monitors: one may wait while the other is asked."""
    s = t.server(monitors=2)
    clients = [s.connect(0), s.connect(1)]
    for c in clients:
        t.cleanup(c.close)
    return s, *clients


def read(c, n, name='r'):
    return base64.b64decode(c.ok('rng-read', {'id': name, 'bytes': n})['data'])


class Fifo:
    """A FIFO with its writing end, open without blocking."""

    def __init__(self, t, name='fifo'):
        self.path = os.path.join(t.dir, name)
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        t.cleanup(self.close)

    def write(self, data):
        os.write(self.fd, data)

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None


# -- creation

@tap.case('both types, with and without a file name')
def _(t):
    c = t.client()
    t.cleanup(c.clear)
    c.add_ok('rng-builtin', 'b')
    c.add_ok('rng-random', 'd')
    c.add_ok('rng-random', 'r', filename='/dev/random')
    t.equal([c.get('d', 'filename'), c.get('r', 'filename')], ['/dev/urandom', '/dev/random'])
    for name in 'b', 'd', 'r':
        t.equal(c.get(name, 'opened'), True)
        t.error(c.set(name, 'opened', False), GE, re.compile(r'opened. is not writable$'))
    t.error(c.set('r', 'filename', '/dev/zero'), GE)
    t.equal(c.get('r', 'filename'), '/dev/random')


@tap.case('opened can not be given, true or false')
def _(t):
    c = t.client()
    for kind in 'rng-builtin', 'rng-random':
        for value in True, False:
            t.error(c.add(kind, 'x', opened=value), GE, f"Property '{kind}.opened' is not writable")
    t.equal(c.objects(), [])


@tap.case('a file that can not be opened is named with the reason')
def _(t):
    c = t.client()
    t.error(c.add('rng-random', 'x', filename='/nonexistent'), GE,
            "Could not open '/nonexistent': No such file or directory")
    t.error(c.add('rng-random', 'x', filename=''), GE,
            "Could not open '': No such file or directory")
    t.equal(c.objects(), [])


@tap.case('a directory is refused at creation')
def _(t):
    c = t.client()
    t.cleanup(c.clear)
    t.error(c.add('rng-random', 'x', filename='/tmp'), GE)


@tap.case('a FIFO without writer does not block the creation')
def _(t):
    c = t.client()
    t.cleanup(c.clear)
    path = os.path.join(t.dir, 'fifo')
    os.mkfifo(path)
    start = time.monotonic()
    c.add_ok('rng-random', 'r', filename=path)
    t.ok(time.monotonic() - start < 1, 'at once')


@tap.case('the descriptor is open to read, does not block, and goes with the object')
def _(t):
    s, c = t.shared(), t.client()
    path = t.file('f', b'x')
    c.add_ok('rng-random', 'r', filename=path)
    fd = proc.fd_of(s.pid, path)
    flags = proc.fd_flags(s.pid, fd)
    t.equal(flags & os.O_ACCMODE, os.O_RDONLY)
    t.ok(flags & os.O_NONBLOCK and flags & os.O_CLOEXEC, f'flags {flags:o}')
    c.ok('object-del', {'id': 'r'})
    t.equal(proc.fd_of(s.pid, path), None)


@tap.case('a set of descriptors is a file')
def _(t):
    c = t.client()
    t.cleanup(c.clear)
    with open(t.file('f', b'x' * 100), 'rb') as f:
        c.ok('add-fd', {'fdset-id': 3}, fds=[f.fileno()])
    t.cleanup(lambda: c.command('remove-fd', {'fdset-id': 3}))
    c.add_ok('rng-random', 'r', filename='/dev/fdset/3')
    t.error(c.add('rng-random', 'x', filename='/dev/fdset/99'), GE)


# -- reading

@tap.case('rng-builtin gives as many bytes as asked, and others each time', only='qomd')
def _(t):
    _, c, _ = own(t)
    c.add_ok('rng-builtin', 'r')
    for n in 1, 16, 255, 4096, 65536:
        t.equal(len(read(c, n)), n)
    t.ok(read(c, 32) != read(c, 32), 'the same twice')


@tap.case('bytes of a FIFO come verbatim and in order', only='qomd')
def _(t):
    _, c, _ = own(t)
    fifo = Fifo(t)
    c.add_ok('rng-random', 'r', filename=fifo.path)
    data = bytes(range(256)) * 4
    fifo.write(data)
    t.equal(read(c, 10) + read(c, 500) + read(c, 514), data)


@tap.case('a read waits for all of its bytes; others are served meanwhile', only='qomd')
def _(t):
    _, c, other = own(t)
    fifo = Fifo(t)
    c.add_ok('rng-random', 'r', filename=fifo.path)
    c.post('rng-read', {'id': 'r', 'bytes': 64})
    fifo.write(b'a' * 30)
    t.ok(c.quiet(0.1), 'it waits')
    start = time.monotonic()
    other.ok('query-name')
    t.ok(time.monotonic() - start < 1, 'others are served')
    fifo.write(b'b' * 34)
    t.equal(base64.b64decode(c.reply()['return']['data']), b'a' * 30 + b'b' * 34)


@tap.case('reads of several clients are served in the order in which they came', only='qomd')
def _(t):
    _, c, other = own(t)
    fifo = Fifo(t)
    c.add_ok('rng-random', 'r', filename=fifo.path)
    c.post('rng-read', {'id': 'r', 'bytes': 4})
    t.ok(c.quiet(0.05), 'it waits')
    other.post('rng-read', {'id': 'r', 'bytes': 4})
    t.ok(other.quiet(0.05), 'it waits')
    fifo.write(b'aaaabbbb')
    t.equal(base64.b64decode(c.reply()['return']['data']), b'aaaa')
    t.equal(base64.b64decode(other.reply()['return']['data']), b'bbbb')


@tap.case('at the end of a file a read waits without turning, and goes on when bytes come',
          only='qomd')
def _(t):
    s, c, other = own(t)
    path = t.file('f', b'1234')
    c.add_ok('rng-random', 'r', filename=path)
    t.equal(read(c, 4), b'1234')
    c.post('rng-read', {'id': 'r', 'bytes': 4})
    time.sleep(0.2)
    before = sum(proc.cpu_ms(s.pid, tid) for tid in proc.threads(s.pid))
    time.sleep(0.5)
    used = sum(proc.cpu_ms(s.pid, tid) for tid in proc.threads(s.pid)) - before
    t.ok(used <= 50, f'{used} ms of CPU in 500 ms')
    other.ok('query-name')
    with open(path, 'ab') as f:
        f.write(b'5678')
    t.equal(base64.b64decode(c.reply()['return']['data']), b'5678')


@tap.case('a FIFO whose writer left is readable again when one returns', only='qomd')
def _(t):
    _, c, other = own(t)
    fifo = Fifo(t)
    c.add_ok('rng-random', 'r', filename=fifo.path)
    fifo.write(b'one')
    t.equal(read(c, 3), b'one')
    fifo.close()
    c.post('rng-read', {'id': 'r', 'bytes': 3})
    t.ok(c.quiet(0.2), 'it waits')
    other.ok('query-name')
    with open(fifo.path, 'wb', 0) as f:
        f.write(b'two')
        t.equal(base64.b64decode(c.reply()['return']['data']), b'two')


@tap.case('a deleted source ends the reads that wait, with an error', only='qomd')
def _(t):
    s, c, other = own(t)
    fifo = Fifo(t)
    c.add_ok('rng-random', 'r', filename=fifo.path)
    c.post('rng-read', {'id': 'r', 'bytes': 4})
    t.ok(c.quiet(0.1), 'it waits')
    reply = other.delete('r')
    if reply == {'return': {}}:
        t.error(c.reply(), GE)
    else:
        t.error(reply, GE, re.compile('in use'))
        fifo.write(b'last')
        t.equal(base64.b64decode(c.reply()['return']['data']), b'last')
    t.ok(s.alive(), 'it lives')


@tap.case('a client that leaves in the middle of a read takes no bytes of others', only='qomd')
def _(t):
    s, c, other = own(t)
    fifo = Fifo(t)
    c.add_ok('rng-random', 'r', filename=fifo.path)
    c.post('rng-read', {'id': 'r', 'bytes': 4})
    t.ok(c.quiet(0.1), 'it waits')
    c.close()
    other.post('rng-read', {'id': 'r', 'bytes': 4})
    t.ok(other.quiet(0.2), 'it waits')
    fifo.write(b'abcdefgh')
    t.ok(base64.b64decode(other.reply()['return']['data']) in (b'abcd', b'efgh'), 'four bytes')
    t.ok(s.alive(), 'it lives')


@tap.case('rng-read refuses no bytes, too many, no source and nothing', only='qomd')
def _(t):
    _, c, _ = own(t)
    c.add_ok('rng-builtin', 'r')
    c.add_ok('iothread', 'io')
    for n in 0, 65537, 1 << 31:
        t.error(c.command('rng-read', {'id': 'r', 'bytes': n}), GE)
    t.error(c.command('rng-read', {'id': 'r', 'bytes': -1}), GE,
            "Parameter 'bytes' expects uint32_t")
    t.error(c.command('rng-read', {'id': 'io', 'bytes': 1}), GE)
    t.error(c.command('rng-read', {'id': 'nope', 'bytes': 1}), DNF)


if __name__ == '__main__':
    tap.main()
