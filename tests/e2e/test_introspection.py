#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""query-qmp-schema is sound by itself, and has the same structure as QEMU's for what both have.

The comparison is between two servers at once: run against QEMU, it is QEMU with itself.
"""

from lib import server, tap

# The commands and events of the foundation that QEMU has as well.
COMMANDS = (
    'add-fd', 'chardev-add', 'chardev-remove', 'closefd', 'cont', 'getfd',
    'human-monitor-command', 'object-add', 'object-del', 'qmp_capabilities', 'qom-get', 'qom-list',
    'qom-list-properties', 'qom-list-types', 'qom-set', 'query-chardev',
    'query-command-line-options', 'query-commands', 'query-fdsets', 'query-iothreads', 'query-memdev', 'query-name',
    'query-qmp-schema', 'query-status', 'query-version', 'query-yank', 'quit', 'remove-fd',
    'ringbuf-read', 'ringbuf-write', 'stop', 'yank')
EVENTS = ('SHUTDOWN', 'RESUME', 'STOP')
TYPES = ('iothread', 'main-loop', 'memory-backend-epc', 'memory-backend-file',
         'memory-backend-memfd', 'memory-backend-ram', 'rng-builtin', 'rng-random', 'secret', 'thread-context')

# Members that came after 7.2, or went until 10.0: not compared.
VARYING = {'singlestep', 'offset', 'rom', 'loaded', 'poll-weight', 'pmem', 'reconnect',
           'reconnect-ms'}


class Schema:
    def __init__(self, entries):
        self.entries = {(e['name'], e['meta-type'] in ('command', 'event')): e for e in entries}
        self.raw = entries

    def entity(self, name):
        return self.entries.get((name, True))

    def type(self, name):
        return self.entries[(name, False)]

    def branch(self, union, value):
        """The type of a branch of a flat union; None if it has no members of its own."""
        return next((v['type'] for v in self.type(union)['variants'] if v['case'] == value), None)

    def members(self, name):
        """{member: (optional, shape)} of an object type, without its variants."""
        return {m['name']: ('default' in m, self.shape(m['type']))
                for m in self.type(name).get('members', []) if m['name'] not in VARYING}

    def shape(self, name, depth=0):
        """What values of a type look like, as far as clients can tell; names do not matter."""
        entry = self.type(name)
        meta = entry['meta-type']
        if meta == 'builtin':
            return entry['json-type']
        if meta == 'array':
            return ['array', self.shape(entry['element-type'], depth + 1)]
        if meta == 'enum':
            return 'enum'
        if meta == 'alternate':
            return ['alternate']
        if depth > 3:
            return 'object'
        return {m['name']: ('default' in m, self.shape(m['type'], depth + 1))
                for m in entry.get('members', []) if m['name'] not in VARYING}

    def values(self, name):
        entry = self.type(name)
        return set(entry.get('values', [])) or {m['name'] for m in entry['members']}


def schema_of(t):
    return Schema(t.client().ok('query-qmp-schema'))


_qemu = []


def reference(t):
    """QEMU's, got once."""
    if not _qemu:
        if not server.find('qemu'):
            t.skip('QEMU is not installed')
        s = server.Server('qemu')
        try:
            c = s.connect()
            _qemu.append(Schema(c.ok('query-qmp-schema')))
            c.close()
        finally:
            s.close()
    return _qemu[0]


@tap.case('every type that is named is there, once, and nothing is there that is not named')
def _(t):
    schema = schema_of(t)
    t.equal(len(schema.entries), len(schema.raw), 'names')
    used = set()
    for e in schema.raw:
        used |= {e.get(k) for k in ('arg-type', 'ret-type', 'element-type')}
        used |= {m['type'] for m in e.get('members', []) if 'type' in m}
        used |= {v['type'] for v in e.get('variants', [])}
    used.discard(None)
    types = {name for name, entity in schema.entries if not entity}
    t.equal(used - types, set(), 'missing')
    t.equal(types - used - {'int', 'str', 'any'}, set(), 'unused')


@tap.case('query-commands has the commands of the schema')
def _(t):
    c = t.client()
    listed = {e['name'] for e in c.ok('query-commands')}
    known = {e['name'] for e in c.ok('query-qmp-schema') if e['meta-type'] == 'command'}
    t.equal(listed, known)


@tap.case('names of types are hidden, but for builtin ones')
def _(t):
    for e in schema_of(t).raw:
        if e['meta-type'] in ('object', 'enum', 'alternate'):
            t.ok(e['name'].isdigit(), e['name'])
        elif e['meta-type'] == 'array':
            t.ok(e['name'].startswith('['), e['name'])


def same_command(name):
    def run(t):
        ours, theirs = schema_of(t), reference(t)
        mine, other = ours.entity(name), theirs.entity(name)
        t.ok(mine, 'it is there')
        if other is None:
            t.skip('this QEMU does not have it')
        t.equal(mine.get('allow-oob', False), other.get('allow-oob', False), 'allow-oob')
        if name not in ('object-add', 'chardev-add', 'yank'):
            t.equal(ours.shape(mine['arg-type']), theirs.shape(other['arg-type']), 'arguments')
        t.equal(ours.shape(mine['ret-type']), theirs.shape(other['ret-type']), 'result')
    tap.add(f'command {name} has QEMU\'s structure', run)


for command in COMMANDS:
    same_command(command)


def same_event(name):
    def run(t):
        ours, theirs = schema_of(t), reference(t)
        t.equal(ours.shape(ours.entity(name)['arg-type']),
                theirs.shape(theirs.entity(name)['arg-type']))
    tap.add(f'event {name} has QEMU\'s structure', run)


for event in EVENTS:
    same_event(event)


BEYOND = {
    'iothread': {'fd-monitor', 'thread-context', 'cpu-affinity'},
    'main-loop': {'fd-monitor', 'poll-max-ns', 'poll-grow', 'poll-shrink'},
}


def same_type(name):
    def run(t):
        ours, theirs = schema_of(t), reference(t)
        sides = []
        for schema in ours, theirs:
            union = schema.entity('object-add')['arg-type']
            branch = schema.branch(union, name)
            sides.append(schema.members(branch) if branch else {})
        mine, other = sides
        own = set(mine) - set(other)
        t.equal(own, BEYOND.get(name, set()) if t.qomd else set())
        t.equal({member: kind for member, kind in mine.items() if member not in own}, other)
    tap.add(f'object-add of {name} has QEMU\'s members', run)


for type_name in TYPES:
    same_type(type_name)


@tap.case('object-add: id and qom-type, which tells the branch')
def _(t):
    schema = schema_of(t)
    union = schema.type(schema.entity('object-add')['arg-type'])
    t.equal(sorted(m['name'] for m in union['members']), ['id', 'qom-type'])
    t.equal(union['tag'], 'qom-type')
    tag = next(m['type'] for m in union['members'] if m['name'] == 'qom-type')
    cases = {v['case'] for v in union['variants']}
    t.equal(cases, schema.values(tag))
    t.ok(set(TYPES) <= cases, str(cases))


@tap.case('opened of the rngs is deprecated')
def _(t):
    schema = schema_of(t)
    branch = schema.branch(schema.entity('object-add')['arg-type'], 'rng-random')
    member = next(m for m in schema.type(branch)['members'] if m['name'] == 'opened')
    t.equal(member.get('features'), ['deprecated'])


@tap.case('what query-qmp-schema says of a type is what qom-list-properties says')
def _(t):
    c = t.client()
    schema = Schema(c.ok('query-qmp-schema'))
    union = schema.entity('object-add')['arg-type']
    # QEMU has enclave memory in its schema always, the type only on machines with SGX.
    absent = () if t.qomd else ('memory-backend-epc',)
    for name in TYPES:
        if name in absent:
            continue
        branch = schema.branch(union, name)
        members = set(schema.members(branch)) if branch else set()
        listed = {p['name'] for p in c.ok('qom-list-properties', {'typename': name})}
        t.ok(members <= listed, f'{name}: {members - listed}')


if __name__ == '__main__':
    tap.main()
