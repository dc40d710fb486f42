#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# vm: modules=nfit,nd_pmem,device_dax,dax_pmem,ext4 kinds=qomd
"""Persistent memory: NVDIMMs as a raw disk, as a DAX file system, and as a DAX device."""

import os
import re

from guest import address_of, proc, read, sh, tap, write

GE = 'GenericError'
MIB = 1 << 20
# On a DAX file system each new page of a synchronous mapping waits for the journal: few of them.
SIZE = 5 * MIB // 4
DEVICE = '/dev/dax1.0'
DEVICE_SIZE = 6 * MIB
BUS = '/sys/bus/nd'
MOUNT = '/tmp/pmem'
NO_SYNC = re.compile('^pmem=on needs a file in persistent memory')


def claim(number, kind, driver):
    """Gives an NVDIMM to a seed of the bus: pfn, for file systems with DAX, or dax, for a device."""
    seed = f'{kind}{number}.0'
    device = f'{BUS}/devices/{seed}'
    write(f'{BUS}/drivers/nd_pmem/unbind', f'namespace{number}.0')
    write(f'{device}/align', 2 * MIB)
    write(f'{device}/uuid', read('/proc/sys/kernel/random/uuid'))
    write(f'{device}/mode', 'ram')
    write(f'{device}/namespace', f'namespace{number}.0')
    write(f'{BUS}/drivers/{driver}/bind', seed)


def file_system(options):
    """Mounts the disk, with a file system that is made if there is none; the path of a file there."""
    if not os.path.exists(f'{BUS}/drivers/nd_pmem/pfn0.0'):
        claim(0, 'pfn', 'nd_pmem')
        sh(f'mkfs.ext4 -q -b 4096 -m 0 /dev/pmem0; mkdir -p {MOUNT}')
    mounted = [line for line in read('/proc/mounts').splitlines() if f' {MOUNT} ' in line]
    if mounted and options not in mounted[0]:
        sh(f'umount {MOUNT}')
        mounted = []
    if not mounted:
        sh(f'mount -o {options} /dev/pmem0 {MOUNT}')
    return MOUNT + '/memory'


def client(t):
    s, c = t.shared(), t.client()
    t.cleanup(tap.until, lambda: not s.alive() or address_of(s.pid, SIZE) is None and
              address_of(s.pid, DEVICE_SIZE) is None)
    t.cleanup(c.clear)
    return s, c


def region(s, size=SIZE):
    return proc.mapping_of(s.pid, size=size)


@tap.case('the disk itself can not be mapped synchronously: an error')
def _(t):
    _, c = client(t)
    t.ok(tap.until(lambda: os.path.exists('/dev/pmem0')), 'a disk')
    t.error(c.add('memory-backend-file', 'm', size=SIZE, mem_path='/dev/pmem0', share=True,
                  pmem=True), GE, NO_SYNC)
    t.equal(c.objects(), [])


@tap.case('on a DAX file system pmem=on maps synchronously')
def _(t):
    s, c = client(t)
    path = file_system('dax=always')
    c.add_ok('memory-backend-file', 'm', size=SIZE, mem_path=path, share=True, pmem=True)
    t.ok('sf' in region(s).vm_flags, f'MAP_SYNC: {region(s).vm_flags}')
    t.equal(c.get('m', 'pmem'), True)
    c.ok('object-del', {'id': 'm'})
    c.add_ok('memory-backend-file', 'm', size=SIZE, mem_path=path, share=True)
    t.ok('sf' not in region(s).vm_flags, 'not without pmem')


@tap.case('what was written is there after object-del, and after the file system was mounted again')
def _(t):
    s, c = client(t)
    path = file_system('dax=always')
    c.add_ok('memory-backend-file', 'm', size=SIZE, mem_path=path, share=True, pmem=True,
             prealloc=True)
    t.equal(proc.write_memory(s.pid, address_of(s.pid, SIZE) + MIB, b'to stay'), 0)
    c.ok('object-del', {'id': 'm'})
    t.ok([m for m in proc.maps(s.pid, 'maps') if 'libpmem.so' in m.path], 'libpmem is loaded')
    sh(f'umount {MOUNT}; mount -o dax=always /dev/pmem0 {MOUNT}')
    c.add_ok('memory-backend-file', 'm', size=SIZE, mem_path=path, share=True, pmem=True)
    t.equal(proc.read_memory(s.pid, address_of(s.pid, SIZE) + MIB, 7), b'to stay')


@tap.case('discard-data frees the blocks of a DAX file')
def _(t):
    s, c = client(t)
    path = file_system('dax=always')
    c.add_ok('memory-backend-file', 'm', size=SIZE, mem_path=path, share=True, pmem=True,
             prealloc=True, discard_data=True)
    t.equal(proc.write_memory(s.pid, address_of(s.pid, SIZE), b'to go'), 0)
    t.ok(os.stat(path).st_blocks >= SIZE // 512, 'blocks')
    c.ok('object-del', {'id': 'm'})
    t.equal((os.stat(path).st_blocks, os.stat(path).st_size), (0, SIZE))
    os.unlink(path)


@tap.case('pmem=on of a private mapping has no effect on it')
def _(t):
    s, c = client(t)
    path = file_system('dax=always')
    c.add_ok('memory-backend-file', 'm', size=SIZE, mem_path=path, share=False, pmem=True)
    t.equal(region(s).perms, 'rw-p')
    t.ok('sf' not in region(s).vm_flags, 'no MAP_SYNC')
    os.unlink(path)


@tap.case('without DAX, or without persistent memory, pmem=on is an error and makes no file')
def _(t):
    on_ext4 = file_system('dax=never')
    s, c = client(t)
    before = proc.resources(s.pid)
    for path in on_ext4, '/dev/shm/memory', '/tmp/memory':
        t.error(c.add('memory-backend-file', 'm', size=SIZE, mem_path=path, share=True, pmem=True),
                GE, NO_SYNC)
        t.equal(os.path.exists(path), False, path)
    t.equal(proc.resources(s.pid), before)


@tap.case('a full DAX file system is an error with numbers, and the server lives')
def _(t):
    s, c = client(t)
    path = file_system('dax=always')
    st = os.statvfs(MOUNT)
    sh(f'fallocate -l {st.f_bavail * st.f_bsize - MIB // 2} {MOUNT}/others')
    t.cleanup(os.unlink, MOUNT + '/others')
    t.error(c.add('memory-backend-file', 'm', size=SIZE, mem_path=path, share=True, pmem=True,
                  prealloc=True), GE, re.compile(f'no room: ext4 at {MOUNT} has .* free of 1280 KiB'))
    t.equal(os.path.exists(path), False, 'no file')
    t.ok(s.alive(), 'it lives')


@tap.case('a DAX device: its alignment is taken by itself, its bytes stay')
def _(t):
    s, c = client(t)
    claim(1, 'dax', 'dax_pmem')
    device = DEVICE
    t.ok(tap.until(lambda: os.path.exists(device)), device)
    for more in {}, {'align': 2 * MIB}, {'pmem': True}, {'pmem': True, 'offset': 2 * MIB}:
        c.add_ok('memory-backend-file', 'm', size=DEVICE_SIZE, mem_path=device, share=True, **more)
        t.equal(address_of(s.pid, DEVICE_SIZE) % (2 * MIB), 0, f'alignment {more}')
        t.equal(c.get('m', 'align'), more.get('align', 0), 'read back as set')
        t.equal(c.ok('query-memory-regions')[0]['page-size'], 2 * MIB)
        at = address_of(s.pid, DEVICE_SIZE) + 4 * MIB - more.get('offset', 0)
        if not more:
            t.equal(proc.write_memory(s.pid, at, b'on the device'), 0)
        t.equal(proc.read_memory(s.pid, at, 13), b'on the device', f'{more}')
        c.ok('object-del', {'id': 'm'})
        t.equal(address_of(s.pid, DEVICE_SIZE), None)


@tap.case('a DAX device: pages are there after prealloc')
def _(t):
    s, c = client(t)
    c.add_ok('memory-backend-file', 'm', size=DEVICE_SIZE, mem_path=DEVICE, share=True, pmem=True,
             prealloc=True)
    t.equal(c.get('m', 'prealloc'), True)
    t.equal(proc.read_memory(s.pid, address_of(s.pid, DEVICE_SIZE) + 4 * MIB, 13), b'on the device')


@tap.case('a DAX device: what does not fit is an error')
def _(t):
    s, c = client(t)
    size = int(read(f'{BUS}/devices/dax1.0/size'))

    def add(**more):
        return c.add('memory-backend-file', 'm', **{'mem_path': DEVICE, 'share': True,
                                                    'size': DEVICE_SIZE, **more})
    t.error(add(size=size + 2 * MIB), GE, f'backing store size {size:#x} does not match '
            f"'size' option {size + 2 * MIB:#x} at 'offset' 0x0")
    t.error(add(offset=size - 2 * MIB), GE, re.compile('does not match'))
    t.error(add(size=3 * MIB), GE, re.compile('multiple of 2 MiB'))
    t.error(add(offset=4096), GE, re.compile('offset 0x1000 must be a multiple of'))
    t.error(add(share=False), GE)
    t.equal(c.objects(), [])
    t.equal(add(size=size), {'return': {}}, 'all of it')


if __name__ == '__main__':
    tap.main()
