#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# vm: kinds=qomd
"""Huge pages: reserved, used, given back, and what is said when there are too few of them."""

import mmap
import os
import re

from guest import address_of, numa_map, proc, read, sh, tap, write

GE = 'GenericError'
MIB = 1 << 20
HUGE = 2 * MIB
POOL = '/sys/kernel/mm/hugepages/hugepages-2048kB'
NODE_POOL = '/sys/devices/system/node/node{}/hugepages/hugepages-2048kB'
SIZE = 12 * MIB
N = SIZE // HUGE
MOUNT = '/tmp/huge'


def pool():
    """(free, reserved), in pages."""
    return tuple(int(read(f'{POOL}/{which}_hugepages')) for which in ('free', 'resv'))


def client(t):
    """Starts with a pool of 16 free pages that nobody has reserved."""
    s, c = t.shared(), t.client()
    t.cleanup(c.clear)
    t.equal(pool(), (16, 0), 'pool')
    return s, c


def region(s, size=SIZE):
    return proc.mapping_of(s.pid, size=size)


def mount(t):
    """Mounts hugetlbfs, once; what is made there goes at the end of the case."""
    if not os.path.ismount(MOUNT):
        sh(f'mkdir -p {MOUNT}; mount -t hugetlbfs hugetlbfs {MOUNT}')
    t.cleanup(remove_file)
    return MOUNT


def remove_file():
    if os.path.exists(MOUNT + '/file'):
        os.unlink(MOUNT + '/file')


def origins(label):
    """A case for memfds, and for files and folders on hugetlbfs: run(t, add)."""
    def declare(run):
        def memfd(t):
            run(t, lambda c, name='m', **more: c.add(
                'memory-backend-memfd', name, **{'size': SIZE, 'hugetlb': True, **more}))

        def file(t, below):
            path = mount(t) + below
            run(t, lambda c, name='m', **more: c.add(
                'memory-backend-file', name, **{'size': SIZE, 'mem_path': path, **more}))
        tap.add(f'memfd: {label}', memfd)
        tap.add(f'a file on hugetlbfs: {label}', lambda t: file(t, '/file'))
        tap.add(f'a folder on hugetlbfs: {label}', lambda t: file(t, ''))
        return run
    return declare


@origins('pages are reserved by mapping, used by prealloc, back after object-del')
def _(t, add):
    s, c = client(t)
    for share in True, False:
        t.equal(add(c, share=share), {'return': {}})
        t.equal(pool(), (16, N), 'mapped')
        t.equal(region(s).kb('KernelPageSize'), 2048)
        t.ok('ht' in region(s).vm_flags, 'huge')
        t.equal(c.set('m', 'prealloc', True), {'return': {}})
        t.equal(pool(), (16 - N, 0), 'populated')
        used = 'Shared_Hugetlb' if share else 'Private_Hugetlb'
        t.ok(region(s).kb('Private_Hugetlb') + region(s).kb(used) >= SIZE // 1024, 'smaps')
        c.ok('object-del', {'id': 'm'})
        t.equal(address_of(s.pid, SIZE), None)
        remove_file()
        t.equal(pool(), (16, 0), 'deleted')


@origins('too few pages are an error with both numbers, and nothing is left')
def _(t, add):
    s, c = client(t)
    before = proc.resources(s.pid)
    for more in {}, {'prealloc': True}, {'share': False}:
        t.error(add(c, size=20 * HUGE, **more), GE,
                re.compile('20 huge pages of 2 MiB needed, 16 free'))
    c.add_ok('memory-backend-memfd', 'first', size=10 * HUGE, hugetlb=True)
    t.error(add(c, size=10 * HUGE), GE, re.compile('10 huge pages of 2 MiB needed, 6 free'))
    c.ok('object-del', {'id': 'first'})
    t.equal(pool(), (16, 0))
    t.equal(proc.resources(s.pid), before)


@origins('reserve=off maps more than there is, and takes what is touched')
def _(t, add):
    s, c = client(t)
    t.equal(add(c, size=20 * HUGE, reserve=False), {'return': {}})
    t.equal(pool(), (16, 0), 'mapped')
    t.equal(proc.write_memory(s.pid, address_of(s.pid, 20 * HUGE), b'x'), 0)
    t.equal(pool(), (15, 0), 'touched')
    t.error(c.set('m', 'prealloc', True), GE, "'prealloc=on' and 'reserve=off' are incompatible")
    c.ok('object-del', {'id': 'm'})
    remove_file()
    t.equal(pool(), (16, 0))


@origins('a size that is no multiple of the page is an error')
def _(t, add):
    _, c = client(t)
    t.error(add(c, size=3 * MIB), GE, 'memory size must be multiple of 2 MiB, not 3 MiB')
    t.error(add(c, size=MIB), GE,
            'memory size 1 MiB must be equal to or larger than page size 2 MiB')
    t.equal(os.path.exists(MOUNT + '/file'), False, 'no file is made')


@tap.case('a size of pages without a pool is an error that names the sizes')
def _(t):
    _, c = client(t)
    t.error(c.add('memory-backend-memfd', 'm', size=4 * MIB, hugetlb=True, hugetlbsize=4 * MIB), GE,
            re.compile('^the system has no huge pages of 4 MiB .*2 MiB'))
    t.error(c.add('memory-backend-memfd', 'm', size=1 << 30, hugetlb=True, hugetlbsize=1 << 30), GE,
            re.compile('1 huge pages of 1 GiB needed, 0 free'))


@tap.case('the bytes of a file on hugetlbfs stay, offset and clones work as in others')
def _(t):
    s, c = client(t)
    path = mount(t) + '/file'
    c.add_ok('memory-backend-file', 'm', size=2 * HUGE, mem_path=path, share=True)
    start = address_of(s.pid, 2 * HUGE)
    t.equal(start % HUGE, 0, 'alignment')
    t.equal(proc.write_memory(s.pid, start + HUGE, b'second'), 0)
    c.ok('object-del', {'id': 'm'})
    t.equal(os.stat(path).st_size, 2 * HUGE)
    t.error(c.add('memory-backend-file', 'm', size=HUGE, mem_path=path, offset=4096, share=True),
            GE, 'offset 0x1000 must be a multiple of page size 0x200000')
    c.add_ok('memory-backend-file', 'm', size=HUGE, mem_path=path, offset=HUGE, share=True)
    t.equal(proc.read_memory(s.pid, address_of(s.pid, HUGE), 6), b'second')
    c.ok('object-del', {'id': 'm'})

    t.equal(pool(), (15, 1), 'the page that was written to; the file has reserved the other')
    c.add_ok('memory-backend-file', 'clone', size=2 * HUGE, mem_path=path, readonly=True, rom='off')
    t.equal(pool(), (15, 3), 'a clone reserves what it may write')
    start = address_of(s.pid, 2 * HUGE)
    t.equal(proc.write_memory(s.pid, start + HUGE, b'cloned'), 0)
    t.equal(proc.read_memory(s.pid, start + HUGE, 6), b'cloned')
    t.equal(pool()[0], 14, 'a page of its own')
    c.ok('object-del', {'id': 'clone'})
    c.add_ok('memory-backend-file', 'm', size=HUGE, mem_path=path, offset=HUGE, share=True,
             discard_data=True)
    t.equal(proc.read_memory(s.pid, address_of(s.pid, HUGE), 6), b'second', 'the file has the old')
    c.ok('object-del', {'id': 'm'})
    t.equal(pool()[0], 16, 'discard-data has freed the page')
    t.equal(os.stat(path).st_size, 2 * HUGE)
    os.unlink(path)
    t.equal(pool(), (16, 0), 'reserved no more')


@tap.case('huge pages can be handed out: another process maps the same bytes')
def _(t):
    s, c = client(t)
    c.add_ok('memory-backend-memfd', 'm', size=2 * HUGE, hugetlb=True)
    t.equal(c.ok('query-memory-regions')[0]['page-size'], HUGE)
    found = c.ok('memdev-get-fd', {'id': 'm'})
    t.equal((found['size'], found['page-size'], found['share']), (2 * HUGE, HUGE, True))
    with mmap.mmap(c.fds[0], 2 * HUGE) as ours:
        ours[HUGE:HUGE + 5] = b'hello'
        t.equal(proc.read_memory(s.pid, address_of(s.pid, 2 * HUGE) + HUGE, 5), b'hello')
        t.equal(pool(), (15, 1))


@tap.case('pages come from the nodes of the policy')
def _(t):
    s, c = client(t)
    for node in 0, 1:
        free = NODE_POOL.format(node) + '/free_hugepages'
        before = int(read(free))
        c.add_ok('memory-backend-memfd', 'm', size=3 * HUGE, hugetlb=True, policy='bind',
                 host_nodes=[node], prealloc=True)
        t.equal(numa_map(s.pid, address_of(s.pid, 3 * HUGE)), (f'bind:{node}', {node: 3}))
        t.equal(int(read(free)), before - 3)
        c.ok('object-del', {'id': 'm'})


@tap.case('too few pages on a node are an error that counts those of the node')
def _(t):
    s, c = client(t)
    on_node = int(read(NODE_POOL.format(1) + '/free_hugepages'))
    t.error(c.add('memory-backend-memfd', 'm', size=(on_node + 1) * HUGE, hugetlb=True,
                  policy='bind', host_nodes=[1], prealloc=True), GE,
            re.compile(f'{on_node + 1} huge pages of 2 MiB needed, {on_node} free on these nodes'))
    t.equal(pool(), (16, 0))
    t.ok(s.alive(), 'it lives')


@tap.case('a limit of the control group is an error of prealloc that says so')
def _(t):
    group = '/sys/fs/cgroup/qomd'
    if 'hugetlb' not in read('/sys/fs/cgroup/cgroup.controllers').split():
        t.skip('the kernel has no controller of huge pages')
    write('/sys/fs/cgroup/cgroup.subtree_control', '+hugetlb')
    os.mkdir(group)
    t.cleanup(os.rmdir, group)
    write(f'{group}/hugetlb.2MB.max', 2 * HUGE)
    t.equal(pool(), (16, 0))
    s = t.server()
    write(f'{group}/cgroup.procs', s.pid)
    c = s.connect()
    t.cleanup(c.close)
    c.add_ok('memory-backend-memfd', 'two', size=2 * HUGE, hugetlb=True, prealloc=True)
    c.ok('object-del', {'id': 'two'})
    t.error(c.add('memory-backend-memfd', 'm', size=4 * HUGE, hugetlb=True, prealloc=True), GE,
            re.compile('control group'))
    t.equal(pool(), (16, 0))
    t.ok(s.alive(), 'it lives')


if __name__ == '__main__':
    tap.main()
