#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# vm: kinds=qomd,qemu
"""Memory and threads on nodes: the machine has nodes 0 and 1 with a CPU each, and 2 without one."""

import os
import re

from guest import address_of, node_cpus, numa_map, proc, tap

GE = 'GenericError'
MIB = 1 << 20
# No stack and no arena of the allocator has this size; a multiple of a huge page on two nodes.
SIZE = 12 * MIB
PAGES = SIZE // proc.PAGE
ORIGINS = ('ram', 'memfd', 'file')


def add(t, c, origin, **given):
    if origin == 'file':
        given.setdefault('mem_path', '/dev/shm/memory')
        t.cleanup(lambda: os.path.exists('/dev/shm/memory') and os.unlink('/dev/shm/memory'))
        given.setdefault('share', True)
    return c.add(f'memory-backend-{origin}', 'm', **{'size': SIZE, **given})


def client(t):
    s, c = t.shared(), t.client()
    t.cleanup(tap.until, lambda: not s.alive() or address_of(s.pid, SIZE) is None)
    t.cleanup(c.clear)
    return s, c


def placed(s, size=SIZE):
    """(policy, {node: pages}) of the backend's mapping."""
    return numa_map(s.pid, address_of(s.pid, size))


def places(label, policy, nodes, text, pages):
    """Cases: all origins, with that policy, have their pages there. QEMU shows it by one of them."""
    def run(t, origin):
        s, c = client(t)
        t.equal(add(t, c, origin, policy=policy, host_nodes=nodes, prealloc=True), {'return': {}})
        found = placed(s)
        if not t.qomd:
            # Debian's 7.2 does not know that several nodes can be preferred.
            found = found[0].replace('prefer:', 'prefer (many):'), found[1]
        t.equal(found, (text, pages))
        t.equal([c.get('m', 'policy'), c.get('m', 'host-nodes')], [policy, nodes])
        entry = c.ok('query-memdev')[0]
        t.equal([entry['policy'], entry['host-nodes']], [policy, nodes])
    for origin in ORIGINS:
        tap.add(f'{origin}: {label}', lambda t, origin=origin: run(t, origin),
                only=None if origin == 'memfd' else 'qomd')


places('bind puts all pages on the node', 'bind', [1], 'bind:1', {1: PAGES})
places('bind puts all pages on a node without CPUs', 'bind', [2], 'bind:2', {2: PAGES})
places('interleave puts as many pages on each node', 'interleave', [0, 1], 'interleave:0-1',
       {0: PAGES // 2, 1: PAGES // 2})
places('preferred puts the pages on the node while there is room', 'preferred', [1],
       'prefer (many):1', {1: PAGES})


@tap.case('bind to several nodes uses no other')
def _(t):
    s, c = client(t)
    c.add_ok('memory-backend-memfd', 'm', size=SIZE, policy='bind', host_nodes=[1, 2],
             prealloc=True)
    policy, pages = placed(s)
    t.equal(policy, 'bind:1-2')
    t.ok(set(pages) <= {1, 2} and sum(pages.values()) == PAGES, f'{pages}')


@tap.case('host-nodes are sorted, each once', only='qomd')
def _(t):
    s, c = client(t)
    c.add_ok('memory-backend-ram', 'm', size=SIZE, policy='interleave', host_nodes=[1, 0, 1])
    t.equal(c.get('m', 'host-nodes'), [0, 1])
    t.equal(placed(s)[0], 'interleave:0-1')


@tap.case('prealloc later obeys the policy, too')
def _(t):
    s, c = client(t)
    for node in 0, 1:
        c.add_ok('memory-backend-memfd', 'm', size=SIZE, policy='bind', host_nodes=[node])
        t.equal(placed(s), (f'bind:{node}', {}), 'before')
        t.equal(c.set('m', 'prealloc', True), {'return': {}})
        t.equal(placed(s), (f'bind:{node}', {node: PAGES}), 'after')
        c.ok('object-del', {'id': 'm'})
        tap.until(lambda: address_of(s.pid, SIZE) is None)


@tap.case('the policy stays with a shared region that others write to')
def _(t):
    s, c = client(t)
    c.add_ok('memory-backend-memfd', 'm', size=SIZE, policy='bind', host_nodes=[1])
    start = address_of(s.pid, SIZE)
    os.sched_setaffinity(0, node_cpus(0))
    t.cleanup(os.sched_setaffinity, 0, range(os.cpu_count()))
    fd = next(fd for fd, name in proc.fds(s.pid).items() if name.startswith('/memfd:memory'))
    with open(f'/proc/{s.pid}/fd/{fd}', 'r+b', 0) as f:
        f.write(b'x' * MIB)
    t.equal(proc.read_memory(s.pid, start + MIB - 1, 2), b'x\0')
    _, pages = placed(s)
    t.equal(set(pages), {1}, 'nodes')


@tap.case('a node that does not exist is refused, and nothing is left')
def _(t):
    s, c = client(t)
    before = proc.resources(s.pid)
    for origin in ORIGINS:
        for policy in 'bind', 'interleave', 'preferred':
            t.error(add(t, c, origin, policy=policy, host_nodes=[9]), GE,
                    re.compile('cannot bind memory to host NUMA nodes'))
    t.equal(c.objects(), [])
    t.ok(tap.until(lambda: proc.resources(s.pid) == before), f'{before}, {proc.resources(s.pid)}')
    t.ok(s.alive(), 'it lives')


@tap.case('the error names what is wrong with the nodes', only='qomd')
def _(t):
    _, c = client(t)
    t.error(add(t, c, 'ram', policy='bind', host_nodes=[9]), GE,
            re.compile('none of host-nodes is online'))


@tap.case('of several nodes one must exist')
def _(t):
    s, c = client(t)
    c.add_ok('memory-backend-ram', 'm', size=SIZE, policy='bind', host_nodes=[1, 9], prealloc=True)
    t.equal(c.get('m', 'host-nodes'), [1, 9])
    t.equal(placed(s), ('bind:1', {1: PAGES}))


# -- who populates

@tap.case('a thread-context takes the CPUs of nodes')
def _(t):
    s, c = client(t)
    for nodes in [0], [1], [0, 1]:
        c.add_ok('thread-context', 'tc', node_affinity=nodes)
        cpus = sorted(sum((node_cpus(node) for node in nodes), []))
        t.equal(c.get('tc', 'cpu-affinity'), cpus)
        t.equal(sorted(os.sched_getaffinity(c.get('tc', 'thread-id'))), cpus)
        c.ok('object-del', {'id': 'tc'})
    c.add_ok('thread-context', 'tc')
    t.equal(c.set('tc', 'node-affinity', [1]), {'return': {}}, 'later')
    t.equal(sorted(os.sched_getaffinity(c.get('tc', 'thread-id'))), node_cpus(1))
    t.ok(s.alive(), 'it lives')


@tap.case('a thread-context on nodes without CPUs, or that do not exist, is refused')
def _(t):
    _, c = client(t)
    for nodes in [2], [9]:
        t.error(c.add('thread-context', 'tc', node_affinity=nodes), GE)
    t.equal(c.objects(), [])
    c.add_ok('thread-context', 'tc', node_affinity=[1])
    t.error(c.set('tc', 'node-affinity', [9]), GE)
    t.equal(sorted(os.sched_getaffinity(c.get('tc', 'thread-id'))), node_cpus(1), 'unchanged')


def first_touch(label, threads, size, nodes):
    """Without a policy, a page comes from the node of the CPU that touches it first."""
    def run(t):
        s, c = client(t)
        for node in nodes:
            c.add_ok('thread-context', 'tc', node_affinity=[node])
            c.add_ok('memory-backend-memfd', 'm', size=size, prealloc=True,
                     prealloc_threads=threads, prealloc_context='tc')
            t.equal(placed(s, size), ('default', {node: size // proc.PAGE}))
            c.ok('object-del', {'id': 'm'})
            c.ok('object-del', {'id': 'tc'})
    # QEMU's main thread touches some pages itself.
    tap.add(label, run, only='qomd')


first_touch('a worker of a context on a node touches its memory', 1, SIZE, [0, 1])
first_touch('two workers of a context do, too', 2, 132 * MIB, [1])


@tap.case('without a context, workers run on the CPUs of host-nodes', only='qomd')
def _(t):
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    c.add_ok('memory-backend-memfd', 'warm', size=4096, prealloc=True)
    for node in 0, 1:
        c.post('object-add', {'qom-type': 'memory-backend-memfd', 'id': 'm', 'size': 64 * MIB,
                              'policy': 'bind', 'host-nodes': [node], 'prealloc': True,
                              'prealloc-threads': 2})
        seen = set()
        while c.quiet(0.001):
            for tid, name in proc.threads(s.pid).items():
                if name == 'prealloc':
                    try:
                        seen.add(tuple(os.sched_getaffinity(tid)))
                    except ProcessLookupError:
                        pass
        t.equal(c.reply(), {'return': {}})
        # A worker that was met while it had not set its affinity yet may be among them.
        t.ok(seen - {tuple(range(os.cpu_count()))} == {tuple(node_cpus(node))}, f'{seen}')
        t.equal(placed(s, 64 * MIB)[1], {node: 64 * MIB // proc.PAGE})
        c.ok('object-del', {'id': 'm'})


@tap.case('regions of the command line are each on their node')
def _(t):
    sizes = {node: SIZE + node * 2 * MIB for node in (0, 1, 2)}
    options = []
    for node, size in sizes.items():
        options += ['-object', f'memory-backend-memfd,id=m{node},size={size},policy=bind,'
                    f'host-nodes={node},prealloc=on,prealloc-threads=2']
    s = t.server(*options)
    c = s.connect()
    t.cleanup(c.close)
    t.equal([c.get(f'm{node}', 'prealloc') for node in sizes], [True] * 3)
    for node, size in sizes.items():
        t.equal(placed(s, size), (f'bind:{node}', {node: size // proc.PAGE}))


@tap.case('within the CPUs that the process has')
def _(t):
    os.sched_setaffinity(0, node_cpus(0))
    t.cleanup(os.sched_setaffinity, 0, range(os.cpu_count()))
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    c.add_ok('memory-backend-memfd', 'm', size=SIZE, policy='bind', host_nodes=[1], prealloc=True)
    t.equal(placed(s), ('bind:1', {1: PAGES}))
    for tid in proc.threads(s.pid):
        t.equal(sorted(os.sched_getaffinity(tid)), node_cpus(0))


@tap.case('an iothread that is moved to another node goes on there')
def _(t):
    s, c = client(t)
    c.add_ok('iothread', 'io')
    tid = c.ok('query-iothreads')[0]['thread-id']
    for node in 1, 0:
        os.sched_setaffinity(tid, node_cpus(node))
        t.equal(c.set('io', 'poll-max-ns', 1000 + node), {'return': {}})
        with open(f'/proc/{s.pid}/task/{tid}/stat', encoding='ascii') as f:
            t.ok(tap.until(lambda: f.seek(0) == 0 and
                           int(f.read().rsplit(')', 1)[1].split()[36]) in node_cpus(node)),
                 f'it runs on node {node}')


if __name__ == '__main__':
    tap.main()
