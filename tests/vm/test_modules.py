#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# vm: kinds=qomd
"""What tests may ask the machine for is there: each module loads and gives its device."""

import errno
import glob
import os
import socket
import stat

from guest import read, sh, tap, write

DEVICES = {
    'uinput': '/dev/uinput', 'uhid': '/dev/uhid', 'cuse': '/dev/cuse', 'fuse': '/dev/fuse',
    'tun': '/dev/net/tun', 'tpm_vtpm_proxy': '/dev/vtpmx', 'vhost_vsock': '/dev/vhost-vsock',
    'vhost_net': '/dev/vhost-net', 'nbd': '/dev/nbd0', 'loop': '/dev/loop-control',
    'vfio-pci vfio_iommu_type1': '/dev/vfio/vfio', 'null_blk': '/dev/nullb0',
    'ppp_generic': '/dev/ppp',
}


def gives(modules, device):
    def run(t):
        sh(f'modprobe -a {modules}')
        t.ok(tap.until(lambda: os.path.exists(device)), f'{device} appears')
        mode = os.stat(device).st_mode
        t.ok(stat.S_ISCHR(mode) or stat.S_ISBLK(mode), 'a device')
    tap.add(f'{modules}: {device}', run, only='qomd')


for modules_, device_ in DEVICES.items():
    gives(modules_, device_)


@tap.case('vcan: a frame goes from one socket to another', only='qomd')
def _(t):
    sh('modprobe -a vcan can-raw; ip link add vcan0 type vcan; ip link set vcan0 up')
    t.cleanup(sh, 'ip link del vcan0')
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as a, \
            socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as b:
        a.bind(('vcan0',))
        b.bind(('vcan0',))
        b.settimeout(20)
        frame = b'\x23\x01\x00\x00\x03\x00\x00\x00abc\x00\x00\x00\x00\x00'
        a.send(frame)
        t.equal(b.recv(16), frame)


@tap.case('veth and bridge: links can be made', only='qomd')
def _(t):
    sh('ip link add br0 type bridge; ip link add left type veth peer name right')
    sh('ip link set left master br0; ip link del left; ip link del br0')
    t.ok(os.path.exists('/sys/class/net/lo'), 'lo')


@tap.case('AF_ALG: the kernel computes a digest and enciphers', only='qomd')
def _(t):
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as alg:
        alg.bind(('hash', 'sha256'))
        op, _ = alg.accept()
        with op:
            op.sendall(b'abc')
            t.equal(op.recv(32).hex()[:16], 'ba7816bf8f01cfea')
    for kind, name in ('skcipher', 'cbc(aes)'), ('aead', 'gcm(aes)'):
        with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as alg:
            alg.bind((kind, name))


@tap.case('vsock: the machine can talk to itself', only='qomd')
def _(t):
    sh('modprobe -a vsock_loopback')
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as server, \
            socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as client:
        server.bind((socket.VMADDR_CID_ANY, 4711))
        server.listen()
        client.connect((1, 4711))
        peer, _ = server.accept()
        with peer:
            peer.sendall(b'hello')
            t.equal(client.recv(5), b'hello')


@tap.case('scsi_debug: a disk with its sg device', only='qomd')
def _(t):
    sh('modprobe -a sd_mod sg; modprobe scsi_debug dev_size_mb=8')
    found = tap.until(lambda: [path for path in glob.glob('/sys/class/scsi_disk/*/device')
                               if 'scsi_debug' in read(path + '/model')])
    t.ok(found, 'a disk')
    t.ok(tap.until(lambda: glob.glob(found[0] + '/scsi_generic/sg*')
                   and glob.glob(found[0] + '/block/sd*')), 'its devices')
    disk = '/dev/' + os.path.basename(glob.glob(found[0] + '/block/sd*')[0])
    t.ok(tap.until(lambda: os.path.exists(disk)), disk)


@tap.case('tcm_loop: a disk of the kernel\'s own target, with reservations', only='qomd')
def _(t):
    sh('modprobe -a configfs tcm_loop target_core_file sd_mod sg')
    target, lun = '/sys/kernel/config/target', '/tmp/lun'
    if not os.path.ismount('/sys/kernel/config'):
        sh('mount -t configfs configfs /sys/kernel/config')
    core = f'{target}/core/fileio_0/d'
    os.makedirs(core)
    write(f'{core}/control', f'fd_dev_name={lun},fd_dev_size=8388608')
    write(f'{core}/enable', 1)
    tpg = f'{target}/loopback/naa.5001405000000001/tpgt_1'
    os.makedirs(tpg)
    write(f'{tpg}/nexus', 'naa.5001405000000002')
    os.mkdir(f'{tpg}/lun/lun_0')
    os.symlink(core, f'{tpg}/lun/lun_0/x')
    found = tap.until(lambda: [path for path in glob.glob('/sys/class/scsi_disk/*/device')
                               if read(path + '/vendor') == 'LIO-ORG'])
    t.ok(found, 'a disk')
    t.equal(os.path.exists(f'{core}/pr/res_holder'), True, 'it knows reservations')


@tap.case('loop: a file becomes a disk', only='qomd')
def _(t):
    path = t.file('disk', b'x' * (1 << 20))
    device = sh(f'modprobe loop; losetup -f --show {path}').strip()
    t.cleanup(sh, f'losetup -d {device}')
    with open(device, 'rb') as f:
        t.equal(f.read(4), b'xxxx')


@tap.case('io_uring: this kernel has it, and lets us', only='qomd')
def _(t):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    t.equal((libc.syscall(425, 1, None), ctypes.get_errno()), (-1, errno.EFAULT))


if __name__ == '__main__':
    tap.main()
