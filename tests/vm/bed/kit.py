# SPDX-License-Identifier: BSD-3-Clause
"""The kit that a machine is booted from: Debian's kernel, an initramfs, modules.

Nothing is installed. The kernel's package is fetched with `apt-get download`, unpacked, and what
tests can ask for is taken from it:

    CACHE/linux-image-*.deb           kept: a new list of modules needs no new download
    CACHE/VERSION-HASH/vmlinux        uncompressed, to be booted by its PVH entry: half the time
                      /initrd         busybox, ../kit/init, the modules that mount the host's root
                      /lib/modules    those of ../kit/modules and what they depend on

The hash is that of the files which a kit is made from, so that kits of several versions of the
source live side by side. A kit is made in a folder of its own and renamed when it is whole; a lock
lets the others wait. CACHE is $QOMD_VM_CACHE, or qomd/vm in the user's cache folder.

Source of the layout of a kernel image: Documentation/x86/boot.rst of Linux.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import struct
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = os.path.join(HERE, 'kit')
BUSYBOX = '/bin/busybox'
PROGRAMS = {'qemu-system-x86_64': 'qemu-system-x86', 'depmod': 'kmod', 'modprobe': 'kmod',
            'cpio': 'cpio', 'dpkg-deb': 'dpkg', 'apt-get': 'apt'}
# Time for the download, in seconds.
PATIENCE = 300
# Kits that nobody has used for so long are removed.
KEEP_DAYS = 30


class Unavailable(Exception):
    """No machine can be booted here; the text says why."""


def find(program):
    """The path of a program, also where only administrators look; None if it is not here."""
    return shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')


def run(*argv, **keywords):
    """Runs a program that must succeed; its standard output."""
    argv = [find(argv[0]) or argv[0], *argv[1:]]
    try:
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              **keywords).stdout
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f'{" ".join(argv[:2])} has not ended after {error.timeout} s') from error
    except subprocess.CalledProcessError as error:
        text = error.stderr.decode(errors='replace').strip().split('\n')[-1]
        raise Unavailable(f'{" ".join(argv[:2])} failed: {text}') from error


def cache_folder():
    base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.environ.get('QOMD_VM_CACHE') or os.path.join(base, 'qomd', 'vm')


def check_programs():
    """Whether everything is here that making and booting a kit takes."""
    if platform.machine() != 'x86_64':
        raise Unavailable(f'the test bed is for x86-64, not {platform.machine()}')
    for program, package in PROGRAMS.items():
        if not find(program):
            raise Unavailable(f'{program} is not installed (package {package})')
    try:
        with open(BUSYBOX, 'rb') as f:
            if b'/ld-linux' in f.read(4096):
                raise Unavailable(f'{BUSYBOX} is not static (package busybox-static)')
    except FileNotFoundError as error:
        raise Unavailable(f'{BUSYBOX} is not installed (package busybox-static)') from error


def parts_hash():
    """Stands for all that a kit is made from but the kernel."""
    digest = hashlib.sha256()
    for path in sorted(os.path.join(PARTS, name) for name in os.listdir(PARTS)) + [__file__]:
        with open(path, 'rb') as f:
            digest.update(f.read())
    return digest.hexdigest()[:12]


def module_list():
    with open(os.path.join(PARTS, 'modules'), encoding='utf-8') as f:
        return re.sub('#.*', '', f.read()).split()


def kernel_package():
    """The package of the plain kernel, which has more than that for clouds; None if apt does not
    know."""
    try:
        text = run('apt-cache', 'depends', 'linux-image-amd64').decode()
    except Unavailable:
        return None
    match = re.search(r'Depends: (linux-image-\d\S*)', text)
    return match.group(1) if match else None


def fetch(package, cache):
    """The package's file, downloaded if it is not there."""
    def found():
        return sorted(name for name in os.listdir(cache)
                      if name.startswith(package + '_') and name.endswith('.deb'))
    if not found():
        # apt writes under a partial name, so that a file is whole once it has its name.
        run('apt-get', 'download', package, cwd=cache, timeout=PATIENCE)
    if not found():
        raise Unavailable(f'apt-get download {package} left no package')
    return os.path.join(cache, found()[-1])


def uncompressed(image):
    """The ELF file inside a kernel image."""
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from('<II', image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start:start + length]
    for magic, program in ((b'\xfd7zXZ', 'xz'), (b'\x28\xb5\x2f\xfd', 'zstd'), (b'\x1f\x8b', 'gzip')):
        if payload.startswith(magic):
            if not find(program):
                raise Unavailable(f'{program} is not installed, with which the kernel is packed')
            # The size follows, but for gzip, which has it inside.
            return run(program, '-dc', input=payload if program == 'gzip' else payload[:-4])
    raise Unavailable(f'the kernel is packed in an unknown way ({payload[:6].hex()})')


def write(path, data, mode=0o644):
    with open(path, 'wb') as f:
        f.write(data)
    os.chmod(path, mode)


def module_files(tree, version, module):
    """A module with what it depends on, in the order in which they are loaded, as paths below the
    kernel's module folder; None if the kernel has no such module or has it built in."""
    try:
        text = run('modprobe', '-d', tree, '-S', version, '--show-depends', module).decode()
    except Unavailable:
        return None
    folder = f'{tree}/lib/modules/{version}/'
    return [line.split()[1].removeprefix(folder) for line in text.splitlines()
            if line.startswith('insmod ')]


def copy_modules(tree, version, target):
    """Copies the modules of the list, and has an index made of them."""
    source = f'{tree}/lib/modules/{version}'
    copy = f'{target}/lib/modules/{version}'
    for module in module_list():
        for name in module_files(tree, version, module) or []:
            if not os.path.exists(f'{copy}/{name}'):
                os.makedirs(os.path.dirname(f'{copy}/{name}'), exist_ok=True)
                shutil.copy(f'{source}/{name}', f'{copy}/{name}')
    for name in os.listdir(source):
        if name.startswith(('modules.builtin', 'modules.order')):
            shutil.copy(f'{source}/{name}', copy)
    run('depmod', '-b', target, version)


def make_initrd(tree, version, path):
    """Writes the initramfs."""
    with tempfile.TemporaryDirectory() as root:
        for folder in ('bin', 'sbin', 'modules', 'proc', 'sys', 'dev', 'root'):
            os.mkdir(f'{root}/{folder}')
        shutil.copy(BUSYBOX, f'{root}/bin/busybox')
        os.symlink('busybox', f'{root}/bin/sh')
        shutil.copy(f'{PARTS}/init', f'{root}/init')
        shutil.copy(f'{PARTS}/modprobe', f'{root}/sbin/modprobe')
        order = []
        for module in ('virtio_pci', '9pnet_virtio', '9p', 'overlay'):
            for name in module_files(tree, version, module) or []:
                if os.path.basename(name) not in order:
                    order.append(os.path.basename(name))
                    shutil.copy(f'{tree}/lib/modules/{version}/{name}', f'{root}/modules')
        write(f'{root}/modules/order', ''.join(name + '\n' for name in order).encode())
        names = '\n'.join(os.path.relpath(os.path.join(folder, name), root)
                          for folder, folders, files in os.walk(root) for name in folders + files)
        archive = run('cpio', '-o', '-H', 'newc', '--quiet', '-R', '0:0', cwd=root,
                      input=names.encode())
    write(path, archive)


def make(package, cache, target):
    """Makes a kit from a package."""
    version = package.removeprefix('linux-image-')
    deb = fetch(package, cache)
    with tempfile.TemporaryDirectory(dir=cache, prefix='unpack-') as work:
        tree, kit = f'{work}/tree', f'{work}/kit'
        os.mkdir(kit)
        try:
            run('dpkg-deb', '-x', deb, tree)
        except Unavailable:
            os.unlink(deb)  # a new one the next time
            raise
        run('depmod', '-b', tree, version)
        with open(f'{tree}/boot/vmlinuz-{version}', 'rb') as f:
            write(f'{kit}/vmlinux', uncompressed(f.read()))
        copy_modules(tree, version, kit)
        make_initrd(tree, version, f'{kit}/initrd')
        os.rename(kit, target)


def remove_old(cache):
    """Removes what nobody has used for long."""
    for name in os.listdir(cache):
        path = os.path.join(cache, name)
        if name != 'lock' and time.time() - os.stat(path).st_mtime > KEEP_DAYS * 86400:
            shutil.rmtree(path, True) if os.path.isdir(path) else os.unlink(path)


def prepare():
    """The folder of a kit for this source, made if need be. Unavailable says why there is none."""
    check_programs()
    cache = cache_folder()
    try:
        os.makedirs(cache, exist_ok=True)
        with open(os.path.join(cache, 'lock'), 'w', encoding='ascii') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            remove_old(cache)
            suffix = '-' + parts_hash()
            package = kernel_package()
            kits = sorted(name for name in os.listdir(cache) if name.endswith(suffix))
            if package and package.removeprefix('linux-image-') + suffix not in kits:
                name = package.removeprefix('linux-image-') + suffix
                try:
                    make(package, cache, os.path.join(cache, name))
                    kits.append(name)
                except Unavailable:
                    if not kits:  # an older kernel does
                        raise
            if not kits:
                raise Unavailable('apt knows no package linux-image-amd64')
            kit = os.path.join(cache, kits[-1])
            os.utime(kit)
            return kit
    except OSError as error:
        raise Unavailable(f'no kit in {cache}: {error}') from error
