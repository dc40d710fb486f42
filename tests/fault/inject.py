# SPDX-License-Identifier: BSD-3-Clause
"""The test's side of inject.c: says which call is to fail, and counts calls."""

import mmap
import os
import re
import shutil
import struct
import subprocess
from errno import (EADDRINUSE, EAGAIN, ECONNREFUSED, ECONNRESET, EINTR, EIO, EMFILE, ENOMEM, ENOSPC,
                   EPIPE)

COUNT, FAIL, FAIL_ON, SHORT, KILL, DELAY = range(6)
ANY = -1

# What the kernel would say; of all others EIO.
ERRNOS = {
    'accept': EMFILE, 'bind': EADDRINUSE, 'connect': ECONNREFUSED, 'dup': EMFILE,
    'epoll_create': EMFILE, 'epoll_ctl': ENOMEM, 'epoll_wait': EINTR, 'eventfd': EMFILE,
    'fallocate': ENOSPC, 'ftruncate': ENOSPC, 'madvise': ENOMEM, 'memfd_create': EMFILE,
    'mlock': ENOMEM, 'mmap': ENOMEM, 'open': EMFILE, 'pipe': EMFILE, 'poll': EINTR,
    'pthread_create': EAGAIN, 'pwrite': ENOSPC, 'recv': ECONNRESET, 'recvmsg': ECONNRESET, 'send': EPIPE,
    'sendmsg': EPIPE, 'socket': EMFILE, 'write': ENOSPC,
}

_HEAD = struct.Struct('<IIiiQQQQQ16QQ')
_SLOT = struct.Struct('<24sQ')
_MAX_SLOTS = 96
_SIZE = _HEAD.size + _MAX_SLOTS * _SLOT.size


def sanitizers():
    """The run-time libraries of sanitizers that the program uses, which have to be first."""
    if os.environ.get('SANITIZED', 'none') == 'none':
        return []
    text = subprocess.run(['ldd', os.environ['QOMD']], capture_output=True, text=True,
                          check=False).stdout
    return re.findall(r'=> (\S*/lib[a-z]*san\S*)', text)


class Injector:
    """A control file and the environment of a program that obeys it."""

    def __init__(self, folder, name='fault'):
        self.path = os.path.join(folder, name)
        with open(self.path, 'wb') as f:
            f.truncate(_SIZE)
        with open(self.path, 'r+b') as f:
            self.map = mmap.mmap(f.fileno(), _SIZE)
        self.env = dict(os.environ, LD_PRELOAD=os.environ['INJECT'], QOM_FAULT=self.path,
                        MALLOC_ARENA_MAX='1', MALLOC_MMAP_THRESHOLD_='131072',
                        GLIBC_TUNABLES='glibc.pthread.stack_cache_size=0')
        self.env['LD_PRELOAD'] = ' '.join([*sanitizers(), os.environ['INJECT']])

    def close(self):
        self.map.close()

    # -- the head of the file, field by field

    def _fields(self):
        return _HEAD.unpack_from(self.map)

    @property
    def injected(self):
        """How many calls have been made to fail since arm()."""
        return self._fields()[6]

    @property
    def total(self):
        """How many calls have been counted since arm()."""
        return self._fields()[7]

    def names(self):
        """Of the functions; empty before the library has been loaded."""
        n = self._fields()[-1]
        return [_SLOT.unpack_from(self.map, _HEAD.size + i * _SLOT.size)[0].rstrip(b'\0').decode()
                for i in range(n)]

    def counts(self):
        """{function: calls since arm()}, those that were called."""
        found = {}
        for i, name in enumerate(self.names()):
            n = _SLOT.unpack_from(self.map, _HEAD.size + i * _SLOT.size)[1]
            if n:
                found[name] = n
        return found

    # -- arming

    def arm(self, action=COUNT, function=None, nth=0, errno=EIO, min_bytes=1 << 62):
        """From here on calls are counted, and the action is done at the nth of the function's,
        or of all functions' if function is ANY."""
        names = self.names()
        target = function if isinstance(function, int) else \
            names.index(function) if function else len(names)
        base, n_slots = self._fields()[8], len(names)
        self.disarm()
        for i in range(n_slots):
            struct.pack_into('<Q', self.map, _HEAD.size + i * _SLOT.size + 24, 0)
        _HEAD.pack_into(self.map, 0, 0, action, target, errno, nth, min_bytes, 0, 0, base,
                        *[0] * 16, n_slots)
        struct.pack_into('<I', self.map, 0, 1)

    def disarm(self):
        """Calls are neither counted nor touched."""
        struct.pack_into('<I', self.map, 0, 0)

    def where(self):
        """From where the call came that was made to fail, as functions and lines."""
        fields = self._fields()
        base, frames = fields[8], [frame for frame in fields[9:25] if frame]
        if not shutil.which('addr2line') or not frames:
            return 'unknown'
        inside = [hex(frame - base - 1) for frame in frames if 0 < frame - base < 1 << 28]
        text = subprocess.run(['addr2line', '-fse', os.environ['QOMD'], *inside],
                              capture_output=True, text=True, check=False).stdout.split('\n')
        pairs = [f'{function} ({line})' for function, line in zip(text[::2], text[1::2])]
        return ' < '.join(pair for pair in pairs if '??' not in pair)
