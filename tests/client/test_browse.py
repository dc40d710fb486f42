#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`qom schema` and `qom graph`; see fixture.py."""
import json
import re
import shutil
import subprocess

from fixture import Fake, check, equal, matches, on_terminal, qom, qom_json, run


# --- schema -----------------------------------------------------------------------------------

@check('real')
def commands_and_events_are_listed_with_what_they_are_for():
    text = qom('schema').out
    matches(r'^object-add +command +Creates an object\.$', text)
    matches(r'^RESUME +event +The state running was entered\.$', text)
    names = [line.split()[0] for line in text.splitlines()]
    live = {e['name'] for e in qom_json('call', 'query-qmp-schema')
            if e['meta-type'] in ('command', 'event')}
    equal(set(names), live)


@check('real')
def a_command_is_described_with_its_arguments():
    text = qom('schema', 'qom-set').out
    matches(r'^qom-set  \(command\)$', text)
    matches('^  path +str +.*object', text)
    matches('^  value +any', text)
    matches('^Returns: nothing$', text)
    matches(r'^Returns: \[ObjectPropertyInfo\]$', qom('schema', 'qom-list').out)
    matches('^Returns: any$', qom('schema', 'qom-get').out)
    matches(r'^  \[implements\] +str', qom('schema', 'qom-list-types').out)
    matches("^More by type, see 'qom schema TYPE': .*iothread", qom('schema', 'object-add').out)
    assert '\nWith socket:\n' in qom('schema', 'ChardevBackend').out


@check('real')
def types_and_types_of_objects_are_described():
    text = qom('schema', 'iothread').out
    matches(r'^iothread  \(object type\)$', text)
    matches(r'^  \[poll-max-ns\] +int +.*\(default: 32768\)', text)
    text = qom('schema', 'HostMemPolicy').out
    matches(r'^  bind +the given nodes only$', text)
    assert 'Members' not in text, text
    matches(r'\(default, preferred, bind, interleave\)', qom('schema', 'memory-backend-ram').out)
    r = qom('schema', 'no-such-thing', status=2)
    matches("there is no command, event or type 'no-such-thing'", r.err)


@check('real')
def everything_is_searched():
    text = qom('schema', '--search', 'PREALLOC').out
    matches(r'^MemoryBackend\w*Properties\.prealloc-threads +member +threads that fetch the pages', text)
    equal(len(re.findall('threads that fetch the pages', text)), 1)
    matches('^object-del +command', qom('schema', '--search', 'object-de').out)
    matches(r'^HostMemPolicy\.bind +member', qom('schema', '--search', 'the given nodes').out)
    equal(qom('schema', '--search', 'no such thing').out, '')
    qom('schema', 'x', '--search', 'y', status=2)


@check('real')
def the_schema_as_json():
    item = qom_json('schema', 'qom-list')
    equal((item['name'], item['kind'], item['returns']), ('qom-list', 'command', '[ObjectPropertyInfo]'))
    equal([(m['name'], m['type'], m['optional']) for m in item['members']], [('path', 'str', False)])
    assert {'name': 'qom-list', 'kind': 'command', 'doc': item['doc']} in qom_json('schema')
    assert 'HostMemPolicy.bind' in [i['name'] for i in qom_json('schema', '--search', 'bind')]
    equal([v['name'] for v in qom_json('schema', 'HostMemPolicy')['values']],
          ['default', 'preferred', 'bind', 'interleave'])


@check('fake')
def what_the_server_does_not_have_is_not_shown():
    live = [{'name': 'qom-list', 'meta-type': 'command', 'arg-type': '1', 'ret-type': '2'},
            {'name': 'their-own', 'meta-type': 'command', 'arg-type': '3', 'ret-type': '2',
             'features': ['unstable\033']},
            {'name': '1', 'meta-type': 'object', 'members': [{'name': 'path', 'type': 'str'}]},
            {'name': '2', 'meta-type': 'object', 'members': []},
            {'name': '3', 'meta-type': 'object', 'tag': 'e', 'members': [
                {'name': 'e', 'type': '4'}, {'name': 'x\033', 'type': '[5]', 'default': None}],
             'variants': [{'case': 'a', 'type': '1'}, {'case': 'b', 'type': '2'}]},
            {'name': '4', 'meta-type': 'enum', 'values': ['a', 'b'], 'members': [{'name': 'a'}]},
            {'name': '[5]', 'meta-type': 'array', 'element-type': '[5]'},
            {'name': 'str', 'meta-type': 'builtin', 'json-type': 'string'}]

    def fake():
        return Fake(override={'query-qmp-schema': live}).path
    text = qom('schema', address=fake()).out
    equal([line.split()[0] for line in text.splitlines()], ['qom-list', 'their-own'])
    text = qom('schema', 'their-own', address=fake()).out
    equal(text, 'their-own  (command, unstable\\u001B)\n\nArguments:\n  e          enum  (a, b)\n'
                '  [x\\u001B]  ' + '[' * 8 + 'list' + ']' * 8 +
                '\n\nWith a:\n  path  str\n\nReturns: nothing\n')
    qom('schema', 'object-add', address=fake(), status=2)
    matches('^Returns: nothing$', qom('schema', 'qom-list', address=fake()).out)


@check('fake')
def without_a_server_our_own_schema_is_shown():
    none = {'QMP_SOCKET': ''}
    matches('^object-add +command', qom('schema', env=none).out)
    matches(r'^  \[poll-max-ns\]', qom('schema', 'iothread', env=none).out)
    matches('^Returns: nothing$', qom('schema', 'qom-set', env=none).out)
    matches('^QOMD_CHANGED.lost +member', qom('schema', '--search', 'lost', env=none).out)
    equal([v['name'] for v in json.loads(qom('--json', 'schema', 'HostMemPolicy', env=none).out)['values']],
          ['default', 'preferred', 'bind', 'interleave'])
    qom('schema', address='/nonexistent/socket', status=3)
    matches('does not tell its schema', qom('schema', address=Fake().path, status=5).err)


# --- graph ------------------------------------------------------------------------------------

STRING = r'"(?:[^"\\\n]|\\.)*"'


def read_dot(text):
    """(nodes, edges) of a DOT file of the simple form that we write; fails on any other."""
    nodes, edges = {}, []
    lines = text.splitlines()
    equal((lines[0], lines[-1]), ('digraph qom {', '}'))
    for line in lines[1:-1]:
        node = re.fullmatch(rf'    ({STRING}) \[label=({STRING})\]', line)
        edge = re.fullmatch(rf'    ({STRING}) -> ({STRING})(?: \[style=(\w+), label=({STRING})\])?', line)
        if node:
            nodes[json.loads(node[1])] = node[2]
        elif edge:
            edges.append((json.loads(edge[1]), json.loads(edge[2]), edge[3], edge[4]))
        else:
            assert re.fullmatch(r'    (rankdir=LR|node \[shape=box\])', line), line
    return nodes, edges


def check_dot(text):
    """Has graphviz read it too, if that is there."""
    if shutil.which('dot'):
        subprocess.run(['dot', '-Tcanon'], input=text.encode(), check=True, stdout=subprocess.DEVNULL)
    return read_dot(text)


@check('real')
def objects_are_drawn_with_their_links():
    qom('add', 'thread-context', 'tc')
    qom('add', 'memory-backend-ram', 'm', 'size=1M', 'prealloc-context=tc')
    text = qom('graph').out
    matches('^/  container$', text)
    matches('^/objects/m  memory-backend-ram\n  prealloc-context -> /objects/tc$', text)
    nodes, edges = check_dot(qom('graph', '--dot').out)
    equal(nodes['/objects/tc'], '"tc\\nthread-context"')
    equal(nodes['/'], '"/\\ncontainer"')
    assert ('/', '/objects', None, None) in edges, edges
    assert ('/objects/m', '/objects/tc', 'dashed', '"prealloc-context"') in edges, edges
    equal(set(n for e in edges for n in e[:2]) - set(nodes), set())
    graph = qom_json('graph', '/objects')
    assert {'path': '/objects/m', 'type': 'memory-backend-ram'} in graph['objects'], graph
    assert {'kind': 'link', 'from': '/objects/m', 'to': '/objects/tc',
            'label': 'prealloc-context'} in graph['edges'], graph
    equal(qom('graph', 'tc').out, f'{qom_json("tree", "tc")["path"]}  thread-context\n')
    qom('graph', '--dot', '--json', status=2)
    qom('graph', '/nope', status=6)
    qom('del', 'm', 'tc')


@check('fake')
def an_answer_of_another_shape_is_an_error():
    for junk in 7, 'x', {}:
        names = ('qom-list', 'qom-list-get', 'qom-list-types', 'qom-list-properties', 'query-qmp-schema')
        for has in [], ['qom-list-get']:
            for args in ['tree'], ['list'], ['graph'], ['types'], ['props', 'x'], ['schema']:
                fake = Fake(has, override={name: junk for name in names if has or name != 'qom-list-get'})
                r = qom(*args, address=fake.path, status=None)
                assert r.status in (4, 5) and r.err and not r.out, (junk, args, r)


@check('fake')
def users_are_drawn_and_text_can_not_break_out():
    evil = 'a"]\\\n\033\u202e;'
    tree = {'path': '/', 'type': evil, 'properties': [
        {'name': evil, 'type': 'link<x>', 'value': '/' + evil}], 'children': []}
    users = [{'path': 'monitor ' + evil, 'role': evil}, {'path': '/x', 'property': 'p', 'role': 'link'}]

    def fake():
        return Fake(override={'qomd-tree-get': tree, 'query-commands': [{'name': 'qomd-users'}],
                              'qomd-users': users}).path
    nodes, edges = check_dot(qom('graph', '--dot', address=fake()).out)
    equal(len(nodes), 1)
    equal([e[2] for e in edges], ['dashed', 'dotted'])
    text = qom('graph', address=fake()).out
    equal(len(text.splitlines()), 3)
    matches(r'^  <- monitor a"\]', text)
    assert '\033' not in on_terminal('graph', address=fake(), env={'NO_COLOR': '1'})


@check('fake')
def a_graph_of_nonsense_does_no_harm():
    for junk in None, 7, 'x', [], [7], {}, [{}], [{'name': 7}]:
        names = ('qomd-tree-get', 'qom-list-get', 'qom-list', 'qom-get', 'query-commands', 'query-qmp-schema')
        override = {name: junk for name in names}
        for args in ['graph'], ['graph', '--dot'], ['schema'], ['schema', 'qom-list'], ['schema', '--search', 'x']:
            r = qom(*args, address=Fake(override=override).path, status=None)
            assert r.status in (0, 2, 4, 5), (junk, args, r)


run()
