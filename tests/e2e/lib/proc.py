# SPDX-License-Identifier: BSD-3-Clause
"""What /proc tells of a process: descriptors, threads, mappings."""

import ctypes
import os
import re

PAGE = os.sysconf('SC_PAGE_SIZE')

# No mapping of a program is this large, in bytes; a sanitizer's shadow is.
SHADOW = 1 << 36


def fds(pid):
    """{number: what it is}"""
    found = {}
    for name in os.listdir(f'/proc/{pid}/fd'):
        try:
            found[int(name)] = os.readlink(f'/proc/{pid}/fd/{name}')
        except FileNotFoundError:
            pass
    return found


def fd_flags(pid, fd):
    """The flags of open(2), of a descriptor."""
    with open(f'/proc/{pid}/fdinfo/{fd}', encoding='ascii') as f:
        return int(re.search(r'flags:\s*(\d+)', f.read()).group(1), 8)


def fd_of(pid, path):
    """The descriptor that is open on a path or inode's name, or None."""
    return next((n for n, target in fds(pid).items() if target.split(' (')[0] == path), None)


def threads(pid):
    """{thread id: name}, without the thread that the thread sanitizer adds when it likes; it has
    the name of the program, which no thread of ours has but the first."""
    found = {}
    for tid in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{tid}/comm', encoding='utf-8') as f:
                found[int(tid)] = f.read().rstrip('\n')
        except (FileNotFoundError, ProcessLookupError):
            pass
    if any(m.size > SHADOW for m in maps(pid, 'maps')):
        program = found.get(pid)
        return {tid: name for tid, name in found.items() if tid == pid or name != program}
    return found


def status(pid, tid=None):
    """The fields of status."""
    path = f'/proc/{pid}/task/{tid}/status' if tid else f'/proc/{pid}/status'
    with open(path, encoding='utf-8') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def kilobytes(pid, field):
    """A size of status, such as VmRSS, in kB."""
    return int(status(pid)[field].split()[0])


def cpu_ms(pid, tid):
    """Time that a thread has run, in ms."""
    with open(f'/proc/{pid}/task/{tid}/stat', encoding='utf-8') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf('SC_CLK_TCK')


class Mapping:
    """A line of maps, with the fields of smaps if it was read from there."""

    def __init__(self, line):
        fields = line.split(None, 5)
        start, end = fields[0].split('-')
        self.start, self.end = int(start, 16), int(end, 16)
        self.perms, self.offset, self.inode = fields[1], int(fields[2], 16), int(fields[4])
        self.path = fields[5].rstrip('\n') if len(fields) > 5 else ''
        self.fields = {}

    @property
    def size(self):
        return self.end - self.start

    def kb(self, field):
        return int(self.fields[field].split()[0])

    @property
    def vm_flags(self):
        return self.fields['VmFlags'].split()


def maps(pid, name='smaps'):
    """The mappings, in order."""
    found = []
    with open(f'/proc/{pid}/{name}', encoding='utf-8', errors='replace') as f:
        for line in f:
            if re.match('[0-9a-f]+-', line):
                found.append(Mapping(line))
            else:
                key, _, value = line.partition(':')
                found[-1].fields[key] = value.strip()
    return found


def mapping_of(pid, path=None, size=None):
    """The one mapping of a file (by path) or of exactly that size; None if there is none."""
    found = [m for m in maps(pid)
             if (path is None or m.path.removesuffix(' (deleted)') == path)
             and (size is None or m.size == size) and not m.perms.startswith('---')]
    if path is None:
        found = [m for m in found if not m.path.startswith('[')]
    return found[0] if found else None


class _IoVec(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]


_libc = ctypes.CDLL(None, use_errno=True)


def write_memory(pid, address, data):
    """process_vm_writev: it obeys the protection of pages. 0, or an errno."""
    local_buffer = ctypes.create_string_buffer(data, len(data))
    local = _IoVec(ctypes.cast(local_buffer, ctypes.c_void_p), len(data))
    remote = _IoVec(address, len(data))
    _libc.process_vm_writev.restype = ctypes.c_ssize_t
    n = _libc.process_vm_writev(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    return 0 if n == len(data) else ctypes.get_errno()


def read_memory(pid, address, size):
    """process_vm_readv."""
    buffer = ctypes.create_string_buffer(size)
    local = _IoVec(ctypes.cast(buffer, ctypes.c_void_p), size)
    remote = _IoVec(address, size)
    _libc.process_vm_readv.restype = ctypes.c_ssize_t
    n = _libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    if n < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return buffer.raw[:n]


def memory_contains(pid, needle):
    """Whether the bytes are anywhere in the writable memory of a process (needs ptrace rights).
    The shadow of a sanitizer, terabytes that hold no bytes of the program, is left out."""
    with open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for mapping in maps(pid, 'maps'):
            if 'w' not in mapping.perms or mapping.path in ('[vvar]', '[vsyscall]'):
                continue
            if mapping.size > SHADOW:
                continue
            tail = b''
            for address in range(mapping.start, mapping.end, 1 << 22):
                try:
                    mem.seek(address)
                    piece = mem.read(min(1 << 22, mapping.end - address))
                except OSError:
                    break
                if needle in tail + piece:
                    return True
                tail = piece[-len(needle):]
    return False


def resources(pid):
    """What an object may leave behind: descriptors by target, threads, and mapped bytes that are
    not the allocator's or a stack's (files, memfds, shared memory)."""
    return {
        'fds': sorted(re.sub(r'\d+', 'N', target) for target in fds(pid).values()),
        'threads': len(threads(pid)),
        'files': sorted(m.path for m in maps(pid, 'maps')
                        if m.path.startswith('/') and '.so' not in m.path),
    }
