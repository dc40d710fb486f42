#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the commands of the object model answer, request by request: class always, text too.

Each case is one request on a server that has an iothread io0, a memory-backend-ram m and a
thread-context tc; what it creates, it deletes.
"""

import re

from lib import tap

GE, DNF, CNF = 'GenericError', 'DeviceNotFound', 'CommandNotFound'


def prepared(t):
    """A client of the script's server, which has its three objects."""
    c = t.client()
    if 'tc' not in c.objects():
        c.add_ok('iothread', 'io0')
        c.add_ok('memory-backend-ram', 'm', size=1 << 20)
        c.add_ok('thread-context', 'tc')
    return c


def refused(name, command, arguments, error_class, text):
    """A case: the command is refused, and nothing has come of it."""
    def run(t):
        c = prepared(t)
        before = c.objects()
        t.error(c.command(command, arguments), error_class, text)
        t.equal(c.objects(), before, 'objects')
    tap.add(name, run)


def answered(name, command, arguments, check):
    """A case: the command returns what check, a value or a function of t and the value, wants."""
    def run(t):
        value = prepared(t).ok(command, arguments)
        if callable(check):
            check(t, value)
        else:
            t.equal(value, check)
    tap.add(name, run)


def names(listing):
    return {entry['name']: entry['type'] for entry in listing}


# -- qom-list

@tap.case('qom-list of the root has type, objects, chardevs, backend and machine')
def _(t):
    found = names(prepared(t).ok('qom-list', {'path': '/'}))
    for name, kind in {'type': 'string', 'objects': 'child<container>',
                       'chardevs': 'child<container>', 'backend': 'child<container>'}.items():
        t.equal(found.get(name), kind, name)
    t.matches(found.get('machine', ''), '^child<', 'machine')


@tap.case('qom-list of an empty container has its type alone')
def _(t):
    t.equal(prepared(t).ok('qom-list', {'path': '/machine/peripheral'}),
            [{'name': 'type', 'type': 'string'}])


@tap.case('qom-list gives the fields name and type, no description and no default')
def _(t):
    for entry in prepared(t).ok('qom-list', {'path': '/objects/io0'}):
        t.equal(sorted(entry), ['name', 'type'], str(entry))


for path in '/objects/', '//objects//', 'objects', '//objects/':
    answered(f'qom-list of {path} is that of /objects', 'qom-list', {'path': path},
             lambda t, v: t.equal(names(v), {
                 'type': 'string', 'io0': 'child<iothread>', 'm': 'child<memory-backend-ram>',
                 'tc': 'child<thread-context>'}))
refused('qom-list of the empty path is ambiguous', 'qom-list', {'path': ''},
        GE, "Path '' is ambiguous")
for path in '/nope', 'nope', '/objects/.', '/Objects', ' /objects', '/objects/io0/type':
    refused(f'qom-list of "{path}" finds nothing', 'qom-list', {'path': path},
            DNF, f"Device '{path}' not found")
refused('qom-list without path', 'qom-list', {}, GE, "Parameter 'path' is missing")
refused('qom-list without arguments', 'qom-list', None, GE, "Parameter 'path' is missing")
for value in 1, None, []:
    refused(f'qom-list of path {value}', 'qom-list', {'path': value},
            GE, "Invalid parameter type for 'path', expected: string")
refused('qom-list with an unknown member', 'qom-list', {'path': '/', 'x': 1},
        GE, "Parameter 'x' is unexpected")

# -- qom-get

answered('qom-get of the type of the root', 'qom-get', {'path': '/', 'property': 'type'},
         'container')
answered('qom-get of a child is its path', 'qom-get', {'path': '/', 'property': 'objects'},
         '/objects')
refused('qom-get of an unknown property', 'qom-get', {'path': '/', 'property': 'nope'},
        GE, "Property 'container.nope' not found")
refused('qom-get tells of the path before the property', 'qom-get',
        {'path': '/nope', 'property': 'nope'}, DNF, "Device '/nope' not found")
refused('qom-get of the empty path', 'qom-get', {'path': '', 'property': 'type'},
        DNF, "Device '' not found")
refused('qom-get of the empty property', 'qom-get', {'path': '/objects/io0', 'property': ''},
        GE, "Property 'iothread.' not found")
refused('qom-get without property', 'qom-get', {'path': '/'},
        GE, "Parameter 'property' is missing")
answered('qom-get of a default', 'qom-get', {'path': '/objects/io0', 'property': 'poll-max-ns'},
         32768)
answered('qom-get by a partial path', 'qom-get', {'path': 'io0', 'property': 'type'}, 'iothread')
answered('qom-get of an unset link', 'qom-get',
         {'path': '/objects/m', 'property': 'prealloc-context'}, '')

# -- qom-set

refused('qom-set of the type', 'qom-set', {'path': '/objects', 'property': 'type', 'value': 'x'},
        GE, "Property 'container.type' is not writable")
refused('qom-set of a child', 'qom-set', {'path': '/', 'property': 'objects', 'value': 'x'},
        GE, "Property 'container.objects' is not writable")
refused('qom-set without value', 'qom-set', {'path': '/', 'property': 'objects'},
        GE, "Parameter 'value' is missing")
refused('qom-set of a read-only property', 'qom-set',
        {'path': '/objects/tc', 'property': 'thread-id', 'value': 1},
        GE, "Property 'thread-context.thread-id' is not writable")
for value, label in (('7', 'a string'), (7.0, '7.0'), (1 << 63, '2^63'), (None, 'null'),
                     (True, 'true'), ({}, 'an object'), ([], 'an array')):
    refused(f'qom-set of poll-max-ns to {label}', 'qom-set',
            {'path': '/objects/io0', 'property': 'poll-max-ns', 'value': value},
            GE, "Invalid parameter type for 'poll-max-ns', expected: integer")
refused('qom-set of poll-max-ns to -7', 'qom-set',
        {'path': '/objects/io0', 'property': 'poll-max-ns', 'value': -7},
        GE, 'poll-max-ns value must be in range [0, 9223372036854775807]')
refused('qom-set of size after completion', 'qom-set',
        {'path': '/objects/m', 'property': 'size', 'value': 2},
        GE, re.compile('^cannot change property size of memory-backend-ram'))


@tap.case('a link is refused what it can not hold, and keeps what it has')
def _(t):
    c = prepared(t)
    t.error(c.set('m', 'prealloc-context', 'nope'), DNF, "Device 'nope' not found")
    t.error(c.set('m', 'prealloc-context', '/objects/m'), GE,
            "Invalid parameter type for 'prealloc-context', expected: thread-context")
    t.error(c.set('m', 'prealloc-context', None), GE,
            "Invalid parameter type for 'prealloc-context', expected: string")
    t.equal(c.get('m', 'prealloc-context'), '')
    c.ok('qom-set', {'path': '/objects/m', 'property': 'prealloc-context', 'value': 'tc'})
    t.equal(c.get('m', 'prealloc-context'), '/objects/tc')
    t.error(c.set('m', 'prealloc-context', 'io0'), GE,
            "Invalid parameter type for 'prealloc-context', expected: thread-context")
    t.equal(c.get('m', 'prealloc-context'), '/objects/tc')
    c.ok('qom-set', {'path': '/objects/m', 'property': 'prealloc-context', 'value': ''})
    t.equal(c.get('m', 'prealloc-context'), '')


# -- object-add

IDENTIFIER = "Parameter 'id' expects an identifier"

refused('object-add of a taken id', 'object-add', {'qom-type': 'iothread', 'id': 'io0'},
        GE, "attempt to add duplicate property 'io0' to object (type 'container')")
refused('object-add with the id "type"', 'object-add', {'qom-type': 'iothread', 'id': 'type'},
        GE, "attempt to add duplicate property 'type' to object (type 'container')")
for bad in '0io', '', 'a b', 'a/b', 'a[0]', 'é', '-a', '_a', 'a\n', ' a', 'a,b', 'a=b':
    refused(f'object-add with the id {bad!a}', 'object-add', {'qom-type': 'iothread', 'id': bad},
            GE, IDENTIFIER)


refused('object-add with a NUL in the id', 'object-add', {'qom-type': 'iothread', 'id': 'a\0b'},
        GE, re.compile("^Parameter 'id' "))


@tap.case('object-add takes identifiers of any length and of all the characters allowed')
def _(t):
    c = prepared(t)
    for good in 'A9.b_c-d', 'x', 'a' * 300, 'Z.':
        t.equal(c.add('iothread', good), {'return': {}}, good)
        t.equal(c.get(good, 'type'), 'iothread')
        t.equal(c.delete(good), {'return': {}}, good)


refused('object-add of nothing', 'object-add', {}, GE, "Parameter 'qom-type' is missing")
for bad in 'nope', 'container', 'object', 'memory-backend', 'user-creatable', '':
    refused(f'object-add of the type "{bad}" with id', 'object-add', {'qom-type': bad, 'id': 'x'},
            GE, f"Parameter 'qom-type' does not accept value '{bad}'")
refused('object-add of an unknown type without id', 'object-add', {'qom-type': 'nope'},
        GE, "Parameter 'qom-type' does not accept value 'nope'")
refused('object-add of the type 5', 'object-add', {'qom-type': 5, 'id': 'x'},
        GE, "Invalid parameter type for 'qom-type', expected: string")
refused('object-add without id tells of that before of unknown members', 'object-add',
        {'qom-type': 'iothread', 'bogus': 1}, GE, "Parameter 'id' is missing")
refused('object-add with an unknown member', 'object-add',
        {'qom-type': 'iothread', 'id': 'x', 'bogus': 1}, GE, "Parameter 'bogus' is unexpected")
refused('object-add with the old wrapper props', 'object-add',
        {'qom-type': 'iothread', 'id': 'x', 'props': {}}, GE, "Parameter 'props' is unexpected")

RAM = {'qom-type': 'memory-backend-ram', 'id': 'x', 'size': 1 << 20}


def ram(**members):
    """Arguments of a memory-backend-ram; None leaves a member out."""
    found = {**RAM, **{name.replace('_', '-'): value for name, value in members.items()}}
    return {name: value for name, value in found.items() if value != 'absent'}


for label, arguments, text in (
        ('a missing member is told before an unknown one, and before the form of the id',
         ram(id='1x', size='absent', bogus=1), "Parameter 'size' is missing"),
        ('an unknown member is told before the form of the id',
         ram(id='1x', bogus=1), "Parameter 'bogus' is unexpected"),
        ('the form of the id is told before values',
         ram(id='1x', prealloc_threads=0), IDENTIFIER),
        ('a wrong value is told before a taken id',
         ram(id='io0', prealloc_threads=0),
         "property 'prealloc-threads' of memory-backend-ram doesn't take value '0'"),
        ('size 0', ram(size=0), "property 'size' of memory-backend-ram doesn't take value '0'"),
        ('prealloc-threads of 2^32', ram(prealloc_threads=1 << 32),
         "Parameter 'prealloc-threads' expects uint32_t"),
        ('prealloc-threads of -1', ram(prealloc_threads=-1),
         "Parameter 'prealloc-threads' expects uint32_t"),
        ('host-nodes of 0', ram(host_nodes=0),
         "Invalid parameter type for 'host-nodes', expected: array"),
        ('host-nodes of strings', ram(host_nodes=['a']), "Parameter 'host-nodes[0]' expects uint64"),
        ('host-nodes of 70000', ram(host_nodes=[70000]),
         "Parameter 'host-nodes[0]' expects uint16_t"),
        ('the index in an error is that of the element', ram(host_nodes=[0, 70000]),
         "Parameter 'host-nodes[1]' expects uint16_t"),
        ('policy zzz', ram(policy='zzz'), "Parameter 'policy' does not accept value 'zzz'"),
        ('policy 1', ram(policy=1), "Invalid parameter type for 'policy', expected: string"),
        ('share "on"', ram(share='on'), "Invalid parameter type for 'share', expected: boolean"),
        ('secret without data or file', {'qom-type': 'secret', 'id': 'x'},
         "Either 'file' or 'data' must be provided"),
):
    refused(f'object-add: {label}', 'object-add', arguments, GE, text)
for bad, label in ('1M', 'a string'), (1048576.0, '1048576.0'), (True, 'true'), (None, 'null'):
    refused(f'object-add: size is {label}', 'object-add', ram(size=bad),
            GE, "Parameter 'size' expects uint64")
refused('object-add: a link is a value and told before a taken id', 'object-add',
        ram(id='io0', prealloc_context='nope'), DNF, "Device 'nope' not found")
refused('object-add: a link of another type', 'object-add', ram(prealloc_context='/objects/io0'),
        GE, "Invalid parameter type for 'prealloc-context', expected: thread-context")


@tap.case('object-add: a negative size is refused, and the server lives')
def _(t):
    c = t.server().connect()
    t.cleanup(c.close)
    t.error(c.command('object-add', ram(size=-1)), GE, "Parameter 'size' expects uint64")
    t.error(c.command('object-add', ram(size=(1 << 64) - 1)), GE)
    t.error(c.command('object-add', ram(size=(1 << 63) + 4096)), GE)
    t.equal(c.objects(), [])


@tap.case('a main-loop is the only one, and can not be deleted')
def _(t):
    c = t.server().connect()
    t.cleanup(c.close)
    c.add_ok('main-loop', 'ml')
    t.error(c.add('main-loop', 'ml2'), GE, 'only one main-loop instance allowed')
    t.error(c.delete('ml'), GE, re.compile("^object 'ml' is in use, can not be deleted"))
    t.equal(c.objects(), ['ml'])


# -- object-del

for bad in 'nope', '', 'type', '/objects/io0':
    refused(f'object-del of "{bad}"', 'object-del', {'id': bad}, GE, f"object '{bad}' not found")
refused('object-del without id', 'object-del', {}, GE, "Parameter 'id' is missing")
refused('object-del of the id 1', 'object-del', {'id': 1},
        GE, "Invalid parameter type for 'id', expected: string")


@tap.case('object-del does not see chardevs')
def _(t):
    c = prepared(t)
    c.ok('chardev-add', {'id': 'c0', 'backend': {'type': 'null', 'data': {}}})
    t.error(c.delete('c0'), GE, "object 'c0' not found")
    c.ok('chardev-remove', {'id': 'c0'})


@tap.case('a linked object that is deleted has no name, and lives for its user')
def _(t):
    c = t.server().connect()
    t.cleanup(c.close)
    c.add_ok('thread-context', 'tc')
    first = c.get('tc', 'thread-id')
    c.add_ok('memory-backend-ram', 'm', size=4096, prealloc_context='tc')
    t.equal(c.get('m', 'prealloc-context'), '/objects/tc')
    t.equal(c.delete('tc'), {'return': {}})
    t.equal(c.get('m', 'prealloc-context'), '')
    t.equal(c.get('/objects/m/prealloc-context', 'thread-id'), first)
    c.add_ok('thread-context', 'tc')
    t.ok(c.get('tc', 'thread-id') != first, 'the new one is another')
    t.equal(c.get('m', 'prealloc-context'), '')


# -- qom-list-types

for bad in 'nope', '':
    answered(f'qom-list-types that implement "{bad}"', 'qom-list-types', {'implements': bad}, [])
answered('qom-list-types that implement iothread', 'qom-list-types', {'implements': 'iothread'},
         [{'name': 'iothread', 'parent': 'event-loop-base'}])


@tap.case('qom-list-types has memory-backend with abstract alone')
def _(t):
    c = prepared(t)
    concrete = c.ok('qom-list-types', {'implements': 'memory-backend'})
    everything = c.ok('qom-list-types', {'implements': 'memory-backend', 'abstract': True})
    wanted = {f'memory-backend-{kind}' for kind in ('ram', 'file', 'memfd')}
    t.ok(wanted <= {entry['name'] for entry in concrete}, f'{concrete}')
    for entry in concrete:
        t.equal(entry, {'name': entry['name'], 'parent': 'memory-backend'})
    more = [entry for entry in everything if entry not in concrete]
    t.equal(more, [{'name': 'memory-backend', 'abstract': True, 'parent': 'object'}])


@tap.case('qom-list-types: roots have no parent, and are shown with abstract alone')
def _(t):
    c = prepared(t)
    concrete = {e['name']: e for e in c.ok('qom-list-types')}
    t.ok('object' not in concrete and 'iothread' in concrete, 'concrete types')
    t.ok(not any(e.get('abstract') for e in concrete.values()), 'none is abstract')
    everything = {e['name']: e for e in c.ok('qom-list-types', {'abstract': True})}
    t.equal(everything['object'], {'name': 'object', 'abstract': True})
    t.equal(everything['interface'], {'name': 'interface', 'abstract': True})
    t.ok(concrete.keys() < everything.keys(), 'concrete types are among all')


PARENTS = {
    'iothread': 'event-loop-base', 'main-loop': 'event-loop-base', 'thread-context': 'object',
    'memory-backend-ram': 'memory-backend', 'memory-backend-file': 'memory-backend',
    'memory-backend-memfd': 'memory-backend', 'rng-builtin': 'rng-backend',
    'rng-random': 'rng-backend', 'secret': 'secret_common', 'rng-backend': 'object',
    'event-loop-base': 'object', 'memory-backend': 'object', 'secret_common': 'object',
    'container': 'object', 'user-creatable': 'interface',
}


@tap.case('every type has the parent that it has in QEMU')
def _(t):
    found = {e['name']: e.get('parent') for e in prepared(t).ok('qom-list-types',
                                                                {'abstract': True})}
    t.equal({name: found.get(name) for name in PARENTS}, PARENTS)


refused('qom-list-types with abstract "yes"', 'qom-list-types', {'abstract': 'yes'},
        GE, "Invalid parameter type for 'abstract', expected: boolean")

# -- qom-list-properties, device-list-properties

ALL = {
    'iothread': {'aio-max-batch': 'int', 'thread-pool-min': 'int', 'thread-pool-max': 'int',
                 'poll-max-ns': 'int', 'poll-grow': 'int', 'poll-shrink': 'int'},
    'main-loop': {'aio-max-batch': 'int', 'thread-pool-min': 'int', 'thread-pool-max': 'int'},
    'thread-context': {'cpu-affinity': 'int', 'node-affinity': 'int', 'thread-id': 'int'},
    'memory-backend': {
        'size': 'int', 'host-nodes': 'int', 'prealloc-threads': 'int', 'share': 'bool',
        'dump': 'bool', 'merge': 'bool', 'prealloc': 'bool', 'reserve': 'bool',
        'x-use-canonical-path-for-ramblock-id': 'bool', 'policy': 'HostMemPolicy',
        'prealloc-context': 'link<thread-context>'},
    'memory-backend-ram': {}, 'rng-builtin': {'opened': 'bool'},
    'memory-backend-file': {
        'mem-path': 'string', 'align': 'int', 'offset': 'int', 'discard-data': 'bool',
        'readonly': 'bool', 'rom': 'OnOffAuto'},
    'memory-backend-memfd': {'hugetlb': 'bool', 'seal': 'bool', 'hugetlbsize': 'int'},
    'rng-random': {'opened': 'bool', 'filename': 'string'},
    'secret': {'format': 'QCryptoSecretFormat', 'keyid': 'string', 'iv': 'string',
               'data': 'string', 'file': 'string'},
}


def properties_of(kind):
    """A case: qom-list-properties has the properties, with their types, of the type."""
    def run(t):
        found = names(prepared(t).ok('qom-list-properties', {'typename': kind}))
        wanted = {'type': 'string', **ALL[kind]}
        if kind.startswith('memory-backend-'):
            wanted.update(ALL['memory-backend'])
        t.equal({name: found.get(name) for name in wanted}, wanted)
    tap.add(f'qom-list-properties of {kind}', run)


for kind_ in ALL:
    properties_of(kind_)


@tap.case('qom-list-properties is what qom-list shows of a live object')
def _(t):
    c = prepared(t)
    for kind, live in ('iothread', 'io0'), ('thread-context', 'tc'), ('memory-backend-ram', 'm'):
        shown = {name: kind_ for name, kind_ in
                 names(c.ok('qom-list', {'path': '/objects/' + live})).items()
                 if not kind_.startswith('child<')}
        t.equal(names(c.ok('qom-list-properties', {'typename': kind})), shown, kind)


@tap.case('qom-list-properties says the same twice, and creates nothing')
def _(t):
    c = prepared(t)
    before = c.objects()
    for kind in ALL:
        t.equal(c.ok('qom-list-properties', {'typename': kind}),
                c.ok('qom-list-properties', {'typename': kind}), kind)
    t.equal(c.objects(), before)


answered('qom-list-properties of object', 'qom-list-properties', {'typename': 'object'},
         lambda t, v: t.equal(names(v), {'type': 'string'}))
for bad in 'user-creatable', 'interface':
    refused(f'qom-list-properties of {bad}', 'qom-list-properties', {'typename': bad},
            GE, "Parameter 'typename' expects a QOM type")
for bad in 'nope', '':
    refused(f'qom-list-properties of "{bad}"', 'qom-list-properties', {'typename': bad},
            DNF, f"Class '{bad}' not found")
refused('device-list-properties of nope', 'device-list-properties', {'typename': 'nope'},
        DNF, "Device 'nope' not found")
refused('device-list-properties of iothread', 'device-list-properties', {'typename': 'iothread'},
        GE, "Parameter 'typename' expects a non-abstract device type")


# -- paths

@tap.case('a name that two objects answer to is ambiguous to qom-list, unknown to qom-get')
def _(t):
    c = t.server().connect()
    t.cleanup(c.close)
    c.add_ok('iothread', 'machine')
    t.error(c.command('qom-list', {'path': 'machine'}), GE, "Path 'machine' is ambiguous")
    t.error(c.command('qom-get', {'path': 'machine', 'property': 'type'}),
            DNF, "Device 'machine' not found")
    t.error(c.command('qom-set', {'path': 'machine', 'property': 'type', 'value': 'x'}),
            DNF, "Device 'machine' not found")
    t.equal(c.get('/objects/machine', 'type'), 'iothread')
    c.add_ok('thread-context', 'objects')
    t.error(c.command('qom-list', {'path': 'objects'}), GE, "Path 'objects' is ambiguous")
    t.equal(names(c.ok('qom-list', {'path': '/objects'}))['objects'], 'child<thread-context>')


@tap.case('a link by partial path counts only objects of its type')
def _(t):
    c = t.server().connect()
    t.cleanup(c.close)
    c.add_ok('thread-context', 'machine')
    c.add_ok('memory-backend-ram', 'm', size=4096, prealloc_context='machine')
    t.equal(c.get('m', 'prealloc-context'), '/objects/machine')


if __name__ == '__main__':
    tap.main()
