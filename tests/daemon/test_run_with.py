# SPDX-License-Identifier: BSD-3-Clause
"""-run-with: what a daemon that was started by root can no longer do once it serves."""
import grp
import os
import pwd
import signal
import socket
import subprocess
import threading
import time

from daemon import MONITOR, QOMD, Client, Daemon, Skip, main, refused, run, test, wait_for

USER = 'nobody'
# For a chroot, where there is no /proc, without which the address sanitizer finds no leaks.
NO_PROC = {**os.environ, 'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'}


def as_root():
    if os.geteuid() != 0:
        raise Skip('needs root')
    os.chmod('.', 0o777)


def statuses(pid):
    """The status of each thread of a process, as dictionaries."""
    found = []
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/status', encoding='ascii') as file:
            found.append(dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line))
    return found


def check_identity(pid, uid, gid, groups):
    for status in statuses(pid):
        assert status['Uid'].split() == [str(uid)] * 4, status
        assert status['Gid'].split() == [str(gid)] * 4, status
        assert sorted(map(int, status['Groups'].split())) == sorted(groups), status
        for name in 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb':
            assert int(status[name], 16) == 0, (name, status[name])
        assert status['NoNewPrivs'] == '1', status


@test
def a_user_has_the_groups_of_that_user_and_no_capabilities_in_any_thread():
    as_root()
    entry = pwd.getpwnam(USER)
    groups = os.getgrouplist(USER, entry.pw_gid)
    with Daemon('-run-with', f'user={USER}', '-object', 'iothread,id=io0', '-object',
                'thread-context,id=tc') as daemon, daemon.client() as client:
        client.ok('object-add', qom_type='iothread', id='io1')
        check_identity(daemon.process.pid, entry.pw_uid, entry.pw_gid, groups)
        assert len(statuses(daemon.process.pid)) >= 4


@test
def a_user_with_a_group_or_both_as_numbers_has_that_group_alone():
    as_root()
    uid = pwd.getpwnam(USER).pw_uid
    gid = grp.getgrnam('daemon').gr_gid
    for text, ids in ((f'{USER}:daemon', (uid, gid)), ('4321:1234', (4321, 1234))):
        with Daemon('-run-with', f'user={text}') as daemon, daemon.client():
            check_identity(daemon.process.pid, *ids, [ids[1]])


@test
def the_older_options_do_the_same_and_say_so():
    as_root()
    os.mkdir('root')
    with Daemon('-runas', '4321:1234', '-chroot', 'root',
                env=NO_PROC) as daemon, daemon.client():
        check_identity(daemon.process.pid, 4321, 1234, [1234])
        assert os.path.realpath(f'/proc/{daemon.process.pid}/root') == os.path.realpath('root')
        err = daemon.stderr()
        assert "qomd: warning: option -runas is deprecated, use '-run-with user=...' instead" in err
        assert "option -chroot is deprecated, use '-run-with chroot=...' instead" in err, err


@test
def who_does_not_exist_or_has_all_rights_is_refused():
    refused('-run-with user=nope: User "nope" doesn\'t exist (and is not <uid>:<gid>)',
            '-run-with', 'user=nope')
    refused('-run-with user=nobody:nope: Group "nope" doesn\'t exist', '-run-with',
            'user=nobody:nope')
    for text in 'root', '0:0':
        refused(f'-run-with user={text}: User "{text}" has all rights, expected: one with fewer',
                '-run-with', f'user={text}')
    for text in '1:', ':1', '1:2:3', '-1:1', '4294967295:1':
        assert run('-run-with', f'user={text}')[0] == 1, text
    refused("-run-with chroot=/nonexistent: '/nonexistent' is not a folder", '-run-with',
            'chroot=/nonexistent')


@test
def a_plain_user_can_not_become_another():
    as_root()
    status = subprocess.run(['setpriv', '--reuid', '4321', '--regid', '1234', '--clear-groups', QOMD,
                             '-run-with', 'user=1:1', *MONITOR], capture_output=True, text=True,
                            check=False)
    assert status.returncode == 1, status
    assert "cannot become user '1:1': Operation not permitted" in status.stderr, status.stderr
    assert os.listdir() == [], os.listdir()


@test
def who_is_that_user_already_may_say_so():
    as_root()
    with Daemon('--reuid', '4321', '--regid', '1234', '--clear-groups', QOMD, '-run-with',
                'user=4321:1234', program='setpriv') as daemon, daemon.client() as client:
        client.ok('query-status')


@test
def capabilities_that_a_change_of_user_does_not_take_are_refused():
    as_root()
    same = ['--reuid', '4321', '--regid', '1234', '--clear-groups', '--inh-caps', '+chown',
            '--ambient-caps', '+chown']
    for options, error in ((same, 'user \'4321:1234\' still has capabilities, expected: none'),
                           (['--securebits', '+no_setuid_fixup'],
                            'the rights given up for user \'4321:1234\' can be had back')):
        if subprocess.run(['setpriv', *options, 'true'], check=False).returncode:
            raise Skip('setpriv can not give capabilities')
        done = subprocess.run(['setpriv', *options, QOMD, '-run-with', 'user=4321:1234', *MONITOR],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1, done
        assert error in done.stderr, done


@test
def files_and_sockets_are_made_before_and_with_the_rights_of_root():
    as_root()
    os.chmod('.', 0o755)
    with open('bytes', 'wb') as file:
        file.write(b'x')
    os.chmod('bytes', 0o600)
    with Daemon('-run-with', f'user={USER}', '-pidfile', 'pid', '-object', 'secret,id=s,file=bytes',
                '-object', 'memory-backend-file,id=m,mem-path=memory,size=64K') as daemon:
        with daemon.client() as client:
            assert os.stat('qmp').st_uid == 0 and os.stat('memory').st_uid == 0
            assert 'Permission denied' in client.error('object-add', qom_type='secret', id='t',
                                                       file=os.path.abspath('bytes'))[1]
    with open('pid', encoding='ascii') as file:
        assert file.read() == '', 'a pid file that may not be removed is emptied'
    with Daemon('-pidfile', 'pid') as daemon, daemon.client():
        pass


@test
def a_chroot_is_the_root_folder_and_nothing_leads_out_of_it():
    as_root()
    os.mkdir('root')
    with open('root/inside', 'wb') as file:
        file.write(b'i')
    with open('outside', 'wb') as file:
        file.write(b'o')
    with Daemon('-run-with', f'user={USER},chroot=root', '-pidfile', 'pid', '-object',
                'secret,id=s,file=outside', env=NO_PROC) as daemon, daemon.client() as client:
        pid = daemon.process.pid
        assert os.path.realpath(f'/proc/{pid}/root') == os.path.realpath('root')
        assert os.path.realpath(f'/proc/{pid}/cwd') == os.path.realpath('root')
        folders = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
        assert not any(os.path.isdir(folder) for folder in folders), folders
        client.ok('object-add', qom_type='secret', id='i', file='/inside')
        assert 'No such file' in client.error('object-add', qom_type='secret', id='o',
                                              file=os.path.abspath('outside'))[1]


@test
def modules_work_in_a_chroot():
    as_root()
    os.mkdir('root')
    key, cipher = 'MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=', 'fgcfWsQ7HUkJ2ISmrbTMmQ=='
    with Daemon('-run-with', f'user={USER},chroot=root',
                env=NO_PROC) as daemon, daemon.client() as client:
        client.ok('object-add', qom_type='secret', id='key', data=key, format='base64')
        error = client.error('object-add', qom_type='secret', id='s', data=cipher, format='base64',
                             keyid='key', iv='AAAAAAAAAAAAAAAAAAAAAA==')[1]
        assert 'padding' in error, error


@test
def a_daemon_in_the_background_needs_nothing_in_its_chroot():
    as_root()
    os.mkdir('root')
    status, _, err = run('-run-with', f'user={USER},chroot=root', '-daemonize', '-pidfile', 'pid',
                         '-sandbox', 'on,elevateprivileges=deny,spawn=deny', *MONITOR)
    assert status == 0, err
    with open('pid', encoding='ascii') as file:
        pid = int(file.read())
    try:
        assert os.readlink(f'/proc/{pid}/fd/2') == '/dev/null'
        client = Client('qmp')
        client.ok('quit')
        client.rest()
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    wait_for(lambda: not os.path.exists(f'/proc/{pid}'), 'its end')


@test
def the_service_manager_is_told_from_within_a_chroot():
    as_root()
    os.mkdir('root')
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind('notify')
    os.chmod('notify', 0o777)
    manager.settimeout(20)
    with Daemon('-run-with', f'user={USER},chroot=root',
                env={**NO_PROC, 'NOTIFY_SOCKET': os.path.abspath('notify')}) as daemon:
        with daemon.client():
            assert b'READY=1' in manager.recv(4096)
    assert b'STOPPING=1' in manager.recv(4096)


@test
def all_of_it_goes_together_with_the_sandbox():
    as_root()
    with Daemon('-run-with', f'user={USER},async-teardown=on', '-sandbox',
                'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
                '-object', 'iothread,id=io0') as daemon, daemon.client() as client:
        client.ok('object-add', qom_type='memory-backend-ram', id='m', size=1 << 20, prealloc=True)
        for status in statuses(daemon.process.pid):
            assert status['Seccomp'] == '2' and status['NoNewPrivs'] == '1', status


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
        return [int(child) for child in file.read().split()]


@test
def another_process_takes_the_time_to_give_memory_back():
    if not os.path.exists(f'/proc/self/task/{os.getpid()}/children'):
        raise Skip('the kernel does not list children')
    argv = ('-run-with', 'async-teardown=on', '-object',
            'memory-backend-ram,id=m,size=64M,prealloc=on')
    with Daemon(*argv) as daemon:
        with daemon.client():
            [child] = children(daemon.process.pid)

            def ready():
                return statuses(child)[0].get('Seccomp') == '1'
            wait_for(ready, 'the process that waits')
            status = statuses(child)[0]
            assert status['Name'] == 'cleanup', status
            assert len(os.listdir(f'/proc/{child}/fd')) == 1
            os.kill(child, signal.SIGTERM)
        daemon.process.kill()
        daemon.process.wait()

        def gone():
            try:
                return statuses(child)[0]['State'].startswith('Z')
            except (FileNotFoundError, IndexError, ProcessLookupError):
                return True
        wait_for(gone, 'the end of it, after that of the daemon')
        daemon.process.returncode = 0


@test
def a_daemon_ends_in_order_with_someone_waiting_for_its_memory():
    with Daemon('-run-with', 'async-teardown=on') as daemon, daemon.client() as client:
        client.ok('quit')
        assert daemon.wait() == 0


main()
