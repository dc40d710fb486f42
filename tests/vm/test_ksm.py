#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# vm: kinds=qomd
"""merge: the kernel really puts pages of the same content together, and takes them apart again."""

import os

from guest import proc, read, tap, write

KSM = '/sys/kernel/mm/ksm'
MIB = 1 << 20
SIZE = 3 * MIB


def sharing():
    return int(read(f'{KSM}/pages_shared')) + int(read(f'{KSM}/pages_sharing'))


def fill(t, s, size, data):
    start = proc.mapping_of(s.pid, size=size).start
    t.equal(proc.write_memory(s.pid, start, data * (size // len(data))), 0)


@tap.case('equal pages of two backends are merged, and merge=off takes them apart')
def _(t):
    s, c = t.shared(), t.client()
    t.cleanup(c.clear)
    for name, value in ('run', 0), ('pages_to_scan', 20000), ('sleep_millisecs', 10):
        write(f'{KSM}/{name}', value)
    t.cleanup(write, f'{KSM}/run', 2)
    content = os.urandom(proc.PAGE)
    for name, size in ('a', SIZE), ('b', SIZE + proc.PAGE):
        c.add_ok('memory-backend-ram', name, size=size)
        fill(t, s, size, content)
    c.add_ok('memory-backend-ram', 'not', size=SIZE + 2 * proc.PAGE, merge=False)
    fill(t, s, SIZE + 2 * proc.PAGE, content)
    write(f'{KSM}/run', 1)
    pages = (2 * SIZE + proc.PAGE) // proc.PAGE
    # The kernel keeps at most 256 users of a page, then it takes another; one may be left alone.
    t.ok(tap.until(lambda: sharing() >= pages - 1), f'{sharing()} of {pages} are shared')
    t.ok(sharing() <= pages, 'those of the third backend are not')
    t.equal(c.set('b', 'merge', False), {'return': {}})
    t.equal(proc.mapping_of(s.pid, size=SIZE + proc.PAGE).kb('Rss'), (SIZE + proc.PAGE) // 1024)
    t.ok(tap.until(lambda: sharing() <= SIZE // proc.PAGE), f'{sharing()} are still shared')
    start = proc.mapping_of(s.pid, size=SIZE + proc.PAGE).start
    t.equal(proc.read_memory(s.pid, start + MIB, proc.PAGE), content, 'content')


if __name__ == '__main__':
    tap.main()
