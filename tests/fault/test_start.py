#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each call of libc between the start and the first answer is made to fail: the program either
serves all the same, or ends with status 1, says why on stderr, and leaves no file."""

import errno
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

import inject  # noqa: E402
import session  # noqa: E402
from lib import server, tap  # noqa: E402
from start import Run  # noqa: E402

QMP = ['-qmp', 'unix:qmp,server=on,wait=off']
PIDFILE = ['-pidfile', 'pid']

STARTS = {
    'a monitor and a pid file': QMP + PIDFILE,
    'in the background': QMP + PIDFILE + ['-daemonize'],
    'memory': QMP + ['-object', 'memory-backend-memfd,id=m,size=8M,prealloc=on',
                     '-object', 'memory-backend-file,id=f,mem-path=mem,size=8M,share=on'],
    'threads': QMP + ['-object', 'iothread,id=i', '-object', 'thread-context,id=tc,cpu-affinity=0'],
    'a secret': QMP + ['-object', 'secret,id=s,file=password'],
    'character devices': QMP + ['-chardev', 'ringbuf,id=r', '-chardev', 'file,id=f,path=out',
                                '-chardev', 'socket,id=l,path=listen,server=on,wait=off',
                                '-chardev', 'socket,id=c,path=peer'],
    'a configuration file and a sandbox': QMP + ['-readconfig', 'config', '-sandbox', 'on'],
    'a monitor on TCP': QMP + ['-qmp', 'tcp:localhost:0,server=on,wait=off'],
}

# A test made these; all others are the program's.
OURS = {'full', 'empty', 'data', 'password', 'peer', 'config', 'fault', 'large'}


class Start:
    """One way to start."""

    def __init__(self, t, args):
        self.args = args
        self.folder = tempfile.mkdtemp(prefix='qomd-fault-')
        t.cleanup(shutil.rmtree, self.folder, True)
        self.place = session.Place(self.folder)
        t.cleanup(self.place.close)
        with open(os.path.join(self.folder, 'config'), 'w', encoding='ascii') as f:
            f.write('[object "i"]\n  qom-type = "iothread"\n')
        self.injector = inject.Injector(self.folder)
        t.cleanup(self.injector.close)

    def tidy(self):
        self.place.tidy()
        for name in set(os.listdir(self.folder)) - OURS:
            os.unlink(os.path.join(self.folder, name))

    def once(self, action, function=None, nth=0, number=0):
        """Starts it so; None, or what is wrong."""
        self.injector.arm(action, function, nth, number)
        run = Run(self.folder, self.injector, self.args)
        try:
            if run.serves():
                self.injector.disarm()
                run.quit()
                status, text = run.finish()
                return f'status {status}, {text!r}' if status else None
            status, text = run.finish()
        finally:
            self.injector.disarm()
            if run.process.poll() is None:
                run.process.kill()
                run.process.communicate()
        left = set(os.listdir(self.folder)) - OURS - {'out', 'log'}
        if left:
            return f'left {left}; status {status}, {text!r}'
        if status != 1:
            return f'status {status}, {text!r}'
        return judge(text, number)


def judge(text, number):
    """What is wrong with a message, or None."""
    lines = [line for line in text.splitlines() if re.match(r'qomd: .{10}', line)]
    if not lines:
        return f'no message: {text!r}'
    if not any(os.strerror(number) in line for line in lines):
        return f'no reason: {text!r}'
    return None


def each_call(t, args):
    """All calls of a start, one after the other."""
    start = Start(t, args)
    fault = start.once(inject.COUNT)
    if fault is None:
        start.tidy()
        fault = start.once(inject.COUNT)  # names of functions are known from the first
    if fault:
        raise tap.Failure(f'without faults: {fault}')
    counts = start.injector.counts()
    n, faults = 0, []
    for function, count in counts.items():
        if function in OF_CLIENTS or ('-daemonize' in args and function in OF_PIPES):
            continue
        for nth in range(1, count + 1):
            n += 1
            number = inject.ERRNOS.get(function, errno.EIO)
            start.tidy()
            try:
                fault = start.once(inject.FAIL, function, nth, number)
            except (tap.Failure, OSError, EOFError, server.ProtocolError) as error:
                fault = repr(error)
            if fault:
                faults.append(f'{function} {nth} of {count}: {fault} [{start.injector.where()}]')
    print(f'# {n} points in {counts}')
    if faults:
        raise tap.Failure('\n'.join(faults))


# What belongs to the first client, which test_calls.py looks after.
OF_CLIENTS = {'epoll_wait', 'accept', 'getsockopt', 'recvmsg', 'send'}
# The processes of -daemonize wait for each other at a pipe; that does not fail.
OF_PIPES = {'read', 'write'}

for name, arguments in STARTS.items():
    tap.add(f'start with {name}', lambda t, arguments=arguments: each_call(t, arguments),
            only='qomd')

tap.main()
