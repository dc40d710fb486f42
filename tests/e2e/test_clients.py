#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Programs that others wrote, as clients."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

from lib import tap


def run(command, text='', **keywords):
    """Its standard output; a failure if it does not end well."""
    found = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60,
                           check=False, **keywords)
    if found.returncode:
        raise tap.Failure(f'{command[0]}: {found.returncode} {found.stderr[-500:]}')
    return found.stdout


def needs(t, program):
    if not shutil.which(program):
        t.skip(f'{program} is not installed')


@tap.case('socat: a conversation through a pipe')
def _(t):
    needs(t, 'socat')
    s = t.server()
    text = ('{"execute":"qmp_capabilities"}\n{"execute":"object-add","arguments":'
            '{"qom-type":"iothread","id":"io"}}\n{"execute":"qom-list","arguments":'
            '{"path":"/objects"},"id":7}\n')
    lines = run(['socat', '-t', '5', '-', f'UNIX-CONNECT:{s.paths[0]}'],
                text + '{"execute":"quit"}\n').splitlines()
    messages = [json.loads(line) for line in lines]
    t.ok('QMP' in messages[0], 'greeting')
    answer = next(m for m in messages if m.get('id') == 7)
    t.ok('io' in {p['name'] for p in answer['return']}, str(answer))
    t.equal(s.wait(), 0)


@tap.case('socat: half a line and the end of input leave a server that lives')
def _(t):
    needs(t, 'socat')
    s = t.server()
    for _ in range(5):
        run(['socat', '-t', '0.1', '-', f'UNIX-CONNECT:{s.paths[0]}'], '{"execute":"qmp_capab')
    s.connect().ok('query-name')


@tap.case('jq reads what is written')
def _(t):
    for program in 'socat', 'jq':
        needs(t, program)
    s = t.server()
    text = '{"execute":"qmp_capabilities"}{"execute":"query-qmp-schema"}{"execute":"quit"}'
    out = run(['socat', '-t', '5', '-', f'UNIX-CONNECT:{s.paths[0]}'], text)
    names = run(['jq', '-r', 'select(.return | type == "array") | .return[] | '
                 'select(."meta-type" == "command") | .name'], out).split()
    t.ok('object-add' in names and 'query-qmp-schema' in names, f'{len(names)} commands')


@tap.case('the Python package qemu.qmp: connect, enable oob, execute')
def _(t):
    if not importlib.util.find_spec('qemu') or not importlib.util.find_spec('qemu.qmp'):
        t.skip('the package qemu.qmp is not installed')
    s = t.server()
    script = '''
import asyncio, sys
from qemu.qmp import QMPClient
async def main():
    c = QMPClient('test')
    await c.connect(sys.argv[1])
    print((await c.execute('query-status'))['status'])
    await c.execute('object-add', {'qom-type': 'iothread', 'id': 'io'})
    print(len(await c.execute('qom-list', {'path': '/objects'})))
    await c.disconnect()
asyncio.run(main())
'''
    t.equal(run([sys.executable, '-c', script, s.paths[0]]).split()[0], 'prelaunch')


@tap.case('ss names the process that listens')
def _(t):
    needs(t, 'ss')
    s = t.server()
    out = run(['ss', '-xlp'])
    line = next((line for line in out.splitlines() if s.paths[0] in line), '')
    t.contains(line, f'pid={s.pid},', 'ss -xlp')


@tap.case('gdb attaches, detaches, and the server goes on')
def _(t):
    needs(t, 'gdb')
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    c.add_ok('iothread', 'io')
    out = subprocess.run(['gdb', '-q', '-nx', '-batch', '-p', str(s.pid), '-ex', 'info threads'],
                         capture_output=True, text=True, timeout=60, check=False,
                         stdin=subprocess.DEVNULL, env={**os.environ, 'DEBUGINFOD_URLS': ''}).stdout
    if 'Thread' not in out and 'LWP' not in out:
        t.skip('may not trace another process')
    c.ok('query-name')


if __name__ == '__main__':
    tap.main()
