#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""qomd's own commands: bulk reads, changes as a whole, watches, users, descriptions."""

import os
import re

from lib import tap

GE, DNF = 'GenericError', 'DeviceNotFound'


def own(t, *args):
    s = t.server(*args)
    c = s.connect()
    t.cleanup(c.close)
    return s, c


# Of a thread that runs meanwhile.
FIGURES = ['loops', 'events', 'polled-ns', 'slept-ns', 'poll-ns', 'pool-threads']


def values(properties):
    return {p['name']: p.get('value') for p in properties}


def qomd(name):
    return tap.case(name, only='qomd')


# -- qom-list-get, qomd-tree-get

@qomd('qom-list-get: several objects, in the order of paths, as qom-list and qom-get have them')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'a', poll_max_ns=1)
    c.add_ok('thread-context', 'tc')
    paths = ['/objects/tc', '/', 'a', '/objects/a']
    found = c.ok('qom-list-get', {'paths': paths})
    t.equal(len(found), 4)
    for path, entry in zip(paths, found):
        listed = c.ok('qom-list', {'path': path})
        t.equal([(p['name'], p['type']) for p in entry['properties']],
                [(p['name'], p['type']) for p in listed], path)
        for p in entry['properties']:
            reply = c.command('qom-get', {'path': path, 'property': p['name']})
            if p['name'] not in FIGURES:
                t.equal(p.get('value'), reply.get('return'), f'{path} {p["name"]}')
            t.equal('value' in p, 'return' in reply, p['name'])
    t.equal(values(found[2]['properties'])['poll-max-ns'], 1)
    t.equal(c.ok('qom-list-get', {'paths': []}), [])


@qomd('qom-list-get: a bad path fails the whole command')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'objects')
    t.error(c.command('qom-list-get', {'paths': ['/', 'nope']}), DNF, "Device 'nope' not found")
    t.error(c.command('qom-list-get', {'paths': ['/', 'objects']}), GE,
            "Path 'objects' is ambiguous")


@qomd('qomd-tree-get: depth, values, and only objects of a type')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'io')
    c.add_ok('rng-builtin', 'r')
    tree = c.ok('qomd-tree-get')
    t.equal([tree['path'], tree['type']], ['/', 'container'])
    objects = next(n for n in tree['children'] if n['path'] == '/objects')
    t.equal([n['path'] for n in objects['children']], ['/objects/io', '/objects/r'])
    t.equal(values(objects['children'][0]['properties'])['poll-max-ns'], 32768)
    t.equal(c.ok('qomd-tree-get', {'path': '/objects', 'depth': 0})['children'], [])
    one = c.ok('qomd-tree-get', {'path': '/objects/io', 'values': False})
    t.ok(not any('value' in p for p in one['properties']), 'no values')
    some = c.ok('qomd-tree-get', {'implements': 'event-loop-base'})
    found = []

    def walk(node):
        found.append(node['path'])
        for child in node['children']:
            walk(child)
    walk(some)
    t.ok('/objects/io' in found and '/objects/r' not in found, str(found))
    t.error(c.command('qomd-tree-get', {'path': '/nope'}), DNF)


# -- qomd-apply

def add(kind, name, **properties):
    return {'type': 'object-add', 'data': {'qom-type': kind, 'id': name, **properties}}


@qomd('qomd-apply: all in order, and how many')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'old')
    t.equal(c.ok('qomd-apply', {'actions': [
        add('thread-context', 'tc'),
        add('memory-backend-ram', 'm', size=4096, **{'prealloc-context': 'tc'}),
        {'type': 'qom-set', 'data': {'path': '/objects/m', 'property': 'prealloc-threads',
                                     'value': 3}},
        {'type': 'object-del', 'data': {'id': 'old'}},
        {'type': 'chardev-add', 'data': {'id': 'c', 'backend': {'type': 'null', 'data': {}}}},
    ]}), {'done': 5})
    t.equal(c.objects(), ['m', 'tc'])
    t.equal([c.get('m', 'prealloc-context'), c.get('m', 'prealloc-threads')], ['/objects/tc', 3])
    t.equal(c.ok('qomd-apply', {'actions': []}), {'done': 0})


@qomd('qomd-apply: an error names the action and its command; what was done is undone')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'old', poll_max_ns=77)
    t.error(c.command('qomd-apply', {'actions': [
        add('iothread', 'new'),
        {'type': 'qom-set', 'data': {'path': '/objects/old', 'property': 'poll-max-ns',
                                     'value': 1}},
        add('iothread', 'old')]}), GE, re.compile(r"^action 2 \(object-add\): .*'old'"))
    t.equal(c.objects(), ['old'])
    t.equal(c.get('old', 'poll-max-ns'), 77)


@qomd('qomd-apply: a deleted object is back, as it was, when a later action fails')
def _(t):
    _, c = own(t)
    c.add_ok('iothread', 'old', poll_max_ns=77)
    t.error(c.command('qomd-apply', {'actions': [
        {'type': 'object-del', 'data': {'id': 'old'}},
        {'type': 'object-del', 'data': {'id': 'nope'}}]}), GE)
    t.equal(c.objects(), ['old'])
    t.equal(c.get('old', 'poll-max-ns'), 77)


@qomd('qomd-apply: a wrong action anywhere is found before anything is done')
def _(t):
    _, c = own(t)
    for bad in ({'type': 'object-add', 'data': {'qom-type': 'nope', 'id': 'x'}},
                {'type': 'nope', 'data': {}}, {'type': 'object-del', 'data': {}},
                {'type': 'object-add', 'data': {'qom-type': 'iothread', 'id': 'x', 'bogus': 1}},
                {'type': 'quit', 'data': {}}, {}):
        t.error(c.command('qomd-apply', {'actions': [add('iothread', 'x'), bad]}), GE)
        t.equal(c.objects(), [], str(bad))


@qomd('qomd-apply: a dry run does nothing')
def _(t):
    _, c = own(t)
    t.equal(c.ok('qomd-apply', {'actions': [add('iothread', 'x')], 'dry-run': True}), {'done': 0})
    t.equal(c.objects(), [])
    t.ok('error' in c.command('qomd-apply', {'dry-run': True, 'actions': [
        {'type': 'object-del', 'data': {'id': 'nope'}}]}), 'an object that is not there')
    t.equal(c.ok('qomd-apply', {'dry-run': True, 'actions': [
        add('thread-context', 'tc'),
        add('memory-backend-ram', 'm', size=4096, **{'prealloc-context': 'tc'})]}), {'done': 0})


# -- qomd-watch

@qomd('qomd-watch: a change is told with its value, to the watcher alone')
def _(t):
    s, c = own(t)
    other = s.connect()
    t.cleanup(other.close)
    c.add_ok('iothread', 'io')
    watch = c.ok('qomd-watch', {'path': '/objects/io', 'interval-ms': 10})['watch']
    other.set('io', 'poll-max-ns', 5)
    data = c.event('QOMD_CHANGED', 5)['data']
    t.equal(data['watch'], watch)
    t.equal(data['changes'], [{'path': '/objects/io', 'property': 'poll-max-ns', 'value': 5}])
    t.ok(other.quiet(0.1) and not other.events, 'nothing to the other')
    c.ok('qomd-unwatch', {'watch': watch})
    other.set('io', 'poll-max-ns', 6)
    t.ok(c.quiet(0.1), 'nothing after qomd-unwatch')
    t.error(c.command('qomd-unwatch', {'watch': watch}), GE)


@qomd('qomd-watch: changes within an interval are one, with the last value')
def _(t):
    s, c = own(t)
    other = s.connect()
    t.cleanup(other.close)
    c.add_ok('iothread', 'io')
    c.ok('qomd-watch', {'path': '/objects/io', 'interval-ms': 300})
    other.pipeline([('qom-set', {'path': 'io', 'property': 'poll-max-ns', 'value': i})
                    for i in range(1, 501)])
    seen, last = 0, None
    while last != 500:
        for change in c.event('QOMD_CHANGED', 5)['data']['changes']:
            seen, last = seen + 1, change['value']
    t.ok(seen <= 20, f'{seen} changes told')


@qomd('qomd-watch: objects that come and go below')
def _(t):
    _, c = own(t)
    watch = c.ok('qomd-watch', {'path': '/objects', 'recurse': True, 'interval-ms': 10})['watch']
    c.add_ok('rng-builtin', 'r')
    t.equal(c.event('QOMD_ADDED', 5)['data'],
            {'watch': watch, 'path': '/objects/r', 'type': 'rng-builtin'})
    c.ok('object-del', {'id': 'r'})
    t.equal(c.event('QOMD_REMOVED', 5)['data'], {'watch': watch, 'path': '/objects/r'})


@qomd('qomd-watch: what changes by the way: a link whose target goes, CPUs chosen by node')
def _(t):
    _, c = own(t)
    c.add_ok('thread-context', 'tc')
    c.add_ok('memory-backend-ram', 'm', size=4096, prealloc_context='tc')
    c.ok('qomd-watch', {'path': '/objects/tc', 'property': 'cpu-affinity', 'interval-ms': 10})
    c.ok('qomd-watch', {'path': '/objects/m', 'interval-ms': 10})
    cpus = c.get('tc', 'cpu-affinity')
    c.set('tc', 'node-affinity', [0])
    changes = c.event('QOMD_CHANGED', 5)['data']['changes']
    t.equal([(p['property'], p['value'][:1]) for p in changes], [('cpu-affinity', cpus[:1])])
    c.ok('object-del', {'id': 'tc'})
    t.equal(c.event('QOMD_CHANGED', 5)['data']['changes'],
            [{'path': '/objects/m', 'property': 'prealloc-context', 'value': ''}])


@qomd('qomd-watch: one property alone; a bad path; the end with the connection')
def _(t):
    s, c = own(t)
    c.add_ok('iothread', 'io')
    c.ok('qomd-watch', {'path': 'io', 'property': 'poll-grow', 'interval-ms': 10})
    c.set('io', 'poll-max-ns', 1)
    c.set('io', 'poll-grow', 2)
    changes = c.event('QOMD_CHANGED', 5)['data']['changes']
    t.equal([p['property'] for p in changes], ['poll-grow'])
    t.error(c.command('qomd-watch', {'path': '/nope'}), DNF)
    c.close()
    again = s.connect()
    t.cleanup(again.close)
    again.set('io', 'poll-grow', 3)
    t.ok(again.quiet(0.1) and not again.events, 'no event for the next connection')


# -- qomd-users, qomd-describe-type, qomd-dump-config

@qomd('qomd-users: who refers to an object')
def _(t):
    _, c = own(t)
    c.add_ok('thread-context', 'tc')
    t.equal(c.ok('qomd-users', {'path': '/objects/tc'}), [])
    c.add_ok('memory-backend-ram', 'm', size=4096, prealloc_context='tc')
    users = c.ok('qomd-users', {'path': '/objects/tc'})
    t.equal([(u['path'], u['property']) for u in users], [('/objects/m', 'prealloc-context')])
    t.error(c.command('qomd-users', {'path': '/nope'}), DNF)


@qomd('qomd-describe-type: parents, properties, which are mandatory and which live')
def _(t):
    _, c = own(t)
    d = c.ok('qomd-describe-type', {'typename': 'memory-backend-file'})
    t.equal(d['parents'], ['memory-backend', 'object'])
    t.equal([d['abstract'], d['creatable']], [False, True])
    t.ok('user-creatable' in d['interfaces'], str(d['interfaces']))
    p = {e['name']: e for e in d['properties']}
    t.equal([p[n]['mandatory'] for n in ('size', 'mem-path', 'share')], [True, True, False])
    t.equal([p[n]['live'] for n in ('dump', 'size')], [True, False])
    t.equal(p['policy'].get('values'), ['default', 'preferred', 'bind', 'interleave'])
    t.ok(all(e.get('description') for e in d['properties'] if e['writable']), 'descriptions')
    listed = {e['name'] for e in c.ok('qom-list-properties', {'typename': 'memory-backend-file'})}
    t.equal(set(p), listed)
    t.error(c.command('qomd-describe-type', {'typename': 'nope'}), DNF)


@qomd('qomd-dump-config is input for qomd-apply, in an order that works, without secrets')
def _(t):
    _, c = own(t)
    c.add_ok('thread-context', 'tc', cpu_affinity=[sorted(os.sched_getaffinity(0))[0]])
    c.add_ok('memory-backend-ram', 'a-user', size=8192, prealloc_context='tc', dump=False)
    c.add_ok('iothread', 'io', poll_max_ns=123)
    c.set('io', 'poll-grow', 7)
    c.add_ok('secret', 's', data='do not tell')
    c.ok('chardev-add', {'id': 'ring', 'backend': {'type': 'ringbuf', 'data': {'size': 4096}}})
    dump = c.ok('qomd-dump-config')
    t.equal([action['type'] for action in dump], ['chardev-add'] + 3 * ['object-add'])
    t.ok('do not tell' not in str(dump), 'the secret')
    _, copy = own(t)
    t.equal(copy.ok('qomd-apply', {'actions': dump}), {'done': len(dump)})
    t.equal(copy.objects(), ['a-user', 'io', 'tc'])
    copy.ok('ringbuf-write', {'device': 'ring', 'data': 'there'})
    for key in (('io', 'poll-max-ns'), ('io', 'poll-grow'), ('a-user', 'dump'),
                ('a-user', 'size'), ('a-user', 'prealloc-context'), ('tc', 'cpu-affinity')):
        t.equal(copy.get(*key), c.get(*key), str(key))
    t.equal(copy.ok('qomd-dump-config'), dump)


if __name__ == '__main__':
    tap.main()
