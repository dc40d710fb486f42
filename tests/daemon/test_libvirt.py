# SPDX-License-Identifier: BSD-3-Clause
"""libvirt as a client: what it says is replayed, and the real one is let loose where it can be."""
import os
import re
import shutil
import subprocess

from daemon import QOMD, Client, Daemon, Skip, main, run, test, wait_for

PROBE = ('-S', '-no-user-config', '-nodefaults', '-nographic', '-machine', 'none,accel=kvm:tcg',
         '-qmp', 'unix:{}/qmp.monitor,server=on,wait=off', '-pidfile', '{}/qmp.pid', '-daemonize')


@test
def the_probe_for_capabilities_is_answered():
    folder = os.getcwd()
    status, _, err = run(*(text.format(folder) for text in PROBE))
    assert status == 0, err
    client = Client('qmp.monitor', negotiate=False)
    assert 'version' in client.greeting['QMP']
    for command in ('qmp_capabilities', 'query-version', 'query-target', 'query-qmp-schema',
                    'query-commands', 'query-kvm', 'qom-list-types', 'query-machines',
                    'query-cpu-definitions', 'query-tpm-models', 'query-tpm-types',
                    'query-command-line-options', 'query-migrate-capabilities'):
        client.ok(command)
    for typename in 'virtio-blk-pci', 'scsi-hd', 'usb-host':
        assert client.error('device-list-properties', typename=typename)[0] == 'DeviceNotFound'
    for typename in 'memory-backend-file', 'memory-backend-memfd':
        client.ok('qom-list-properties', typename=typename)
    client.ok('qom-list-properties', typename='none-machine')
    client.ok('quit')
    client.rest()
    wait_for(lambda: os.listdir() == [], 'everything to be gone')


@test
def the_command_line_of_a_guest_is_understood():
    with open('master-key', 'wb') as file:
        file.write(bytes(32))
    with Daemon('-name', 'guest=t,debug-threads=on', '-S', '-object',
                '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"master-key"}',
                '-machine', 'none,usb=off,dump-guest-core=off,memory-backend=pc.ram', '-accel',
                'tcg', '-cpu', 'qemu64', '-m', '64', '-object',
                '{"qom-type":"memory-backend-ram","id":"pc.ram","size":67108864}', '-overcommit',
                'mem-lock=off', '-smp', '1,sockets=1,cores=1,threads=1', '-uuid',
                '4dea22b3-1d52-d8f3-2516-782e98ab3fa0', '-display', 'none', '-no-user-config',
                '-nodefaults', '-chardev', 'socket,id=charmonitor,path=m,server=on,wait=off',
                '-mon', 'chardev=charmonitor,id=monitor,mode=control', '-rtc', 'base=utc',
                '-no-shutdown', '-boot', 'strict=on', '-msg', 'timestamp=on', monitor=False) as d:
        with d.client('m') as client:
            for command in ('query-migrate-capabilities', 'query-chardev', 'query-cpus-fast',
                            'query-iothreads'):
                client.ok(command)
            client.ok('migrate-set-capabilities', capabilities=[])
            assert client.error('query-hotpluggable-cpus')[0] == 'GenericError'
            client.ok('qom-list', path='/machine/peripheral')
            client.ok('cont')
            assert client.ok('query-status')['running'] is True


GUEST = '''<domain type='qemu'><name>t</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='none'>hvm</type></os>
<devices><emulator>{}</emulator></devices></domain>'''

# libvirt will not begin without this user; it gets one in files of our own, seen by nobody else.
SCRIPT = '''set -e
for f in passwd group; do cp /etc/$f .; echo "$1" >> $f; mount --bind $f /etc/$f; done
exec virt-qemu-run -r "$PWD/root" guest.xml'''


@test
def the_real_libvirt_gets_through_its_probe():
    if not shutil.which('virt-qemu-run') or os.uname().machine != 'x86_64':
        raise Skip('virt-qemu-run is not installed')
    if subprocess.run(['unshare', '-m', 'true'], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip('no mount namespaces')
    os.makedirs('root/etc')
    with open('root/etc/qemu.conf', 'w', encoding='ascii') as file:
        file.write('user = "root"\ngroup = "root"\nsecurity_driver = "none"\nnamespaces = []\n')
    os.symlink(QOMD, 'qomd-system-x86_64')
    with open('guest.xml', 'w', encoding='ascii') as file:
        file.write(GUEST.format(os.path.abspath('qomd-system-x86_64')))
    subprocess.run(['unshare', '-m', 'sh', '-c', SCRIPT, 'sh', 'libvirt-qemu:x:64055:64055::/:'],
                   env=dict(os.environ, LIBVIRT_LOG_OUTPUTS=f'1:file:{os.getcwd()}/log',
                            LIBVIRT_LOG_FILTERS='1:qemu.qemu_monitor 1:qemu.qemu_capabilities'),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=100, check=False)
    if not os.path.exists('log'):
        raise Skip('virt-qemu-run does not run here')
    with open('log', encoding='utf-8', errors='replace') as file:
        log = file.read()
    said = re.findall(r'SEND_MSG: .*"execute":"([^"]*)"', log)
    if not said:
        raise Skip('libvirt has not started the emulator')
    assert 'query-migrate-capabilities' in said, said
    assert 'Failed to probe capabilities' not in log, log[-2000:]


main()
