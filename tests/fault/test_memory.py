#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each allocation whose size a client decides finds no memory, once and then for good: the command
fails with an error that says so, or the connection ends because not even the answer finds room; the
server lives and has nothing more and nothing less than before.

Those above LIMIT are such: all that is fixed is smaller. Smaller ones follow GLib's policy.
"""

import errno
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

import inject  # noqa: E402
import session  # noqa: E402
from lib import server, tap  # noqa: E402
from rig import Session, rehearse  # noqa: E402

LIMIT = (128 << 10) + 1


def one_allocation(step, action, nth):
    """Lets one fail, or all from there on; then none."""
    rig, before, plain, _ = step.rehearsed
    reply = rig.round(step, lambda: rig.injector.arm(action, 'memory', nth, errno.ENOMEM, LIMIT))
    rig.settle(step, before)
    if reply is not None and 'error' in reply and reply != plain and \
            'memory' not in reply['error']['desc'].lower():
        raise tap.Failure(f'the reason is not in {reply["error"]["desc"][:200]!r}')
    again = rig.round(step, lambda: None)
    if (again or {}).keys() != plain.keys():
        raise tap.Failure(f'when nothing fails: {str(again)[:200]}')
    rig.settle(step, before)


def each_allocation(t, step):
    """All large allocations of a step, one after the other."""
    if os.environ.get('SANITIZED', 'none') != 'none':
        t.skip('the allocator is the sanitizer\'s')
    step.rehearsed = rehearse(step, min_bytes=LIMIT)
    n = step.rehearsed[3].get('memory', 0)
    faults = []
    for action in inject.FAIL, inject.FAIL_ON:
        for nth in range(1, n + 1):
            try:
                one_allocation(step, action, nth)
            except (tap.Failure, OSError, EOFError, server.ProtocolError) as error:
                where = Session.rig.injector.where()
                faults.append(f'{action} {nth} of {n}: {str(error)[:300]} [{where}]')
                Session.fresh()
                step.rehearsed = rehearse(step, min_bytes=LIMIT)
    print(f'# {2 * n} points')
    if faults:
        raise tap.Failure('\n'.join(faults))


for one in session.large_steps():
    tap.add(one.name, lambda t, one=one: each_allocation(t, one), only='qomd')

try:
    tap.main()
finally:
    if Session.rig:
        Session.rig.close()
