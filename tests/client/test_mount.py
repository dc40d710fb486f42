#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`qom mount`: objects are folders, properties files, links symbolic links."""

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from lib import tap  # noqa: E402

QOM = os.environ['QOM']


def is_mounted(folder):
    with open('/proc/self/mounts', encoding='utf-8') as f:
        return any(line.split()[1] == folder for line in f)


def unmount(folder):
    if is_mounted(folder):
        tool = ['umount', '-l'] if os.getuid() == 0 else ['fusermount3', '-u', '-z']
        subprocess.run([*tool, folder], check=False)


class Mount:
    """A mount in the foreground of a server of the case's own."""

    def __init__(self, t, *args, options=(), server=None):
        self.server = server or t.server(*args, monitors=2)
        self.client = self.server.connect(1)
        t.cleanup(self.client.close)
        self.folder = os.path.join(t.dir, 'objects')
        os.mkdir(self.folder)
        t.cleanup(unmount, self.folder)
        self.log = os.path.join(t.dir, 'log')
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen([QOM, '-s', self.server.paths[0], 'mount', '-f',
                                             *options, self.folder], stderr=log)
        t.cleanup(self.process.wait)
        t.cleanup(self.process.kill)
        if not tap.until(lambda: is_mounted(self.folder) or self.process.poll() is not None):
            raise tap.Failure('nothing is mounted in time')
        if self.process.poll() is not None:
            t.skip('nothing can be mounted here: ' + self.said().strip())

    def said(self):
        with open(self.log, encoding='utf-8') as f:
            return f.read()

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def read(self, *parts):
        with open(self.path(*parts), encoding='utf-8') as f:
            return f.read()

    def write(self, text, *parts):
        """Writes as a shell's > does; the errno value, or 0."""
        try:
            fd = os.open(self.path(*parts), os.O_WRONLY | os.O_TRUNC)
        except OSError as e:
            return e.errno
        try:
            os.write(fd, text.encode())
            return 0
        except OSError as e:
            return e.errno
        finally:
            os.close(fd)


def fails(t, number, function, *args):
    try:
        function(*args)
    except OSError as e:
        t.equal(errno.errorcode[e.errno], errno.errorcode[number], str(args))
    else:
        raise tap.Failure(f'{args}: no {errno.errorcode[number]}')


def case(name, only=None):
    """A case that needs FUSE."""
    def declare(function):
        def run(t):
            if not os.path.exists('/dev/fuse'):
                t.skip('there is no /dev/fuse')
            if os.getuid() != 0 and not shutil.which('fusermount3'):
                t.skip('fusermount3 is not installed')
            function(t)
        tap.add(name, run, only)
        return function
    return declare


IOTHREAD = ('-object', 'iothread,id=io0')


@case('objects are folders, properties are files with the value in a line')
def _(t):
    m = Mount(t, *IOTHREAD)
    t.ok({'chardevs', 'machine', 'objects', 'type'} <= set(os.listdir(m.folder)), 'the root')
    t.equal(os.listdir(m.path('objects')).count('io0'), 1)
    t.ok(os.path.isdir(m.path('objects', 'io0')), 'is a folder')
    t.equal(m.read('objects', 'io0', 'type'), 'iothread\n')
    t.equal(m.read('objects', 'io0', 'poll-max-ns'), '32768\n')
    t.equal(sorted(os.listdir(m.path('objects', 'io0'))),
            sorted(p['name'] for p in m.client.ok('qom-list', {'path': '/objects/io0'})))


@case('values that are no strings are JSON, and a file read again from its start is fetched again')
def _(t):
    m = Mount(t, '-object', 'memory-backend-ram,id=m0,size=1M,host-nodes=0,policy=bind')
    t.equal(json.loads(m.read('objects', 'm0', 'host-nodes')), [0])
    t.equal(m.read('objects', 'm0', 'policy'), 'bind\n')
    with open(m.path('objects', 'm0', 'dump'), encoding='utf-8') as f:
        t.equal(f.read(), 'true\n')
        m.client.set('m0', 'dump', False)
        f.seek(0)
        t.equal(f.read(), 'false\n')


@case('writing sets a property, typed as qom set does')
def _(t):
    m = Mount(t, *IOTHREAD, '-object', 'memory-backend-ram,id=m0,size=1M')
    t.equal(m.write('64k\n', 'objects', 'io0', 'poll-max-ns'), 0)
    t.equal(m.client.get('io0', 'poll-max-ns'), 65536)
    t.equal(m.write('7', 'objects', 'io0', 'poll-max-ns'), 0)
    t.equal(m.client.get('io0', 'poll-max-ns'), 7)
    t.equal(m.write('off\n', 'objects', 'm0', 'dump'), 0)
    t.equal(m.client.get('m0', 'dump'), False)
    subprocess.run(['sh', '-c', 'echo 9 >>"$0"', m.path('objects', 'io0', 'poll-max-ns')],
                   check=True)
    t.equal(m.client.get('io0', 'poll-max-ns'), 9)


@case('what the server refuses is EINVAL, and the reason is on stderr')
def _(t):
    m = Mount(t, *IOTHREAD)
    for text in '-1', 'abc', '\n', '5\n6\n', 'a\0b':
        t.equal(m.write(text, 'objects', 'io0', 'poll-max-ns'), errno.EINVAL, repr(text))
    t.equal(m.client.get('io0', 'poll-max-ns'), 32768)
    t.contains(m.said(), '/objects/io0/poll-max-ns: ')
    t.contains(m.said(), 'must be in range')
    fd = os.open(m.path('objects', 'io0', 'poll-max-ns'), os.O_WRONLY)
    fails(t, errno.EINVAL, os.pwrite, fd, b'5', 1)
    os.close(fd)


@case('what can not be set can not be opened for writing')
def _(t):
    m = Mount(t, *IOTHREAD)
    t.equal(m.write('x', 'objects', 'io0', 'type'), errno.EACCES)
    fails(t, errno.EACCES, os.open, m.path('objects', 'io0', 'type'), os.O_WRONLY)
    fails(t, errno.EACCES, os.truncate, m.path('objects', 'io0', 'type'), 0)
    t.equal(stat.S_IMODE(os.stat(m.path('objects', 'io0', 'type')).st_mode), 0o444)


@case('modes say what can be read and set', only='qomd')
def _(t):
    m = Mount(t, *IOTHREAD, '-object', 'memory-backend-ram,id=m0,size=1M')
    for name, mode in (('io0/poll-max-ns', 0o644), ('io0/thread-id', 0o444), ('m0/size', 0o444),
                       ('m0/dump', 0o644), ('io0', 0o555)):
        st = os.stat(m.path('objects', name))
        t.equal(oct(stat.S_IMODE(st.st_mode)), oct(mode), name)
        t.equal((st.st_uid, st.st_gid), (os.getuid(), os.getgid()))
    t.equal(m.write('1', 'objects', 'io0', 'thread-id'), errno.EACCES)


@case('links lead to their target, inside of the mount')
def _(t):
    m = Mount(t, '-object', 'thread-context,id=tc0', '-object',
              'memory-backend-ram,id=m0,size=1M,prealloc-context=tc0',
              '-object', 'memory-backend-ram,id=m1,size=1M')
    link = m.path('objects', 'm0', 'prealloc-context')
    t.equal(os.readlink(link), '../tc0')
    t.equal(m.read('objects', 'm0', 'prealloc-context', 'type'), 'thread-context\n')
    unset = m.path('objects', 'm1', 'prealloc-context')
    t.equal(os.readlink(unset), '(none)', 'a link that is not set')
    fails(t, errno.ENOENT, os.listdir, unset)


@case('what appears is there at once, and what goes can not be read any more')
def _(t):
    m = Mount(t)
    fails(t, errno.ENOENT, os.stat, m.path('objects', 'io1'))
    m.client.add_ok('iothread', 'io1')
    t.equal(m.read('objects', 'io1', 'type'), 'iothread\n')
    m.client.delete('io1')
    fails(t, errno.ENOENT, m.read, 'objects', 'io1', 'type')
    t.ok(tap.until(lambda: not os.path.exists(m.path('objects', 'io1'))), 'it has gone')
    fails(t, errno.ENOENT, m.read, 'objects', 'io1', 'nothing')
    fails(t, errno.ENOTDIR, m.read, 'type', 'nothing')


@case('rmdir deletes what a user has created, and nothing else')
def _(t):
    m = Mount(t, *IOTHREAD)
    fails(t, errno.EPERM, os.rmdir, m.path('machine'))
    fails(t, errno.EPERM, os.rmdir, m.path('objects'))
    os.rmdir(m.path('objects', 'io0'))
    t.equal(m.client.objects(), [])
    fails(t, errno.ENOENT, os.rmdir, m.path('objects', 'io0'))


@case('nothing can be made, moved or removed')
def _(t):
    m = Mount(t, *IOTHREAD)
    objects, value = m.path('objects'), m.path('objects', 'io0', 'poll-max-ns')
    fails(t, errno.EPERM, os.mkdir, objects + '/x')
    fails(t, errno.EPERM, os.symlink, 'io0', objects + '/x')
    fails(t, errno.EPERM, os.rename, objects + '/io0', objects + '/x')
    fails(t, errno.EPERM, os.chmod, value, 0o600)
    fails(t, errno.EPERM, open, objects + '/x', 'w')
    if os.getuid() == 0:
        fails(t, errno.EPERM, os.unlink, value)
    t.equal(m.client.objects(), ['io0'])


@case('a monitor that may only read makes writing EACCES', only='qomd')
def _(t):
    path = os.path.join(t.dir, 'ro')
    s = t.server(*IOTHREAD, '-chardev', f'socket,id=ro,path={path},server=on,wait=off',
                 '-mon', 'chardev=ro,mode=control,policy=readonly', monitors=2)
    s.paths[0] = path
    m = Mount(t, server=s)
    t.equal(m.read('objects', 'io0', 'poll-max-ns'), '32768\n')
    t.equal(m.write('5', 'objects', 'io0', 'poll-max-ns'), errno.EACCES)


@case('a folder with 100,000 objects can be listed', only='qomd')
def _(t):
    m = Mount(t)
    count = 5000 if m.server.sanitized() else 100000
    for start in range(0, count, 1000):
        m.client.pipeline([('object-add', {'qom-type': 'rng-builtin', 'id': f'r{i}'})
                           for i in range(start, start + 1000)])
    names = os.listdir(m.path('objects'))
    t.equal(len(names), count + 1)
    t.equal(m.read('objects', f'r{count - 1}', 'type'), 'rng-builtin\n')


@case('a signal unmounts and is a success')
def _(t):
    for number in signal.SIGTERM, signal.SIGINT:
        m = Mount(t, *IOTHREAD)
        m.process.send_signal(number)
        t.equal(m.process.wait(20), 0)
        t.ok(not is_mounted(m.folder), 'unmounted')
        t.equal(os.listdir(m.folder), [])
        os.rmdir(m.folder)
        m.server.close()


@case('it ends when it is unmounted by somebody')
def _(t):
    m = Mount(t, *IOTHREAD)
    unmount(m.folder)
    t.equal(m.process.wait(20), 0)


@case('when the server goes the folder is free, and the status is 3')
def _(t):
    m = Mount(t, *IOTHREAD)
    fd = os.open(m.path('objects', 'io0', 'poll-max-ns'), os.O_RDONLY)
    m.client.close()
    m.server.process.kill()
    t.equal(m.process.wait(20), 3)
    t.ok(not is_mounted(m.folder), 'unmounted')
    t.equal(os.listdir(m.folder), [])
    fails(t, errno.ENOTCONN, os.read, fd, 100)
    fails(t, errno.ENOTCONN, os.close, fd)
    t.contains(m.said(), m.server.paths[0])


@case('without -f it goes into the background when the folder is there')
def _(t):
    Mount(t).process.kill()
    s = t.server(*IOTHREAD)
    folder = os.path.join(t.dir, 'background')
    os.mkdir(folder)
    t.cleanup(unmount, folder)
    # A relative path, as the process in the background has another working directory.
    subprocess.run([QOM, '-s', s.paths[0], 'mount', 'background'], check=True, timeout=60,
                   cwd=t.dir)
    with open(folder + '/objects/io0/type', encoding='utf-8') as f:
        t.equal(f.read(), 'iothread\n')
    unmount(folder)


@case('a folder that is not there, and options that FUSE does not know, are wrong uses')
def _(t):
    s = t.server()
    for args in ['/nowhere/at/all'], ['-o', 'nonsense', t.dir], []:
        r = subprocess.run([QOM, '-s', s.paths[0], 'mount', *args], capture_output=True, text=True,
                           timeout=60, check=False)
        t.equal(r.returncode, 2, f'{args}: {r.stderr}')
        t.ok(r.stderr.startswith('qom: '), r.stderr)


if __name__ == '__main__':
    if 'no \'mount\'' in subprocess.run([QOM, 'mount', '/'], capture_output=True, text=True,
                                        check=False).stderr:
        print('1..0 # SKIP built without libfuse3')
    else:
        tap.main()
