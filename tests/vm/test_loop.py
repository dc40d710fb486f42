#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# vm: kinds=qomd limit=600
"""The event loop's unit tests over io_uring, under another kernel than the host's."""

import os
import re
import subprocess

from guest import BUILD, proc, sh, tap

TIMES_OUT = 240


def program(name):
    def run(t):
        path = os.path.join(BUILD, 'tests', 'loop', f'test-loop-{name}')
        if not os.path.exists(path) or 'liburing' not in sh(f'ldd {path}'):
            t.skip('built without liburing')
        process = subprocess.Popen([path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={**os.environ, 'LOOP_TEST_MONITOR': 'io_uring',
                                        'CMOCKA_MESSAGE_OUTPUT': 'TAP'})
        t.cleanup(process.wait)
        t.cleanup(process.kill)
        ring = tap.until(lambda: process.poll() is not None or
                         'anon_inode:[io_uring]' in proc.fds(process.pid).values())
        t.ok(ring and process.poll() is None, 'a ring is open')
        output, _ = process.communicate(timeout=TIMES_OUT)
        bad = [line for line in output.splitlines()
               if line.startswith('not ok') and '# SKIP' not in line]
        t.ok(process.returncode == 0 and not bad, f'{process.returncode}: {bad} {output[-2000:]}')
        t.ok(re.search(r'^ok ', output, re.MULTILINE), 'something held')
    tap.add(f'io_uring: {name}', run)


for name_ in 'fd', 'file', 'monitor', 'post':
    program(name_)

if __name__ == '__main__':
    tap.main()
