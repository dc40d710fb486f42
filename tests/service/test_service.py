# SPDX-License-Identifier: BSD-3-Clause
"""The files in service/: units that systemd takes, socket activation, the AppArmor profile."""
import os
import re
import shlex
import shutil
import subprocess

from daemon import PATIENCE_S, QOMD, Client, Skip, main, refused, run, test, wait_for

SERVICE = os.path.join(os.environ['SOURCE'], 'service')
BUILT = os.path.join(os.environ['BUILD'], 'service')
UNITS = ('qomd.service', 'qomd.socket', 'qomd@.service', 'qomd@.socket')


def tool(name, *argv, **more):
    """Runs a program of the system, which may be missing: (status, all output)."""
    path = shutil.which(name, path=os.environ['PATH'] + ':/usr/sbin:/sbin')
    if not path:
        raise Skip(f'{name} is not installed')
    done = subprocess.run([path, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60, check=False, **more)
    return done.returncode, done.stdout


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def command(unit, name, config):
    """The program and arguments of a unit's ExecStart=, with our program and configuration."""
    text = re.search(r'^ExecStart=(.*?[^\\])$', read(os.path.join(BUILT, unit)), re.M | re.S)[1]
    argv = shlex.split(text.replace('\\\n', ' ').replace('%i', name))
    assert argv[0].endswith('/qomd') and argv[-2] == '-readconfig', argv
    return [QOMD, *argv[1:-1], config]


@test
def systemd_finds_no_fault_with_the_units():
    for unit in UNITS:
        text = read(os.path.join(BUILT, unit))
        write(unit, re.sub(r'^ExecStart=\S+', f'ExecStart={QOMD}', text, flags=re.M))
    names = [unit.replace('@.', '@one.') for unit in UNITS]
    status, out = tool('systemd-analyze', 'verify', '--man=no', *(f'./{name}' for name in names))
    ours = [line for line in out.splitlines() if 'qomd' in line]
    assert status == 0 and not ours, out


@test
def the_services_are_exposed_to_2_at_most():
    for unit in 'qomd.service', 'qomd@.service':
        path = f'./{unit.replace("@.", "@one.")}'
        shutil.copy(os.path.join(BUILT, unit), path)
        status, out = tool('systemd-analyze', 'security', '--offline=true', '--threshold=20',
                           '--no-pager', path)
        if status and 'Unknown' in out:
            raise Skip('systemd-analyze knows no --offline')
        assert status == 0, out
        print('#', out.strip().splitlines()[-1])


def groups():
    """The groups of system calls that systemd knows: what each consists of, by name."""
    status, out = tool('systemd-analyze', 'syscall-filter')
    assert status == 0, out
    found = {}
    for line in out.splitlines():
        if line.startswith('@'):
            members = found.setdefault(line.strip(), [])
        elif line.startswith('    ') and not line.strip().startswith('#'):
            members.append(line.strip())
    return found


def members(name, known):
    """The calls of a group, or the one call of that name."""
    if not name.startswith('@'):
        return {name}
    return {call for member in known[name] for call in members(member, known)}


@test
def the_filter_of_the_services_lets_pass_what_the_code_needs():
    known = groups()
    allowed = members('@default', known)
    for line in re.findall('^SystemCallFilter=(.*)$', read(os.path.join(BUILT, 'qomd.service')),
                           re.M):
        for name in line.lstrip('~').split():
            allowed = (allowed - members(name, known) if line.startswith('~')
                       else allowed | members(name, known))
    out = run('-sandbox', 'help')[1]
    needed = {line.split()[0] for line in out.splitlines() if '[sanitizer]' not in line}
    assert len(needed) > 50, out
    # -sandbox itself is installed by seccomp(2).
    assert not (needed | {'seccomp', 'prctl'}) - allowed, \
        sorted((needed | {'seccomp', 'prctl'}) - allowed)


def activate(unit, name, config, *more):
    path = os.path.abspath('activated')
    program = shutil.which('systemd-socket-activate')
    if not program:
        raise Skip('systemd-socket-activate is not installed')
    errors = open('errors', 'w+', encoding='utf-8')  # pylint: disable=consider-using-with
    process = subprocess.Popen([program, '-l', path, '--fdname=qmp',
                                *command(unit, name, config), *more],
                               stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    wait_for(lambda: os.path.exists(path) or process.poll() is not None, 'the socket')
    return process, path


@test
def a_client_starts_the_service_by_connecting_to_its_socket():
    write('config', '[object "io0"]\n  qom-type = "iothread"\n')
    for unit, name in ('qomd.service', 'qomd'), ('qomd@.service', 'one'):
        process, path = activate(unit, name, 'config')
        try:
            client = Client(path)
            assert client.ok('query-name') == {'name': name}
            assert 'io0' in [entry['name'] for entry in client.ok('qom-list', path='/objects')]
            assert client.ok('query-chardev')[0]['label'] == 'monitor'
            second = Client(path)
            second.ok('query-status')
            second.close()
            with open(f'/proc/{process.pid}/status', encoding='ascii') as file:
                assert 'Seccomp:\t2\n' in file.read()
            client.ok('quit')
            client.rest()
            assert process.wait(PATIENCE_S) == 0, read('errors')
        finally:
            process.kill()
            process.wait()
            if os.path.exists(path):
                os.unlink(path)


@test
def a_socket_that_was_not_passed_is_told():
    refused("-chardev socket,id=m,fd=qmp,server=on,wait=off: File descriptor named 'qmp' has not "
            'been found', '-chardev', 'socket,id=m,fd=qmp,server=on,wait=off', '-mon', 'm')


@test
def the_examples_in_the_configuration_work():
    text = read(os.path.join(SERVICE, 'qomd.conf'))
    examples = text[text.index('# [object'):]
    write('config', re.sub(r'^# ?', '', examples, flags=re.M).replace('1G', '1M'))
    process, path = activate('qomd.service', 'qomd', 'config')
    try:
        client = Client(path)
        assert client.ok('qom-get', path='ram0', property='size') == 1 << 20
        client.ok('quit')
        assert process.wait(PATIENCE_S) == 0, read('errors')
    finally:
        process.kill()
        process.wait()


@test
def user_and_folder_are_made():
    os.makedirs('root/etc')
    write('root/etc/passwd', 'root:x:0:0::/root:/bin/sh\n')
    write('root/etc/group', 'root:x:0:\n')
    if os.geteuid() != 0:
        raise Skip('needs root')
    status, out = tool('systemd-sysusers', '--root=root', os.path.join(SERVICE, 'qomd.sysusers'))
    assert status == 0, out
    assert re.search(r'^qomd:x:\d+:\d+:QEMU object model daemon:/var/lib/qomd:', read(
        'root/etc/passwd'), re.M)
    status, out = tool('systemd-tmpfiles', '--create', '--root=root',
                       os.path.join(BUILT, 'qomd.conf'))
    assert status == 0, out
    assert os.stat('root/run/qomd').st_mode & 0o7777 == 0o750


@test
def the_apparmor_profile_is_well_formed():
    if not os.path.isdir('/etc/apparmor.d/abstractions'):
        raise Skip('AppArmor is not installed')
    status, out = tool('apparmor_parser', '-Q', '-K', os.path.join(BUILT, 'qomd'))
    assert status == 0, out
    assert 'AppArmorProfile=-qomd\n' in read(os.path.join(BUILT, 'qomd.service'))
    assert re.search('^profile qomd {$', read(os.path.join(BUILT, 'qomd')), re.M), 'no path'


main()
