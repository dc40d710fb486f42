#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""memory-backend-epc without SGX: in a mount namespace whose /dev has a twin of /dev/zero that is
called sgx_vepc. It can be opened and mapped shared, and knows nothing of enclaves."""

import ctypes
import mmap
import os
import re
import stat

from lib import proc, tap
from lib.proc import PAGE

GE = 'GenericError'
SIZE = 173 * PAGE
TYPE = 'memory-backend-epc'
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
SYS_KCMP, KCMP_FILE = 312, 0  # x86-64
NODES = {'null': 3, 'zero': 5, 'full': 7, 'random': 8, 'urandom': 9, 'sgx_vepc': 5}


def make_dev():
    """Gives this process, and the servers that it starts, a /dev of their own; False: can not."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b'none', b'/', None, MS_REC | MS_PRIVATE, None):
        return False
    if libc.mount(b'tmpfs', b'/dev', b'tmpfs', 0, b'mode=755'):
        return False
    os.symlink('/proc/self/fd', '/dev/fd')
    os.mkdir('/dev/shm', 0o1777)
    try:
        for name, minor in NODES.items():
            os.mknod('/dev/' + name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        with open('/dev/zero', 'rb') as f:
            f.read(1)
    except OSError:
        return False
    return True


HAVE_DEV = make_dev()


def client(t):
    if not HAVE_DEV:
        t.skip('can not make device nodes in a mount namespace')
    c, s = t.client(), t.shared()
    t.cleanup(tap.until, lambda: not s.alive() or proc.mapping_of(s.pid, size=SIZE) is None)
    t.cleanup(c.clear)
    return s, c


def add(t, c, name='m', **given):
    t.equal(c.add(TYPE, name, size=SIZE, **given), {'return': {}}, 'reply')


@tap.case('the device is mapped, shared, for no child and for no core file')
def _(t):
    s, c = client(t)
    add(t, c)
    region = proc.mapping_of(s.pid, size=SIZE)
    t.ok(region, 'mapped')
    t.equal(region.perms, 'rw-s')
    t.ok('dd' in region.vm_flags, 'not dumped')
    t.ok('dc' in region.vm_flags, 'not inherited')
    t.ok('mg' not in region.vm_flags, 'not merged')
    t.equal(region.kb('Rss'), 0, 'pages')


@tap.case('defaults: shared, neither merged nor dumped')
def _(t):
    _, c = client(t)
    add(t, c)
    wanted = {'size': SIZE, 'share': True, 'merge': False, 'dump': False, 'prealloc': False,
              'reserve': True, 'policy': 'default'}
    t.equal({name: c.get('m', name) for name in wanted}, wanted)


@tap.case('the types are listed with it')
def _(t):
    _, c = client(t)
    found = {entry['name'] for entry in c.ok('qom-list-types', {'implements': 'memory-backend'})}
    t.ok(TYPE in found, 'listed')


@tap.case('object-del unmaps and closes, and the id can be used again')
def _(t):
    s, c = client(t)
    for _ in range(3):
        add(t, c)
        c.ok('object-del', {'id': 'm'})
        t.ok(tap.until(lambda: proc.mapping_of(s.pid, size=SIZE) is None), 'unmapped')
        t.equal([name for name in proc.fds(s.pid).values() if 'sgx' in name], [], 'descriptors')


@tap.case('what touches enclave memory is refused, at once and later')
def _(t):
    s, c = client(t)
    for name in 'prealloc', 'merge', 'dump':
        t.error(c.add(TYPE, 'm', size=SIZE, **{name: True}), GE,
                f"'{name}=on' is not possible for memory-backend-epc: enclave memory must not be "
                'touched')
    t.equal(proc.mapping_of(s.pid, size=SIZE), None, 'mapped')
    add(t, c)
    for name in 'prealloc', 'merge', 'dump':
        t.error(c.set('m', name, True), GE, re.compile('enclave memory'))
        t.equal(c.get('m', name), False, name)
    t.equal(proc.mapping_of(s.pid, size=SIZE).kb('Rss'), 0, 'pages')


@tap.case('a size that is no multiple of the page is refused')
def _(t):
    _, c = client(t)
    t.error(c.add(TYPE, 'm', size=SIZE + 1), GE)
    t.equal(c.objects(), [])


@tap.case('memdev-get-fd hands out the very device that is mapped', only='qomd')
def _(t):
    s, c = client(t)
    add(t, c)
    found = c.ok('memdev-get-fd', {'id': 'm'})
    t.equal(found, {'size': SIZE, 'offset': 0, 'page-size': PAGE, 'share': True, 'rom': False,
                    'seals': 0})
    t.equal(os.fstat(c.fds[0]).st_rdev, os.makedev(1, 5), 'device')
    mmap.mmap(c.fds[0], SIZE).close()
    # Opening the device again would be other memory: it must be a duplicate.
    c.ok('memdev-get-fd', {'id': 'm', 'access': 'read-write'})
    held = next(fd for fd, name in proc.fds(s.pid).items() if 'sgx_vepc' in name)
    if os.uname().machine == 'x86_64':
        same = ctypes.CDLL(None).syscall(SYS_KCMP, os.getpid(), s.pid, KCMP_FILE, c.fds[1], held)
        t.ok(same in (0, -1), 'the same open file')
    t.error(c.command('memdev-get-fd', {'id': 'm', 'access': 'read'}), GE, re.compile('enclaves'))
    t.equal(c.ok('query-memory-regions')[0]['fd'], True)


@tap.case('without the device the error names it and says why', only='qomd')
def _(t):
    _, c = client(t)
    os.unlink('/dev/sgx_vepc')
    try:
        t.error(c.add(TYPE, 'm', size=SIZE), GE,
                re.compile(r'^/dev/sgx_vepc: No such file or directory \(.+\)$'))
        t.equal(c.objects(), [])
        t.ok(TYPE in {entry['name'] for entry in c.ok('qom-list-types')}, 'still a type')
    finally:
        os.mknod('/dev/sgx_vepc', stat.S_IFCHR | 0o666, os.makedev(1, 5))


if __name__ == '__main__':
    tap.main()
