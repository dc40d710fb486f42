#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The end that nobody can prepare for: SIGKILL in place of every call of a start and of an
object-add, and what the next start finds; and SIGTERM while an object is being made."""

import errno
import os
import shutil
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

import inject  # noqa: E402
import session  # noqa: E402
from lib import proc, server, tap  # noqa: E402
from start import Run  # noqa: E402

SIZE = 8 << 20
OPTIONS = ['-qmp', 'unix:qmp,server=on,wait=off', '-pidfile', 'pid',
           '-chardev', 'socket,id=c,path=listen,server=on,wait=off',
           '-object', f'memory-backend-file,id=f,mem-path=kept,size={SIZE},share=on',
           '-object', f'memory-backend-memfd,id=m,size={SIZE},prealloc=on',
           '-object', f'memory-backend-file,id=d,mem-path=.,size={SIZE},share=on',
           '-object', 'iothread,id=i']
FILE = session.add('memory-backend-file', 'x', mem_path='made', size=SIZE, share=True,
                   prealloc=True)

# What a daemon has while it runs, and what it leaves when it is killed. The file of a memory
# backend is the user's: it stays, at any end.
LEFT = {'qmp', 'pid', 'listen'}
KEPT = {'kept'}


class Place:
    """A folder, an injector, and starts in it."""

    def __init__(self, t):
        self.folder = tempfile.mkdtemp(prefix='qomd-fault-')
        t.cleanup(shutil.rmtree, self.folder, True)
        self.injector = inject.Injector(self.folder)
        t.cleanup(self.injector.close)
        self.t = t
        self.runs = []
        t.cleanup(self.close)

    def close(self):
        for run in self.runs:
            if run.process.poll() is None:
                run.process.kill()
            run.process.communicate()

    def start(self, options=None):
        self.runs.append(Run(self.folder, self.injector, options or OPTIONS))
        return self.runs[-1]

    def files(self):
        return set(os.listdir(self.folder)) - {'fault'}

    def serves(self, run):
        if not run.serves():
            raise tap.Failure(f'does not serve: {run.finish()}')

    def quits(self, run, left=frozenset(KEPT)):
        """It ends well and leaves what it may."""
        run.quit()
        status, text = run.finish()
        if status or self.files() != set(left):
            raise tap.Failure(f'status {status}, {text!r}, files {self.files()}')

    def starts_again(self):
        """The same command line works, and its end is clean."""
        self.injector.disarm()
        run = self.start()
        self.serves(run)
        self.quits(run)


def kill(run):
    run.process.kill()
    run.process.wait(server.PATIENCE)


def is_gone(pid):
    """Of a process that nobody waits for the first thread stays. What the others have open stays with them."""
    try:
        return proc.status(pid)['State'].startswith('Z') and len(os.listdir(f'/proc/{pid}/task')) == 1
    except (FileNotFoundError, ProcessLookupError):
        return True


@tap.case('after SIGKILL the same command line takes over sockets and pid file', only='qomd')
def _(t):
    place = Place(t)
    for _ in range(5):
        run = place.start()
        place.serves(run)
        kill(run)
        t.equal(place.files(), LEFT | KEPT, 'files')
    place.starts_again()


@tap.case('SIGKILL of a daemon in the background leaves the next one its place', only='qomd')
def _(t):
    place = Place(t)
    run = place.start(OPTIONS + ['-daemonize'])
    place.serves(run)
    with open(os.path.join(place.folder, 'pid'), encoding='ascii') as f:
        pid = int(f.read())
    os.kill(pid, signal.SIGKILL)
    t.ok(tap.until(lambda: is_gone(pid)), 'it is gone')
    place.starts_again()


@tap.case('the pid file of a daemon that lives is refused, with its pid', only='qomd')
def _(t):
    place = Place(t)
    first = place.start()
    place.serves(first)
    second = place.start(['-qmp', 'unix:other,server=on,wait=off', '-pidfile', 'pid'])
    status, text = second.finish()
    t.equal(status, 1, 'status')
    t.contains(text, 'cannot create PID file: Cannot lock pid file', 'message')
    t.contains(text, str(first.process.pid), 'message')
    t.equal(place.files(), LEFT | KEPT, 'files')
    place.quits(first)


@tap.case('the socket of a daemon that lives is not taken away', only='qomd')
def _(t):
    place = Place(t)
    first = place.start()
    place.serves(first)
    status, text = place.start(['-qmp', 'unix:qmp,server=on,wait=off']).finish()
    t.equal(status, 1, 'status')
    t.contains(text, os.strerror(errno.EADDRINUSE), 'message')
    place.serves(first)
    place.quits(first)


@tap.case('SIGKILL in place of any call of a start hurts no later start', only='qomd')
def _(t):
    place = Place(t)
    run = place.start()
    place.serves(run)
    place.quits(run)
    place.injector.arm()
    run = place.start()
    place.serves(run)
    place.injector.disarm()
    total = place.injector.total
    place.quits(run)
    for nth in range(1, total + 1, max(1, total // 80)):
        os.unlink(os.path.join(place.folder, 'kept'))
        place.injector.arm(inject.KILL, inject.ANY, nth)
        run = place.start()
        if run.serves():
            kill(run)
        place.starts_again()
    print(f'# {len(place.runs) // 2} points of {total} calls')


@tap.case('SIGKILL in place of any call of an object-add loses nothing else', only='qomd')
def _(t):
    place = Place(t)
    run = place.start()
    place.serves(run)
    place.injector.arm()
    client = run.client()
    client.ok(*FILE)
    place.injector.disarm()
    client.ok(*session.delete())
    total = place.injector.total
    client.close()
    place.quits(run, KEPT | {'made'})
    for nth in range(1, total + 1):
        os.unlink(os.path.join(place.folder, 'made'))
        run = place.start()
        place.serves(run)
        client = run.client()
        place.injector.arm(inject.KILL, inject.ANY, nth)
        try:
            client.command(*FILE)
        except (EOFError, ConnectionError):
            pass
        client.close()
        kill(run)
        place.injector.disarm()
        run = place.start()
        place.serves(run)
        client = run.client()
        client.ok(*FILE)
        client.close()
        place.quits(run, KEPT | {'made'})
    print(f'# {total} points')


def terminated(t, mem_path, before, after):
    """SIGTERM while pages are fetched, which takes longer than it waits for."""
    place = Place(t)
    place.injector.arm()
    run = place.start()
    place.serves(run)
    if before is not None:
        with open(os.path.join(place.folder, mem_path), 'wb') as f:
            f.truncate(before)
    client = run.client()
    place.injector.arm()
    client.ok('object-add', server.object_options('memory-backend-ram', 'y', size=SIZE,
                                                  prealloc=True))
    advices = place.injector.counts()['madvise']
    place.injector.arm(inject.DELAY, 'madvise', advices, 8000)
    client.post(*session.add('memory-backend-file', 'x', mem_path=mem_path, size=SIZE, share=True,
                             prealloc=True))
    t.ok(tap.until(lambda: place.injector.injected), 'the pages are being fetched')
    run.process.send_signal(signal.SIGTERM)
    status, _ = run.finish()
    client.close()
    t.equal(status, 0, 'status')
    t.equal(place.files(), KEPT | ({mem_path} if after is not None else set()), 'files')
    if after is not None:
        t.equal(os.path.getsize(os.path.join(place.folder, mem_path)), after, 'size')


@tap.case('SIGTERM in the middle of an object-add removes the file that it has made', only='qomd')
def _(t):
    terminated(t, 'made', None, None)


@tap.case('SIGTERM in the middle of an object-add empties the file that was empty', only='qomd')
def _(t):
    terminated(t, 'empty', 0, 0)


@tap.case('SIGTERM in the middle of an object-add keeps the file that was there', only='qomd')
def _(t):
    terminated(t, 'full', SIZE, SIZE)


tap.main()
