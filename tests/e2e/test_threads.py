#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""thread-context, iothread and main-loop: threads that are where they are told to be."""

import os
import re
import time

from lib import proc, tap

GE, DNF = 'GenericError', 'DeviceNotFound'
CPUS = sorted(os.sched_getaffinity(0))


def own(t, *args):
    s = t.server(*args)
    c = s.connect()
    t.cleanup(c.close)
    return s, c


def affinity(tid):
    return sorted(os.sched_getaffinity(tid))


# -- thread-context

@tap.case('a thread-context is a thread of the process, with the affinity of its creator')
def _(t):
    s, c = own(t)
    before = set(proc.threads(s.pid))
    c.add_ok('thread-context', 'tc')
    tid = c.get('tc', 'thread-id')
    t.equal(set(proc.threads(s.pid)) - before, {tid})
    t.equal(c.get('tc', 'cpu-affinity'), affinity(s.pid))
    c.ok('object-del', {'id': 'tc'})
    t.ok(tap.until(lambda: set(proc.threads(s.pid)) == before), 'it has ended')


@tap.case('cpu-affinity at creation and later, in any order, with repetitions')
def _(t):
    s, c = own(t)
    c.add_ok('thread-context', 'tc', cpu_affinity=[CPUS[-1]])
    tid = c.get('tc', 'thread-id')
    t.equal(affinity(tid), [CPUS[-1]])
    for wanted in [CPUS[0]], CPUS, CPUS[::-1] + CPUS:
        t.equal(c.set('tc', 'cpu-affinity', wanted), {'return': {}}, str(wanted))
        t.equal(affinity(tid), sorted(set(wanted)))
        t.equal(c.get('tc', 'cpu-affinity'), sorted(set(wanted)))
    t.equal(affinity(s.pid), CPUS, 'the main thread')


@tap.case('a change from outside shows at once')
def _(t):
    _, c = own(t)
    c.add_ok('thread-context', 'tc')
    os.sched_setaffinity(c.get('tc', 'thread-id'), {CPUS[-1]})
    t.equal(c.get('tc', 'cpu-affinity'), [CPUS[-1]])


@tap.case('CPUs that do not exist are dropped as long as one is left')
def _(t):
    _, c = own(t)
    c.add_ok('thread-context', 'tc', cpu_affinity=[CPUS[0], 1000])
    t.equal(c.get('tc', 'cpu-affinity'), [CPUS[0]])


@tap.case('a refused affinity leaves the mask as it was')
def _(t):
    _, c = own(t)
    c.add_ok('thread-context', 'tc', cpu_affinity=[CPUS[0]])
    for prop, value, text in (
            ('cpu-affinity', [1000], 'Setting CPU affinity failed: Invalid argument'),
            ('cpu-affinity', [], 'CPU list is empty'), ('node-affinity', [], 'Node list is empty'),
            ('cpu-affinity', [70000], None), ('cpu-affinity', CPUS[0], None),
            ('node-affinity', [1000], 'The nodes select no CPUs'), ('cpu-affinity', ['0'], None)):
        t.error(c.set('tc', prop, value), GE, text)
        t.equal(c.get('tc', 'cpu-affinity'), [CPUS[0]], f'after {prop} {value}')


@tap.case('a thread-context that can not have its affinity is not made, and its thread is gone')
def _(t):
    s, c = own(t)
    before = set(proc.threads(s.pid))
    t.error(c.add('thread-context', 'a', cpu_affinity=[1000]), GE,
            re.compile('Setting CPU affinity failed: Invalid argument'))
    t.error(c.add('thread-context', 'a', cpu_affinity=[]), GE, re.compile('CPU list is empty'))
    t.error(c.add('thread-context', 'a', cpu_affinity=[0], node_affinity=[0]), GE,
            re.compile('Mixing CPU and node affinity not supported'))
    t.equal(c.objects(), [])
    t.ok(tap.until(lambda: set(proc.threads(s.pid)) <= before), 'threads')


@tap.case('node-affinity gives the CPUs of the node')
def _(t):
    if not os.path.exists('/sys/devices/system/node/node0/cpulist'):
        t.skip('no NUMA nodes in /sys')
    _, c = own(t)
    c.add_ok('thread-context', 'tc', node_affinity=[0])
    with open('/sys/devices/system/node/node0/cpulist', encoding='ascii') as f:
        cpus = set()
        for part in f.read().strip().split(','):
            first, _, last = part.partition('-')
            cpus |= set(range(int(first), int(last or first) + 1))
    t.equal(c.get('tc', 'cpu-affinity'), sorted(cpus))
    if t.qomd:
        t.equal(c.get('tc', 'node-affinity'), [0])
    else:
        t.error(c.command('qom-get', {'path': '/objects/tc', 'property': 'node-affinity'}), GE,
                "Property 'thread-context.node-affinity' is not readable")
    t.equal(c.set('tc', 'cpu-affinity', [CPUS[0]]), {'return': {}})
    t.equal(c.set('tc', 'node-affinity', [0, 0, 500]), {'return': {}})
    t.equal(c.get('tc', 'cpu-affinity'), sorted(cpus))


def workers_during_add(t, s, c, threads):
    """The affinities of threads that appear while a memory backend is populated."""
    known = set(proc.threads(s.pid))
    seen = {}
    c.post('object-add', {'qom-type': 'memory-backend-ram', 'id': 'm', 'size': 1 << 30,
                          'share': True, 'prealloc': True, 'prealloc-threads': threads,
                          'prealloc-context': 'tc'})
    deadline = time.monotonic() + 20
    while c.quiet(0.0005) and time.monotonic() < deadline:
        for tid, name in proc.threads(s.pid).items():
            if tid not in known:
                try:
                    seen.setdefault(name, set()).add((tid, tuple(affinity(tid))))
                except ProcessLookupError:
                    pass
    t.equal(c.reply(), {'return': {}})
    return seen


def inherits(label, pin_from_outside, threads):
    def run(t):
        if len(CPUS) < 2:
            t.skip('one CPU')
        s, c = own(t)
        # Threads of other work, such as that which completes objects, are to be there already.
        c.add_ok('memory-backend-ram', 'first', size=4096, prealloc=True)
        cpu = CPUS[-1]
        c.add_ok('thread-context', 'tc', **({} if pin_from_outside else {'cpu_affinity': [cpu]}))
        if pin_from_outside:
            os.sched_setaffinity(c.get('tc', 'thread-id'), {cpu})
        seen = workers_during_add(t, s, c, threads)
        pinned = {tid for group in seen.values() for tid, cpus in group if cpus == (cpu,)}
        t.ok(len(pinned) >= threads, f'{threads} workers on CPU {cpu}: {seen}')
        c.ok('object-del', {'id': 'm'})
    tap.add(label, run)


inherits('prealloc workers inherit the affinity of their context', False, 2)
inherits('prealloc workers inherit an affinity that was set from outside', True, 2)
inherits('a single prealloc worker obeys its context, too', False, 1)


# -- iothread

@tap.case('query-iothreads has each iothread with the id of a thread and its parameters')
def _(t):
    s, c = own(t)
    t.equal(c.ok('query-iothreads'), [])
    before = set(proc.threads(s.pid))
    c.add_ok('iothread', 'a')
    c.add_ok('iothread', 'b', poll_max_ns=1000, poll_grow=3, poll_shrink=2, aio_max_batch=7)
    c.add_ok('main-loop', 'ml')
    found = {entry.pop('id'): entry for entry in c.ok('query-iothreads')}
    t.equal(sorted(found), ['a', 'b'])
    new = set(proc.threads(s.pid)) - before
    for name in 'a', 'b':
        t.ok(found[name].pop('thread-id') in new, 'thread-id')
    t.equal(found['a'], {'poll-max-ns': 32768, 'poll-grow': 0, 'poll-shrink': 0,
                         'aio-max-batch': 0})
    t.equal(found['b'], {'poll-max-ns': 1000, 'poll-grow': 3, 'poll-shrink': 2,
                         'aio-max-batch': 7})


@tap.case('threads have the names of their objects')
def _(t):
    s, c = own(t, '-name', 'guest=x,debug-threads=on')
    c.add_ok('iothread', 'io7')
    c.add_ok('thread-context', 'tc7')
    tid = c.ok('query-iothreads')[0]['thread-id']
    t.equal(proc.threads(s.pid)[tid], 'IO io7')
    t.equal(proc.threads(s.pid)[c.get('tc7', 'thread-id')], 'TC tc7')


@tap.case('every parameter can be set, and bad values are refused and not kept')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'io')
    for prop in 'poll-max-ns', 'poll-grow', 'poll-shrink', 'aio-max-batch':
        for good in 0, 1, 12345, (1 << 63) - 1:
            t.equal(c.set('io', prop, good), {'return': {}}, f'{prop} {good}')
            t.equal(c.get('io', prop), good)
        for bad in -1, -(1 << 63):
            t.error(c.set('io', prop, bad), GE,
                    f'{prop} value must be in range [0, 9223372036854775807]')
        t.equal(c.get('io', prop), (1 << 63) - 1)
        c.set('io', prop, 0)


@tap.case('the bounds of the thread pool are checked, and a refused one is not kept')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'io')
    t.equal([c.get('io', p) for p in ('thread-pool-min', 'thread-pool-max')], [0, 64])
    for prop, bad in (('thread-pool-min', 65), ('thread-pool-max', 0), ('thread-pool-max', 1 << 31)):
        t.error(c.set('io', prop, bad), GE, 'bad thread-pool-min/thread-pool-max values')
        t.equal([c.get('io', p) for p in ('thread-pool-min', 'thread-pool-max')], [0, 64], prop)
    t.equal(c.set('io', 'thread-pool-max', 100), {'return': {}})
    t.equal(c.set('io', 'thread-pool-min', 80), {'return': {}})
    t.error(c.set('io', 'thread-pool-max', 79), GE)
    t.equal([c.get('io', p) for p in ('thread-pool-min', 'thread-pool-max')], [80, 100])


@tap.case('a refused iothread leaves no thread and no descriptor')
def _(t):
    s, c = own(t)
    c.add_ok('iothread', 'warm')
    c.ok('object-del', {'id': 'warm'})
    tap.until(lambda: len(proc.threads(s.pid)) <= 2, 0.5)
    before = len(proc.threads(s.pid)), len(proc.fds(s.pid))
    for bad in {'thread_pool_min': 8, 'thread_pool_max': 4}, {'poll_max_ns': -1}, \
            {'thread_pool_max': 0}, {'aio_max_batch': -5}:
        for _ in range(20):
            t.error(c.add('iothread', 'x', **bad), GE)
    t.equal(c.objects(), [])
    t.ok(tap.until(lambda: (len(proc.threads(s.pid)), len(proc.fds(s.pid))) <= before, 2),
         f'{before} before, {len(proc.threads(s.pid))}, {len(proc.fds(s.pid))} now')


@tap.case('a hundred iothreads, their threads and descriptors go before the reply')
def _(t):
    s, c = own(t)
    c.add_ok('iothread', 'warm')
    c.ok('object-del', {'id': 'warm'})
    before = len(proc.threads(s.pid)), len(proc.fds(s.pid))
    for i in range(100):
        c.add_ok('iothread', f'io{i}')
    t.ok(len(proc.threads(s.pid)) >= 100, 'threads')
    t.ok(len(proc.fds(s.pid)) <= before[1] + 300, 'at most three descriptors each')
    for i in range(100):
        c.ok('object-del', {'id': f'io{i}'})
    t.equal((len(proc.threads(s.pid)), len(proc.fds(s.pid))), before)


@tap.case('setting a property does not undo pinning from outside')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'io')
    tid = c.ok('query-iothreads')[0]['thread-id']
    os.sched_setaffinity(tid, {CPUS[-1]})
    c.set('io', 'poll-max-ns', 5)
    c.set('io', 'thread-pool-max', 5)
    t.equal(affinity(tid), [CPUS[-1]])


@tap.case('idle is idle, whatever poll-max-ns is')
def _(t):
    s, c = own(t)
    for i, ns in enumerate((0, 32768, 10 ** 9, (1 << 63) - 1)):
        c.add_ok('iothread', f'io{i}', poll_max_ns=ns)
    c.add_ok('thread-context', 'tc')
    c.ok('query-name')
    time.sleep(0.1)
    tids = proc.threads(s.pid)
    before = {tid: proc.cpu_ms(s.pid, tid) for tid in tids}
    switches = {tid: int(proc.status(s.pid, tid)['voluntary_ctxt_switches']) for tid in tids}
    time.sleep(1.5)
    for tid, name in tids.items():
        t.ok(proc.cpu_ms(s.pid, tid) - before[tid] <= 80, f'{name} has run')
        woken = int(proc.status(s.pid, tid)['voluntary_ctxt_switches']) - switches[tid]
        t.ok(woken <= 3, f'{name} woke up {woken} times')


# -- main-loop

@tap.case('a main-loop after a refused one; its id is free')
def _(t):
    _, c = own(t)
    t.error(c.add('main-loop', 'a', thread_pool_min=9, thread_pool_max=1), GE,
            'bad thread-pool-min/thread-pool-max values')
    t.error(c.add('main-loop', 'a', aio_max_batch=-1), GE)
    t.error(c.add('main-loop', 'a', poll_max_ns=-1), GE, 'poll-max-ns value must be in range '
            '[0, 9223372036854775807]' if t.qomd else "Parameter 'poll-max-ns' is unexpected")
    c.add_ok('main-loop', 'loop', aio_max_batch=3)
    t.equal(c.get('loop', 'aio-max-batch'), 3)
    t.equal(c.set('loop', 'thread-pool-max', 4), {'return': {}})
    t.error(c.set('loop', 'thread-pool-min', 5), GE)
    t.equal(c.get('loop', 'thread-pool-min'), 0)


# -- beyond QEMU

@tap.case('a qomd-apply that fails takes a main-loop back, with its settings', 'qomd')
def _(t):
    _, c = own(t)
    told = ('poll-max-ns', 'fd-monitor')
    first = c.ok('qomd-query-loops')[0]
    for bad in {'qom-type': 'nope', 'id': 'x'}, {'qom-type': 'iothread', 'id': 'x', 'poll-max-ns': -1}:
        t.error(c.command('qomd-apply', {'actions': [
            {'type': 'object-add', 'data': {'qom-type': 'main-loop', 'id': 'ml', 'poll-max-ns': 5000,
                                            'fd-monitor': 'io_uring', 'thread-pool-min': 2}},
            {'type': 'object-add', 'data': bad}]}), GE)
        t.equal(c.objects(), [])
        t.ok(tap.until(lambda: [c.ok('qomd-query-loops')[0][name] for name in told] ==
                       [first[name] for name in told]), 'settings')
    c.add_ok('main-loop', 'ml')


@tap.case('an iothread of a context, then with CPUs of its own; the context is in use', 'qomd')
def _(t):
    _, c = own(t)
    c.add_ok('thread-context', 'tc', cpu_affinity=[CPUS[-1]])
    c.add_ok('iothread', 'io', thread_context='tc')
    tid = c.get('io', 'thread-id')
    t.equal(affinity(tid), [CPUS[-1]])
    t.equal(c.get('io', 'cpu-affinity'), [CPUS[-1]])
    t.equal(c.set('io', 'cpu-affinity', [CPUS[0]]), {'return': {}})
    t.equal(affinity(tid), [CPUS[0]])
    t.equal(affinity(c.get('tc', 'thread-id')), [CPUS[-1]], 'the context')
    t.error(c.command('object-del', {'id': 'tc'}), GE,
            re.compile("object 'tc' is in use, can not be deleted.*/objects/io"))
    c.ok('object-del', {'id': 'io'})
    c.ok('object-del', {'id': 'tc'})


@tap.case('what was set up is dumped and can be set up again', 'qomd')
def _(t):
    _, c = own(t)
    c.add_ok('thread-context', 'tc', node_affinity=[0])
    c.set('tc', 'cpu-affinity', [CPUS[0]])
    c.add_ok('iothread', 'io', thread_context='tc', cpu_affinity=[CPUS[-1]], fd_monitor='io_uring')
    dump = c.ok('qomd-dump-config')
    found = {action['data']['id']: action['data'] for action in dump}
    t.equal(found['tc'], {'qom-type': 'thread-context', 'id': 'tc', 'cpu-affinity': [CPUS[0]]})
    t.equal(found['io']['fd-monitor'], 'io_uring')
    _, other = own(t)
    t.equal(other.ok('qomd-apply', {'actions': dump})['done'], len(dump))
    t.equal(affinity(other.get('io', 'thread-id')), [CPUS[-1]])


@tap.case('an idle iothread counts nothing but its sleep; a call wakes it', 'qomd')
def _(t):
    s, c = own(t)
    c.add_ok('iothread', 'io', thread_pool_min=2)
    t.ok(tap.until(lambda: c.get('io', 'pool-threads') == 2), 'threads of the pool at once')
    t.ok(tap.until(lambda: list(proc.threads(s.pid).values()).count('w:IO io') == 2),
         'both take their name')

    def loop():
        return {entry['name']: entry for entry in c.ok('qomd-query-loops')}['IO io']
    time.sleep(0.1)
    before = loop()
    time.sleep(0.2)
    t.equal(loop()['loops'], before['loops'])
    c.set('io', 'poll-max-ns', 1000)  # which wakes it
    t.ok(tap.until(lambda: loop()['loops'] > before['loops']), 'it has woken up')
    t.ok(tap.until(lambda: loop()['slept-ns'] >= before['slept-ns'] + 200 * 10 ** 6), 'slept')
    t.equal(loop()['poll-max-ns'], 1000)
    t.equal([loop()[name] for name in ('calls-queued', 'pool-queued', 'pool-busy', 'polled-ns')],
            [0, 0, 0, 0])


@tap.case('qomd-query-loops begins with the main loop, and tells what is in use', 'qomd')
def _(t):
    s, c = own(t)
    first = c.ok('qomd-query-loops')
    t.equal(len(first), 1)
    t.equal((first[0]['thread-id'], first[0].get('path'), first[0]['fd-monitor']),
            (s.pid, None, 'epoll'))
    c.add_ok('main-loop', 'ml', fd_monitor='io_uring', poll_max_ns=1000)
    c.add_ok('iothread', 'io', fd_monitor='io_uring')
    main, io = c.ok('qomd-query-loops')
    t.equal((main['path'], io['path'], main['poll-max-ns']), ('/objects/ml', '/objects/io', 1000))
    t.ok(main['loops'] > first[0]['loops'], 'rounds')
    t.ok(tap.until(lambda: len({entry['fd-monitor'] for entry in c.ok('qomd-query-loops')}) == 1),
         'both have a ring, or none has')
    for monitor in 'epoll', 'io_uring', 'epoll':
        c.set('ml', 'fd-monitor', monitor)
        for _ in range(50):
            t.equal(c.get('ml', 'fd-monitor'), monitor)


@tap.case('objects of the command line are there, and bad ones end the start')
def _(t):
    _, c = own(t, '-object', 'main-loop,id=ml,aio-max-batch=9', '-object', 'iothread,id=io',
               '-object', f'thread-context,id=tc,cpu-affinity={CPUS[0]}')
    t.equal(c.objects(), ['io', 'ml', 'tc'])
    t.equal(c.get('tc', 'cpu-affinity'), [CPUS[0]])
    for bad in ('iothread,id=io,thread-pool-min=8,thread-pool-max=4', 'iothread,id=0',
                'iothread,id=io,poll-max-ns=-1', 'nope,id=x', 'iothread', 'iothread,id=a,b=c'):
        s = t.server('-object', bad, serving=False)
        t.equal(s.wait(), 1, bad)
        t.ok(s.stderr(), 'a message')


if __name__ == '__main__':
    tap.main()
