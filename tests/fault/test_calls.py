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
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

import inject  # noqa: E402
import session  # noqa: E402
from lib import server, tap  # noqa: E402
from rig import MEETING, Session, rehearse  # noqa: E402

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


def judge(function, number, reply, plain):
    """What is wrong with an answer, or None; plain: what it is without faults."""
    if reply is None:
        return None if function in TRANSFERS else 'the connection has ended'
    if 'return' in reply or reply == plain or function in NO_REASON:
        return None
    text = reply['error']['desc']
    if number == errno.ENOSPC and 'no room: ' in text:
        return None
    if os.strerror(number) not in text:
        return f'the reason is not in {text!r}'
    if len(text) < len(os.strerror(number)) + 6:
        return f'says not what failed: {text!r}'
    return None


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
