#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""memory-backend-file: how it maps (readonly, share, rom), which file, where in it."""

import itertools
import mmap
import os
import re
import stat

from lib import proc, tap
from lib.proc import PAGE

GE = 'GenericError'
SIZE = 16 * PAGE
FILL = b'template'


def client(t):
    """The script's server and a client of it; what a case adds is deleted at its end."""
    c = t.client()
    t.cleanup(c.clear)
    return t.shared(), c


def add(c, path, object_id='m', size=SIZE, **properties):
    return c.add('memory-backend-file', object_id, mem_path=path, size=size, **properties)


def remove(t, s, c, path):
    """Deletes m and waits until it is unmapped, which QEMU does after its reply."""
    c.ok('object-del', {'id': 'm'})
    t.ok(tap.until(lambda: proc.mapping_of(s.pid, path) is None), 'unmapped')


def created(t, reply):
    t.equal(reply, {'return': {}}, 'reply')


# -- readonly x share x rom

def expected(readonly, share, rom):
    """(open flags, protection and sharing, rom reads) or the text of the error."""
    readonly, share, rom = readonly or False, share or False, rom or 'auto'
    if rom == 'on' and not readonly:
        return "property 'rom' = 'on' is not supported with 'readonly' = 'off'"
    if rom == 'off' and readonly and share:
        return ("property 'rom' = 'off' is incompatible with 'readonly' = 'on' and "
                "'share' = 'on'")
    is_rom = readonly and rom != 'off'
    perms = ('r-' if is_rom else 'rw') + '-' + ('s' if share else 'p')
    return os.O_RDONLY if readonly else os.O_RDWR, perms, 'on' if is_rom else 'off'


def combination(readonly, share, rom):
    given = {name: value for name, value in
             (('readonly', readonly), ('share', share), ('rom', rom)) if value is not None}
    label = ', '.join(f'{name}={value}' for name, value in given.items()) or 'none given'

    def run(t):
        s, c = client(t)
        path = t.file('f', FILL + b'\0' * (SIZE - len(FILL)))
        wanted = expected(readonly, share, rom)
        reply = add(c, path, **given)
        if isinstance(wanted, str):
            t.error(reply, GE, wanted)
            t.equal(proc.fd_of(s.pid, path), None, 'descriptor')
            return
        created(t, reply)
        flags, perms, rom_reads = wanted
        mapping = proc.mapping_of(s.pid, path)
        t.equal(mapping.perms, perms, 'maps')
        t.equal(mapping.size, SIZE, 'mapped')
        fd = proc.fd_of(s.pid, path)
        t.equal(proc.fd_flags(s.pid, fd) & os.O_ACCMODE, flags, 'flags of the descriptor')
        t.equal(c.get('m', 'rom'), rom_reads, 'rom')
        t.equal(c.get('m', 'readonly'), bool(readonly))
        t.equal(c.get('m', 'share'), bool(share))
        # A write by whoever uses the memory.
        error = proc.write_memory(s.pid, mapping.start, b'WRITTEN!')
        t.equal(error != 0, rom_reads == 'on', 'write is denied')
        with open(path, 'rb') as f:
            in_file = f.read(8)
        t.equal(in_file, b'WRITTEN!' if perms == 'rw-s' else FILL, 'in the file')
        t.equal(proc.read_memory(s.pid, mapping.start, 8),
                FILL if rom_reads == 'on' else b'WRITTEN!', 'in memory')
    tap.add(f'readonly, share and rom: {label}', run)


for entry in itertools.product((None, False, True), (None, False, True),
                               (None, 'auto', 'off', 'on')):
    combination(*entry)


@tap.case('a shared ROM shows later changes of the file')
def _(t):
    s, c = client(t)
    path = t.file('f', FILL + b'\0' * (SIZE - len(FILL)))
    created(t, add(c, path, readonly=True, share=True))
    with open(path, 'r+b') as f:
        f.write(b'CHANGED!')
    t.equal(proc.read_memory(s.pid, proc.mapping_of(s.pid, path).start, 8), b'CHANGED!')


@tap.case('a private region on an unwritable file says how to have one')
def _(t):
    if os.geteuid() == 0:
        t.skip('root may write everything')
    _, c = client(t)
    path = t.file('f', b'\0' * SIZE)
    os.chmod(path, 0o400)
    t.error(add(c, path), GE, re.compile('readonly=on,rom=off'))
    created(t, add(c, path, readonly=True, rom='off'))


# -- which file

@tap.case('an absent file is created with offset and size, 0644 under the umask')
def _(t):
    _, c = client(t)
    path = os.path.join(t.dir, 'new')
    created(t, add(c, path, share=True))
    found = os.stat(path)
    t.equal(found.st_size, SIZE)
    t.equal(stat.S_IMODE(found.st_mode), 0o644 & ~current_umask())
    t.equal(c.get('m', 'mem-path'), path)


@tap.case('an absent file with an offset is created that much longer')
def _(t):
    _, c = client(t)
    path = os.path.join(t.dir, 'new')
    created(t, add(c, path, offset=2 * PAGE))
    t.equal(os.stat(path).st_size, SIZE + 2 * PAGE)


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@tap.case('an absent file with readonly=on is an error, and is not made')
def _(t):
    _, c = client(t)
    path = os.path.join(t.dir, 'new')
    t.error(add(c, path, readonly=True), GE, re.compile('No such file or directory'))
    t.equal(os.listdir(t.dir), [])


@tap.case('an empty file is grown')
def _(t):
    _, c = client(t)
    path = t.file('f')
    created(t, add(c, path))
    t.equal(os.stat(path).st_size, SIZE)


@tap.case('a longer file keeps its length and its bytes')
def _(t):
    _, c = client(t)
    path = t.file('f', b'a' * (SIZE + 5000))
    created(t, add(c, path, share=True))
    c.ok('object-del', {'id': 'm'})
    with open(path, 'rb') as f:
        t.equal(f.read(), b'a' * (SIZE + 5000))


@tap.case('a shorter file is an error that gives both numbers, and stays as it was')
def _(t):
    s, c = client(t)
    path = t.file('f', b'a' * PAGE)
    reply = add(c, path)
    t.error(reply, GE)
    t.matches(reply['error']['desc'], f'{PAGE}|0x{PAGE:x}')
    t.matches(reply['error']['desc'], f'{SIZE}|0x{SIZE:x}')
    t.equal(os.stat(path).st_size, PAGE)
    t.equal(proc.fd_of(s.pid, path), None, 'descriptor')


@tap.case('a directory gives an unnamed file in it')
def _(t):
    s, c = client(t)
    created(t, add(c, t.dir, share=True))
    t.equal(os.listdir(t.dir), [])
    mapping = next(m for m in proc.maps(s.pid) if m.path.startswith(t.dir + '/'))
    t.ok(mapping.path.endswith(' (deleted)'), mapping.path)
    t.equal(mapping.size, SIZE)
    t.equal(c.get('m', 'mem-path'), t.dir)


@tap.case('a directory with readonly=on is an error')
def _(t):
    _, c = client(t)
    t.error(add(c, t.dir, readonly=True), GE, re.compile('directory'))
    t.equal(os.listdir(t.dir), [])


@tap.case('a FIFO, a socket or /dev/null is an error at once')
def _(t):
    _, c = client(t)
    fifo = os.path.join(t.dir, 'fifo')
    os.mkfifo(fifo)
    for path in fifo, '/dev/null', t.shared().paths[0]:
        t.error(add(c, path, size=SIZE), GE)
    t.ok(stat.S_ISFIFO(os.stat(fifo).st_mode), 'it is still there')
    t.equal(c.objects(), [])


@tap.case('/dev/zero is memory')
def _(t):
    s, c = client(t)
    created(t, add(c, '/dev/zero', share=True))
    t.ok(any(m.path.startswith('/dev/zero') and m.size == SIZE for m in proc.maps(s.pid)), 'maps')


@tap.case('a path that leads nowhere is an error that names it')
def _(t):
    _, c = client(t)
    path = os.path.join(t.dir, 'no', 'such')
    t.error(add(c, path), GE, re.compile('no/such.*No such file or directory'))
    t.error(add(c, ''), GE)


@tap.case('a size that is no multiple of the page is refused before the file is touched')
def _(t):
    _, c = client(t)
    path = os.path.join(t.dir, 'new')
    t.error(add(c, path, size=SIZE + 1), GE, re.compile('multiple'))
    t.equal(os.listdir(t.dir), [])


@tap.case('a file on a full file system is an error, and no file is left')
def _(t):
    _, c = client(t)
    where = small_tmpfs(t)
    path = os.path.join(where, 'f')
    t.error(add(c, path, size=8 << 20, prealloc=True, share=True), GE)
    t.equal(os.listdir(where), [])
    c.ok('query-name')


def small_tmpfs(t):
    """A tmpfs of 2 MiB that the server sees; root alone can make one."""
    where = os.path.join(t.dir, 'tmpfs')
    os.mkdir(where)
    if os.geteuid() != 0 or os.system(f'mount -t tmpfs -o size=2M tmpfs {where} 2>/dev/null'):
        t.skip('can not mount a tmpfs')
    t.cleanup(os.system, f'umount -l {where}')
    with open(f'/proc/{t.shared().pid}/mounts', encoding='utf-8') as f:
        if where not in f.read():
            t.skip('the server is in another mount namespace')
    return where


@tap.case('a file descriptor of the client, by add-fd and /proc/self/fd')
def _(t):
    s, c = client(t)
    fd = os.memfd_create('mine')
    t.cleanup(os.close, fd)
    os.truncate(fd, SIZE)
    result = c.ok('add-fd', {'fdset-id': 7}, fds=[fd])
    t.cleanup(lambda: c.command('remove-fd', {'fdset-id': 7}))
    created(t, add(c, f'/proc/self/fd/{result["fd"]}', share=True))
    mapping = next(m for m in proc.maps(s.pid) if m.path.startswith('/memfd:mine'))
    t.equal(proc.write_memory(s.pid, mapping.start, b'hello'), 0)
    t.equal(os.pread(fd, 5, 0), b'hello')


@tap.case('a file descriptor of the client, by /dev/fdset')
def _(t):
    s, c = client(t)
    fd = os.memfd_create('ours')
    t.cleanup(os.close, fd)
    os.truncate(fd, SIZE)
    c.ok('add-fd', {'fdset-id': 8}, fds=[fd])
    t.cleanup(lambda: c.command('remove-fd', {'fdset-id': 8}))
    created(t, add(c, '/dev/fdset/8', share=True))
    mapping = next(m for m in proc.maps(s.pid) if m.path.startswith('/memfd:ours'))
    t.equal(mapping.size, SIZE)


# -- where in it

@tap.case('offset: the bytes at the start of the mapping are those of the file there')
def _(t):
    s, c = client(t)
    path = t.file('f', b''.join(bytes([i]) * PAGE for i in range(32)))
    for offset in PAGE, 3 * PAGE, 16 * PAGE:
        created(t, add(c, path, offset=offset, share=True))
        mapping = proc.mapping_of(s.pid, path)
        t.equal(mapping.offset, offset)
        t.equal(proc.read_memory(s.pid, mapping.start, 4), bytes([offset // PAGE]) * 4)
        t.equal(c.get('m', 'offset'), offset)
        remove(t, s, c, path)


@tap.case('offset: no multiple of the page, or beyond the file, is refused')
def _(t):
    _, c = client(t)
    path = t.file('f', b'\0' * 2 * SIZE)
    for offset in 1, PAGE - 1, PAGE + 512, SIZE + PAGE, 1 << 40:
        t.error(add(c, path, offset=offset), GE)
    for offset in (1 << 63) - PAGE, (1 << 64) - PAGE:
        t.error(add(c, path, offset=offset), GE)
    t.equal(os.stat(path).st_size, 2 * SIZE)


@tap.case('two shared regions of one file see each other')
def _(t):
    s, c = client(t)
    path = t.file('f', b'\0' * 2 * SIZE)
    created(t, add(c, path, 'a', share=True))
    created(t, add(c, path, 'b', offset=SIZE - PAGE, share=True))
    first, second = (m for m in sorted((m for m in proc.maps(s.pid) if m.path == path),
                                       key=lambda m: m.offset))
    t.equal(proc.write_memory(s.pid, second.start, b'seen'), 0)
    t.equal(proc.read_memory(s.pid, first.start + SIZE - PAGE, 4), b'seen')


@tap.case('align: the address is a multiple of it, and it reads back')
def _(t):
    s, c = client(t)
    path = t.file('f', b'\0' * SIZE)
    for align in 0, PAGE, 64 * 1024, 1 << 20, 1 << 30:
        created(t, add(c, path, align=align))
        t.equal(proc.mapping_of(s.pid, path).start % (align or PAGE), 0, f'align {align}')
        t.equal(c.get('m', 'align'), align)
        remove(t, s, c, path)


@tap.case('align: no power of two, or less than a page, is refused')
def _(t):
    _, c = client(t)
    path = t.file('f', b'\0' * SIZE)
    for align in 3 * PAGE, PAGE + 1, 512:
        t.error(add(c, path, align=align), GE)


@tap.case('clones of a template share its pages, and write to their own')
def _(t):
    s, c = client(t)
    size = 4 << 20
    path = t.file('template', b'T' * size)
    before = os.stat(path)
    for i in range(4):
        created(t, add(c, path, f'c{i}', size=size, readonly=True, rom='off'))
    clones = [m for m in proc.maps(s.pid) if m.path == path]
    t.equal(len(clones), 4)
    for m in clones:
        t.equal(len(proc.read_memory(s.pid, m.start, size)), size)
    with open(path, 'rb') as f, mmap.mmap(f.fileno(), size, prot=mmap.PROT_READ) as mine:
        t.equal(len(bytes(mine)), size)
        clones = [m for m in proc.maps(s.pid) if m.path == path]
        t.equal([m.kb('Rss') for m in clones], [size // 1024] * 4, 'Rss')
        t.equal([m.kb('Anonymous') for m in clones], [0] * 4, 'Anonymous')
        t.ok(sum(m.kb('Pss') for m in clones) <= size // 1024, 'Pss')
    for page in range(16):
        t.equal(proc.write_memory(s.pid, clones[1].start + page * PAGE, b'W'), 0)
    clones = [m for m in proc.maps(s.pid) if m.path == path]
    t.equal([m.kb('Anonymous') for m in clones], [0, 16 * PAGE // 1024, 0, 0], 'Anonymous')
    t.equal(proc.read_memory(s.pid, clones[0].start, 1), b'T')
    after = os.stat(path)
    t.equal((after.st_mtime_ns, after.st_size), (before.st_mtime_ns, before.st_size))


def preallocated(label, **given):
    def run(t):
        s, c = client(t)
        path = t.file('f', b'p' * SIZE)
        created(t, add(c, path, prealloc=True, **given))
        mapping = proc.mapping_of(s.pid, path)
        t.equal(mapping.kb('Rss'), SIZE // 1024)
        t.equal(proc.read_memory(s.pid, mapping.start, SIZE), b'p' * SIZE)
    tap.add(f'pages are there after prealloc, and the bytes are unchanged: {label}', run)


preallocated('shared', share=True)
preallocated('private', share=False)
preallocated('a ROM', readonly=True, share=True)


if __name__ == '__main__':
    tap.main()
