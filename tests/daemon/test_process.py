# SPDX-License-Identifier: BSD-3-Clause
"""The daemon as a process: pid file, background, service manager, descriptors, signals, its end."""
import os
import signal
import socket
import subprocess
import time

from daemon import (MONITOR, PATIENCE_S, QOMD, Client, Daemon, Skip, main, refused, run, test,
                    wait_for)


def read_pid(path):
    with open(path, encoding='ascii') as file:
        return int(file.read())


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@test
def the_pid_file_is_there_before_serving_and_gone_at_the_end():
    with Daemon('-pidfile', 'pid') as daemon:
        with daemon.client():
            assert read_pid('pid') == daemon.process.pid
    assert os.listdir() == [], os.listdir()


@test
def a_second_daemon_with_the_same_pid_file_fails_and_harms_nothing():
    with Daemon('-pidfile', 'pid') as daemon, daemon.client() as client:
        refused('cannot create PID file: Cannot lock pid file: Resource temporarily unavailable',
                '-pidfile', 'pid', *MONITOR)
        assert read_pid('pid') == daemon.process.pid
        client.ok('query-status')
        with daemon.client() as other:
            other.ok('query-status')


@test
def a_pid_file_left_by_a_dead_daemon_is_taken():
    with open('pid', 'w', encoding='ascii') as file:
        file.write('1234567890123\n')
    with Daemon('-pidfile', 'pid') as daemon, daemon.client():
        assert read_pid('pid') == daemon.process.pid


@test
def an_impossible_pid_file_is_told():
    refused("cannot create PID file: Could not create '/nonexistent/pid': "
            'No such file or directory', '-pidfile', '/nonexistent/pid', *MONITOR)
    assert os.listdir() == []


@test
def the_parent_of_a_background_daemon_ends_when_it_serves():
    status, _, err = run('-daemonize', '-pidfile', 'pid', *MONITOR)
    assert status == 0, err
    pid = read_pid('pid')
    client = Client('qmp')
    client.ok('query-status')
    assert os.readlink(f'/proc/{pid}/cwd') == '/'
    assert os.readlink(f'/proc/{pid}/fd/2') == '/dev/null'
    assert os.getsid(pid) != os.getsid(0) and os.getsid(pid) != pid
    client.ok('quit')
    assert client.rest()[-1] == 'SHUTDOWN'
    wait_for(lambda: is_gone(pid), 'the end of the daemon')
    assert os.listdir() == [], os.listdir()


@test
def a_background_daemon_that_can_not_start_says_why():
    refused("property 'size' of memory-backend-ram doesn't take value '0'", '-daemonize',
            '-object', 'memory-backend-ram,id=m,size=0', '-pidfile', 'pid', *MONITOR)
    refused('-nope: invalid option', '-daemonize', '-nope')
    refused('cannot use stdio with -daemonize', '-daemonize', '-qmp', 'stdio')
    assert os.listdir() == [], os.listdir()


@test
def a_service_manager_is_told():
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind('notify')
    manager.settimeout(20)
    environment = dict(os.environ, NOTIFY_SOCKET=os.path.abspath('notify'))
    with Daemon(env=environment) as daemon:
        message = manager.recv(1000).decode().splitlines()
        assert message == ['READY=1', f'MAINPID={daemon.process.pid}'], message
        with daemon.client():
            pass
    assert manager.recv(1000) == b'STOPPING=1'
    manager.close()


@test
def an_abstract_notify_socket_works():
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = f'qomd-test-{os.getpid()}'
    manager.bind('\0' + name)
    manager.settimeout(20)
    with Daemon(env=dict(os.environ, NOTIFY_SOCKET='@' + name), monitor=False):
        assert manager.recv(1000).startswith(b'READY=1')
    manager.close()


@test
def a_listening_socket_can_be_inherited():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind('activated')
    listener.listen()
    script = f'export LISTEN_PID=$$ LISTEN_FDS=1; exec {QOMD} "$@" 3<&{listener.fileno()}'
    argv = ['sh', '-c', script, 'sh', '-chardev', 'socket,id=c,fd=3,server=on,wait=off', '-mon',
            'c']
    with subprocess.Popen(argv, pass_fds=[listener.fileno()]) as process:
        listener.close()
        client = Client('activated')
        client.ok('query-status')
        client.ok('quit')
        assert process.wait(20) == 0
    assert os.path.exists('activated'), 'it belongs to the service manager'


@test
def a_test_program_can_be_dialled():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind('M')
    listener.listen()
    listener.settimeout(20)
    os.symlink(QOMD, 'qomd-system-x86_64')
    command = ('exec ./qomd-system-x86_64 -chardev socket,path=M,id=char0 -mon '
               'chardev=char0,mode=control -display none -audio none -machine none -accel qtest')
    with subprocess.Popen(['sh', '-c', command]) as process:
        peer, _ = listener.accept()
        with peer, peer.makefile('rwb') as file:
            assert b'"QMP"' in file.readline()
            file.write(b"{ 'execute': 'qmp_capabilities' }\n")
            file.flush()
            assert file.readline() == b'{"return": {}}\r\n'
            process.send_signal(signal.SIGTERM)
            assert b'"SHUTDOWN"' in file.readline()
            assert process.wait(20) == 0
    listener.close()


@test
def inherited_descriptors_become_sets():
    with open('file', 'w+b') as file:
        number = file.fileno()
        with Daemon('-add-fd', f'fd={number},set=3,opaque=mine', '-add-fd', f'fd={number},set=4',
                    pass_fds=[number]) as daemon, daemon.client() as client:
            sets = client.ok('query-fdsets')
            assert [s['fdset-id'] for s in sets] == [3, 4], sets
            assert sets[0]['fds'][0]['opaque'] == 'mine'
            fds = f'/proc/{daemon.process.pid}/fd'
            files = [os.readlink(f'{fds}/{fd}') for fd in os.listdir(fds)]
            assert files.count(os.path.abspath('file')) == 2, 'the original is closed'


@test
def signals_end_the_daemon_in_order():
    for signo in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        with Daemon('-object', 'iothread,id=io0') as daemon, daemon.client() as client:
            daemon.process.send_signal(signo)
            assert client.rest() == ['SHUTDOWN']
            assert client.events[0]['data'] == {'guest': False, 'reason': 'host-signal'}
            assert daemon.wait() == 0
            assert f'terminating on signal {int(signo)} from pid {os.getpid()}' in daemon.stderr()
        assert os.listdir() == [], os.listdir()


@test
def signals_work_while_a_server_waits_for_its_client():
    with Daemon('-chardev', 'socket,id=c,path=wait,server=on', '-pidfile', 'pid') as daemon:
        wait_for(lambda: os.path.exists('wait'), 'the socket')
        time.sleep(0.05)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait() == 0
    assert os.listdir() == [], os.listdir()


@test
def signals_work_while_an_object_waits():
    os.mkfifo('fifo')
    with Daemon('-object', 'secret,id=s,file=fifo', '-pidfile', 'pid') as daemon:
        wait_for(lambda: os.path.exists('pid'), 'the pid file')
        time.sleep(0.1)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait() == 0
    assert os.listdir() == ['fifo'], os.listdir()


@test
def an_object_that_never_completes_does_not_hold_up_the_end():
    os.mkfifo('fifo')
    for way in 'quit', 'signal':
        with Daemon('-pidfile', 'pid') as daemon, daemon.client() as one, daemon.client() as two:
            one.send('object-add', qom_type='secret', id='s', file='fifo')
            two.ok('query-status')
            if way == 'quit':
                two.ok('quit')
            else:
                daemon.process.send_signal(signal.SIGTERM)
            assert two.rest() == ['SHUTDOWN']
            assert daemon.wait() == 0
        assert os.listdir() == ['fifo'], os.listdir()


@test
def an_object_that_is_on_its_way_may_arrive_after_the_end_of_its_monitor():
    with Daemon() as daemon, daemon.client() as one, daemon.client() as two:
        one.send('object-add', qom_type='memory-backend-ram', id='m', size=64 << 20,
                 prealloc=True)
        two.ok('quit')
        assert daemon.wait() == 0
    assert os.listdir() == [], os.listdir()


@test
def an_object_that_the_end_cuts_off_leaves_no_file():
    if not os.access('/dev/shm', os.W_OK):
        raise Skip('no /dev/shm')
    path = f'/dev/shm/qomd-test-{os.getpid()}'
    options = dict(qom_type='memory-backend-file', id='m', share=True, prealloc=True,
                   size=1 << 30, mem_path=path)
    text = f'memory-backend-file,id=m,share=on,prealloc=on,size=1G,mem-path={path}'
    try:
        with Daemon() as daemon, daemon.client() as client:
            client.send('object-add', **options)
            wait_for(lambda: os.path.exists(path), 'the file')
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.wait() == 0
        assert not os.path.exists(path), 'a file is left of object-add'
        with subprocess.Popen([QOMD, '-object', text, *MONITOR]) as process:
            wait_for(lambda: os.path.exists(path), 'the file')
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        assert not os.path.exists(path), 'a file is left of -object'
    finally:
        if os.path.exists(path):
            os.unlink(path)


@test
def quit_answers_and_tells_everybody():
    with Daemon() as daemon, daemon.client() as one, daemon.client() as two:
        one.ok('quit')
        assert one.rest() == ['SHUTDOWN'] and two.rest() == ['SHUTDOWN']
        assert two.events[0]['data'] == {'guest': False, 'reason': 'host-qmp-quit'}
        assert daemon.wait() == 0
    assert os.listdir() == [], os.listdir()


@test
def the_process_can_be_given_a_name():
    with Daemon('-name', 'guest=vm,process=store') as daemon, daemon.client() as client:
        assert client.ok('query-name') == {'name': 'vm'}
        with open(f'/proc/{daemon.process.pid}/comm', encoding='ascii') as file:
            assert file.read() == 'store\n'


@test
def a_sandboxed_daemon_still_does_its_work():
    argv = ('-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
            '-object', 'thread-context,id=tc,cpu-affinity=0', '-daemonize', '-pidfile', 'pid')
    status, _, err = run(*argv, *MONITOR)
    assert status == 0, err
    pid = read_pid('pid')
    client = Client('qmp')
    for arguments in (dict(qom_type='iothread', id='io0'),
                      dict(qom_type='memory-backend-memfd', id='m', size=1 << 20, prealloc=True),
                      dict(qom_type='secret', id='s', data='x'),
                      dict(qom_type='rng-random', id='r')):
        client.ok('object-add', **arguments)
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/status', encoding='ascii') as file:
            lines = file.read().splitlines()
        assert 'Seccomp:\t2' in lines and 'NoNewPrivs:\t1' in lines, lines
    assert client.error('object-add', qom_type='thread-context', id='late',
                        cpu_affinity=[0])[0] == 'GenericError'
    client.ok('quit')
    client.rest()
    wait_for(lambda: is_gone(pid), 'the end of the daemon')


@test
def a_sandboxed_daemon_has_rings_only_if_it_began_with_one():
    def monitor(client):
        [loop] = [one for one in client.ok('qomd-query-loops') if one.get('path') == '/objects/io0']
        return loop['fd-monitor']

    ring = ('-object', 'iothread,id=io0,fd-monitor=io_uring')
    with Daemon(*ring) as daemon, daemon.client() as client:
        possible = monitor(client)
    with Daemon('-sandbox', 'on', *ring) as daemon, daemon.client() as client:
        assert monitor(client) == possible
        client.ok('object-add', qom_type='iothread', id='io1', fd_monitor='io_uring')
        client.ok('object-del', id='io1')
    with Daemon('-sandbox', 'on', '-object', 'iothread,id=io0') as daemon:
        with daemon.client() as client:
            client.ok('qom-set', path='io0', property='fd-monitor', value='io_uring')
            client.ok('qom-get', path='io0', property='thread-id')
            assert monitor(client) == 'epoll'


@test
def a_client_is_greeted_soon_after_the_start():
    best = 1.0
    for _ in range(10):
        begin = time.monotonic()
        with Daemon() as daemon:
            with daemon.client(negotiate=False):
                best = min(best, time.monotonic() - begin)
    print(f'# start to greeting: {best * 1000:.1f} ms, Python and fork included')
    assert best < 0.05, 'a sanitizer may take that long, nothing else'


main()
