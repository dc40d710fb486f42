#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Paths: absolute, partial, through links and to what has lost its name; and the tree's scale."""

import time

from lib import proc, tap

GE, DNF = 'GenericError', 'DeviceNotFound'


def own(t):
    c = t.server().connect()
    t.cleanup(c.close)
    return c


def kind(c, path):
    """The type of what is at a path."""
    return c.ok('qom-get', {'path': path, 'property': 'type'})


@tap.case('empty parts of a path are skipped')
def _(t):
    c = own(t)
    c.add_ok('iothread', 'a')
    for path in '/objects/a', '//objects//a', '/objects/a/', '///objects/a//', 'objects/a', 'a/':
        t.equal(kind(c, path), 'iothread', path)
    for path in '/', '//', '///':
        t.equal(kind(c, path), 'container', path)


@tap.case('dots are names, and case counts')
def _(t):
    c = own(t)
    c.add_ok('iothread', 'a')
    c.add_ok('iothread', 'A')
    for path in '/objects/./a', '/objects/../objects/a', '.', '..', './objects', '/Objects/a':
        t.error(c.command('qom-get', {'path': path, 'property': 'type'}), DNF,
                f"Device '{path}' not found")
    c.ok('object-del', {'id': 'a'})
    t.equal(kind(c, 'A'), 'iothread')
    t.error(c.command('qom-list', {'path': 'a'}), DNF, "Device 'a' not found")


@tap.case('a path leads through a link, to the end and onwards')
def _(t):
    c = own(t)
    c.add_ok('thread-context', 'tc')
    c.add_ok('memory-backend-ram', 'm', size=4096, prealloc_context='tc')
    tid = c.get('tc', 'thread-id')
    t.equal(c.get('/objects/m/prealloc-context', 'thread-id'), tid)
    t.equal(c.get('/objects/m//prealloc-context/', 'thread-id'), tid)
    t.equal(c.ok('qom-get', {'path': 'm/prealloc-context', 'property': 'thread-id'}), tid)
    t.equal(kind(c, '/objects/m/prealloc-context'), 'thread-context')
    c.ok('qom-set', {'path': '/objects/m', 'property': 'prealloc-context', 'value': ''})
    t.error(c.command('qom-list', {'path': '/objects/m/prealloc-context'}), DNF,
            "Device '/objects/m/prealloc-context' not found")


@tap.case('links are no starting points of partial paths')
def _(t):
    c = own(t)
    c.add_ok('thread-context', 'tc')
    c.add_ok('memory-backend-ram', 'm', size=4096, prealloc_context='tc')
    t.equal(kind(c, 'tc'), 'thread-context')
    t.equal(kind(c, 'prealloc-context'), 'thread-context')


@tap.case('two links of one name make it ambiguous, even if they lead to one object')
def _(t):
    c = own(t)
    c.add_ok('thread-context', 'tc')
    for name in 'm', 'n':
        c.add_ok('memory-backend-ram', name, size=4096, prealloc_context='tc')
    t.error(c.command('qom-list', {'path': 'prealloc-context'}), GE,
            "Path 'prealloc-context' is ambiguous")
    t.error(c.command('qom-get', {'path': 'prealloc-context', 'property': 'type'}), DNF)
    c.ok('object-del', {'id': 'n'})
    t.equal(kind(c, 'prealloc-context'), 'thread-context')


@tap.case('a deleted object lives as long as a link leads to it, and then its thread ends')
def _(t):
    server = t.server()
    c = server.connect()
    t.cleanup(c.close)
    c.add_ok('thread-context', 'tc')
    tid = c.get('tc', 'thread-id')
    for name in 'm', 'n':
        c.add_ok('memory-backend-ram', name, size=4096, prealloc_context='tc')
    c.ok('object-del', {'id': 'tc'})
    t.ok(tid in proc.threads(server.pid), 'its thread lives')
    t.equal(c.get('m', 'prealloc-context'), '')
    c.ok('object-del', {'id': 'm'})
    t.equal(c.get('/objects/n/prealloc-context', 'thread-id'), tid)
    t.ok(tid in proc.threads(server.pid), 'its thread lives for the second link')
    c.ok('qom-set', {'path': '/objects/n', 'property': 'prealloc-context', 'value': ''})
    t.ok(tap.until(lambda: tid not in proc.threads(server.pid)), 'its thread has ended')


@tap.case('a nameless object can be linked to no more')
def _(t):
    c = own(t)
    c.add_ok('thread-context', 'tc')
    c.add_ok('memory-backend-ram', 'm', size=4096, prealloc_context='tc')
    c.ok('object-del', {'id': 'tc'})
    t.error(c.add('memory-backend-ram', 'n', size=4096, prealloc_context='tc'), DNF,
            "Device 'tc' not found")
    t.equal(c.objects(), ['m'])


@tap.case('a chardev is in the tree, and not of it when removed')
def _(t):
    c = own(t)
    c.ok('chardev-add', {'id': 'c0', 'backend': {'type': 'ringbuf', 'data': {}}})
    t.equal(kind(c, '/chardevs/c0'), 'chardev-ringbuf')
    c.ok('chardev-remove', {'id': 'c0'})
    t.error(c.command('qom-list', {'path': '/chardevs/c0'}), DNF)


@tap.case('a path of ten thousand parts, and one of a megabyte, find nothing')
def _(t):
    c = own(t)
    c.add_ok('iothread', 'a')
    for path in '/objects' + '/x' * 10000, '/' + 'x' * (1 << 20), '/' * 100000 + 'nope':
        t.error(c.command('qom-get', {'path': path, 'property': 'type'}), DNF)
    t.equal(kind(c, '/' * 100000 + 'objects'), 'container')


@tap.case('with 2,000 objects the last is found as fast as the first')
def _(t):
    c = own(t)
    c.add_ok('rng-builtin', 'first')
    for reply in c.pipeline([('object-add', {'qom-type': 'rng-builtin', 'id': f'r{i}'})
                             for i in range(2000)]):
        t.equal(reply, {'return': {}})

    def cost(path):
        """Best time of some rounds of 200 requests."""
        best = 1e9
        for _ in range(5):
            start = time.monotonic()
            c.pipeline([('qom-get', {'path': path, 'property': 'type'})] * 200)
            best = min(best, time.monotonic() - start)
        return best

    first, last, partial = (cost(path) for path in ('/objects/first', '/objects/r1999', 'r1999'))
    t.ok(last < 5 * first + 0.1, f'absolute: {last:.3f} s against {first:.3f} s')
    # QEMU walks its whole tree for a partial path.
    t.ok(t.kind == 'qemu' or partial < 5 * first + 0.1, f'partial: {partial:.3f} s against {first:.3f} s')
    for reply in c.pipeline([('object-del', {'id': f'r{i}'}) for i in range(2000)]):
        t.equal(reply, {'return': {}})
    t.equal(c.objects(), ['first'])


if __name__ == '__main__':
    tap.main()
