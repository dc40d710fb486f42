#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""All or nothing: what fails leaves no object, thread, descriptor, mapping or file, and old values
where they were. Rounds are sent without waiting in between, then /proc is compared."""

import os

from lib import proc, tap

ROUNDS = 10000
SIZE = 177 * proc.PAGE


class Watched:
    """A server and what it has before."""

    def __init__(self, t, *args):
        self.t, self.server = t, t.server(*args)
        self.client = self.server.connect()
        t.cleanup(self.client.close)

    def begin(self):
        """Remembers what there is; workers of the pool have been started by an earlier round."""
        self.before = self.state()
        self.files = self.listing()

    def listing(self):
        return sorted(os.listdir(self.t.dir))

    def state(self):
        found = proc.resources(self.server.pid)
        found.pop('threads')
        found['memory'] = [m.size for m in proc.maps(self.server.pid, 'maps') if m.size == SIZE]
        found['objects'] = self.client.objects()
        found['named'] = sorted(name for name in proc.threads(self.server.pid).values()
                                if name.startswith(('IO ', 'TC ')))
        return found

    def same(self):
        if not tap.until(lambda: self.state() == self.before, 3):
            now = self.state()
            changed = {k: (self.before[k], now[k]) for k in now if now[k] != self.before[k]}
            raise tap.Failure(f'before and now: {changed}')
        self.t.equal(self.listing(), self.files, 'files')

    def all_fail(self, commands):
        """Sends the commands; all must fail."""
        for command, reply in zip(commands, self.client.pipeline(commands)):
            if 'error' not in reply:
                raise tap.Failure(f'{command} succeeded: {reply}')


def bad_objects(t):
    """object-adds that fail: by the schema, by a value, at completion."""
    new = os.path.join(t.dir, 'new')
    full = {'id': 'x', 'size': SIZE}
    return [
        {'qom-type': 'iothread', 'id': 'x', 'poll-max-ns': -1},
        {'qom-type': 'iothread', 'id': 'x', 'thread-pool-min': 8, 'thread-pool-max': 4},
        {'qom-type': 'iothread', 'id': 'there'},
        {'qom-type': 'thread-context', 'id': 'x', 'cpu-affinity': [4000]},
        {'qom-type': 'thread-context', 'id': 'x', 'cpu-affinity': []},
        {'qom-type': 'secret', 'id': 'x', 'file': '/nonexistent'},
        {'qom-type': 'secret', 'id': 'x', 'data': '***', 'format': 'base64'},
        {'qom-type': 'rng-random', 'id': 'x', 'filename': '/nonexistent'},
        {'qom-type': 'rng-random', 'id': 'there', 'filename': '/dev/urandom'},
        {'qom-type': 'rng-builtin', 'id': 'x', 'opened': True},
        {'qom-type': 'memory-backend-ram', **full, 'prealloc-threads': 0},
        {'qom-type': 'memory-backend-ram', **full, 'host-nodes': [127], 'policy': 'bind'},
        {'qom-type': 'memory-backend-ram', **full, 'prealloc': True, 'reserve': False},
        {'qom-type': 'memory-backend-file', **full, 'mem-path': new, 'align': 3},
        {'qom-type': 'memory-backend-file', **full, 'mem-path': new, 'rom': 'on'},
        {'qom-type': 'memory-backend-file', **full, 'mem-path': new, 'offset': 1},
        {'qom-type': 'memory-backend-file', **full, 'mem-path': new, 'prealloc': True,
         'host-nodes': [127], 'policy': 'bind', 'share': True},
        {'qom-type': 'memory-backend-file', **full, 'mem-path': new, 'id': 'there'},
        {'qom-type': 'main-loop', 'id': 'x', 'aio-max-batch': -1},
        {'qom-type': 'iothread', 'id': '0'},
    ]


@tap.case('a failed object-add leaves nothing behind, 10,000 times', only='qomd')
def _(t):
    w = Watched(t, '-object', 'iothread,id=there')
    # A memfd that can not be had costs a file descriptor's round trip to the kernel.
    bad = bad_objects(t) + [{'qom-type': 'memory-backend-memfd', 'id': 'x', 'size': SIZE,
                             'host-nodes': [127], 'policy': 'bind'}]
    w.all_fail([('object-add', b) for b in bad])
    w.begin()
    w.all_fail([('object-add', bad[i % len(bad)]) for i in range(ROUNDS)])
    w.same()
    w.client.add_ok('iothread', 'x')


@tap.case('a failed object-add leaves nothing behind, 200 times')
def _(t):
    w = Watched(t, '-object', 'iothread,id=there')
    bad = [b for b in bad_objects(t) if b['qom-type'] not in
           ('memory-backend-file', 'memory-backend-ram')]
    w.all_fail([('object-add', b) for b in bad])
    w.begin()
    w.all_fail([('object-add', bad[i % len(bad)]) for i in range(200)])
    w.same()


@tap.case('a good object-add and object-del leave nothing behind, 2,000 times', only='qomd')
def _(t):
    w = Watched(t)
    path = t.file('memory', b'\0' * SIZE)
    good = [{'qom-type': 'iothread', 'id': 'x'}, {'qom-type': 'thread-context', 'id': 'x'},
            {'qom-type': 'secret', 'id': 'x', 'data': 'value'},
            {'qom-type': 'rng-builtin', 'id': 'x'}, {'qom-type': 'rng-random', 'id': 'x'},
            {'qom-type': 'memory-backend-ram', 'id': 'x', 'size': SIZE, 'prealloc': True},
            {'qom-type': 'memory-backend-memfd', 'id': 'x', 'size': SIZE},
            {'qom-type': 'memory-backend-file', 'id': 'x', 'size': SIZE, 'mem-path': path}]
    commands = [c for g in good for c in (('object-add', g), ('object-del', {'id': 'x'}))]
    for reply in w.client.pipeline(commands):
        t.equal(reply, {'return': {}})
    w.begin()
    for reply in w.client.pipeline(commands * (2000 // len(good))):
        t.equal(reply, {'return': {}})
    w.same()


def setup_sets(c):
    c.add_ok('iothread', 'io', poll_max_ns=5, thread_pool_min=1, thread_pool_max=7)
    c.add_ok('thread-context', 'tc')
    c.add_ok('memory-backend-ram', 'm', size=SIZE, prealloc_context='tc')
    return {(path, prop): c.get(path, prop) for path, prop in (
        ('io', 'poll-max-ns'), ('io', 'thread-pool-min'), ('io', 'thread-pool-max'),
        ('tc', 'cpu-affinity'), ('m', 'prealloc-context'), ('m', 'prealloc-threads'),
        ('m', 'size'), ('m', 'host-nodes'))}


BAD_SETS = (('io', 'poll-max-ns', -1), ('io', 'thread-pool-max', 0), ('io', 'poll-max-ns', 'x'),
            ('tc', 'cpu-affinity', [4000]), ('tc', 'cpu-affinity', []),
            ('tc', 'cpu-affinity', [0, 'x']), ('m', 'prealloc-context', '/objects/io'),
            ('m', 'prealloc-context', 'nope'), ('m', 'prealloc-threads', 0), ('m', 'size', 1),
            ('m', 'host-nodes', [70000]), ('m', 'share', True))


@tap.case('a failed qom-set keeps the old value, 10,000 times', only='qomd')
def _(t):
    w = Watched(t)
    values = setup_sets(w.client)
    bad = [('qom-set', {'path': '/objects/' + path, 'property': prop, 'value': value})
           for path, prop, value in BAD_SETS]
    w.all_fail(bad)
    w.begin()
    w.all_fail([bad[i % len(bad)] for i in range(ROUNDS)])
    w.same()
    t.equal({key: w.client.get(*key) for key in values}, values, 'values')


@tap.case('a failed qomd-apply leaves nothing behind and old values in place, 1,000 times',
          only='qomd')
def _(t):
    w = Watched(t)
    values = setup_sets(w.client)
    path = os.path.join(t.dir, 'memory')
    good = [
        {'type': 'object-add', 'data': {'qom-type': 'iothread', 'id': 'x'}},
        {'type': 'chardev-add', 'data': {'id': 'c', 'backend': {'type': 'ringbuf', 'data': {}}}},
        {'type': 'object-add', 'data': {'qom-type': 'memory-backend-file', 'id': 'f',
                                        'size': SIZE, 'mem-path': path, 'share': True}},
        {'type': 'qom-set', 'data': {'path': '/objects/io', 'property': 'poll-max-ns',
                                     'value': 99}},
        {'type': 'qom-set', 'data': {'path': '/objects/m', 'property': 'prealloc-context',
                                     'value': ''}}]
    bad = [
        {'type': 'object-add', 'data': {'qom-type': 'secret', 'id': 'y', 'file': '/nonexistent'}},
        {'type': 'object-del', 'data': {'id': 'nope'}},
        {'type': 'qom-set', 'data': {'path': '/objects/io', 'property': 'poll-max-ns',
                                     'value': -1}},
        {'type': 'chardev-remove', 'data': {'id': 'nope'}}]
    commands = [('qomd-apply', {'actions': good[:i % 6] + [bad[i % 4]]}) for i in range(24)]
    w.all_fail(commands)
    w.begin()
    w.all_fail([commands[i % len(commands)] for i in range(1000)])
    w.same()
    t.equal({key: w.client.get(*key) for key in values}, values, 'values')
    t.ok('c' not in {e['label'] for e in w.client.ok('query-chardev')}, 'the chardev is gone')


if __name__ == '__main__':
    tap.main()
