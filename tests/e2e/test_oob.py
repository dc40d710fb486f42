#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Out of band: commands that overtake. What blocks here is a secret whose file is a FIFO."""

import os
import re
import time

from lib import tap

GE, CNF = 'GenericError', 'CommandNotFound'


class Blocker:
    """A FIFO that keeps an object-add from ending, from now until release()."""

    def __init__(self, t, client, object_id='s'):
        self.path = os.path.join(t.dir, object_id)
        os.mkfifo(self.path)
        client.post('object-add', {'qom-type': 'secret', 'id': object_id, 'file': self.path},
                    id='block')
        # Opening for writing succeeds once somebody reads; that one then waits for our bytes.
        self.fd = tap.until(self.opened)
        t.cleanup(self.release)

    def opened(self):
        try:
            return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None

    def release(self):
        if self.fd is not None:
            os.write(self.fd, b'secret')
            os.close(self.fd)
        self.fd = None


def server(t, oob=True):
    """A server with two monitors, and a client of each."""
    s = t.server(monitors=2)
    clients = [s.connect(0, oob=oob), s.connect(1, oob=oob)]
    for c in clients:
        t.cleanup(c.close)
    return s, clients


@tap.case('oob is offered, and enabled only on request')
def _(t):
    c = t.shared().connect(negotiate=False)
    t.cleanup(c.close)
    t.equal(c.greeting['QMP']['capabilities'], ['oob'])
    t.ok('return' in c.command('qmp_capabilities', {'enable': ['oob']}), 'enabled')
    t.equal(c.command('query-yank', oob=True, id=1)['id'], 1)


@tap.case('a command that is not for out of band is refused there')
def _(t):
    _, (c, _) = server(t)
    t.error(c.command('query-version', oob=True), GE,
            'The command query-version does not support OOB')
    t.error(c.command('nope', oob=True), CNF, 'The command nope has not been found')
    c.ok('query-version')


@tap.case('execute and exec-oob together clash')
def _(t):
    _, (c, _) = server(t)
    c.send('{"execute":"query-yank","exec-oob":"query-yank","id":1}')
    reply = c.reply()
    t.error(reply, GE, re.compile("^QMP input member '.*' clashes with '.*'$"))
    t.equal(reply['id'], 1)


@tap.case('a blocking object-add is overtaken by query-yank on the same monitor')
def _(t):
    _, (c, _) = server(t)
    blocker = Blocker(t, c)
    t.ok(c.quiet(0.1), 'it blocks')
    start = time.monotonic()
    t.equal(c.command('query-yank', oob=True, id='fast')['id'], 'fast')
    t.ok(time.monotonic() - start < 1, 'answered within 1 s')
    blocker.release()
    t.equal(c.reply(), {'return': {}, 'id': 'block'})


@tap.case('a blocking object-add is overtaken by query-yank on another monitor')
def _(t):
    _, (c, other) = server(t)
    blocker = Blocker(t, c)
    t.ok(c.quiet(0.1), 'it blocks')
    start = time.monotonic()
    t.equal(other.command('query-yank', oob=True, id='fast')['id'], 'fast')
    t.ok(time.monotonic() - start < 1, 'answered within 1 s')
    blocker.release()
    t.equal(c.reply(), {'return': {}, 'id': 'block'})


@tap.case('a blocking object-add does not keep in-band commands of other monitors waiting')
def _(t):
    _, (c, other) = server(t)
    blocker = Blocker(t, c)
    t.ok(c.quiet(0.1), 'it blocks')
    start = time.monotonic()
    other.post('query-name', id='other')
    t.equal(other.reply(5)['id'], 'other')
    other.add_ok('iothread', 'io0')
    t.ok(time.monotonic() - start < 1, 'answered within 1 s')
    blocker.release()
    t.equal(c.reply(), {'return': {}, 'id': 'block'})


@tap.case('in-band commands behind a blocking one keep their order, broken ones too')
def _(t):
    _, (c, _) = server(t)
    blocker = Blocker(t, c)
    c.post('query-name', id=1)
    c.send('}')
    c.post('nope', id=3)
    c.post('query-name', id=4)
    t.equal(c.command('query-yank', oob=True, id='fast')['id'], 'fast')
    t.ok(c.quiet(0.1), 'the others wait')
    blocker.release()
    replies = [c.reply() for _ in range(5)]
    t.equal([r.get('id') for r in replies], ['block', 1, None, 3, 4])
    t.error(replies[2], GE, re.compile('^JSON parse error'))
    t.error(replies[3], CNF)


@tap.case('eight in-band commands may wait; an oob command behind the ninth waits too')
def _(t):
    _, (c, _) = server(t)
    blocker = Blocker(t, c)
    for i in range(1, 8):
        c.post('query-name', id=i)
    t.equal(c.command('query-yank', oob=True, id='fast')['id'], 'fast')
    for i in range(8, 20):
        c.post('query-name', id=i)
    c.post('query-yank', oob=True, id='late')
    t.ok(c.quiet(0.2), 'it waits')
    blocker.release()
    ids = [c.reply()['id'] for _ in range(21)]
    t.equal([i for i in ids if i != 'late'], ['block'] + list(range(1, 20)))
    t.ok('late' in ids, 'it was answered')


@tap.case('without the capability a command is read after the previous response alone')
def _(t):
    _, (c, _) = server(t, oob=False)
    blocker = Blocker(t, c)
    c.post('query-yank', id=1)
    t.ok(c.quiet(0.1), 'it waits')
    blocker.release()
    t.equal([c.reply()['id'] for _ in range(2)], ['block', 1])


@tap.case('what waits dies with its connection; what runs is completed')
def _(t):
    s, (c, other) = server(t)
    blocker = Blocker(t, c)
    c.post('object-add', {'qom-type': 'iothread', 'id': 'waiting'})
    t.equal(c.command('query-yank', oob=True, id='fast')['id'], 'fast')
    c.close()
    time.sleep(0.1)
    blocker.release()
    t.ok(tap.until(lambda: other.objects()), 'completed')
    time.sleep(0.1)
    t.equal(other.objects(), ['s'])
    again = s.connect(0)
    t.cleanup(again.close)
    t.equal(again.objects(), ['s'])


@tap.case('quit on another monitor ends a server of which one is blocked')
def _(t):
    s, (c, other) = server(t)
    blocker = Blocker(t, c)
    t.ok(c.quiet(0.1), 'it blocks')
    other.post('quit')
    ended = tap.until(lambda: not s.alive(), 5)
    os.close(blocker.fd)
    blocker.fd = None
    t.ok(ended, 'it has ended')
    t.equal(s.wait(), 0, 'exit status')


if __name__ == '__main__':
    tap.main()
