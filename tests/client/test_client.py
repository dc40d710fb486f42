#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The client's basic commands; see fixture.py."""
import json
import os
import socket
import subprocess
import time

from fixture import QOM, Fake, Place, Refused, Skip, check, equal, matches, on_terminal, qom, qom_json, run


# --- Against real programs --------------------------------------------------------------------

@check('real')
def an_object_is_added_listed_and_deleted():
    equal(qom('add', 'iothread', 'io0').out, '')
    matches(r'^poll-max-ns +32768 +int$', qom('list', '/objects/io0').out)
    matches(r'^type +iothread +string$', qom('list', '/objects/io0').out)
    matches(r'^io0/ +child<iothread>$', qom('list', '/objects').out)
    qom('del', 'io0')
    assert 'io0' not in qom('list', '/objects').out


@check('real')
def values_given_to_add_have_the_types_of_the_schema():
    qom('add', 'memory-backend-ram', 'id=m0', 'size=1.5M', 'share=on', 'merge=off', 'host-nodes=0',
        'policy=bind')
    equal(qom('get', 'm0.size', 'm0.share', 'm0.merge', 'm0.policy', 'm0.host-nodes').out,
          '1572864\ntrue\nfalse\nbind\n[0]\n')
    qom('del', 'm0')


@check('real')
def strings_that_look_like_numbers_stay_strings():
    qom('add', 'secret', 's0', 'data=12345')
    qom('del', 's0')


@check('real')
def an_object_is_added_from_json():
    qom('add', '{"qom-type": "iothread", "id": "io1", "poll-max-ns": 5}')
    equal(qom('get', '/objects/io1', 'poll-max-ns').out, '5\n')
    qom('del', 'io1')


@check('real')
def integers_and_booleans_can_be_set():
    qom('add', 'iothread', 'io2')
    qom('add', 'memory-backend-ram', 'm2', 'size=1M')
    qom('set', '/objects/io2', 'poll-max-ns', '64k')
    equal(qom('get', 'io2.poll-max-ns').out, '65536\n')
    qom('set', 'io2.poll-max-ns', '0x10')
    equal(qom_json('get', 'io2.poll-max-ns'), 16)
    qom('set', 'm2', 'dump', 'off')
    equal(qom_json('get', 'm2.dump'), False)
    r = qom('set', 'io2', 'poll-max-ns', '-1', status=4)
    matches('GenericError: .*poll-max-ns value must be in range', r.err)
    r = qom('set', 'io2', 'poll-max-ns', 'abc', status=2)
    matches("poll-max-ns: expects an integer or a size, not 'abc'", r.err)
    qom('set', 'm2', 'dump', '7', status=2)
    qom('del', 'io2', 'm2')


@check('real')
def lists_can_be_set():
    cpu = min(os.sched_getaffinity(0))
    qom('add', 'thread-context', 'tc0')
    qom('set', 'tc0', 'cpu-affinity', str(cpu))
    equal(qom_json('get', 'tc0.cpu-affinity'), [cpu])
    qom('set', 'tc0', 'cpu-affinity', f'{cpu}-{cpu}')
    qom('set', 'tc0', 'cpu-affinity', f'[{cpu}]')
    qom('set', 'tc0', 'cpu-affinity', 'all', status=2)
    qom('del', 'tc0')


@check('real')
def enumerations_and_structures_can_be_set():
    if 'authz-list' not in qom('types').out:
        raise Skip('the server has no type with such properties')
    qom('add', 'authz-list', 'az', 'policy=deny')
    qom('set', 'az', 'policy', 'allow')
    equal(qom('get', 'az.policy').out, 'allow\n')
    matches("does not accept value 'nope'", qom('set', 'az', 'policy', 'nope', status=4).err)
    qom('set', 'az', 'rules', '[{"match": "fred", "policy": "deny", "format": "exact"}]')
    equal(qom_json('get', 'az.rules')[0]['match'], 'fred')
    qom('del', 'az')


@check('real')
def a_property_that_can_not_be_changed_stays_as_it_is():
    qom('add', 'memory-backend-ram', 'm3', 'size=1M')
    qom('set', 'm3', 'size', '2M', status=4)
    qom('set', 'm3', 'type', 'x', status=4)
    qom('set', 'm3', 'nope', 'x', status=4)
    equal(qom('get', 'm3.size').out, '1048576\n')
    qom('del', 'm3')


@check('real')
def links_are_shown_with_their_target():
    qom('add', 'thread-context', 'tc')
    qom('add', 'memory-backend-ram', 'm4', 'size=1M', 'prealloc-context=tc')
    qom('add', 'memory-backend-ram', 'm5', 'size=1M')
    matches(r'^prealloc-context +-> /objects/tc +link<thread-context>$',
            qom('list', 'm4').out)
    matches(r'^prealloc-context +-> "" +link<thread-context>$', qom('list', 'm5').out)
    qom('del', 'm4', 'm5', 'tc')


@check('real')
def the_tree_has_objects_properties_and_levels():
    qom('add', 'iothread', 'io3')
    text = qom('tree').out
    matches(r'^/  container$', text)
    matches(r'^[|`]-- objects/  container$', text)
    matches(r'^[| ]   [|`]-- io3/  iothread$', text)
    matches(r'^[| ]   [| ]   [|`]-- poll-max-ns +32768 +int$', text)
    names = qom('tree', '-n').out
    assert 'io3/' in names and 'poll-max-ns' not in names, names
    top = qom('tree', '-n', '--depth=1').out
    assert 'objects/' in top and 'io3' not in top, top
    qom('del', 'io3')


@check('real')
def the_tree_as_json_is_complete():
    qom('add', 'iothread', 'io4')
    tree = qom_json('tree', '/objects')
    equal(tree['path'], '/objects')
    child = {c['path']: c for c in tree['children']}['/objects/io4']
    equal(child['type'], 'iothread')
    values = {p['name']: p.get('value') for p in child['properties']}
    equal(values['poll-max-ns'], 32768)
    equal(values['type'], 'iothread')
    equal(child['children'], [])
    equal(qom_json('tree', 'objects')['path'], '/objects')
    equal(qom_json('tree', '-d', '0', '/objects')['children'], [])
    qom('del', 'io4')


@check('real')
def names_with_brackets_and_dots_are_reached():
    qom('add', 'memory-backend-ram', 'a.b-c', 'size=1M')
    equal(qom('get', '/objects/a.b-c', 'size').out, '1048576\n')
    equal(qom('get', '/objects/a.b-c.size').out, '1048576\n')
    equal(qom('get', '-p', '/objects/a.b-c', 'size', 'share').out, '1048576\nfalse\n')
    matches('^type', qom('list', '/objects/a.b-c/a.b-c[0]').out)
    qom('del', 'a.b-c')


@check('real')
def several_values_come_with_the_errors_of_the_others():
    r = qom('get', '/.type', '/nope.x', '/objects.type', status=6)
    equal(r.out, 'container\ncontainer\n')
    matches("^qom: /nope.x: DeviceNotFound: Device '/nope' not found$", r.err)
    r = qom('--json', 'get', '/.type', '/.nope', status=4)
    equal(json.loads(r.out), [
        {'path': '/', 'property': 'type', 'value': 'container'},
        {'path': '/', 'property': 'nope',
         'error': {'class': 'GenericError', 'desc': "Property 'container.nope' not found"}}])


@check('real')
def exit_statuses_tell_the_class_of_the_error():
    qom('get', '/.nope', status=4)
    qom('call', 'no-such-command', status=5)
    qom('list', '/no/such/object', status=6)
    qom('props', 'no-such-type', status=6)
    qom('del', 'no-such-id', status=4)
    qom('add', 'no-such-type', 'x', status=4)
    qom('add', 'iothread', status=2)
    qom('nonsense', status=2)
    qom('tree', '--nonsense', status=2)
    qom('list', '-d', '1', status=2)
    qom('tree', '/', '/', status=2)
    qom('list', address='/nonexistent/socket', status=3)
    qom('list', address='localhost:1', status=3)


@check('real')
def errors_are_json_too():
    r = qom('--json', 'list', '/nope', status=6)
    equal(json.loads(r.err),
          {'error': {'class': 'DeviceNotFound', 'desc': "Device '/nope' not found"}})
    equal(r.out, '')
    r = qom('--json', 'list', address='/nonexistent/socket', status=3)
    equal(json.loads(r.err)['error']['class'], 'Connection')
    equal(json.loads(qom('--json', status=2).err)['error']['class'], 'Usage')


@check('real')
def every_subcommand_writes_json():
    equal(qom_json('add', 'iothread', 'io5'), {})
    equal(qom_json('set', 'io5.poll-max-ns', '1'), {})
    equal(qom_json('get', 'io5', 'type'), 'iothread')
    assert {'name': 'poll-max-ns', 'type': 'int', 'value': 1} in qom_json('list', 'io5')
    assert 'poll-max-ns' in [p['name'] for p in qom_json('props', 'iothread')]
    assert {'name': 'iothread', 'parent': 'event-loop-base'} in qom_json('types')
    equal(qom_json('call', 'qom-get', 'path=io5', 'property=poll-max-ns'), 1)
    equal(qom_json('del', 'io5'), [{'id': 'io5'}])
    r = qom('--json', 'del', 'io5', status=4)
    equal(json.loads(r.out)[0]['error']['class'], 'GenericError')


@check('real')
def types_are_filtered_and_sorted():
    lines = qom('types', '--implements', 'memory-backend').out.splitlines()
    names = [line.split()[0] for line in lines]
    assert 'memory-backend-ram' in names and 'iothread' not in names, lines
    assert 'memory-backend' not in names, lines
    equal(names, sorted(names))
    matches(r'^memory-backend +object +abstract$',
            qom('types', '--implements', 'memory-backend', '--abstract').out)
    equal(qom('types', '--implements', 'nope').out, '')


@check('real')
def properties_of_types_and_objects_are_described():
    matches(r'^poll-max-ns +int', qom('props', 'iothread').out)
    matches(r'^size +int +\S', qom('props', 'memory-backend-ram').out)
    qom('add', 'memory-backend-ram', 'm6', 'size=1M')
    for operand in '/objects/m6', 'm6':
        text = qom('props', operand).out
        matches(r'^size +int', text)
        matches(r'^m6\[0\] +child<memory-region>', text)
    qom('del', 'm6')


@check('real')
def call_types_its_arguments():
    equal(json.loads(qom('call', 'query-version').out).keys() >= {'qemu'}, True)
    qom('call', 'object-add', 'qom-type=iothread', 'id=io6', 'poll-max-ns=1k')
    equal(qom('call', 'qom-get', '{"path": "io6", "property": "poll-max-ns"}').out, '1024\n')
    names = [t['name'] for t in json.loads(qom('call', 'qom-list-types', 'abstract=on',
                                               'implements=memory-backend').out)]
    assert 'memory-backend' in names, names
    qom('call', 'object-del', 'id=io6')
    qom('call', 'qom-get', '{"path"', status=2)
    qom('call', 'qom-get', '[]', status=2)


@check('real')
def the_schema_is_read_whole():
    names = {e['name'] for e in qom_json('call', 'query-qmp-schema')}
    assert {'object-add', 'qom-list', 'query-qmp-schema', 'str'} <= names


@check('real')
def a_reader_that_goes_ends_it_quietly():
    script = f'"{QOM}" call query-qmp-schema | head -n 1'
    r = subprocess.run(['bash', '-c', script + '; exit ${PIPESTATUS[0]}'], capture_output=True,
                       env=dict(os.environ, QMP_SOCKET=Place.address), timeout=60)
    equal((r.stdout, r.stderr, r.returncode), (b'[\n', b'', 141))


@check('real')
def output_that_can_not_be_written_is_an_error():
    with open('/dev/full', 'w', encoding='ascii') as full:
        r = subprocess.run([QOM, 'tree'], stdout=full, stderr=subprocess.PIPE, timeout=60,
                           env=dict(os.environ, QMP_SOCKET=Place.address))
    equal(r.returncode, 9)


@check('real')
def a_terminal_gets_boxes_and_colour_and_nobody_else():
    text = on_terminal('tree', '-n')
    assert '└── ' in text and '\033[' in text, text
    assert '\033[' not in on_terminal('tree', '-n', env={'NO_COLOR': '1'})
    assert '\033[' not in on_terminal('tree', '-n', env={'TERM': 'dumb'})
    ascii_text = on_terminal('tree', '-n', env={'LC_ALL': 'C'})
    assert '`-- ' in ascii_text and '└' not in ascii_text, ascii_text
    assert '\033[' not in qom('tree', '-n').out


@check('real')
def colour_can_be_asked_for_and_refused():
    assert '\033[' in qom('--color', 'always', 'tree', '-n', env={'NO_COLOR': '1'}).out
    assert '\033[' not in qom('--color=auto', 'tree', '-n').out
    assert '\033[' not in on_terminal('tree', '-n', '--color=never')
    matches('expects auto, always or never', qom('tree', '--color=red', status=2).err)


# --- Against the server in this file ----------------------------------------------------------

def fake_tree(fake, *args):
    tree = qom_json('tree', *args, address=fake.path)
    assert not [c for c in fake.commands if c not in
                ('qmp_capabilities', 'qomd-tree-get', 'qom-list-get', 'qom-list', 'qom-get')]
    return tree


@check('fake')
def the_tree_is_the_same_with_every_kind_of_server():
    plain = fake_tree(Fake())
    equal([c['path'] for c in plain['children']], ['/a', '/b'])
    equal(plain['children'][0]['children'][0]['properties'],
          [{'name': 'type', 'type': 'string', 'value': 'thing'},
           {'name': 'n', 'type': 'int', 'value': 7}, {'name': 'secret', 'type': 'string'}])
    equal(fake_tree(Fake(['qom-list-get'])), plain)
    equal(fake_tree(Fake(['qom-list-get', 'qomd-tree-get'])), plain)
    equal(fake_tree(Fake(['qomd-tree-get'])), plain)


@check('fake')
def no_more_round_trips_than_needed():
    whole, bulk, plain = Fake(['qomd-tree-get']), Fake(['qom-list-get']), Fake()
    for server, trips in (whole, 1), (bulk, 3), (plain, 5):
        fake_tree(server)
        assert server.trips <= trips, (server.has, server.trips)
    several = Fake()
    qom('get', '/.type', '/a.type', '/b.n', address=several.path)
    equal(several.trips, 1)
    settled = Fake(override={'qom-set': {}})
    qom('set', '/b', 'n', '9', address=settled.path)
    equal(settled.trips, 2)


@check('fake')
def an_answer_that_is_too_large_is_read_in_parts():
    class Large(Fake):
        def run(self, name, a):
            if name == 'qomd-tree-get':
                raise Refused('the answer would have 9000000 bytes')
            return super().run(name, a)
    equal(fake_tree(Large(['qom-list-get'])), fake_tree(Fake()))


@check('fake')
def an_object_that_goes_meanwhile_is_no_error():
    for has in [], ['qom-list-get']:
        tree = fake_tree(Fake(has, gone=['/a/deep']))
        equal(tree['children'][1]['properties'][1]['value'], 8)
        equal(tree['children'][0]['children'][0]['properties'], [])
        tree = fake_tree(Fake(has, gone=['/b']))
        equal(tree['children'][1]['properties'], [])
        equal(tree['children'][0]['children'][0]['properties'][1]['value'], 7)


@check('fake')
def a_partial_path_becomes_a_whole_one():
    for has in [], ['qom-list-get']:
        tree = fake_tree(Fake(has), 'a')
        equal((tree['path'], tree['children'][0]['path']), ('/a', '/a/deep'))


@check('fake')
def events_in_between_are_ignored():
    event = b'{"event": "RESUME", "data": {"id": 1}, "timestamp": {"seconds": 1, "microseconds": 2}}\r\n'
    equal(fake_tree(Fake(noise=event * 3)), fake_tree(Fake()))


@check('fake')
def addresses_are_paths_or_hosts_with_ports():
    for prefix, server in ('', Fake(tcp=True)), ('tcp:', Fake(tcp=True)), ('unix:', Fake()):
        equal(qom('get', '/', 'type', address=prefix + server.path).out, 'container\n')
    server = Fake(tcp=True)
    equal(qom('-s', server.path, 'get', '/', 'type', address='/nonexistent').out, 'container\n')
    matches('no server is given', qom('list', env={'QMP_SOCKET': ''}, status=2).err)


@check('fake')
def a_long_line_is_read():
    text = 'x' * 1000000
    equal(qom('get', '/', 'type', address=Fake(override={'qom-get': text}).path).out, text + '\n')


@check('fake')
def answers_out_of_order_end_the_connection():
    for reply in (b'{"return": 1, "id": 77}\n', b'{"return": 1}\n', b'{"return": 1, "id": "2"}\n',
                  b'{"error": {"class": "GenericError", "desc": "what?"}}\n'):
        r = qom('get', '/', 'type', address=Fake(override={'qom-get': reply}).path, status=3)
        matches('answers out of order', r.err)


@check('fake')
def what_is_no_qmp_is_told():
    matches('does not speak QMP', qom('list', address=Fake(greeting={}).path, status=3).err)
    for reply in b'HTTP/1.1 400 Bad Request\r\n\r\n', b'[' * 2000 + b'\n', b'\xff\n', b'"\n':
        r = qom('get', '/', 'type', address=Fake(override={'qom-get': reply}).path, status=3)
        matches('does not speak QMP', r.err)


@check('fake')
def silence_ends_in_time():
    start = time.monotonic()
    r = qom('--timeout', '0.3', 'list', address=Fake(greeting=None).path, status=3)
    matches('no greeting: .* has not answered in time', r.err)
    r = qom('--timeout', '0.3', 'get', '/', 'type',
            address=Fake(override={'qom-get': b''}).path, status=3)
    matches('has not answered in time', r.err)
    chatter = Fake(override={'qom-get': b'{"event": "X"}\n' * 10})
    qom('--timeout', '0.3', 'get', '/', 'type', address=chatter.path, status=3)
    assert time.monotonic() - start < 5


@check('fake')
def a_server_that_goes_is_told():
    class Leaving(Fake):
        def answer(self, connection, request):
            if request['execute'] == 'qom-list-get':
                connection.shutdown(socket.SHUT_RDWR)
                raise OSError
            super().answer(connection, request)
    matches('has closed the connection', qom('tree', address=Leaving().path, status=3).err)


@check('fake')
def refused_capabilities_are_told():
    refusal = b'{"error": {"class": "GenericError", "desc": "no"}, "id": 1}\n'
    r = qom('list', address=Fake(override={'qmp_capabilities': refusal}).path, status=3)
    matches('no$', r.err)


@check('fake')
def hostile_text_does_not_steer_the_terminal():
    evil = '\033]0;owned\007\n\u202egnp\u009b1m'
    shown = '\\u001B]0;owned\\u0007\\n\\u202Egnp\\u009B1m'
    tree = {'path': '/' + evil, 'type': evil,
            'properties': [{'name': evil, 'type': evil, 'value': evil}],
            'children': [{'path': '/x/' + evil, 'type': evil, 'properties': [], 'children': []}]}
    text = on_terminal('tree', address=Fake(override={'qomd-tree-get': tree}).path,
                       env={'NO_COLOR': '1'})
    assert '\033' not in text and '\u202e' not in text and '\u009b' not in text, text
    equal(text.count(shown), 7)
    value = {'qom-get': evil}
    equal(on_terminal('get', '/', 'x', address=Fake(override=value).path), shown + '\r\n')
    equal(qom('get', '/', 'x', address=Fake(override=value).path).out, evil + '\n')
    error = json.dumps({'error': {'class': evil, 'desc': evil}, 'id': 2}).encode() + b'\n'
    r = qom('get', '/', 'x', address=Fake(override={'qom-get': error}).path, status=4)
    equal(r.err, f'qom: GenericError: {shown}\n')


@check('fake')
def a_tree_without_an_end_is_cut():
    class Endless(Fake):
        def properties(self, path, values=True):
            return [{'name': 'x', 'type': 'child<y>', 'value': path.rstrip('/') + '/x'}]
    tree = qom_json('tree', address=Endless(['qom-list-get']).path)
    depth = 0
    while tree['children']:
        tree, depth = tree['children'][0], depth + 1
    equal(depth, 200)


@check('fake')
def nonsense_in_place_of_answers_does_no_harm():
    for junk in None, 7, 'x', [], [7], {}, [[]], [{}], [{'name': 7, 'type': []}], \
            [{'properties': 7}], {'path': 7, 'children': [7, {'children': {}}]}:
        names = ('qomd-tree-get', 'qom-list-get', 'qom-list', 'qom-get', 'qom-list-types',
                 'qom-list-properties', 'query-qmp-schema', 'object-add', 'qom-set')
        override = {name: junk for name in names}
        for args in (['tree'], ['list'], ['get', '/', 'x'], ['types'], ['props', 'x'],
                     ['props', '/x'], ['set', '/', 'x', '1'], ['add', 'x', 'y', 'z.0=1'],
                     ['call', 'x', 'y=1']):
            for form in [], ['--json']:
                r = qom(*form, *args, address=Fake(override=override).path, status=None)
                assert r.status in (0, 2, 4, 5), (junk, args, r)


run()
