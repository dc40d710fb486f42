#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Events: to whom, when, in what order; the run state that they tell of; how the process ends."""

import json
import os
import re
import signal
import time

from lib import server, tap

GE, CNF = 'GenericError', 'CommandNotFound'


def pair(t, *args, **keywords):
    """A server with two monitors, and a client of each."""
    s = t.server(*args, monitors=2, **keywords)
    clients = [s.connect(0), s.connect(1)]
    for c in clients:
        t.cleanup(c.close)
    return s, *clients


def status(c):
    return c.ok('query-status')['status']


@tap.case('an event is a line with name and timestamp, and data if it has some')
def _(t):
    _, c, _ = pair(t)
    before = time.time()
    c.send('{"execute":"cont"}')
    line = c.line()
    t.ok(line.endswith(b'}\r\n'), repr(line))
    message = json.loads(line)
    t.equal(message.get('event'), 'RESUME')
    t.equal(sorted(message), ['event', 'timestamp'])
    stamp = message['timestamp']
    t.equal(sorted(stamp), ['microseconds', 'seconds'])
    when = stamp['seconds'] + stamp['microseconds'] / 1e6
    t.ok(before - 1 <= when <= time.time() + 1, f'{when} is now')
    t.equal(c.reply(), {'return': {}})


@tap.case('cont and stop: status, and an event on a real change alone, before the response')
def _(t):
    _, c, _ = pair(t)
    t.equal(c.ok('query-status'), {**c.ok('query-status'), 'status': 'prelaunch',
                                   'running': False})
    for name, event, wanted, running in (('cont', 'RESUME', 'running', True),
                                         ('cont', None, 'running', True),
                                         ('stop', 'STOP', 'paused', False),
                                         ('stop', None, 'paused', False),
                                         ('cont', 'RESUME', 'running', True)):
        c.events.clear()
        c.ok(name)
        t.equal([e['event'] for e in c.events], [event] if event else [], name)
        found = c.ok('query-status')
        t.equal([found['status'], found['running']], [wanted, running])


@tap.case('all negotiated monitors get an event, with the same timestamp')
def _(t):
    _, a, b = pair(t)
    a.ok('cont')
    t.equal(a.event('RESUME'), b.event('RESUME'))


@tap.case('no events before negotiation, and none are kept for later')
def _(t):
    s = t.server(monitors=2)
    a, b = s.connect(0), s.connect(1, negotiate=False)
    t.cleanup(a.close)
    t.cleanup(b.close)
    a.ok('cont')
    t.ok(b.quiet(0.1), 'nothing')
    b.ok('qmp_capabilities')
    b.ok('query-name')
    t.equal(b.events, [])
    a.ok('stop')
    b.event('STOP')


def ends(label, end, reason):
    def run(t):
        s, a, b = pair(t)
        end(s, a)
        for c in a, b:
            # The response to quit may come before or after the event.
            while not c.events:
                message = c.receive()
                if 'event' in message:
                    c.events.append(message)
            t.equal(c.event('SHUTDOWN')['data'], {'guest': False, 'reason': reason})
        t.equal(s.wait(), 0, 'exit status')
        t.ok(not any(os.path.exists(path) for path in s.paths), 'sockets are gone')
    tap.add(f'SHUTDOWN and exit status 0: {label}', run)


ends('quit', lambda s, c: c.post('quit'), 'host-qmp-quit')
for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    ends(number.name, lambda s, c, number=number: s.signal(number), 'host-signal')


@tap.case('quit is answered')
def _(t):
    s, a, _ = pair(t)
    t.equal(a.command('quit', id=5), {'return': {}, 'id': 5})
    t.equal(s.wait(), 0)


@tap.case('preconfig: few commands, until x-exit-preconfig')
def _(t):
    s = t.server('-preconfig', common=[a for a in server.COMMON if a != '-S'])
    c = s.connect()
    t.cleanup(c.close)
    t.equal(status(c), 'prelaunch')
    c.ok('query-version')
    c.add_ok('iothread', 'io')
    c.ok('qom-list', {'path': '/objects'})
    for name, arguments in ('cont', None), ('stop', None), ('query-fdsets', None), \
            ('chardev-add', {'id': 'x', 'backend': {'type': 'null', 'data': {}}}):
        t.error(c.command(name, arguments), GE, re.compile(
            f"^The command '{name}' is permitted only after machine initialization has completed"))
    c.ok('x-exit-preconfig')
    t.equal(status(c), 'running')
    t.error(c.command('x-exit-preconfig'), GE,
            re.compile('^The command is permitted only before machine initialization'))
    c.ok('stop')


@tap.case('without -S it runs at once')
def _(t):
    s = t.server(common=[a for a in server.COMMON if a != '-S'])
    c = s.connect()
    t.cleanup(c.close)
    t.equal(status(c), 'running')


if __name__ == '__main__':
    tap.main()
