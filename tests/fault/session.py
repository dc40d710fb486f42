# SPDX-License-Identifier: BSD-3-Clause
"""The steps of a session, one of each kind of command, and what they may change."""

import base64
import collections
import json
import os
import re
import socket

from lib import proc, server

MEMORY = 8 << 20
DATA = 128 << 10


class Step:
    """Commands, and those that undo them. A command is (name, arguments) or (name, arguments,
    True): then a descriptor goes with it."""

    def __init__(self, name, *commands, undo=(), before=(), secret=False, may_fail=False,
                 listens=None, oob=False):
        self.name, self.commands, self.undo = name, commands, undo
        self.before, self.secret, self.may_fail = before, secret, may_fail
        # A socket that accepts connections when the step has succeeded.
        self.listens = listens
        self.oob = oob


def add(qom_type, object_id='x', **properties):
    return 'object-add', server.object_options(qom_type, object_id, **properties)


def delete(object_id='x'):
    return 'object-del', {'id': object_id}


def chardev(kind, chardev_id='c', **data):
    return 'chardev-add', {'id': chardev_id, 'backend': {'type': kind, 'data': data}}


def set_(path, name, value):
    return 'qom-set', {'path': '/objects/' + path, 'property': name, 'value': value}


DEL = (delete(),)
REMOVE = (('chardev-remove', {'id': 'c'}),)

# IV and key of a secret that is encrypted with AES.
KEY, IV = bytes(range(32)), bytes(range(100, 116))
# openssl enc -aes-256-cbc -K KEY -iv IV, of the text "sesame".
SESAME = 'UNmPoCUEjvQ8qYd6ZtJW3g=='


def b64(data):
    return base64.b64encode(data).decode()


def memory_steps():
    file = {'mem_path': 'mem', 'size': MEMORY}
    yield Step('ram', add('memory-backend-ram', size=MEMORY, merge=True, dump=False), undo=DEL)
    yield Step('ram, shared, on nodes, preallocated in a thread',
               add('memory-backend-ram', size=MEMORY, share=True, prealloc=True, policy='bind',
                   host_nodes=[0]), undo=DEL)
    yield Step('ram, preallocated by threads of a context',
               add('thread-context', 'tc', cpu_affinity=[0]),
               add('memory-backend-ram', size=MEMORY, prealloc=True, prealloc_threads=2,
                   prealloc_context='/objects/tc'), undo=(delete(), delete('tc')))
    yield Step('ram, preallocated by two threads',
               add('memory-backend-ram', size=128 << 20, prealloc=True, prealloc_threads=2),
               undo=DEL)
    yield Step('memfd', add('memory-backend-memfd', size=MEMORY, prealloc=True), undo=DEL)
    yield Step('memfd of huge pages', add('memory-backend-memfd', size=MEMORY, hugetlb=True,
                                          hugetlbsize=2 << 20), undo=DEL, may_fail=True)
    yield Step('a new file', add('memory-backend-file', share=True, prealloc=True, **file),
               undo=DEL)
    yield Step('a file that is there', add('memory-backend-file', mem_path='full', size=MEMORY,
                                           share=True, discard_data=True), undo=DEL)
    yield Step('an empty file', add('memory-backend-file', mem_path='empty', size=MEMORY,
                                    share=True, prealloc=True), undo=DEL)
    yield Step('a file for reading', add('memory-backend-file', mem_path='full', size=MEMORY,
                                         readonly=True, rom='off'), undo=DEL)
    yield Step('a nameless file', add('memory-backend-file', mem_path='.', size=MEMORY,
                                      share=True), undo=DEL)
    yield Step('enclave memory', add('memory-backend-epc', size=MEMORY), undo=DEL, may_fail=True)
    yield Step('memory is saved', ('memdev-save', {'id': 'x', 'filename': 'saved'}), undo=DEL,
               before=(add('memory-backend-file', mem_path='data', size=DATA),))
    yield Step('figures of memory', ('query-memdev', {}), ('query-memory-regions', {}))
    yield Step('memory is handed out', ('memdev-get-fd', {'id': 'm0'}))
    yield Step('memory changes', set_('m0', 'merge', False), set_('m0', 'dump', False),
               undo=(set_('m0', 'merge', True), set_('m0', 'dump', True)))
    yield Step('memory is preallocated later', set_('x', 'prealloc', True), undo=DEL,
               before=(add('memory-backend-ram', size=MEMORY),))


def thread_steps():
    yield Step('iothread', add('iothread', thread_pool_min=1, thread_pool_max=2), undo=DEL)
    yield Step('threads are listed', ('query-iothreads', {}))
    yield Step('iothread changes', set_('i0', 'poll-max-ns', 1000),
               set_('i0', 'thread-pool-max', 5), set_('i0', 'aio-max-batch', 7),
               undo=(set_('i0', 'aio-max-batch', 0),
                     set_('i0', 'thread-pool-max', 64), set_('i0', 'poll-max-ns', 32768)))
    yield Step('thread-context', add('thread-context', cpu_affinity=[0]), undo=DEL)
    yield Step('thread-context on a node', add('thread-context', node_affinity=[0]), undo=DEL)
    yield Step('thread-context changes', set_('tc0', 'cpu-affinity', [0]))


def other_steps():
    yield Step('rng-builtin', add('rng-builtin'), ('rng-read', {'id': 'x', 'bytes': 32}), undo=DEL)
    yield Step('rng-random', add('rng-random', filename='/dev/urandom'),
               ('rng-read', {'id': 'x', 'bytes': 32}), undo=DEL)
    yield Step('chardev file', chardev('file', out='out', logfile='log'), undo=REMOVE)
    yield Step('chardev that listens', chardev('socket', server=True, wait=False, addr={
        'type': 'unix', 'data': {'path': 'listen'}}), undo=REMOVE, listens='listen')
    yield Step('chardev that listens on TCP', chardev('socket', server=True, wait=False, addr={
        'type': 'inet', 'data': {'host': 'localhost', 'port': '0'}}), undo=REMOVE)
    yield Step('chardev that connects', chardev('socket', server=False, addr={
        'type': 'unix', 'data': {'path': 'peer'}}), undo=REMOVE)
    yield Step('chardev of a descriptor', ('getfd', {'fdname': 'peer'}, True),
               chardev('socket', server=False, addr={'type': 'fd', 'data': {'str': 'peer'}}),
               undo=REMOVE + (('closefd', {'fdname': 'peer'}),))
    yield Step('ringbuf', chardev('ringbuf', size=65536),
               ('ringbuf-write', {'device': 'c', 'data': 'x' * 1000}),
               ('ringbuf-read', {'device': 'c', 'size': 1000}), undo=REMOVE)
    yield Step('chardevs are listed', ('query-chardev', {}))
    yield Step('getfd', ('getfd', {'fdname': 'f'}, True), undo=(('closefd', {'fdname': 'f'}),))
    yield Step('a set of descriptors', ('add-fd', {'fdset-id': 7}, True),
               add('rng-random', filename='/dev/fdset/7'), ('rng-read', {'id': 'x', 'bytes': 1}),
               undo=(delete(), ('remove-fd', {'fdset-id': 7})))
    yield Step('a list of actions', apply(),
               undo=(delete('a3'), delete('a2'), delete('a1'), ('chardev-remove', {'id': 'a0'}),
                     set_('i0', 'poll-max-ns', 32768)))
    yield Step('a list of actions that is taken back', apply(bad=True), may_fail=True)
    yield Step('a watch', ('qomd-watch', {'path': '/objects', 'recurse': True}),
               add('rng-builtin'), delete(), undo=DEL)
    yield Step('the configuration is dumped', ('qomd-dump-config', {}))
    yield Step('the tree is read', ('qomd-tree-get', {}))
    yield Step('the schema is read', ('query-qmp-schema', {}))
    yield Step('a command for people', ('human-monitor-command', {'command-line': 'info chardev'}))
    yield Step('a large command', set_('i0', 'poll-max-ns', 'x' * (1 << 20)), may_fail=True)


def apply(bad=False):
    actions = [chardev('ringbuf', 'a0', size=4096), add('memory-backend-ram', 'a1', size=MEMORY),
               add('iothread', 'a2'), add('thread-context', 'a3', cpu_affinity=[0]),
               set_('i0', 'poll-max-ns', 5)]
    if bad:
        actions.append(delete('there-is-none'))
    return 'qomd-apply', {'actions': [{'type': name, 'data': data} for name, data in actions]}


def secret_steps():
    master = add('secret', 'master', format='base64', data=b64(KEY))
    yield Step('secret', add('secret', data='sesame'), undo=DEL, secret=True)
    yield Step('secret in a file', add('secret', file='password'), undo=DEL, secret=True)
    yield Step('secret behind AES', master,
               add('secret', format='base64', keyid='master', iv=b64(IV), data=SESAME),
               undo=(delete(), delete('master')), secret=True)


BIG = 1 << 20
TEXT = 'x' * BIG


def large_requests():
    """What is wrong with them is found late, or never."""
    yield 'a value of the wrong type', set_('i0', 'poll-max-ns', TEXT)
    yield 'the name of a file', add('rng-random', filename='/' + TEXT)
    yield 'a path of memory', add('memory-backend-file', mem_path='/' + TEXT, size=4096)
    yield 'an id', add('rng-builtin', TEXT)
    yield 'no id', add('rng-builtin', '/' + TEXT)
    yield 'a type', add(TEXT)
    yield 'a command', (TEXT, {})
    yield 'an unknown argument', ('query-version', {TEXT: 1})
    yield 'many arguments', ('query-version', {f'k{i}': i for i in range(50000)})
    yield 'many nested values', ('query-version', {'k': [[i] for i in range(50000)]})
    yield 'an absolute path', ('qom-get', {'path': '/' + TEXT, 'property': 'type'})
    yield 'a partial path', ('qom-get', {'path': TEXT, 'property': 'type'})
    yield 'many components', ('qom-get', {'path': '/a' * 500000, 'property': 'type'})
    yield 'a property', ('qom-get', {'path': '/objects/i0', 'property': TEXT})
    yield 'a file of a chardev', chardev('file', out='/' + TEXT)
    yield 'an id of a chardev', chardev('null', 'c' + TEXT)
    yield 'a log of a chardev', chardev('null', logfile='/' + TEXT)
    yield 'a path of a socket', chardev('socket', addr={'type': 'unix', 'data': {'path': TEXT}})
    yield 'a host', chardev('socket', addr={'type': 'inet', 'data': {'host': TEXT, 'port': '1'}})
    yield 'many actions', ('qomd-apply', {'actions': [
        {'type': 'object-add', 'data': {'qom-type': 'rng-builtin', 'id': f'r{i}'}}
        for i in range(5000)] + [{'type': 'object-del', 'data': {'id': 'nobody'}}]})
    yield 'a remark on a descriptor', ('add-fd', {'fdset-id': 7, 'opaque': TEXT}, True)
    yield 'a name of a descriptor', ('getfd', {'fdname': TEXT}, True)
    yield 'a descriptor to close', ('closefd', {'fdname': TEXT})
    yield 'a path to watch', ('qomd-watch', {'path': '/' + TEXT})
    yield 'a line for people', ('human-monitor-command', {'command-line': TEXT})
    yield 'a type to describe', ('qomd-describe-type', {'typename': TEXT})
    yield 'a type to list', ('qom-list-properties', {'typename': TEXT})
    yield 'an id to yank', ('yank', {'instances': [{'type': 'chardev', 'id': TEXT}]})
    yield 'users of a path', ('qomd-users', {'path': TEXT})
    yield 'many paths', ('qom-list-get', {'paths': ['/objects/i0'] * 5000})
    yield 'an id to delete', delete(TEXT)
    yield 'all of the schema', ('query-qmp-schema', {})
    yield 'all of the tree', ('qomd-tree-get', {})


def large_steps():
    """Requests and replies whose size the client decides."""
    for name, command in large_requests():
        yield Step(f'large: {name}', command, may_fail=True)
    for name, command in list(large_requests())[:3]:
        yield Step(f'large, with out-of-band commands: {name}', command, may_fail=True, oob=True)
    yield Step('large: CPUs', add('thread-context', cpu_affinity=[0] * 100000), undo=DEL)
    yield Step('large: nodes', add('memory-backend-ram', size=4096, policy='bind',
                                   host_nodes=[0] * 100000), undo=DEL)
    for form in 'utf8', 'base64':
        text = TEXT if form == 'utf8' else b64(TEXT.encode())
        yield Step(f'large: ring buffer, {form}', chardev('ringbuf', size=BIG),
                   ('ringbuf-write', {'device': 'c', 'data': text, 'format': form}),
                   ('ringbuf-read', {'device': 'c', 'size': BIG, 'format': form}), undo=REMOVE)
    half = BIG // 2
    yield Step('large: secret', add('secret', data='x' * half), undo=DEL)
    yield Step('large: secret in base64', add('secret', data=b64(bytes(half)), format='base64'),
               undo=DEL)
    yield Step('large: secret in a file', add('secret', file='large'), undo=DEL)
    yield Step('large: secret behind AES', add('secret', 'master', format='base64', data=b64(KEY)),
               add('secret', format='base64', keyid='master', iv=b64(IV), data=b64(bytes(half))),
               undo=(delete(), delete('master')), may_fail=True)


def steps():
    return [*memory_steps(), *thread_steps(), *other_steps(), *secret_steps()]


# Objects that steps look at and change.
THERE = [add('memory-backend-ram', 'm0', size=MEMORY, share=True), add('iothread', 'i0'),
         add('thread-context', 'tc0'), chardev('ringbuf', 'r0', size=4096)]


class Place:
    """The folder in which the server runs, with what steps need; and a listener."""

    def __init__(self, folder):
        self.folder = folder
        for name, size in ('full', MEMORY), ('empty', 0):
            with open(os.path.join(folder, name), 'wb') as f:
                f.truncate(size)
        with open(os.path.join(folder, 'data'), 'wb') as f:
            f.write(b'x' * DATA)
        with open(os.path.join(folder, 'password'), 'w', encoding='ascii') as f:
            os.fchmod(f.fileno(), 0o600)
            f.write('sesame')
        with open(os.path.join(folder, 'large'), 'w', encoding='ascii') as f:
            os.fchmod(f.fileno(), 0o600)
            f.write('x' * (BIG // 2))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(folder, 'peer'))
        self.listener.listen(1000)

    def close(self):
        self.listener.close()

    def tidy(self):
        """Removes what a step may leave: files that it made, connections that it opened."""
        self.listener.setblocking(False)
        try:
            while True:
                self.listener.accept()[0].close()
        except BlockingIOError:
            pass
        for name in ('mem', 'out', 'log', 'saved'):
            if os.path.exists(os.path.join(self.folder, name)):
                os.unlink(os.path.join(self.folder, name))
        os.truncate(os.path.join(self.folder, 'empty'), 0)

    def listing(self):
        return sorted(f'{name} {os.path.getsize(os.path.join(self.folder, name))}'
                      for name in os.listdir(self.folder) if not name.startswith('fault'))


def state(pid, client, sanitized=False):
    """All that a failed command must leave as it was."""
    found = {name: client.ok(name) for name in ('query-chardev', 'query-fdsets', 'query-memdev',
                                                'query-yank')}
    found['tree'] = client.ok('qomd-tree-get', {'path': '/objects', 'values': False})
    found['dump'] = client.ok('qomd-dump-config')
    found['monitors'] = len(client.ok('qomd-query-monitors'))
    try:
        found['fds'] = sorted(re.sub(r'\d+', 'N', target) for target in proc.fds(pid).values())
        found['threads'] = sorted(name for name in proc.threads(pid).values()
                                  if not name.startswith('w:'))
        found['maps'] = maps(pid, sanitized)
    except PermissionError:  # a plain user's process that holds secrets
        pass
    return json.loads(json.dumps(found))


def maps(pid, sanitized):
    """Mappings that are not the allocator's, a stack, or of the system: (size, rights, file)."""
    found = []
    for m in proc.maps(pid, 'maps'):
        if m.path.startswith(('[', '/usr', '/lib')) or '.so' in m.path:
            continue
        if sanitized and not m.path.startswith('/'):
            continue
        found.append(f'{m.size} {m.perms} {m.path}')
    return sorted(found)


def difference(before, now):
    """What a state has more and less than another, for people."""
    text = []
    for key in before.keys() | now.keys():
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if isinstance(old, list) and isinstance(new, list):
            old, new = (collections.Counter(map(str, side)) for side in (old, new))
            text.append(f'{key}: more {list((new - old).elements())}, '
                        f'less {list((old - new).elements())}')
        else:
            text.append(f'{key}: was {str(old)[:600]}, is {str(new)[:600]}')
    return '; '.join(text)
