#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`qom events` and `qom watch`; see fixture.py. What changes the server comes from its second
address."""
import itertools
import json
import subprocess
import time

from fixture import KIND, QOM, Fake, Place, Refused, Running, check, equal, matches, qom, run


def act(*args, **kwargs):
    return qom(*args, address=Place.second, **kwargs)


def toggle():
    act('call', 'stop')
    act('call', 'cont')


def values(*setting):
    """An action that gives a property another value each time."""
    numbers = itertools.count(1000)
    return lambda: act('set', *setting, str(next(numbers)))


# --- events -----------------------------------------------------------------------------------

@check('real')
def events_are_shown_as_they_come():
    with Running('events') as events:
        matches(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}  (STOP|RESUME)$', events.provoke(toggle))


@check('real')
def events_are_chosen_by_name():
    with Running('events', 'RES*', 'NOTHING') as events:
        matches('RESUME$', events.provoke(toggle))
        act('call', 'stop')
        act('call', 'cont')
        matches('RESUME$', events.next())


@check('real')
def as_json_each_event_is_a_line_as_it_came():
    with Running('--json', 'events') as events:
        event = json.loads(events.provoke(toggle))
        assert event['event'] in ('STOP', 'RESUME') and event['timestamp']['seconds'] > 0, event


@check('real')
def so_many_events_and_the_end():
    with Running('events', '--count', '2', 'STOP') as events:
        matches('STOP$', events.provoke(toggle))
        matches('STOP$', events.provoke(toggle))
        equal(events.next(), None)
        equal(events.status(), 0)


@check('fake')
def data_of_events_is_shown_and_can_not_steer_the_terminal():
    event = {'event': 'X\033]0;', 'data': {'a': 1, 'b': '\033\u202e'},
             'timestamp': {'seconds': -1, 'microseconds': 2}}
    fake = Fake(noise=json.dumps(event).encode() + b'\n')
    equal(qom('events', '--count=1', address=fake.path).out,
          '-  X\\u001B]0;  {"a": 1, "b": "\\u001B\\u202E"}\n')


@check('fake')
def a_server_that_goes_ends_events():
    class Leaving(Fake):
        def answer(self, connection, request):
            super().answer(connection, request)
            raise OSError
    for args in ['events'], ['events', '--json']:
        r = qom(*args, address=Leaving().path, status=3)
        matches('has closed the connection', r.err)


@check('fake')
def events_end_when_nobody_reads_them():
    fake = Fake(noise=b'{"event": "A"}\n')
    pipe = subprocess.Popen([QOM, '-s', fake.path, 'events'], stdout=subprocess.PIPE)
    equal(pipe.stdout.readline(), b'-  A\n')
    pipe.stdout.close()
    assert pipe.wait(60) in (0, -13), pipe.returncode


@check('real')
def wrong_use_of_events_and_watch_is_told():
    for count in 'x', '0', '1.5', '-1':
        qom('events', '--count', count, status=2)
        qom('watch', '/', '--count', count, status=2)
    qom('watch', status=2)
    qom('watch', '/', 'type', 'x', status=2)
    qom('watch', '/', '--interval', '-1', status=2)
    qom('watch', '/nope', status=6)
    qom('watch', '/machine.nope', status=4)


# --- watch ------------------------------------------------------------------------------------

FAST = () if KIND == 'qomd' else ('--interval', '50')


@check('real')
def a_property_is_watched_from_its_present_value_on():
    act('add', 'iothread', 'w0')
    with Running('watch', *FAST, 'w0.poll-max-ns') as watch:
        equal(watch.next(), '/objects/w0.poll-max-ns = 32768')
        act('set', 'w0', 'poll-max-ns', '5')
        equal(watch.next(), '/objects/w0.poll-max-ns = 5')
        act('set', 'w0', 'poll-grow', '7')
        act('set', 'w0', 'poll-max-ns', '6')
        equal(watch.next(), '/objects/w0.poll-max-ns = 6')
        act('del', 'w0')
        equal(watch.next(), '- /objects/w0')
        equal(watch.next(), None)
        equal(watch.status(), 0)


@check('real')
def an_object_is_watched_until_it_goes():
    act('add', 'iothread', 'w1')
    with Running('watch', *FAST, '/objects/w1') as watch:
        matches(r'^/objects/w1\.poll-max-ns = 10\d\d$', watch.provoke(values('w1', 'poll-max-ns')))
        act('del', 'w1')
        line = watch.next()
        while line and line.startswith('/objects/w1.poll-max-ns = '):
            line = watch.next()
        equal(line, '- /objects/w1')
        equal(watch.status(), 0)


@check('real')
def objects_that_come_and_go_are_told():
    def come_and_go():
        act('add', 'iothread', 'w2')
        time.sleep(0.2)
        act('del', 'w2')
        time.sleep(0.2)
    with Running('watch', *FAST, '/objects') as watch:
        line = watch.provoke(come_and_go)
        if line == '- /objects/w2':  # it was there when the watch began
            line = watch.provoke(come_and_go)
        equal(line, '+ /objects/w2  iothread')
        equal(watch.next(), '- /objects/w2')


@check('real')
def watching_what_is_below_tells_of_values_there():
    act('add', 'iothread', 'w3')
    with Running('watch', '-r', *FAST, '/objects') as watch:
        matches(r'^/objects/w3\.poll-max-ns = 10\d\d$', watch.provoke(values('w3', 'poll-max-ns')))
    with Running('watch', '-r', *FAST, '/', 'poll-grow', '--count=1') as watch:
        matches(r'^/objects/w3\.poll-grow = 10\d\d$', watch.provoke(values('w3', 'poll-grow')))
        while watch.next():
            pass
        equal(watch.status(), 0)
    act('del', 'w3')


@check('real')
def as_json_each_change_is_a_line():
    act('add', 'iothread', 'a.b')
    with Running('--json', 'watch', *FAST, 'a.b') as watch:
        change = json.loads(watch.provoke(values('a.b', 'poll-grow')))
        equal((change['change'], change['path'], change['property']),
              ('changed', '/objects/a.b', 'poll-grow'))
        act('del', 'a.b')
        changes = [json.loads(line) for line in iter(watch.next, None)]
        equal(changes[-1], {'change': 'removed', 'path': '/objects/a.b'})


@check('fake')
def changes_that_were_lost_are_told():
    lost = {'event': 'QOMD_CHANGED', 'data': {'watch': 1, 'lost': 7, 'changes': [
        {'path': '/a', 'property': 'x'}, {'path': '/a', 'property': 'y', 'value': [1]}]}}
    fake = Fake(override={'qomd-watch': json.dumps({'return': {'watch': 1}, 'id': 4}).encode() +
                          b'\n' + json.dumps(lost).encode() + b'\n'})
    r = qom('watch', '/a', '-c', '3', address=fake.path)
    equal(r.out, '! 7 changes were not told\n/a.x = (can not be read)\n/a.y = [1]\n')


@check('fake')
def a_tree_that_is_asked_again_and_again_shows_its_changes():
    class Changing(Fake):
        """The second object goes after a while; a third comes; a value changes."""
        rounds = 0

        def properties(self, path, values=True):
            if path == '/':
                self.rounds += 1
                late = self.rounds > 2
                return [{'name': 'type', 'type': 'string', 'value': 'top'},
                        {'name': 'n', 'type': 'int', 'value': int(late)},
                        {'name': 'a', 'type': 'child<container>', 'value': '/a'},
                        {'name': 'c' if late else 'b', 'type': 'child<thing>'}]
            return [{'name': 'type', 'type': 'string', 'value': 'thing'}]
    for args in [], ['-r']:
        fake = Changing(['qom-list-get'])
        r = qom('watch', '/', '-i', '1', '-c', '3', *args, address=fake.path)
        equal(r.out, '- /b\n+ /c  thing\n/.n = 1\n')


@check('fake')
def an_object_that_goes_while_it_is_read_has_gone():
    class Going(Fake):
        lists = 0

        def run(self, name, a):
            if a.get('path') == '/b':
                self.lists += name == 'qom-list'
                if self.lists > (4 if name == 'qom-list' else 3):
                    raise Refused("Device '/b' not found", 'DeviceNotFound')
            return super().run(name, a)
    equal(qom('watch', '/b', '-i', '1', address=Going().path).out, '- /b\n')


@check('fake')
def nonsense_from_events_does_no_harm():
    for junk in b'{"event": 7}', b'{"event": "QOMD_CHANGED", "data": 7}', \
            b'{"event": "QOMD_CHANGED", "data": {"changes": [7, {}, {"path": 7}], "lost": "x"}}', \
            b'{"event": "QOMD_ADDED", "data": {}}', b'{"event": "QOMD_REMOVED"}', b'[]', b'{}':
        fake = Fake(override={'qomd-watch': b'{"return": {}, "id": 4}\n' + junk + b'\n'},
                    noise=junk + b'\n')
        with Running('watch', '/a', address=fake.path) as watch:
            try:
                watch.next(0.2)
            except Exception:  # nothing is shown
                pass
            assert watch.process.poll() in (None, 0), watch.process.poll()


run()
