#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Memory as a template: saved to a file, and cloned from it by several processes."""

import fcntl
import hashlib
import os
import re
import subprocess

from lib import proc, server, tap
from lib.proc import PAGE

GE, DNF = 'GenericError', 'DeviceNotFound'
MIB = 1 << 20
SIZE = 4 * MIB


def template(t):
    """A file of pages that all differ; its path."""
    return t.file('template', b''.join(i.to_bytes(4, 'big') * (PAGE // 4)
                                       for i in range(SIZE // PAGE)))


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def mapping(t, s, path):
    found = proc.mapping_of(s.pid, path)
    t.ok(found, f'a mapping of {path}')
    return found


def read_all(t, s, path):
    """Has the server's process read all of its memory, as a VMM in it would."""
    m = mapping(t, s, path)
    t.equal(len(proc.read_memory(s.pid, m.start, m.size)), m.size)


# -- clones

def cloned(t, servers, path):
    """What must hold of clones that have read everything."""
    for s in servers:
        read_all(t, s, path)
    maps = [mapping(t, s, path) for s in servers]
    t.equal([m.kb('Rss') for m in maps], [SIZE // 1024] * len(maps), 'Rss')
    t.equal([m.kb('Anonymous') for m in maps], [0] * len(maps), 'Anonymous')
    pss = sum(m.kb('Pss') for m in maps)
    # Each figure is rounded down to a kilobyte.
    t.ok(SIZE // 1024 - len(maps) <= pss <= SIZE // 1024, f'sum of Pss: {pss} kB')


def one_writes(t, servers, path, writer):
    """After 16 pages were written in one clone."""
    start = mapping(t, servers[writer], path).start
    for page in range(16):
        t.equal(proc.write_memory(servers[writer].pid, start + 3 * page * PAGE, b'mine'), 0)
    t.equal([mapping(t, s, path).kb('Anonymous') for s in servers],
            [16 * PAGE // 1024 if i == writer else 0 for i in range(len(servers))], 'Anonymous')
    for i, s in enumerate(servers):
        first = proc.read_memory(s.pid, mapping(t, s, path).start, 4)
        t.equal(first, b'mine' if i == writer else bytes(4), f'clone {i}')


@tap.case('eight processes clone one file: the pages are there once, and what one writes is its own')
def _(t):
    path = template(t)
    os.chmod(path, 0o400)
    before, content = os.stat(path), digest(path)
    servers = [t.server() for _ in range(8)]
    for s in servers:
        c = s.connect()
        t.cleanup(c.close)
        c.add_ok('memory-backend-file', 'clone', size=SIZE, mem_path=path, readonly=True,
                 rom='off')
    cloned(t, servers, path)
    one_writes(t, servers, path, 3)
    after = os.stat(path)
    t.equal((after.st_mtime_ns, after.st_size, digest(path)),
            (before.st_mtime_ns, before.st_size, content), 'the file')


@tap.case('a QEMU is one of the clones of a file that nobody may write', only='qomd')
def _(t):
    qemu = server.find('qemu')
    if not qemu:
        t.skip('QEMU is not installed')
    path = template(t)
    before, content = os.stat(path), digest(path)
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    c.add_ok('memory-backend-file', 'clone', size=SIZE, mem_path=path, readonly=True, rom='off')
    guest = server.Server('qemu')
    t.cleanup(guest.close)
    q = guest.connect()
    t.cleanup(q.close)
    reply = q.add('memory-backend-file', 'clone', size=SIZE, mem_path=path, readonly=True,
                  rom='off')
    if 'error' in reply:
        # Before 8.2 a private mapping of a file that we may write is the only way.
        q.add_ok('memory-backend-file', 'clone', size=SIZE, mem_path=path, share=False)
    cloned(t, [s, guest], path)
    one_writes(t, [s, guest], path, 1)
    t.equal(c.get('clone', 'anonymous'), 0)
    t.equal((os.stat(path).st_mtime_ns, digest(path)), (before.st_mtime_ns, content), 'the file')


@tap.case('resident, anonymous and pss are what smaps shows', only='qomd')
def _(t):
    path = template(t)
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    for i in range(2):
        c.add_ok('memory-backend-file', f'c{i}', size=SIZE, mem_path=path, readonly=True,
                 rom='off', prealloc=False)
    t.equal([c.get('c0', name) for name in ('resident', 'anonymous', 'pss')], [0, 0, 0])
    maps = [m for m in proc.maps(s.pid) if m.path == path]
    for m in maps:
        proc.read_memory(s.pid, m.start, SIZE)
    proc.write_memory(s.pid, maps[0].start, b'x')
    told = sorted([c.get(f'c{i}', name) for name in ('resident', 'anonymous', 'pss')]
                  for i in range(2))
    # A page that one of them has written is the other's alone, too.
    t.equal(told, [[SIZE, 0, (SIZE + PAGE) // 2], [SIZE, PAGE, (SIZE + PAGE) // 2]])
    t.error(c.set('c0', 'resident', 5), GE, re.compile('not writable'))


# -- saving

def own(t):
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    return s, c


def save(t, c, path, name='m'):
    t.equal(c.command('memdev-save', {'id': name, 'filename': path}), {'return': {}})


def written(s, c, size=64 * MIB, **properties):
    """A region with bytes in three places, far from each other; its bytes there."""
    kind = properties.pop('kind', 'memory-backend-ram')
    before = {m.start for m in proc.maps(s.pid, 'maps')}
    c.add_ok(kind, 'm', size=size, **properties)
    start = next(m.start for m in proc.maps(s.pid, 'maps')
                 if m.size == size and m.start not in before)
    places = {0: b'first', 33 * MIB + 5: b'middle', size - 4: b'last'}
    for offset, data in places.items():
        assert proc.write_memory(s.pid, start + offset, data) == 0
    return places


def saved(t, path, places, size=64 * MIB):
    """The file has the bytes, and holes."""
    st = os.stat(path)
    t.equal(st.st_size, size, 'size')
    with open(path, 'rb') as f:
        for offset, data in places.items():
            f.seek(offset)
            t.equal(f.read(len(data)), data, f'at {offset}')
        f.seek(MIB)
        t.equal(f.read(MIB).strip(b'\0'), b'', 'elsewhere')
    # A file may store two megabytes for each place.
    t.ok(st.st_blocks * 512 <= 8 * MIB, f'{st.st_blocks * 512} bytes are stored')
    t.equal(os.listdir(os.path.dirname(path)), [os.path.basename(path)], 'the folder')


KINDS = {
    'plain memory': {},
    'shared plain memory': {'share': True},
    'a memfd': {'kind': 'memory-backend-memfd'},
    'a private memfd': {'kind': 'memory-backend-memfd', 'share': False},
    'all of it preallocated': {'kind': 'memory-backend-memfd', 'prealloc': True},
    'a nameless file': {'kind': 'memory-backend-file', 'share': True},
    '/dev/zero': {'kind': 'memory-backend-file', 'share': True, 'mem_path': '/dev/zero'},
}


def save_of(label, given):
    def run(t):
        s, c = own(t)
        if given.get('kind') == 'memory-backend-file':
            given.setdefault('mem_path', s.dir)
        places = written(s, c, **given)
        path = os.path.join(t.dir, 'saved')
        save(t, c, path)
        saved(t, path, places)
        c.ok('object-del', {'id': 'm'})
        c.add_ok('memory-backend-file', 'again', size=64 * MIB, mem_path=path, readonly=True,
                 rom='off')
        start = mapping(t, s, path).start
        t.equal(proc.read_memory(s.pid, start, 5), b'first')
    tap.add(f'memdev-save of {label}: what is stored, and holes', run, only='qomd')


for label_, given_ in KINDS.items():
    save_of(label_, given_)


@tap.case('memdev-save of huge pages takes none from the pool', only='qomd')
def _(t):
    pool = '/proc/sys/vm/nr_hugepages'
    lock = open(pool, encoding='ascii')
    t.cleanup(lock.close)
    fcntl.flock(lock, fcntl.LOCK_EX)
    before = lock.read()
    try:
        with open(pool, 'w', encoding='ascii') as f:
            f.write(str(int(before) + 4))
        t.cleanup(lambda: open(pool, 'w', encoding='ascii').write(before))
    except OSError:
        t.skip('can not make a pool of huge pages')
    with open(pool, encoding='ascii') as f:
        if int(f.read()) != int(before) + 4:
            t.skip('no free huge pages')
    s, c = own(t)
    for share in True, False:
        c.add_ok('memory-backend-memfd', 'm', size=8 * MIB, hugetlb=True, share=share)
        m = next(m for m in proc.maps(s.pid) if m.size == 8 * MIB and 'memfd' in m.path)
        t.equal(proc.write_memory(s.pid, m.start + 5 * MIB, b'here'), 0)
        path = os.path.join(t.dir, 'saved')
        save(t, c, path)
        t.equal(c.get('m', 'resident'), 2 * MIB)
        with open(path, 'rb') as f:
            content = f.read()
        t.equal([len(content), content[5 * MIB:5 * MIB + 4], len(content.strip(b'\0'))],
                [8 * MIB, b'here', 4])
        c.ok('object-del', {'id': 'm'})


@tap.case('memdev-save of a clone: its own pages above those of the file', only='qomd')
def _(t):
    s, c = own(t)
    path = template(t)
    c.add_ok('memory-backend-file', 'm', size=SIZE - PAGE, offset=PAGE, mem_path=path,
             readonly=True, rom='off')
    start = mapping(t, s, path).start
    t.equal(proc.write_memory(s.pid, start + 7 * PAGE, b'mine'), 0)
    target = os.path.join(s.dir, 'saved')
    save(t, c, target)
    with open(path, 'rb') as f:
        wanted = bytearray(f.read()[PAGE:])
    wanted[7 * PAGE:7 * PAGE + 4] = b'mine'
    with open(target, 'rb') as f:
        t.ok(f.read() == bytes(wanted), 'bytes')
    # Replacing the template is fine: this clone keeps the old one.
    save(t, c, path)
    t.equal(os.stat(path).st_size, SIZE - PAGE)
    t.equal(proc.read_memory(s.pid, start, 4), (1).to_bytes(4, 'big'))


@tap.case('memdev-save: what can not be saved, or not there, leaves everything as it was', only='qomd')
def _(t):
    s, c = own(t)
    t.error(c.command('memdev-save', {'id': 'no', 'filename': t.dir + '/f'}), DNF)
    c.add_ok('iothread', 'io')
    t.error(c.command('memdev-save', {'id': 'io', 'filename': t.dir + '/f'}), GE)
    path = t.file('memory', b'm' * SIZE)
    c.add_ok('memory-backend-file', 'm', size=SIZE, mem_path=path, share=True)
    for target, text in ((path, 'is the file that the memory'), (t.dir, 'no regular file'),
                         (t.dir + '/no/f', 'No such file or directory')):
        t.error(c.command('memdev-save', {'id': 'm', 'filename': target}), GE, re.compile(text))
    old = t.file('old', b'old')
    os.truncate(path, PAGE)
    t.error(c.command('memdev-save', {'id': 'm', 'filename': old}), GE, re.compile('shorter'))
    with open(old, 'rb') as f:
        t.equal(f.read(), b'old')
    t.equal(sorted(os.listdir(t.dir)), ['memory', 'old'])
    t.ok(s.alive(), 'it lives')


@tap.case('memdev-save to a full file system says how much room there was', only='qomd')
def _(t):
    s, c = own(t)
    where = os.path.join(t.dir, 'tmpfs')
    os.mkdir(where)
    if os.geteuid() or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1M', 'tmpfs', where],
                                      stderr=subprocess.DEVNULL, check=False).returncode:
        t.skip('can not mount a tmpfs')
    t.cleanup(os.system, f'umount -l {where}')
    path = template(t)
    c.add_ok('memory-backend-file', 'm', size=SIZE, mem_path=path, readonly=True)
    t.error(c.command('memdev-save', {'id': 'm', 'filename': where + '/f'}), GE,
            f"could not save 'm' to '{where}/f': no room: tmpfs at {where} has 1 MiB free of 4 MiB")
    t.equal(os.listdir(where), [])
    t.equal(len([name for name in proc.fds(s.pid).values() if where in name]), 0, 'descriptors')


if __name__ == '__main__':
    tap.main()
