#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a KVM guest can do to the memory of a backend: ROM it can not write, RAM it can.

The guest (tests/backend/guest.c) gets the descriptor that memdev-get-fd hands out. Private memory
is not handed out: then it maps the file as the backend has, in the same way.
"""

import os
import subprocess

from lib import proc, tap
from lib.proc import PAGE

SIZE = 16 * PAGE
OLD, NEW = 0x41, 0x5a


def guest(t, fd, offset, perms):
    """(status, what the guest prints) of a machine with that memory."""
    program = os.environ.get('GUEST')
    if not program:
        t.skip('the guest is for x86 only')
    done = subprocess.run([program, str(fd), str(offset), str(SIZE), perms], pass_fds=[fd],
                          stdout=subprocess.PIPE, timeout=60, check=False)
    text = done.stdout.decode().strip()
    if done.returncode == 77:
        t.skip(f'KVM can not run it: {text}')
    return done.returncode, text


def backend(t, offset=PAGE, **given):
    """(server, client, path) of a backend m whose first byte is old."""
    path = t.file('f', bytes(offset) + bytes([OLD]) * SIZE)
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    c.add_ok('memory-backend-file', 'm', mem_path=path, size=SIZE, offset=offset, **given)
    return s, c, path


def byte_in(path, offset):
    with open(path, 'rb') as f:
        f.seek(offset)
        return f.read(1)[0]


def handed_out(label, is_rom, denied, read, in_file, **given):
    def run(t):
        s, c, path = backend(t, share=True, **given)
        layout = c.ok('memdev-get-fd', {'id': 'm'})
        t.equal(layout['rom'], is_rom)
        status, text = guest(t, c.fds[0], layout['offset'], 'r--s' if is_rom else 'rw-s')
        t.equal((status, text), (0, f'denied {denied} read {read:02x}'), 'the guest')
        t.equal(byte_in(path, layout['offset']), in_file, 'in the file')
        start = proc.mapping_of(s.pid, path).start
        t.equal(proc.read_memory(s.pid, start, 1)[0], in_file, 'in the daemon')
    tap.add(f'a guest of the descriptor: {label}', run, only='qomd')


handed_out('shared ROM is read and not written', True, 1, OLD, OLD, readonly=True, rom='on')
handed_out('what was opened for reading is ROM by itself', True, 1, OLD, OLD, readonly=True)
handed_out('shared RAM is written, for all to see', False, 0, NEW, NEW)
handed_out('shared RAM with rom=off, too', False, 0, NEW, NEW, rom='off')


def private(label, denied, read, **given):
    def run(t):
        s, c, path = backend(t, **given)
        perms = proc.mapping_of(s.pid, path).perms
        t.ok('error' in c.command('memdev-get-fd', {'id': 'm'}), 'private memory is not handed out')
        fd = os.open(path, proc.fd_flags(s.pid, proc.fd_of(s.pid, path)) & os.O_ACCMODE)
        t.cleanup(os.close, fd)
        t.equal(guest(t, fd, PAGE, perms), (0, f'denied {denied} read {read:02x}'), 'the guest')
        t.equal(byte_in(path, PAGE), OLD, 'in the file')
    tap.add(f'a guest of the same mapping: {label}', run, only='qomd')


private('private ROM is read and not written', 1, OLD, readonly=True)
private('private RAM is written, the file is not', 0, NEW)
private('a clone of a read-only file is written, the file is not', 0, NEW, readonly=True, rom='off')


@tap.case('a guest of ROM whose slot is not marked read-only can not write it either', only='qomd')
def _(t):
    _, c, path = backend(t, share=True, readonly=True)
    layout = c.ok('memdev-get-fd', {'id': 'm'})
    status, text = guest(t, c.fds[0], layout['offset'], 'r--S')
    # Most are stopped; a KVM that interprets the guest's code takes it for a device's memory.
    t.ok((status, text) in ((1, 'KVM_RUN: Bad address'), (0, f'denied 1 read {OLD:02x}')), text)
    t.equal(byte_in(path, PAGE), OLD)


if __name__ == '__main__':
    tap.main()
