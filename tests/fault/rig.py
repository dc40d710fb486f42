# SPDX-License-Identifier: BSD-3-Clause
"""A server that obeys an injector, steps of a session run against it, and the comparison of what
there was before with what there is after."""

import os
import shutil
import socket
import tempfile

import inject
import session
from lib import proc, server, tap

# A step that is no commands.
MEETING = session.Step('a client connects and leaves')


class Rig:
    """A server that obeys an injector, and a client that only looks."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='qomd-fault-')
        self.place = session.Place(self.dir)
        self.injector = inject.Injector(self.dir)
        # One worker that stays, so that none comes or goes between two looks.
        self.server = server.Server(
            'qomd', '-object', 'main-loop,id=loop,thread-pool-min=1,thread-pool-max=1',
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
        client = self.server.connect(oob=step.oob)
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
        if not tap.until(lambda: self.state() == before, 5, 0.001):
            raise tap.Failure(session.difference(before, self.state()))


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


def rehearse(step, **how):
    """Runs the step twice without faults, the second time counting (see arm()).
    (the rig, state before, response, calls)."""
    rig = Session.get()
    reply = rig.round(step, lambda: None)
    rig.undo(step)
    if reply is None or ('error' in reply and not step.may_fail):
        raise tap.Failure(f'without faults: {reply}')
    before = rig.steady()
    rig.round(step, lambda: rig.injector.arm(**how))
    counts = rig.injector.counts()
    rig.settle(step, before)
    return rig, before, reply, counts
