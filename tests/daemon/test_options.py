# SPDX-License-Identifier: BSD-3-Clause
"""The command line: what is taken, what is refused and with which words."""
import json
import os
import subprocess

from daemon import MONITOR, QOMD, Daemon, main, refused, run, test


@test
def wrong_options_are_named():
    refused('-nope: invalid option', '-nope')
    refused('--nope: invalid option', '--nope')
    refused('-object=x: invalid option', '-object=x')
    refused('-object: requires an argument', '-object')
    refused('disk.img: invalid option', 'disk.img')


@test
def one_and_two_dashes_are_the_same():
    for option in '-version', '--version':
        status, out, _ = run(option)
        assert status == 0 and out.startswith('qomd '), out


@test
def help_lists_every_option():
    status, out, _ = run('--help')
    assert status == 0
    for option in '-object', '-chardev', '-mon', '-qmp', '-daemonize', '-nodefaults', '-S':
        assert any(line.startswith(option) for line in out.splitlines()), option


@test
def object_help_lists_types_and_properties():
    status, out, _ = run('-object', 'help')
    lines = out.splitlines()
    assert status == 0 and lines[0] == 'List of user creatable objects:'
    assert '  iothread' in lines and lines[1:] == sorted(lines[1:])
    status, out, _ = run('-object', 'iothread,help')
    lines = out.splitlines()
    assert status == 0 and lines[0] == 'iothread options:'
    line = next(line for line in lines if line.startswith('  poll-max-ns=<int>'))
    assert line.endswith(' (default: 32768)') and line.count('default') == 1, line
    status, out, _ = run('-chardev', 'help')
    assert status == 0 and '  socket' in out.splitlines()
    refused("-object nope,help: Parameter 'qom-type' does not accept value 'nope'",
            '-object', 'nope,help')


@test
def wrong_objects_are_refused_with_their_text():
    for text, message in (
            ('', "Parameter 'qom-type' is missing"),
            ('nope,id=a', "Parameter 'qom-type' does not accept value 'nope'"),
            ('iothread', "Parameter 'id' is missing"),
            ('iothread,id=a,foo=1', "Invalid parameter 'foo'"),
            ('iothread,id=a,x.y=1', "Parameter 'x' is unexpected"),
            ('{"qom-type":"iothread"', 'JSON parse error, premature EOI'),
            ('{"qom-type":"iothread","id":"a"} x', 'Expecting at most one JSON value'),
            ('{"qom-type":"iothread","id":"a","poll-max-ns":"1"}',
             "Invalid parameter type for 'poll-max-ns', expected: integer")):
        refused(f'-object {text}: {message}', '-object', text)
    err = refused("-object iothread,id=1: Parameter 'id' expects an identifier",
                  '-object', 'iothread,id=1')
    assert err.splitlines()[1].startswith('Identifiers consist of letters, digits'), err


@test
def creation_errors_stand_alone_and_undo_everything():
    refused("property 'size' of memory-backend-ram doesn't take value '0'",
            '-object', 'memory-backend-ram,id=m,size=0', *MONITOR, '-pidfile', 'pid')
    refused("attempt to add duplicate property 'a' to object (type 'container')",
            '-object', 'iothread,id=a', '-object', 'iothread,id=a', *MONITOR, '-pidfile', 'pid')
    assert os.listdir() == [], os.listdir()


@test
def nothing_is_created_before_all_options_are_right():
    refused('-mon nope: chardev "nope" not found', *MONITOR, '-pidfile', 'pid',
            '-object', 'memory-backend-file,id=m,size=4096,mem-path=file', '-mon', 'nope')
    assert os.listdir() == [], os.listdir()


@test
def wrong_monitors_are_refused():
    refused("-qmp foo:bar: 'foo:bar' is not a valid char driver", '-qmp', 'foo:bar')
    refused('-qmp foo:bar: parse error: foo:bar', '-qmp', 'foo:bar')
    refused("-mon a,mode=readline: Parameter 'mode' does not accept value 'readline'",
            '-chardev', 'null,id=a', '-mon', 'a,mode=readline')
    refused("-mon chardev=a: chardev 'a' is already in use",
            '-chardev', 'null,id=a', '-mon', 'a', '-mon', 'chardev=a')
    refused("-chardev null,id=a: Duplicate ID 'a' for chardev",
            '-chardev', 'null,id=a', '-chardev', 'null,id=a')
    refused('-chardev null: chardev: no id specified', '-chardev', 'null')


@test
def monitors_are_checked():
    chardev = '-chardev', 'null,id=c', '-chardev', 'null,id=d'
    refused("-mon c,id=1a: Parameter 'id' expects an identifier", *chardev, '-mon', 'c,id=1a')
    refused("-mon d,id=m: Duplicate ID 'm' for mon", *chardev, '-mon', 'c,id=m', '-mon', 'd,id=m')
    refused("-mon c,max-clients=0: Parameter 'max-clients' expects a number of at least 1",
            *chardev, '-mon', 'c,max-clients=0')
    err = refused('-qmp tcp:x: parse error: tcp:x', '-qmp', 'tcp:x')
    assert err.count('parse error') == 1, err
    refused('-qmp nope: parse error: nope', '-qmp', 'nope')
    refused("-qmp nope: 'nope' is not a valid char driver", '-qmp', 'nope')


@test
def small_options_are_checked():
    refused("-name a,debug-threads=x: Parameter 'debug-threads' expects 'on' or 'off'",
            '-name', 'a,debug-threads=x')
    refused('-uuid x: failed to parse UUID string: wrong format', '-uuid', 'x')
    refused('-add-fd fd=1,set=1: fd cannot be a standard I/O stream', '-add-fd', 'fd=1,set=1')
    refused('-add-fd fd=77,set=1: fd is not valid or already in use', '-add-fd', 'fd=77,set=1')
    refused('-add-fd set=1: fd option is required and must be non-negative', '-add-fd', 'set=1')
    refused("-compat deprecated-input=x: Parameter 'deprecated-input' does not accept value 'x'",
            '-compat', 'deprecated-input=x')
    refused('-M pc: unsupported machine type', '-M', 'pc')


@test
def order_does_not_matter():
    argv = [['-mon', 'c'], ['-object', 'memory-backend-ram,id=m,size=4096,prealloc-context=tc'],
            ['-chardev', 'socket,id=c,path=qmp,server=on,wait=off'],
            ['-object', '{"qom-type": "thread-context", "id": "tc"}']]
    for order in argv, argv[::-1]:
        with Daemon(*sum(order, []), monitor=False) as daemon, daemon.client() as client:
            assert client.ok('qom-get', path='/objects/m', property='prealloc-context') == \
                '/objects/tc'
        assert os.listdir() == [], os.listdir()


@test
def objects_can_be_written_in_all_forms():
    with Daemon('-object', 'iothread,id=a,poll-max-ns=0x10',
                '-object', 'qom-type=iothread,id=b,poll-max-ns=16',
                '-object', '{"qom-type":"iothread","id":"c","poll-max-ns":16}',
                '-object', 'id=d,qom-type=iothread,poll-max-ns=16,') as daemon:
        with daemon.client() as client:
            for name in 'abcd':
                assert client.ok('qom-get', path=name, property='poll-max-ns') == 16


@test
def what_a_machine_would_need_is_accepted():
    with Daemon('-nodefaults', '-no-user-config', '-nographic', '-display', 'none', '-audio',
                'none', '-vga', 'none', '-accel', 'kvm', '-cpu', 'host', '-m', '64', '-smp', '2',
                '-rtc', 'base=utc', '-boot', 'c', '-no-shutdown', '-no-reboot', '-overcommit',
                'mem-lock=off', '-global', 'a.b=c', '-machine', 'none,accel=kvm:tcg') as daemon:
        with daemon.client() as client:
            assert client.ok('query-status')['running'] is True


@test
def readconfig_files_are_options():
    with open('conf', 'w', encoding='ascii') as file:
        file.write('# a comment\n[object "io0"]\n  qom-type = "iothread"\n  poll-max-ns = "7"\n\n'
                   '[chardev "c"]\n  backend = "socket"\n  path = "qmp"\n  server = "on"\n'
                   '  wait = "off"\n[mon "m"]\n chardev = "c"\n[memory]\n  size = "64"\n')
    with Daemon('-readconfig', 'conf', monitor=False) as daemon, daemon.client() as client:
        assert client.ok('qom-get', path='io0', property='poll-max-ns') == 7


@test
def readconfig_errors_tell_file_and_line():
    for content, message in (
            ('a = "x"\n', 'line 1: no group defined'),
            ('\n[nope]\n', "line 2: There is no option group 'nope'"),
            ('[object "a"]\nx\n', 'line 2: parse error'),
            ('[object "a"]\nx = y\n', 'line 2: parse error'),
            ('[object "a"\n', 'line 1: parse error'),
            ('[object]\n qom-type = "iothread"\n', "line 2: Parameter 'id' is missing")):
        with open('conf', 'w', encoding='ascii') as file:
            file.write(content)
        refused(f'-readconfig conf: {message}', '-readconfig', 'conf')
    refused("-readconfig nope: Could not open 'nope': No such file or directory",
            '-readconfig', 'nope')


@test
def a_secret_leaves_the_list_of_processes():
    with Daemon('-object', 'secret,id=s0,data=geheim', '-object',
                '{"qom-type":"secret","id":"s1","data":"geheim"}') as daemon:
        with daemon.client() as client:
            assert client.ok('qom-get', path='s1', property='format') == 'raw'
        with open(f'/proc/{daemon.process.pid}/cmdline', 'rb') as file:
            assert b'geheim' not in file.read()
        assert daemon.stderr().count('a secret on the command line') == 1, daemon.stderr()
    for text in 'secret,id=s0,data=geheim,x=1', '{"qom-type":"secret","data":"geheim"':
        status, _, err = run('-object', text)
        assert status == 1 and 'geheim' not in err, err


@test
def messages_have_the_time_if_wanted():
    status, _, err = run('-msg', 'timestamp=on', '-M', 'pc')
    assert status == 1 and err[:2] == '20' and ' qomd: -M pc: ' in err, err


@test
def compat_rules_qmp():
    with Daemon('-compat', 'unstable-input=reject') as daemon, daemon.client() as client:
        assert client.error('x-exit-preconfig')[0] == 'CommandNotFound'
    with Daemon('-compat', json.dumps({'unstable-input': 'reject'})) as daemon:
        with daemon.client() as client:
            assert client.error('x-exit-preconfig')[0] == 'CommandNotFound'


@test
def the_program_may_have_another_name():
    os.symlink(QOMD, 'qomd-system-x86_64')
    with Daemon('-machine', 'none', program='./qomd-system-x86_64') as daemon:
        with daemon.client() as client:
            client.ok('query-version')
    done = subprocess.run(['./qomd-system-x86_64', '-nope'], stderr=subprocess.PIPE, text=True,
                          check=False)
    assert done.stderr == 'qomd-system-x86_64: -nope: invalid option\n', done.stderr


@test
def a_monitor_that_the_network_can_reach_is_told():
    for host, told in ('', True), ('0.0.0.0', True), ('[::]', True), ('127.0.0.1', False), (
            'localhost', False):
        with Daemon('-qmp', f'tcp:{host}:0,server=on,wait=off') as daemon, daemon.client():
            warning = 'controls the daemon, and anyone on the way' in daemon.stderr()
            assert warning == told, (host, daemon.stderr())
    with Daemon('-chardev', 'socket,id=c,host=0.0.0.0,port=0,server=on,wait=off') as daemon:
        with daemon.client():
            assert daemon.stderr() == '', 'no monitor is there'


main()
