#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`qom apply`, `qom diff` and `qom dump`; see fixture.py. With QEMU they work by plain commands."""
import json
import os
import subprocess

from fixture import KIND, QOM, Fake, Place, Refused, check, equal, matches, qom, qom_json, run

OURS = KIND == 'qomd'


def write(entries):
    path = os.path.join(Place.directory, 'wanted.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(entries, f)
    return path


def obj(kind, name, **properties):
    return {'qom-type': kind, 'id': name, **{k.replace('_', '-'): v for k, v in properties.items()}}


def apply(entries, *options, **kwargs):
    return qom('apply', write(entries), *options, **kwargs)


def diff(entries, *options, status=1):
    return qom('diff', write(entries), *options, status=status)


def ids():
    r = qom('list', '/objects', status=None)
    return sorted(line.split('/')[0] for line in r.out.splitlines() if 'child<' in line)


def clear():
    """Deletes all objects; those that others use go later."""
    for _ in range(3):
        for name in ids():
            qom('del', name, status=None)
    equal(ids(), [])


def stays_as_it_is(entries, *options):
    equal(diff(entries, *options, status=0).out, 'nothing to do\n')
    equal(apply(entries, *options).out, 'nothing to do\n')


@check('real')
def objects_are_made_and_the_second_time_nothing_is_done():
    entries = [obj('memory-backend-ram', 'm', size=1 << 20, prealloc_context='tc', merge=False),
               obj('thread-context', 'tc', cpu_affinity=[min(os.sched_getaffinity(0))]),
               obj('iothread', 'io', poll_max_ns=7),
               {'type': 'chardev-add', 'data': {'id': 'rb', 'backend': {
                   'type': 'ringbuf', 'data': {'size': 4096}}}}]
    want = ('+ thread-context tc\n', '+ memory-backend-ram m\n    size: 1048576\n',
            '+ iothread io\n    poll-max-ns: 7\n', '+ chardev rb\n', '\n4 to add')
    r = diff(entries)
    assert all(text in r.out for text in want), r
    equal(ids(), [])
    r = apply(entries, '--dry-run', status=1)
    assert all(text in r.out for text in want), r
    equal(ids(), [])
    matches('^4 to add: done$', apply(entries).out)
    equal(ids(), ['io', 'm', 'tc'])
    equal(qom('get', 'io.poll-max-ns', 'm.prealloc-context').out, '7\n/objects/tc\n')
    assert 'rb' in qom('call', 'query-chardev').out
    stays_as_it_is(entries)
    qom('call', 'chardev-remove', 'id=rb')
    clear()


@check('real')
def values_that_differ_are_set():
    entries = [obj('iothread', 'io', poll_max_ns=7, poll_grow=2)]
    apply(entries)
    thread = qom('get', 'io.thread-id').out if OURS else ''
    qom('set', 'io.poll-max-ns', '9')
    equal(diff(entries).out, '~ iothread io\n    poll-max-ns: 9 -> 7\n1 to set\n')
    matches('^1 to set: done$', apply(entries).out)
    equal(qom('get', 'io.poll-max-ns', *(['io.thread-id'] if OURS else [])).out, f'7\n{thread}')
    stays_as_it_is(entries)
    clear()


@check('real')
def what_can_not_be_set_is_made_anew():
    apply([obj('memory-backend-ram', 'm', size=1 << 20)])
    entries = [obj('memory-backend-ram', 'm', size=2 << 20)]
    r = diff(entries)
    matches(r'^    size: 1048576 -> 2097152$', r.out)
    if OURS:
        matches(r'^-/\+ memory-backend-ram m$', r.out)
    apply(entries)
    equal(qom('get', 'm.size').out, '2097152\n')
    stays_as_it_is(entries)
    entries = [obj('memory-backend-memfd', 'm', size=2 << 20)]
    matches('-/[+] memory-backend-memfd m\n    qom-type: memory-backend-ram -> memory-backend-memfd',
            diff(entries).out)
    apply(entries)
    equal(qom('get', 'm.type').out, 'memory-backend-memfd\n')
    stays_as_it_is(entries)
    clear()


@check('real')
def links_lead_to_what_was_made_anew():
    entries = [obj('thread-context', 'tc'), obj('memory-backend-ram', 'm', size=1 << 20,
                                                prealloc_context='tc')]
    apply(entries)
    other = [obj('memory-backend-ram', 'tc', size=1 << 20), entries[1]]
    if OURS:  # the link must lead to a thread-context: all is undone
        matches('expected: thread-context|Invalid parameter type', apply(other, status=4).err)
        equal(qom('get', 'tc.type', 'm.prealloc-context').out, 'thread-context\n/objects/tc\n')
    if OURS:
        entries[0]['cpu-affinity'] = [min(os.sched_getaffinity(0))]
        apply(entries)
        stays_as_it_is(entries)
        del entries[0]['cpu-affinity']
        r = diff(entries)
        matches(r'^-/\+ thread-context tc$', r.out)
        matches('^~ memory-backend-ram m$', r.out)
        apply(entries)
        equal(qom('get', 'm.prealloc-context').out, '/objects/tc\n')
        stays_as_it_is(entries)
    clear()


@check('real')
def what_something_else_uses_is_not_made_anew():
    apply([obj('thread-context', 'tc'),
           obj('memory-backend-ram', 'm', size=1 << 20, prealloc_context='tc')])
    r = apply([obj('memory-backend-ram', 'tc', size=1 << 20)], status=4)
    matches('can not be done: it is used by /objects/m .prealloc-context.', r.out)
    matches("'tc': it is used by /objects/m", r.err)
    equal(qom('get', 'tc.type', 'm.prealloc-context').out, 'thread-context\n/objects/tc\n')
    r = apply([obj('memory-backend-ram', 'm', size=1 << 20, prealloc_context='tc')], '--prune',
              status=4)
    matches('the file refers to it, but does not have it', r.err)
    clear()


@check('real')
def all_or_nothing():
    apply([obj('iothread', 'io', poll_max_ns=1), obj('memory-backend-ram', 'm', size=1 << 20)])
    before = qom('--json', 'dump').out
    r = apply([obj('iothread', 'io', poll_max_ns=2), obj('iothread', 'new'),
               obj('memory-backend-ram', 'm', size=2 << 20),
               obj('rng-random', 'z', filename='/nonexistent/file')], status=4)
    matches("'z': .*/nonexistent/file", r.err)
    assert 'done' not in r.out, r
    equal(ids(), ['io', 'm'])
    equal(qom('get', 'io.poll-max-ns', 'm.size').out, '1\n1048576\n')
    equal(sorted(qom('--json', 'dump').out), sorted(before))
    clear()


@check('real')
def only_with_prune_is_anything_deleted():
    apply([obj('thread-context', 'tc'), obj('iothread', 'io'),
           obj('memory-backend-ram', 'm', size=1 << 20, prealloc_context='tc')])
    entries = [obj('iothread', 'io')]
    stays_as_it_is(entries)
    matches('- memory-backend-ram m\n- thread-context tc\n2 to delete', diff(entries, '--prune').out)
    equal(ids(), ['io', 'm', 'tc'])
    matches('^2 to delete: done$', apply(entries, '--prune').out)
    equal(ids(), ['io'])
    stays_as_it_is(entries, '--prune')
    matches('^1 to delete: done$', apply([], '--prune').out)
    equal(ids(), [])
    stays_as_it_is([], '--prune')


@check('real')
def a_dump_is_what_there_is():
    apply([obj('memory-backend-ram', 'm', size=1 << 20, prealloc_context='tc', dump=False),
           obj('thread-context', 'tc', cpu_affinity=[min(os.sched_getaffinity(0))]),
           obj('memory-backend-memfd', 'mm', size=1 << 21), obj('rng-builtin', 'r'),
           obj('rng-random', 'rr', filename='/dev/zero'), obj('iothread', 'io', poll_max_ns=0)])
    dump = qom('dump')
    path = write(json.loads(dump.out))
    equal(qom('diff', path).out, 'nothing to do\n')
    equal(qom('diff', path, '--prune').out, 'nothing to do\n')
    clear()
    qom('apply', path)
    equal(ids(), ['io', 'm', 'mm', 'r', 'rr', 'tc'])
    equal(json.loads(qom('dump').out), json.loads(dump.out))
    equal(qom_json('get', 'io.poll-max-ns', 'm.dump', 'rr.filename')[1]['value'], False)
    pipe = subprocess.run(f'"{QOM}" dump | "{QOM}" diff -', shell=True, capture_output=True,
                          env=dict(os.environ, QMP_SOCKET=Place.second), timeout=60)
    assert OURS is False or (pipe.returncode, pipe.stdout) == (0, b'nothing to do\n'), pipe
    clear()


@check('real')
def a_secret_is_not_shown_and_not_dumped():
    entries = [obj('secret', 's', data='hush-hush')]
    for r in (diff(entries), apply(entries), qom('dump')):
        assert 'hush' not in r.out + r.err, r
    matches("'s' is left out: it was given a secret by value", qom('dump').err)
    stays_as_it_is(entries)
    assert 'hush' not in qom('--json', 'diff', write([obj('secret', 's', data='hush-2')]),
                             status=None).out
    clear()


@check('real')
def single_properties_can_be_declared():
    apply([obj('iothread', 'io')])
    entries = [{'type': 'qom-set', 'data': {'path': '/objects/io', 'property': 'poll-max-ns',
                                            'value': 12}}]
    equal(diff(entries).out, '~ /objects/io\n    poll-max-ns: 32768 -> 12\n1 to set\n')
    apply(entries)
    equal(qom('get', 'io.poll-max-ns').out, '12\n')
    stays_as_it_is(entries)
    entries[0]['data']['property'] = 'nope'
    apply(entries, status=4)
    entries[0]['data']['path'] = '/nope'
    apply(entries, status=6)
    clear()


@check('real')
def what_the_file_leaves_out_has_its_default_where_that_is_known():
    apply([obj('iothread', 'io', poll_grow=3)])
    qom('set', 'io.poll-max-ns', '1')
    entries = [obj('iothread', 'io')]
    if OURS:
        r = diff(entries)
        matches('poll-max-ns: 1 -> 32768', r.out)
        matches('poll-grow: 3 -> 0', r.out)
        apply(entries)
    stays_as_it_is(entries)
    clear()


@check('real')
def json_tells_the_changes():
    apply([obj('iothread', 'io')])
    path = write([obj('iothread', 'io', poll_max_ns=5), obj('rng-builtin', 'r')])
    changes = {
        'changes': [{'change': 'set', 'kind': 'object', 'id': 'io', 'type': 'iothread',
                     'properties': [{'name': 'poll-max-ns', 'from': 32768, 'to': 5}]},
                    {'change': 'add', 'kind': 'object', 'id': 'r', 'type': 'rng-builtin',
                     'properties': []}], 'applied': False}
    equal(qom_json('diff', path, status=1), changes)
    equal(qom_json('apply', path), {**changes, 'applied': True})
    equal(qom_json('apply', path), {'changes': [], 'applied': True})
    clear()


@check('real')
def files_that_make_no_sense_are_refused():
    matches('wanted.json: expected an array', apply({}, status=2).err)
    matches('element 0: expected an object', apply([7], status=2).err)
    matches('element 1: object \'a\' is there twice',
            apply([obj('iothread', 'a'), obj('iothread', 'a')], status=2).err)
    matches('can not open', qom('apply', '/nonexistent/file', status=2).err)
    apply([obj('no-such-type', 'a')], status=4)
    qom('apply', status=2)
    apply([obj('iothread', 'a')])
    matches("object 'a': type 'iothread' has no property 'bogus'",
            diff([obj('iothread', 'a', bogus=1)], status=2).err)
    equal(ids(), ['a'])
    clear()


if OURS:
    @check('real')
    def character_devices_are_compared():
        def chardev(size):
            return [{'type': 'chardev-add', 'data': {'id': 'rb', 'backend': {
                'type': 'ringbuf', 'data': {'size': size}}}}]
        apply(chardev(4096))
        stays_as_it_is(chardev(4096))
        r = apply(chardev(8192), status=4)
        matches('-/[+] chardev rb', r.out)
        matches('a character device is not replaced', r.err)
        assert 'rb' in qom('dump').out
        stays_as_it_is(chardev(4096), '--prune')
        matches('1 to delete: done', apply([], '--prune').out)
        assert 'rb' not in qom('dump').out


@check('fake')
def a_lost_connection_is_told():
    class Leaving(Fake):
        def answer(self, connection, request):
            if request['execute'] == 'qomd-dump-config':
                raise OSError
            super().answer(connection, request)
    path = write([])
    for args in ['apply', path], ['diff', path], ['dump']:
        qom(*args, address=Leaving().path, status=3)


@check('fake')
def nonsense_in_place_of_answers_does_no_harm():
    path = write([obj('thing', 'deep', n=9), {'type': 'qom-set', 'data': {
        'path': '/a', 'property': 'n', 'value': 1}}])
    for junk in None, 7, 'x', [], [7], {}, [{}], [{'label': 7}], [{'type': 'object-add', 'data': {}}], \
            {'properties': [7, {'name': 'n'}]}, [{'name': 'object-add', 'meta-type': 'command'}]:
        names = ('qomd-dump-config', 'query-chardev', 'qomd-describe-type', 'qom-get', 'qom-set',
                 'object-add', 'object-del', 'qomd-apply', 'qomd-users', 'query-qmp-schema',
                 'qomd-tree-get', 'qom-list-get', 'qom-list')
        for has in ['qom-list-get', 'qomd-tree-get'], []:
            override = {name: junk for name in names[:10 if has else 13]}
            for args in ['diff', path, '--prune'], ['apply', path], ['apply', path, '--prune'], ['dump']:
                r = qom(*args, address=Fake(has, override=override).path, status=None)
                assert r.status in (0, 1, 2, 4, 5, 6), (junk, args, r)



class Making(Fake):
    """Takes what makes objects; @says: a function of the command and its arguments, whose result is
    the answer if it is not None."""

    def __init__(self, says):
        super().__init__()
        self.says, self.given = says, []

    def run(self, name, a):
        answer = self.says(name, a)
        if answer is not None:
            return answer
        if name in ('object-add', 'object-del'):
            self.given.append((name, a['id']))
            return {}
        if name == 'qom-list' and a['path'] == '/objects':
            raise Refused('x', 'DeviceNotFound')
        return super().run(name, a)


@check('fake')
def an_undo_that_fails_is_told_and_can_not_steer_the_terminal():
    def says(name, a):
        if name == 'object-del' or (name, a.get('id')) == ('object-add', 'c'):
            raise Refused('no\033]0;x\007')
    path = write([obj('t', 'a'), obj('t', 'b'), obj('t', 'c')])
    r = qom('apply', path, address=Making(says).path, status=4)
    for name in 'a', 'b':
        matches(rf"^qom: warning: to undo a change of '{name}', object-del has failed: no\\u001B", r.err)
    assert '\033' not in r.err and '\007' not in r.err, r
    r = qom('--json', 'apply', path, address=Making(says).path, status=4)
    kinds = [list(json.loads(line)) for line in r.err.splitlines()]
    equal(sorted(kinds), [['error'], ['warning'], ['warning']])


@check('fake')
def changes_that_a_lost_connection_leaves_are_told():
    def says(name, a):
        if (name, a.get('id')) == ('object-add', 'b'):
            raise OSError
    r = qom('apply', write([obj('t', 'a'), obj('t', 'b')]), address=Making(says).path, status=3)
    matches('^qom: warning: 1 changes were made and can not be undone$', r.err)


@check('fake')
def what_has_to_be_made_anew_because_of_others_keeps_its_place():
    there = {'path': '/objects', 'type': 'container', 'properties': [], 'children': [
        {'path': '/objects/b', 'type': 't', 'children': [], 'properties': [
            {'name': 'type', 'type': 'string', 'value': 't'}, {'name': 'v', 'type': 'int', 'value': 1}]},
        {'path': '/objects/a', 'type': 'u', 'children': [], 'properties': [
            {'name': 'type', 'type': 'string', 'value': 'u'},
            {'name': 'peer', 'type': 'link<t>', 'value': '/objects/b'}]}]}
    actions = []

    def says(name, a):
        if name == 'qomd-tree-get':
            return there
        if name == 'qomd-describe-type':
            return {'properties': [{'name': n, 'live': False} for n in ('v', 'peer')]}
        if name == 'qomd-users':
            return [{'path': '/objects/a', 'property': 'peer'}] if a['path'] == '/objects/b' else []
        if name == 'qomd-apply':
            actions.extend((x['type'], x['data']['id']) for x in a['actions'])
            return {}
        return None
    qom('apply', write([obj('t', 'b', v=2), obj('u', 'x', peer='a'), obj('u', 'a', peer='b')]),
        address=Making(says).path)
    equal(actions, [('object-del', 'a'), ('object-del', 'b'), ('object-add', 'b'), ('object-add', 'a'),
                    ('object-add', 'x')])


@check('fake')
def a_dump_of_nonsense_does_no_harm():
    def says(name, a):
        child = {'path': '', 'type': 'secret', 'properties': [], 'children': []}
        if name == 'qomd-tree-get':
            return {'path': '', 'type': '', 'properties': [], 'children': [child]}
        if name == 'qomd-dump-config' and given:
            return []
        if name == 'query-qmp-schema':
            return [{'name': 'object-add', 'meta-type': 'command', 'arg-type': '0'},
                    {'name': '0', 'meta-type': 'object', 'members': [{'name': '\033[m', 'type': 'str'}]}]
        return None
    for given in True, False:
        r = qom('dump', address=Making(says).path)
        matches("^qom: warning: object '' is left out: ", r.err)
        assert '\033' not in r.err, r


run()
