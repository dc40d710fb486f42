#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Descriptors that clients send: getfd, closefd, sets; which inodes the server has open."""

import os
import re
import socket

from lib import proc, tap

GE = 'GenericError'


def own(t, monitors=1):
    s = t.server(monitors=monitors)
    c = s.connect()
    t.cleanup(c.close)
    return s, c


def new_file(t, name):
    """(descriptor, inode) of a new file."""
    fd = os.open(os.path.join(t.dir, name), os.O_RDWR | os.O_CREAT, 0o600)
    t.cleanup(os.close, fd)
    return fd, os.fstat(fd).st_ino


def count(s, inode):
    """How many descriptors the server has of an inode; all must be close-on-exec."""
    found = 0
    for fd in proc.fds(s.pid):
        try:
            if os.stat(f'/proc/{s.pid}/fd/{fd}').st_ino == inode:
                found += 1
                if not proc.fd_flags(s.pid, fd) & os.O_CLOEXEC:
                    raise tap.Failure(f'descriptor {fd} is not close-on-exec')
        except FileNotFoundError:
            pass
    return found


def has(t, s, inode, wanted, what):
    t.ok(tap.until(lambda: count(s, inode) == wanted, 2), f'{what}: {count(s, inode)} open')


@tap.case('getfd keeps a descriptor under a name, closefd closes it')
def _(t):
    s, c = own(t)
    fd, inode = new_file(t, 'a')
    c.ok('getfd', {'fdname': 'x'}, fds=[fd])
    t.equal(count(s, inode), 1)
    c.ok('closefd', {'fdname': 'x'})
    t.equal(count(s, inode), 0)
    t.error(c.command('closefd', {'fdname': 'x'}), GE, "File descriptor named 'x' not found")


@tap.case('getfd of a name that is taken closes the old one')
def _(t):
    s, c = own(t)
    (fd1, inode1), (fd2, inode2) = new_file(t, 'a'), new_file(t, 'b')
    c.ok('getfd', {'fdname': 'x'}, fds=[fd1])
    c.ok('getfd', {'fdname': 'x'}, fds=[fd2])
    t.equal([count(s, inode1), count(s, inode2)], [0, 1])


@tap.case('getfd without a descriptor, and with a digit first')
def _(t):
    s, c = own(t)
    t.error(c.command('getfd', {'fdname': 'x'}), GE,
            'No file descriptor supplied via SCM_RIGHTS')
    fd, inode = new_file(t, 'a')
    t.error(c.command('getfd', {'fdname': '1x'}, fds=[fd]), GE,
            "Parameter 'fdname' expects a name not starting with a digit")
    has(t, s, inode, 0, 'after the refusal')


@tap.case('names live with the monitor, across connections, and not on another')
def _(t):
    s, c = own(t, monitors=2)
    fd, inode = new_file(t, 'a')
    c.ok('getfd', {'fdname': 'x'}, fds=[fd])
    c.close()
    t.equal(count(s, inode), 1)
    other = s.connect(1)
    t.cleanup(other.close)
    t.error(other.command('closefd', {'fdname': 'x'}), GE, "File descriptor named 'x' not found")
    again = s.connect(0)
    t.cleanup(again.close)
    again.ok('closefd', {'fdname': 'x'})
    t.equal(count(s, inode), 0)


@tap.case('of a set the first is taken, the rest is closed')
def _(t):
    s, c = own(t)
    files = [new_file(t, f'f{i}') for i in range(5)]
    c.ok('getfd', {'fdname': 'x'}, fds=[fd for fd, _ in files])
    has(t, s, files[0][1], 1, 'the first')
    for _, inode in files[1:]:
        has(t, s, inode, 0, 'another')


@tap.case('a descriptor that nobody takes goes when the next comes, or with the connection')
def _(t):
    s, c = own(t)
    (fd1, inode1), (fd2, inode2), (fd3, inode3) = (new_file(t, n) for n in 'abc')
    c.send(' ', fds=[fd1])
    c.ok('query-name')
    c.ok('getfd', {'fdname': 'x'}, fds=[fd2])
    has(t, s, inode1, 0, 'the untaken')
    has(t, s, inode2, 1, 'the taken')
    c.send(' ', fds=[fd3])
    c.ok('query-name')
    c.close()
    has(t, s, inode3, 0, 'at the end of the connection')


@tap.case('a flood of descriptors leaves none open')
def _(t):
    s, c = own(t)
    before = len(proc.fds(s.pid))
    fd, inode = new_file(t, 'a')
    for _ in range(200):
        c.send(' ', fds=[fd] * 10)
    c.ok('query-name')
    t.ok(count(s, inode) <= 16, f'{count(s, inode)} are open')
    c.close()
    t.ok(tap.until(lambda: len(proc.fds(s.pid)) <= before, 3), 'all closed')


@tap.case('add-fd takes the lowest free set; query-fdsets and remove-fd')
def _(t):
    s, c = own(t)
    fd, inode = new_file(t, 'a')
    first = c.ok('add-fd', fds=[fd])
    second = c.ok('add-fd', {'opaque': 'o'}, fds=[fd])
    t.equal([first['fdset-id'], second['fdset-id']], [0, 1])
    c.ok('add-fd', {'fdset-id': 7}, fds=[fd])
    t.equal(os.stat(f'/proc/{s.pid}/fd/{first["fd"]}').st_ino, inode)
    found = {e['fdset-id']: e['fds'] for e in c.ok('query-fdsets')}
    t.equal(sorted(found), [0, 1, 7])
    t.equal(found[1], [{'fd': second['fd'], 'opaque': 'o'}])
    t.equal(found[0], [{'fd': first['fd']}])
    c.ok('remove-fd', {'fdset-id': 0})
    c.ok('remove-fd', {'fdset-id': 1, 'fd': second['fd']})
    has(t, s, inode, 1, 'after the removal')
    t.equal(c.ok('add-fd', fds=[fd])['fdset-id'], 0)


@tap.case('what add-fd and remove-fd refuse')
def _(t):
    s, c = own(t)
    t.error(c.command('add-fd'), GE, 'No file descriptor supplied via SCM_RIGHTS')
    fd, inode = new_file(t, 'a')
    t.error(c.command('add-fd', {'fdset-id': -1}, fds=[fd]), GE)
    has(t, s, inode, 0, 'after the refusal')
    t.error(c.command('remove-fd', {'fdset-id': 7, 'fd': 9}), GE,
            "File descriptor named 'fdset-id:7, fd:9' not found")
    t.error(c.command('remove-fd', {'fdset-id': 7}), GE,
            re.compile("^File descriptor named 'fdset-id:7' not found"))


@tap.case('a file of a set is a duplicate with the access that is wanted')
def _(t):
    s, c = own(t)
    path = t.file('f', b'x' * 10)
    for flags in os.O_RDONLY, os.O_WRONLY:
        fd = os.open(path, flags)
        c.ok('add-fd', {'fdset-id': 4}, fds=[fd])
        os.close(fd)
    inode = os.stat(path).st_ino
    c.add_ok('rng-random', 'r', filename='/dev/fdset/4')
    t.equal(count(s, inode), 3)
    c.ok('object-del', {'id': 'r'})
    t.equal(count(s, inode), 2)
    c.ok('chardev-add', {'id': 'c', 'backend': {'type': 'file', 'data': {'out': '/dev/fdset/4'}}})
    t.equal(count(s, inode), 3)
    c.ok('chardev-remove', {'id': 'c'})


@tap.case('no set, and no member with the access that is wanted')
def _(t):
    _, c = own(t)
    t.error(c.add('rng-random', 'r', filename='/dev/fdset/5'), GE,
            re.compile("/dev/fdset/5"))
    fd = os.open(t.file('f'), os.O_WRONLY)
    c.ok('add-fd', {'fdset-id': 5}, fds=[fd])
    os.close(fd)
    t.error(c.add('rng-random', 'r', filename='/dev/fdset/5'), GE)


@tap.case('the duplicate survives remove-fd')
def _(t):
    s, c = own(t)
    path = t.file('f', b'x' * 10)
    fd = os.open(path, os.O_RDONLY)
    c.ok('add-fd', {'fdset-id': 6}, fds=[fd])
    os.close(fd)
    inode = os.stat(path).st_ino
    c.add_ok('rng-random', 'r', filename='/dev/fdset/6')
    c.ok('remove-fd', {'fdset-id': 6})
    t.ok(count(s, inode) >= 1, 'the duplicate is open')
    c.ok('object-del', {'id': 'r'})
    has(t, s, inode, 0, 'after the deletion')


@tap.case('a socket chardev takes a named descriptor, and then it has no name')
def _(t):
    _, c = own(t)
    ours, theirs = socket.socketpair()
    t.cleanup(ours.close)
    c.ok('getfd', {'fdname': 'sock'}, fds=[theirs.fileno()])
    theirs.close()
    backend = {'type': 'socket', 'data': {'addr': {'type': 'fd', 'data': {'str': 'sock'}},
                                          'server': False}}
    c.ok('chardev-add', {'id': 'c', 'backend': backend})
    t.error(c.command('closefd', {'fdname': 'sock'}), GE)
    t.error(c.command('chardev-add', {'id': 'd', 'backend': backend}), GE,
            re.compile("sock.* has not been found"))
    c.ok('chardev-remove', {'id': 'c'})
    ours.settimeout(5)
    t.equal(ours.recv(1), b'', 'closed')


if __name__ == '__main__':
    tap.main()
