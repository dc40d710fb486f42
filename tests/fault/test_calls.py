#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each call of libc that a session makes is made to fail once: every function, every n-th call.

For each step of the session the calls are counted first. Then, for each call, the step is run with
that call failing. It must fail with an error that says what and why, or succeed all the same; the
server must live and have nothing more and nothing less than before; and the same step must succeed
when nothing fails.
"""

import errno
import os
import shutil
import socket
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

import inject  # noqa: E402
import session  # noqa: E402
from lib import proc, server, tap  # noqa: E402

# Without these no client can be served: the connection that asked may end.
TRANSFERS = {'recvmsg', 'recv', 'read', 'send', 'sendmsg', 'write', 'writev', 'epoll_ctl',
             'getsockopt', 'accept', 'fcntl', 'setsockopt'}


# What a system has so many of: when the last is gone, the next call fails, too.
USED_UP = {'epoll_create', 'eventfd', 'memfd_create', 'mmap', 'open', 'pthread_create',
           'socket'}

# What fails with these is told as something else: a descriptor that is there has flags, and what
# can not be looked at is opened, which tells why that fails.
NO_REASON = {'access', 'fcntl', 'realpath', 'stat'}


# A million transfers take too long.
LARGE = {'a large command', 'the schema is read'}

# Sysfs gives a line as a whole.
WHOLE = {'thread-context on a node'}


class Rig:
    """A server that obeys an injector, and a client that only looks."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='qomd-fault-')
        self.place = session.Place(self.dir)
        self.injector = inject.Injector(self.dir)
        # One worker that stays, so that none comes or goes between two looks.
        self.server = server.Server('qomd', '-object', 'main-loop,id=loop,thread-pool-min=1,thread-pool-max=1',
                                    env=self.injector.env, cwd=self.dir)
        self.sanitized = self.server.sanitized()
        self.eyes = self.server.connect()
        for command in session.THERE:
            self.eyes.ok(*command)

    def close(self):
        self.eyes.close()
        self.server.close()
        self.injector.close()
        self.place.close()
        shutil.rmtree(self.dir, True)

    def state(self):
        found = session.state(self.server.pid, self.eyes, self.sanitized)
        found['files'] = self.place.listing()
        return found

    def steady(self):
        """The state once it does not change any more: threads have their names late."""
        states = [None, self.state()]
        tap.until(lambda: states.append(self.state()) or states[-1] == states[-2])
        return states[-1]

    def run(self, client, commands):
        """The response to the last command: after an error none is sent. None: the connection
        has ended."""
        reply = None
        for name, arguments, *fds in commands:
            ours = []
            if fds:
                ours = [os.open('/dev/zero', os.O_RDONLY) if name == 'add-fd' else
                        self.stream()]
            try:
                reply = client.command(name, arguments, ours)
            except (EOFError, ConnectionError):
                return None
            finally:
                for fd in ours:
                    os.close(fd)
            if 'error' in reply:
                break
        return reply

    def stream(self):
        """A connection to our listener, as a descriptor."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(os.path.join(self.dir, 'peer'))
        return connection.detach()

    def reach(self, path, before):
        """The server accepts a connection there: it has the listener and one descriptor more."""
        n = len(before.get('fds', [])) + 1
        if n > 1 and not tap.until(lambda: len(proc.fds(self.server.pid)) == n):
            raise tap.Failure('the client that asked is not gone')
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(os.path.join(self.dir, path))
            if n > 1 and not tap.until(lambda: len(proc.fds(self.server.pid)) == n + 1):
                raise tap.Failure(f'nobody answers at {path}')

    def undo(self, step):
        for command in step.undo:
            self.eyes.command(*command)
        self.place.tidy()

    def meet(self, arm):
        """Connects while armed, with out-of-band commands, and asks; the response."""
        arm()
        try:
            client = self.server.connect(oob=True)
            try:
                return client.command('query-version')
            finally:
                client.close()
        except (EOFError, ConnectionError):
            return None
        finally:
            self.injector.disarm()

    def round(self, step, arm):
        """Runs the step while armed, in a connection of its own; its response."""
        if step is MEETING:
            return self.meet(arm)
        client = self.server.connect()
        try:
            for command in step.before:
                client.ok(*command)
            arm()
            try:
                return self.run(client, step.commands)
            finally:
                self.injector.disarm()
        finally:
            client.close()

    def settle(self, step, before):
        """Takes back what the step has done and compares."""
        self.undo(step)
        if not tap.until(lambda: self.state() == before, 3):
            raise tap.Failure(session.difference(before, self.state()))


def judge(function, number, reply, plain):
    """What is wrong with an answer, or None; plain: what it is without faults."""
    if reply is None:
        return None if function in TRANSFERS else 'the connection has ended'
    if 'return' in reply or reply == plain or function in NO_REASON:
        return None
    text = reply['error']['desc']
    if os.strerror(number) not in text:
        return f'the reason is not in {text!r}'
    if len(text) < len(os.strerror(number)) + 6:
        return f'says not what failed: {text!r}'
    return None


# Steps that are not commands alone.
MEETING = session.Step('a client connects and leaves')


class Session:
    """The rig that all steps share, made anew after a failure."""

    rig = None

    @classmethod
    def fresh(cls):
        if cls.rig:
            cls.rig.close()
        cls.rig = Rig()
        return cls.rig

    @classmethod
    def get(cls):
        return cls.rig or cls.fresh()


def rehearse(step):
    """Runs the step twice without faults: (the rig, state before, response, calls)."""
    rig = Session.get()
    reply = rig.round(step, lambda: None)
    rig.undo(step)
    if reply is None or ('error' in reply and not step.may_fail):
        raise tap.Failure(f'without faults: {reply}')
    before = rig.steady()
    rig.round(step, rig.injector.arm)
    counts = rig.injector.counts()
    rig.settle(step, before)
    return rig, before, reply, counts


def one_call(step, action, function, nth, number):
    """Lets one call fail, or all from there on; then none."""
    rig, before, plain, _ = step.rehearsed
    reply = rig.round(step, lambda: rig.injector.arm(action, function, nth, number))
    fault = judge(function, number, reply, plain)
    if step.listens and reply and 'return' in reply:
        rig.reach(step.listens, before)
    rig.settle(step, before)
    if fault:
        raise tap.Failure(fault)
    again = rig.round(step, lambda: None)
    if (again or {}).keys() != plain.keys():
        raise tap.Failure(f'when nothing fails: {again}')
    rig.settle(step, before)


def points(counts):
    """What to inject: (action, function, which call, errno)."""
    for function, count in counts.items():
        for nth in range(1, count + 1):
            yield inject.FAIL, function, nth, inject.ERRNOS.get(function, errno.EIO)
            if function in USED_UP:
                yield inject.FAIL_ON, function, nth, inject.ERRNOS[function]
            if function in TRANSFERS:
                yield inject.FAIL, function, nth, errno.EINTR


def each_call(step):
    """All calls of a step, one after the other."""
    step.rehearsed = rehearse(step)
    counts = step.rehearsed[3]
    faults = []
    n = 0
    for point in points(counts):
        n += 1
        try:
            one_call(step, *point)
        except (tap.Failure, OSError, EOFError, server.ProtocolError) as error:
            rig = Session.rig
            end = '' if rig.server.alive() else \
                f' ended: {rig.server.process.returncode} {rig.server.stderr()[-300:]}'
            faults.append(f'{point}: {error!r} [{rig.injector.where()}]{end}')
            Session.fresh()
            step.rehearsed = rehearse(step)
    print(f'# {n} points in {counts}')
    if faults:
        raise tap.Failure('\n'.join(faults))


def in_pieces(step):
    """The step when each transfer moves one byte: nothing is different."""
    rig, before, plain, _ = rehearse(step)
    reply = rig.round(step, lambda: rig.injector.arm(inject.SHORT))
    if reply is None or reply.keys() != plain.keys():
        raise tap.Failure(f'{reply}')
    rig.settle(step, before)


tap.add(MEETING.name, lambda t: each_call(MEETING), only='qomd')
for one in session.steps():
    tap.add(one.name, lambda t, one=one: each_call(one), only='qomd')
    if one.name not in LARGE | WHOLE:
        tap.add(f'{one.name}, in pieces', lambda t, one=one: in_pieces(one), only='qomd')

try:
    tap.main()
finally:
    if Session.rig:
        Session.rig.close()
