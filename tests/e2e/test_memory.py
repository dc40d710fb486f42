#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Memory backends of all origins: mapping, advice, prealloc, seals, sharing, discarding, leaks."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time

from lib import proc, server, tap
from lib.proc import PAGE

GE, DNF = 'GenericError', 'DeviceNotFound'
MIB = 1 << 20
# Sizes that nothing else in a process has.
ODD = 173 * PAGE
ORIGINS = ('ram', 'file', 'memfd')
F_GET_SEALS = 1034


def client(t):
    c, s = t.client(), t.shared()
    # QEMU unmaps a while after its reply.
    t.cleanup(tap.until, lambda: not s.alive() or proc.mapping_of(s.pid, size=ODD) is None)
    t.cleanup(c.clear)
    return s, c


def own(t, *args):
    s = t.server(*args)
    c = s.connect()
    t.cleanup(c.close)
    return s, c


def options(t, origin, size=ODD, **more):
    if origin == 'file':
        more.setdefault('mem_path', os.path.join(t.dir, 'memory'))
    return {'size': size, **more}


def add(t, c, origin, name='m', **given):
    return c.add(f'memory-backend-{origin}', name, **options(t, origin, **given))


def good(t, reply):
    t.equal(reply, {'return': {}}, 'reply')


def region(t, s, size=ODD):
    found = proc.mapping_of(s.pid, size=size)
    t.ok(found, f'a mapping of {size} bytes')
    return found


def memfd_of(s, size=ODD):
    """The number of the descriptor of a memfd of that size."""
    return next((fd for fd, name in proc.fds(s.pid).items() if name.startswith('/memfd:')
                 and os.stat(f'/proc/{s.pid}/fd/{fd}').st_size == size), None)


def gone(t, s, size=ODD):
    t.ok(tap.until(lambda: proc.mapping_of(s.pid, size=size) is None), 'unmapped')


# -- every origin

def of_every_origin(label, run):
    for origin in ORIGINS:
        tap.add(f'{origin}: {label}', lambda t, origin=origin: run(t, origin))


def defaults(t, origin):
    _, c = client(t)
    good(t, add(t, c, origin))
    wanted = {'size': ODD, 'share': origin == 'memfd', 'reserve': True, 'merge': True,
              'dump': True, 'prealloc': False, 'prealloc-threads': 1, 'prealloc-context': '',
              'host-nodes': [], 'policy': 'default',
              'x-use-canonical-path-for-ramblock-id': False}
    t.equal({name: c.get('m', name) for name in wanted}, wanted)


def prealloc_at_once(t, origin):
    s, c = client(t)
    good(t, add(t, c, origin, prealloc=True, prealloc_threads=4))
    t.equal(region(t, s).kb('Rss'), ODD // 1024)
    t.equal(c.get('m', 'prealloc'), True)


def prealloc_later(t, origin):
    s, c = client(t)
    good(t, add(t, c, origin, share=True))
    mapping = region(t, s)
    t.ok(mapping.kb('Rss') < ODD // 1024, 'not yet')
    t.equal(proc.write_memory(s.pid, mapping.start, b'kept'), 0)
    good(t, c.set('m', 'prealloc', True))
    t.equal(region(t, s).kb('Rss'), ODD // 1024)
    t.equal(proc.read_memory(s.pid, mapping.start, 4), b'kept')


def dump_flag(t, origin):
    s, c = client(t)
    good(t, add(t, c, origin, dump=False))
    t.ok('dd' in region(t, s).vm_flags, 'at creation')
    good(t, c.set('m', 'dump', True))
    t.ok('dd' not in region(t, s).vm_flags, 'on again')
    good(t, c.set('m', 'dump', False))
    t.ok('dd' in region(t, s).vm_flags, 'off again')


def fixed(t, origin):
    _, c = client(t)
    good(t, add(t, c, origin))
    for prop, value in ('size', PAGE), ('share', True), ('reserve', False):
        before = c.get('m', prop)
        t.error(c.set('m', prop, value), GE, re.compile('cannot change property'))
        t.equal(c.get('m', prop), before)


def refusals(t, origin):
    s, c = client(t)
    for bad in ({'prealloc': True, 'reserve': False}, {'reserve': False, 'prealloc': True},
                {'prealloc_threads': 0}, {'policy': 'bind'}, {'host_nodes': [0]},
                {'host_nodes': [500], 'policy': 'bind'}, {'size': 1 << 62}, {'size': 0},
                {'size': '4k'}, {'size': 4.5}):
        t.error(add(t, c, origin, **bad), GE)
        t.equal(c.objects(), [], str(bad))
    good(t, add(t, c, origin))
    t.ok(s.alive(), 'it lives')


def policy_bind(t, origin):
    s, c = client(t)
    reply = add(t, c, origin, host_nodes=[0], policy='bind', prealloc=True)
    if 'error' in reply and not os.path.exists('/sys/devices/system/node/node0'):
        t.skip('no NUMA in this kernel')
    good(t, reply)
    t.equal([c.get('m', 'host-nodes'), c.get('m', 'policy')], [[0], 'bind'])
    start = f'{region(t, s).start:x} '
    with open(f'/proc/{s.pid}/numa_maps', encoding='utf-8') as f:
        line = next(line for line in f if line.startswith(start))
    t.ok(line.split()[1].startswith('bind:0') or line.split()[1] == 'bind=static:0', line)


for label_, run_ in (
        ('defaults', defaults), ('prealloc puts all pages there', prealloc_at_once),
        ('prealloc later keeps the bytes', prealloc_later),
        ('dump decides the flag dd, at once', dump_flag),
        ('size, share and reserve are fixed', fixed),
        ('what is refused leaves nothing', refusals),
        ('policy bind is the mapping\'s', policy_bind)):
    of_every_origin(label_, run_)


@tap.case('merge decides the flag mg of private memory, at once')
def _(t):
    if not os.path.exists('/sys/kernel/mm/ksm'):
        t.skip('no KSM in this kernel')
    s, c = client(t)
    good(t, add(t, c, 'ram', merge=True))
    t.ok('mg' in region(t, s).vm_flags, 'on')
    good(t, c.set('m', 'merge', False))
    t.ok('mg' not in region(t, s).vm_flags, 'off')
    good(t, c.set('m', 'merge', True))
    t.ok('mg' in region(t, s).vm_flags, 'on again')


@tap.case('merge=off at creation is honoured')
def _(t):
    if not os.path.exists('/sys/kernel/mm/ksm'):
        t.skip('no KSM in this kernel')
    s, c = client(t)
    good(t, add(t, c, 'ram', merge=False))
    t.ok('mg' not in region(t, s).vm_flags, 'off')


@tap.case('nodes for a shared file in the page cache are taken, and warned of', only='qomd')
def _(t):
    if os.statvfs(t.dir).f_fsid == os.statvfs('/dev/shm').f_fsid:
        t.skip('the temporary folder is a tmpfs')
    s, c = own(t)
    path = t.file('f', b'x' * ODD)
    good(t, add(t, c, 'file', mem_path=path, share=True, policy='bind', host_nodes=[0]))
    t.ok(tap.until(lambda: f'{path}: host-nodes and policy have no effect' in s.stderr()),
         f'warned: {s.stderr()}')


@tap.case('what is preallocated at the start is there when the server answers')
def _(t):
    sizes = [(64 * MIB + i * ODD) for i in range(3)]
    s, c = own(t, *(word for i, size in enumerate(sizes) for word in
                    ('-object', f'memory-backend-memfd,id=m{i},prealloc=on,size={size}')))
    t.equal([region(t, s, size).kb('Rss') for size in sizes], [size // 1024 for size in sizes])
    t.equal([c.get(f'm{i}', 'prealloc') for i in range(3)], [True] * 3)


@tap.case('what can not be preallocated at the start ends it, and its file is gone')
def _(t):
    where = os.path.join(t.dir, 'tmpfs')
    os.mkdir(where)
    if os.geteuid() or os.system(f'mount -t tmpfs -o size=2M tmpfs {where} 2>/dev/null'):
        t.skip('can not mount a tmpfs')
    t.cleanup(os.system, f'umount -l {where}')
    s = t.server('-object', 'memory-backend-ram,id=a,size=1M,prealloc=on', '-object',
                 f'memory-backend-file,id=b,size=8M,share=on,prealloc=on,mem-path={where}/f',
                 serving=False)
    t.equal(s.wait(), 1, 'status')
    t.equal(os.listdir(where), [])


@tap.case('plain memory of any size is mapped in whole pages, its size is the number given')
def _(t):
    s, c = client(t)
    good(t, add(t, c, 'ram', size=ODD - 5))
    t.equal(c.get('m', 'size'), ODD - 5)
    t.equal(region(t, s).perms, 'rw-p')


@tap.case('64 GiB without reserve, and a terabyte, cost nothing until touched')
def _(t):
    s, c = own(t)
    before = proc.kilobytes(s.pid, 'VmRSS')
    # Between the shadows of a sanitizer there is not always a terabyte.
    size = 1 << 36 if s.sanitized() else 1 << 40
    good(t, c.add('memory-backend-ram', 'big', size=size, reserve=False))
    t.ok(proc.kilobytes(s.pid, 'VmRSS') - before < 1024, 'less than 1 MB')


@tap.case('the region is unmapped before the reply of object-del')
def _(t):
    s, c = client(t)
    for origin in ORIGINS:
        good(t, add(t, c, origin, size=64 * MIB + ODD, prealloc=True))
        t.ok(proc.mapping_of(s.pid, size=64 * MIB + ODD), 'mapped')
        c.ok('object-del', {'id': 'm'})
        t.equal(proc.mapping_of(s.pid, size=64 * MIB + ODD), None, origin)


@tap.case('query-memdev tells of each')
def _(t):
    _, c = client(t)
    t.equal(c.ok('query-memdev'), [])
    good(t, add(t, c, 'ram', 'a', reserve=False, merge=False, dump=False))
    good(t, add(t, c, 'memfd', 'b', prealloc=True))
    found = {entry['id']: entry for entry in c.ok('query-memdev')}
    t.equal(found['a'], {'id': 'a', 'size': ODD, 'merge': False, 'dump': False, 'prealloc': False,
                         'share': False, 'reserve': False, 'host-nodes': [], 'policy': 'default'})
    t.equal(found['b'], {'id': 'b', 'size': ODD, 'merge': True, 'dump': True, 'prealloc': True,
                         'share': True, 'reserve': True, 'host-nodes': [], 'policy': 'default'})


# -- descriptors

@tap.case('a memfd is sealed against resizing, or not, as told')
def _(t):
    s, c = client(t)
    for seal, seals in (True, 7), (False, 1):
        good(t, add(t, c, 'memfd', seal=seal))
        with open(f'/proc/{s.pid}/fd/{memfd_of(s)}', 'r+b', 0) as f:
            t.equal(fcntl.fcntl(f.fileno(), F_GET_SEALS), seals, 'seals')
            try:
                os.ftruncate(f.fileno(), ODD + PAGE)
                t.ok(not seal, 'it could be resized')
                os.ftruncate(f.fileno(), ODD)
            except PermissionError:
                t.ok(seal, 'it could not be resized')
        c.ok('object-del', {'id': 'm'})
        gone(t, s)


@tap.case('another process sees the bytes of a memfd through /proc, and the other way')
def _(t):
    s, c = client(t)
    good(t, add(t, c, 'memfd'))
    start = region(t, s).start
    with open(f'/proc/{s.pid}/fd/{memfd_of(s)}', 'r+b', 0) as f:
        t.equal(proc.write_memory(s.pid, start + 100, b'from there'), 0)
        t.equal(os.pread(f.fileno(), 10, 100), b'from there')
        os.pwrite(f.fileno(), b'from here!', 100)
        t.equal(proc.read_memory(s.pid, start + 100, 10), b'from here!')


@tap.case('all descriptors are close-on-exec')
def _(t):
    s, c = client(t)
    for origin in ORIGINS:
        good(t, add(t, c, origin, origin, size=ODD, share=True))
    for fd, name in proc.fds(s.pid).items():
        if 'memfd' in name or t.dir in name:
            t.ok(proc.fd_flags(s.pid, fd) & os.O_CLOEXEC, name)


@tap.case('memdev-get-fd: a second process maps the same bytes', only='qomd')
def _(t):
    s, c = client(t)
    for origin in ORIGINS:
        good(t, add(t, c, origin, share=True))
        found = c.ok('memdev-get-fd', {'id': 'm'})
        t.equal([found['size'], found['offset'], found['page-size'], found['share'],
                 found['rom']], [ODD, 0, PAGE, True, False])
        t.equal(len(c.fds), 1, 'one descriptor')
        script = ('import mmap,sys\nm=mmap.mmap(int(sys.argv[1]),int(sys.argv[2]))\n'
                  'assert m[:3]==b"one"\nm[4:7]=b"two"')
        start = region(t, s).start
        t.equal(proc.write_memory(s.pid, start, b'one'), 0)
        subprocess.run([sys.executable, '-c', script, str(c.fds[0]), str(ODD)], check=True,
                       pass_fds=c.fds[:1])
        t.equal(proc.read_memory(s.pid, start + 4, 3), b'two')
        os.close(c.fds.pop())
        c.ok('object-del', {'id': 'm'})


@tap.case('memdev-get-fd: no descriptor stays behind for a client that left', only='qomd')
def _(t):
    s = t.server()
    c = s.connect()
    c.add_ok('memory-backend-memfd', 'm', size=ODD)
    s.connect(oob=True).close()
    before = len(proc.fds(s.pid))
    for i in range(600):
        gone = s.connect(oob=True)
        gone.send(b'{"execute":"memdev-get-fd","arguments":{"id":"m"}}' * 60)
        time.sleep(i % 30 / 20000)
        gone.close()
    t.ok(tap.until(lambda: len(proc.fds(s.pid)) <= before, 3), 'as many descriptors as before')
    c.close()


@tap.case('memdev-get-fd: a descriptor to read can not be mapped for writing', only='qomd')
def _(t):
    _, c = client(t)
    path = t.file('f', b'rom' + b'\0' * (ODD - 3))
    good(t, add(t, c, 'file', share=True, readonly=True, mem_path=path))
    t.equal(c.ok('memdev-get-fd', {'id': 'm'})['rom'], True)
    t.equal(fcntl.fcntl(c.fds[0], fcntl.F_GETFL) & os.O_ACCMODE, os.O_RDONLY)
    t.error(c.command('memdev-get-fd', {'id': 'm', 'access': 'read-write'}), GE)
    good(t, add(t, c, 'memfd', 'n'))
    c.ok('memdev-get-fd', {'id': 'n', 'access': 'read'})
    t.equal(fcntl.fcntl(c.fds[1], fcntl.F_GETFL) & os.O_ACCMODE, os.O_RDONLY)


@tap.case('query-memory-regions tells what is mapped, what is there and who uses it', only='qomd')
def _(t):
    _, c = client(t)
    t.equal(c.ok('query-memory-regions'), [])
    c.add_ok('memory-backend-ram', 'p', size=8 * PAGE)
    c.add_ok('memory-backend-memfd', 's', size=4 * PAGE, prealloc=True)
    path = t.file('f', b'x' * 2 * PAGE)
    c.add_ok('memory-backend-file', 'r', size=PAGE, share=True, readonly=True, offset=PAGE,
             mem_path=path)
    regions = {region.pop('id'): region for region in c.ok('query-memory-regions')}
    t.equal(regions['p'], {'path': '/objects/p', 'size': 8 * PAGE, 'page-size': PAGE, 'offset': 0,
                           'share': False, 'rom': False, 'fd': False, 'resident': 0, 'users': []})
    t.equal(regions['s'], {'path': '/objects/s', 'size': 4 * PAGE, 'page-size': PAGE, 'offset': 0,
                           'share': True, 'rom': False, 'fd': True, 'resident': 4 * PAGE,
                           'users': []})
    t.equal([regions['r'][key] for key in ('offset', 'rom', 'fd')], [PAGE, True, True])


@tap.case('memdev-get-fd: private memory, no memory and nothing are refused', only='qomd')
def _(t):
    _, c = client(t)
    good(t, add(t, c, 'ram'))
    c.add_ok('iothread', 'io')
    t.error(c.command('memdev-get-fd', {'id': 'm'}), GE, re.compile('share'))
    t.error(c.command('memdev-get-fd', {'id': 'io'}), GE)
    t.ok('error' in c.command('memdev-get-fd', {'id': 'nope'}), 'nothing')
    t.equal(c.fds, [], 'descriptors')


@tap.case('a QEMU boots with our memory as its own', only='qomd')
def _(t):
    qemu = server.find('qemu')
    if not qemu:
        t.skip('QEMU is not installed')
    s, c = own(t)
    size = 64 * MIB
    good(t, add(t, c, 'memfd', size=size))
    path = f'/proc/{s.pid}/fd/{memfd_of(s, size)}'
    process = subprocess.Popen(
        [qemu, '-nodefaults', '-display', 'none', '-accel', 'tcg', '-m', '64',
         '-object', f'memory-backend-file,id=m,size=64M,mem-path={path},share=on',
         '-machine', 'pc,memory-backend=m'], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    t.cleanup(process.wait)
    t.cleanup(process.kill)
    start = region(t, s, size).start
    # The firmware writes its interrupt vectors to address 0 and its copy to 0xf0000.
    t.ok(tap.until(lambda: proc.read_memory(s.pid, start, 1024).strip(b'\0')
                   and proc.read_memory(s.pid, start + 0xf0000, 65536).strip(b'\0')
                   or process.poll() is not None), 'the firmware has run')
    t.equal(process.poll(), None, 'it runs')
    vectors = proc.read_memory(s.pid, start, 1024)
    t.ok(vectors.strip(b'\0'), 'interrupt vectors are in our memory')


# -- huge pages

@tap.case('hugetlb: pages of the pool, or an error when it is short')
def _(t):
    pool = '/proc/sys/vm/nr_hugepages'
    # The pool is the whole system's: one test at a time, to the end of its cleaning up.
    lock = open(pool, encoding='ascii')
    t.cleanup(lock.close)
    fcntl.flock(lock, fcntl.LOCK_EX)
    before = lock.read()
    try:
        with open(pool, 'w', encoding='ascii') as f:
            f.write(str(int(before) + 8))
        t.cleanup(lambda: open(pool, 'w', encoding='ascii').write(before))
    except OSError:
        t.skip('can not make a pool of huge pages')
    if free_huge() < 8:
        t.skip('no free huge pages')
    s, c = client(t)
    free = free_huge()
    good(t, add(t, c, 'memfd', size=8 * MIB, hugetlb=True, prealloc=True))
    t.equal(region(t, s, 8 * MIB).kb('KernelPageSize'), 2048)
    t.equal(free_huge(), free - 4)
    t.error(add(t, c, 'memfd', 'n', size=2 * MIB * (free + 100), hugetlb=True), GE)
    c.ok('object-del', {'id': 'm'})
    t.ok(tap.until(lambda: free_huge() == free), 'pages are back')
    t.error(add(t, c, 'memfd', size=3 * MIB, hugetlb=True), GE)
    t.error(add(t, c, 'memfd', size=4 * MIB, hugetlb=True, hugetlbsize=3 * MIB), GE)


def free_huge():
    with open('/proc/meminfo', encoding='ascii') as f:
        return int(re.search(r'HugePages_Free:\s+(\d+)', f.read()).group(1))


# -- discarding

def discarded(t, path, size):
    """Whether the file's blocks are gone, and its size is not."""
    found = os.stat(path)
    t.equal(found.st_size, size, 'size')
    return found.st_blocks == 0


def discard(label, end, wanted):
    def run(t):
        s, c = own(t)
        where = '/dev/shm' if os.path.isdir('/dev/shm') else t.dir
        path = os.path.join(where, f'qomd-e2e-{os.getpid()}')
        with open(path, 'wb') as f:
            f.write(b'd' * ODD)
        t.cleanup(os.unlink, path)
        good(t, add(t, c, 'file', mem_path=path, share=True, discard_data=True))
        end(t, s, c)
        t.equal(tap.until(lambda: discarded(t, path, ODD), 3 if wanted else 0.2), wanted,
                'discarded')
    tap.add(f'discard-data: {label}', run)


def ends_by(number):
    def end(t, s, _):
        s.signal(number)
        s.wait()
    return end


discard('at object-del', lambda t, s, c: c.ok('object-del', {'id': 'm'}), True)
discard('at quit', lambda t, s, c: (c.ok('quit'), s.wait()), True)
discard('at SIGTERM', ends_by(signal.SIGTERM), True)
discard('at SIGINT', ends_by(signal.SIGINT), True)
discard('not at SIGKILL', ends_by(signal.SIGKILL), False)
discard('not when taken back', lambda t, s, c: (
    good(t, c.set('m', 'discard-data', False)), c.ok('object-del', {'id': 'm'})), False)


# -- leaks

@tap.case('nothing is left after 300 rounds and 60 refusals')
def _(t):
    s, c = own(t)

    def settled():
        tap.until(lambda: not [m for m in proc.maps(s.pid, 'maps') if m.size == ODD])
        return proc.resources(s.pid)
    for origin in ORIGINS:
        good(t, add(t, c, origin, prealloc=True, share=True))
        c.ok('object-del', {'id': 'm'})
    before, tasks = settled(), lasting_threads(s)
    for i in range(300):
        origin = ORIGINS[i % 3]
        good(t, add(t, c, origin, prealloc=i % 2 == 0, share=i % 5 != 0))
        c.ok('object-del', {'id': 'm'})
    for i in range(60):
        bad = ({'prealloc_threads': 0}, {'policy': 'bind', 'host_nodes': [500]},
               {'size': 1 << 62})[i % 3]
        t.error(add(t, c, ORIGINS[i // 3 % 3], **bad), GE)
    # Workers that idle may come and go; nothing else may.
    before.pop('threads')
    after = tap.until(lambda: same(settled(), before), 3)
    t.ok(after, f'{before} before, {settled()} now')
    t.ok(tap.until(lambda: lasting_threads(s) == tasks, 3), f'threads: {lasting_threads(s)}')


def lasting_threads(s):
    """The names of all but the workers of pools."""
    return sorted(name for name in proc.threads(s.pid).values() if not name.startswith('w:'))


def same(now, before):
    return all(now[what] == before[what] for what in before)


if __name__ == '__main__':
    tap.main()
