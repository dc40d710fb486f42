# SPDX-License-Identifier: BSD-3-Clause
"""The machine: QEMU with a kit's kernel, on which a shell script is run as root.

The machine has two CPUs, each on a NUMA node of its own, a third node that has only memory, 16 huge
pages, two NVDIMMs of 128 MiB. Its user space is the host's root directory (kit/init says how), so the
build, its tests and Python are inside where they are outside. What is written vanishes with the
machine, but for files in /run/job.

Without hardware help a kernel boots in 5 to 10 s, and programs run 10 to 20 times slower. KVM is
taken where the processor has vmx or svm: a software KVM has /dev/kvm as well, but does not get
through the boot of a kernel. $QOMD_VM_ACCEL decides otherwise.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from . import kit

ROOT = os.path.dirname(os.path.dirname(kit.HERE))
# What a machine is given for a job of no stated length, in seconds; the boot comes on top.
LIMIT = 300
BOOT_LIMIT = 120
# The exit status of a machine that gave no answer, as that of timeout(1).
NO_ANSWER = 124
# How patient the tests' servers and clients are inside, in seconds.
PATIENCE = 60
PASSED_ON = ('ASAN_', 'UBSAN_', 'LSAN_', 'TSAN_', 'QOMD', 'QEMU')
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
# Memory of each node in MiB; the CPU of the same number is on it, if there is one.
NODES_MIB = (640, 640, 192)
CPUS = 2
NVDIMMS = 2
# An oops is the end of the machine. Slowness is none: the kernel is not to look for it.
KERNEL_OPTIONS = ('console=ttyS0 quiet panic=-1 oops=panic no_timer_check nowatchdog '
                  'rcupdate.rcu_cpu_stall_suppress=1 rcupdate.rcu_expedited=1 mitigations=off '
                  'cryptomgr.notests numa_balancing=disable hugepages=16')


def accelerator():
    """tcg, or kvm where it is real."""
    chosen = os.environ.get('QOMD_VM_ACCEL')
    if chosen:
        return chosen
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        real = re.search(r'\b(vmx|svm)\b', f.read())
    return 'kvm' if real and os.access('/dev/kvm', os.R_OK | os.W_OK) else 'tcg'


def quoted(path):
    """A path as a value in an option of QEMU."""
    return path.replace(',', ',,')


def arguments(kit_folder, job, accel, extra=()):
    """QEMU's arguments."""
    def shared(path, tag, options=''):
        return ['-virtfs', f'local,path={quoted(path)},mount_tag={tag},security_model=none{options}']

    argv = [kit.find('qemu-system-x86_64'), '-accel', accel, '-cpu', 'max', '-M', 'q35,nvdimm=on',
            '-smp', str(CPUS), '-m', f'{sum(NODES_MIB)},slots=2,maxmem=4G',
            '-nodefaults', '-display', 'none', '-no-reboot']
    for node, size in enumerate(NODES_MIB):
        argv += ['-object', f'memory-backend-ram,id=node{node},size={size}M', '-numa',
                 f'node,nodeid={node},memdev=node{node}' + (f',cpus={node}' if node < CPUS else '')]
    for number in range(NVDIMMS):
        # With the labels behind it, so that the next one is aligned to a huge page.
        argv += ['-object', f'memory-backend-memfd,id=nv{number},size={(128 << 10) + 128}K',
                 '-device', f'nvdimm,memdev=nv{number},label-size=128K']
    argv += ['-kernel', f'{kit_folder}/vmlinux', '-initrd', f'{kit_folder}/initrd',
             '-append', KERNEL_OPTIONS,
             '-chardev', f'file,id=console,path={quoted(job)}/console', '-serial', 'chardev:console']
    argv += shared('/', 'root', ',readonly=on,multidevs=remap')
    argv += shared(kit_folder, 'kit', ',readonly=on')
    argv += shared(job, 'job')
    return argv + list(extra)


def environment():
    """What tests inside find in their environment."""
    found = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    found.update(PATH=PATH, HOME='/root', LC_ALL='C.UTF-8', E2E_PATIENCE=str(PATIENCE))
    return found


class Machine:
    """A machine that runs a script; use it with `with`. Extra: more options of QEMU."""

    def __init__(self, script, extra=()):
        kit_folder = kit.prepare()
        self.accel = accelerator()
        self.started = time.monotonic()
        self.job = tempfile.mkdtemp(prefix='qomd-vm-')
        lines = [f'export {name}={shell_word(value)}\n' for name, value in environment().items()]
        self._write('start', 'touch /run/job/up\n' + ''.join(lines) + f'cd {shell_word(ROOT)}\n{script}\n')
        folders = {ROOT, os.path.dirname(os.path.dirname(os.environ.get('QOMD', ROOT + '/x/x')))}
        self._write('folders', ''.join(folder + '\n' for folder in sorted(folders)
                                       if os.path.isdir(folder)))
        with open(self.path('qemu'), 'wb') as log:
            self.process = subprocess.Popen(
                arguments(kit_folder, self.job, self.accel, extra), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.job, True)

    def path(self, name):
        """Of a file in the folder that is /run/job inside."""
        return os.path.join(self.job, name)

    def _write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as f:
            f.write(text)

    def read(self, name):
        """A file of the job, or None."""
        try:
            with open(self.path(name), encoding='utf-8', errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return None

    def seconds(self):
        """Since it was started."""
        return time.monotonic() - self.started

    def running(self):
        return self.process.poll() is None

    def stop(self):
        if self.running():
            self.process.kill()
        self.process.wait()

    def wait_for_boot(self):
        """Whether it has come as far as the script."""
        while self.running() and self.read('up') is None and self.seconds() < BOOT_LIMIT:
            time.sleep(0.1)
        return self.read('up') is not None

    def wait(self, limit=LIMIT):
        """Waits for its end, at most so many seconds and the time of a boot."""
        try:
            self.process.wait(max(limit + BOOT_LIMIT - self.seconds(), 0))
        except subprocess.TimeoutExpired:
            self.stop()

    def status(self):
        """The exit status of the script, NO_ANSWER if there is none."""
        text = self.read('status')
        return int(text) if text else NO_ANSWER

    def last_words(self):
        """What the console and QEMU itself said at last."""
        lines = []
        for name in 'console', 'qemu', 'output':
            lines += [f'{name}: {line}' for line in (self.read(name) or '').splitlines()[-60:]]
        return '\n'.join(lines)


def shell_word(text):
    return "'" + text.replace("'", "'\\''") + "'"


def main(argv):
    """boot: a machine for one command line."""
    limit, extra, modules = LIMIT, [], []
    while len(argv) > 1 and argv[0] in ('--limit', '--qemu', '--modules'):
        option, value = argv[:2]
        if option == '--limit':
            limit = float(value)
        elif option == '--qemu':
            extra += value.split()
        else:
            modules += value.split(',')
        argv = argv[2:]
    if not argv or argv[0].startswith('--'):
        print('usage: boot [--modules A,B] [--limit SECONDS] [--qemu OPTIONS] COMMAND...',
              file=sys.stderr)
        return 2
    load = f'modprobe -a {" ".join(modules)} || exit\n' if modules else ''
    try:
        with Machine(load + ' '.join(argv), extra) as machine:
            machine.wait(limit)
            sys.stdout.write(machine.read('output') or '')
            if machine.status() == NO_ANSWER:
                print(f'boot: no answer after {machine.seconds():.0f} s\n{machine.last_words()}',
                      file=sys.stderr)
            return machine.status()
    except kit.Unavailable as why:
        print(f'boot: {why}', file=sys.stderr)
        return NO_ANSWER
