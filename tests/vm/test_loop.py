#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# vm: kinds=qomd limit=600
"""The event loop's unit tests over io_uring, under another kernel than the host's."""

import os
import re
import subprocess

from guest import BUILD, sh, tap

TIMES_OUT = 240


def program(name):
    def run(t):
        path = os.path.join(BUILD, 'tests', 'loop', f'test-loop-{name}')
        if not os.path.exists(path) or 'liburing' not in sh(f'ldd {path}'):
            t.skip('built without liburing')
        done = subprocess.run([path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMES_OUT,
                              env={**os.environ, 'LOOP_TEST_MONITOR': 'io_uring',
                                   'CMOCKA_MESSAGE_OUTPUT': 'TAP'})
        bad = [line for line in done.stdout.splitlines()
               if line.startswith('not ok') and '# SKIP' not in line]
        t.ok(done.returncode == 0 and not bad, f'{done.returncode}: {bad} {done.stdout[-2000:]}')
        t.ok(re.search(r'^ok ', done.stdout, re.MULTILINE), 'something held')
        t.ok('a loop has a ring' in done.stdout, 'a ring is open')
    tap.add(f'io_uring: {name}', run)


for name_ in 'fd', 'file', 'monitor', 'post':
    program(name_)

if __name__ == '__main__':
    tap.main()
