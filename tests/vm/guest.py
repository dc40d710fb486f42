# SPDX-License-Identifier: BSD-3-Clause
"""What scripts inside the machine use: cases and servers as in ../e2e, and the machine's hardware."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.dirname(os.path.dirname(os.environ['QOMD']))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))

from lib import proc, server, tap  # noqa: E402, F401

def sh(command):
    """The output of a shell command that must succeed."""
    done = subprocess.run(['sh', '-ec', command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise tap.Failure(f'{command!r} ended with {done.returncode}: {done.stderr or done.stdout}')
    return done.stdout


def read(path):
    """A file of /sys or /proc, without the blanks around it."""
    with open(path, encoding='utf-8') as f:
        return f.read().strip()


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(str(text))


def address_of(pid, size):
    """Where the mapping of exactly that size is, or None. Cheaper than proc.mapping_of."""
    return next((m.start for m in proc.maps(pid, 'maps')
                 if m.size == size and m.perms != '---p' and not m.path.startswith('[')), None)


def numa_map(pid, address):
    """(policy, {node: pages}) of the mapping at an address."""
    if address is None:
        raise tap.Failure('there is no such mapping')
    with open(f'/proc/{pid}/numa_maps', encoding='utf-8') as f:
        line = next(line for line in f if line.startswith(f'{address:x} '))
    pages = {int(node): int(n) for node, n in re.findall(r'\bN(\d+)=(\d+)', line)}
    policy = re.match(r'\w+ (prefer \(many\):\S+|\S+)', line).group(1)
    return policy, pages


def node_cpus(node):
    """The CPUs on a node."""
    found = []
    for part in read(f'/sys/devices/system/node/node{node}/cpulist').split(','):
        first, _, last = part.partition('-')
        found += range(int(first), int(last or first) + 1) if first else []
    return found
