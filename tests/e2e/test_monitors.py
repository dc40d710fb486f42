#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Monitors of all kinds at once, and character devices that come and go."""

import base64
import json
import os
import re
import signal
import socket
import subprocess

from lib import proc, server, tap

GE = 'GenericError'


def own(t, *args, **keywords):
    s = t.server(*args, **keywords)
    c = s.connect()
    t.cleanup(c.close)
    return s, c


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def tcp(t, port):
    connection = socket.create_connection(('127.0.0.1', port), 5)
    t.cleanup(connection.close)
    return connection


@tap.case('all kinds of monitor at once')
def _(t):
    port = free_port()
    ours, theirs = socket.socketpair()
    t.cleanup(ours.close)
    path = os.path.join(t.dir, 'mon')
    log = os.path.join(t.dir, 'log')
    s = t.server('-qmp', f'tcp:127.0.0.1:{port},server=on,wait=off',
                 '-chardev', f'socket,id=u,path={path},server=on,wait=off',
                 '-mon', 'chardev=u,mode=control,pretty=on',
                 '-chardev', f'socket,id=f,fd={theirs.fileno()}', '-mon', 'f,mode=control',
                 '-chardev', 'null,id=n', '-mon', 'chardev=n,mode=control',
                 '-chardev', f'file,id=l,path={log}', '-mon', 'chardev=l,mode=control',
                 '-qmp', 'stdio', pass_fds=[theirs.fileno()], stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE)
    theirs.close()
    c = s.connect()
    t.cleanup(c.close)
    clients = [c, server.Client(tcp(t, port)), server.Client(ours)]
    unix = socket.socket(socket.AF_UNIX)
    t.cleanup(unix.close)
    unix.connect(path)
    unix.settimeout(5)
    pretty = unix.makefile('rb')
    t.equal([pretty.readline() for _ in range(3)],
            [b'{\r\n', b'    "QMP": {\r\n', b'        "version": {\r\n'])
    t.ok(b'"QMP"' in s.process.stdout.readline(), 'greeting')
    s.process.stdin.write(b'{"execute":"qmp_capabilities"}\n')
    s.process.stdin.flush()
    t.equal(json.loads(s.process.stdout.readline()), {'return': {}})
    c.ok('cont')
    stamps = {str(client.event('RESUME')['timestamp']) for client in clients}
    event = json.loads(s.process.stdout.readline())
    t.equal(event['event'], 'RESUME')
    stamps.add(str(event['timestamp']))
    t.equal(len(stamps), 1, 'one timestamp')
    with open(log, 'rb') as f:
        t.ok(f.read().startswith(b'{"QMP": '), 'the file has the greeting')
    labels = {entry['label'] for entry in c.ok('query-chardev')}
    t.ok({'u', 'f', 'n', 'l'} <= labels, str(labels))
    c.ok('quit')
    t.equal(s.wait(), 0)
    t.ok(not os.path.exists(path), 'the socket is gone')


@tap.case('a second client is served when the first has left')
def _(t):
    s = t.server()
    for _ in range(20):
        c = s.connect()
        c.ok('query-name')
        c.close()


@tap.case('many clients at once on one socket', only='qomd')
def _(t):
    s = t.server()
    clients = [s.connect() for _ in range(50)]
    for c in clients:
        t.cleanup(c.close)
    for i, c in enumerate(clients):
        c.post('object-add', {'qom-type': 'iothread', 'id': f'io{i}'}, id=i)
    for i, c in enumerate(clients):
        t.equal(c.reply(), {'return': {}, 'id': i})
    t.equal(len(clients[0].objects()), 50)
    clients[7].ok('cont')
    for c in clients:
        c.event('RESUME')
    listed = [m for m in clients[0].ok('qomd-query-monitors') if m['clients']]
    t.equal(sum(len(m['clients']) for m in listed), 50)
    t.equal({client['pid'] for m in listed for client in m['clients']}, {os.getpid()})


@tap.case('max-clients=1 is QEMU\'s way: the second waits', only='qomd')
def _(t):
    path = os.path.join(t.dir, 'one')
    s = t.server('-chardev', f'socket,id=u,path={path},server=on,wait=off',
                 '-mon', 'chardev=u,max-clients=1')
    s.paths.append(path)
    first = s.connect(1)
    second = socket.socket(socket.AF_UNIX)
    t.cleanup(second.close)
    second.connect(path)
    second.settimeout(0.2)
    try:
        t.ok(False, f'greeted: {second.recv(100)}')
    except TimeoutError:
        pass
    first.ok('query-name')
    first.close()
    server.Client(second).ok('query-name')


@tap.case('a monitor with policy=readonly', only='qomd')
def _(t):
    path = os.path.join(t.dir, 'ro')
    s = t.server('-chardev', f'socket,id=u,path={path},server=on,wait=off',
                 '-mon', 'chardev=u,policy=readonly')
    s.paths.append(path)
    c = s.connect(1)
    t.cleanup(c.close)
    c.ok('qom-list', {'path': '/'})
    for name, arguments in (('quit', None), ('stop', None), ('object-del', {'id': 'x'}),
                            ('object-add', {'qom-type': 'iothread', 'id': 'x'})):
        t.error(c.command(name, arguments), 'CommandNotFound',
                f'Command {name} has been disabled: by monitor policy')
    t.ok(s.alive(), 'it lives')


# -- character devices

def null(name):
    return {'id': name, 'backend': {'type': 'null', 'data': {}}}


@tap.case('chardev-add and chardev-remove')
def _(t):
    _, c = own(t)
    c.ok('chardev-add', null('c0'))
    t.error(c.command('chardev-add', null('c0')), GE, "Chardev with id 'c0' already exists")
    entry = next(e for e in c.ok('query-chardev') if e['label'] == 'c0')
    t.equal(entry, {'label': 'c0', 'filename': 'null', 'frontend-open': False})
    c.ok('chardev-remove', {'id': 'c0'})
    t.error(c.command('chardev-remove', {'id': 'c0'}), GE, "Chardev 'c0' not found")
    t.error(c.command('chardev-add', {'id': 'x', 'backend': {'type': 'null'}}), GE,
            "Parameter 'backend.data' is missing")
    t.error(c.command('chardev-add', {'id': 'x', 'backend': {'type': 'nope', 'data': {}}}), GE,
            re.compile("does not accept value 'nope'"))


@tap.case('the chardev of a monitor is busy')
def _(t):
    _, c = own(t, '-chardev', 'null,id=m0', '-mon', 'chardev=m0,mode=control')
    t.error(c.command('chardev-remove', {'id': 'm0'}), GE, "Chardev 'm0' is busy")
    entry = next(e for e in c.ok('query-chardev') if e['label'] == 'm0')
    t.equal(entry['frontend-open'], True)


@tap.case('a ring buffer keeps the last bytes')
def _(t):
    _, c = own(t)
    c.ok('chardev-add', {'id': 'r', 'backend': {'type': 'ringbuf', 'data': {'size': 8}}})
    c.ok('ringbuf-write', {'device': 'r', 'data': '0123456789'})
    t.equal(c.ok('ringbuf-read', {'device': 'r', 'size': 4}), '2345')
    c.ok('ringbuf-write', {'device': 'r', 'data': base64.b64encode(b'ab').decode(),
                           'format': 'base64'})
    t.equal(c.ok('ringbuf-read', {'device': 'r', 'size': 100}), '6789ab')
    t.equal(c.ok('ringbuf-read', {'device': 'r', 'size': 100, 'format': 'base64'}), '')
    c.ok('chardev-add', null('n'))
    t.error(c.command('ringbuf-read', {'device': 'n', 'size': 1}), GE, 'n is not a ringbuf device')
    t.error(c.command('ringbuf-read', {'device': 'x', 'size': 1}), GE, "Device 'x' not found")
    t.error(c.command('chardev-add', {'id': 's', 'backend': {
        'type': 'ringbuf', 'data': {'size': 100}}}), GE,
        re.compile('size of ringbuf chardev must be power of two'))


@tap.case('a file chardev creates its file, or says why not, and leaves nothing')
def _(t):
    s, c = own(t)
    path = os.path.join(t.dir, 'out')
    c.ok('chardev-add', {'id': 'f', 'backend': {'type': 'file', 'data': {'out': path}}})
    t.ok(os.path.exists(path), 'created')
    t.ok(proc.fd_of(s.pid, path) is not None, 'open')
    c.ok('chardev-remove', {'id': 'f'})
    t.equal(proc.fd_of(s.pid, path), None)
    t.error(c.command('chardev-add', {'id': 'f', 'backend': {
        'type': 'file', 'data': {'out': '/nonexistent/x'}}}), GE,
        re.compile("Could not open '/nonexistent/x': No such file or directory"))


@tap.case('a socket chardev: what query-chardev and query-yank say, before a client and with one')
def _(t):
    _, c = own(t)
    path = os.path.join(t.dir, 'sock')
    backend = {'type': 'socket', 'data': {'addr': {'type': 'unix', 'data': {'path': path}},
                                          'wait': False}}
    c.ok('chardev-add', {'id': 's', 'backend': backend})

    def filename():
        return next(e['filename'] for e in c.ok('query-chardev') if e['label'] == 's')
    t.equal(filename(), f'disconnected:unix:{path},server=on')
    t.ok({'type': 'chardev', 'id': 's'} in c.ok('query-yank'), 'query-yank')
    peer = socket.socket(socket.AF_UNIX)
    t.cleanup(peer.close)
    peer.connect(path)
    t.ok(tap.until(lambda: filename() == f'unix:{path},server=on', 3), filename())
    c.ok('chardev-remove', {'id': 's'})
    t.ok(not os.path.exists(path), 'the socket is gone')
    t.ok({'type': 'chardev', 'id': 's'} not in c.ok('query-yank'), 'query-yank')


@tap.case('yank of nothing')
def _(t):
    _, c = own(t)
    t.error(c.command('yank', {'instances': [{'type': 'chardev', 'id': 'nope'}]}),
            'DeviceNotFound', 'Instance not found')
    c.ok('yank', {'instances': []})


@tap.case('a thousand chardevs come and go without a trace')
def _(t):
    s, c = own(t)
    path = os.path.join(t.dir, 'sock')
    backends = [{'type': 'null', 'data': {}}, {'type': 'ringbuf', 'data': {}},
                {'type': 'socket', 'data': {'addr': {'type': 'unix', 'data': {'path': path}},
                                            'wait': False}},
                {'type': 'socket', 'data': {'addr': {'type': 'inet', 'data': {
                    'host': '127.0.0.1', 'port': '0'}}, 'wait': False}}]
    before = None
    for i in range(1000):
        c.ok('chardev-add', {'id': 'c', 'backend': backends[i % 4]})
        c.ok('chardev-remove', {'id': 'c'})
        before = before or (proc.resources(s.pid)['fds'] if i == 10 else None)
    t.equal(proc.resources(s.pid)['fds'], before)
    t.ok(not os.path.exists(path), 'the socket is gone')


@tap.case('one who asks once is answered before a hundred who never stop get far', only='qomd')
def _(t):
    s, c = own(t)
    many = [s.connect() for _ in range(100)]
    for client in many:
        t.cleanup(client.close)
    request = json.dumps(server.request('qom-get', {'path': '/objects', 'property': 'type'})) + '\n'
    os.kill(s.pid, signal.SIGSTOP)
    try:
        for client in many:
            client.send(request * 800)
        c.post('qomd-query-monitors')
    finally:
        os.kill(s.pid, signal.SIGCONT)
    done = sorted(client['commands'] for client in c.reply()['return'][0]['clients'])
    t.equal(len(done), 101)
    t.ok(done[-1] <= 4 * 64, f'{done[-1]} commands of one client went first')
    for client in many:
        for _ in range(800):
            client.line()


if __name__ == '__main__':
    tap.main()
