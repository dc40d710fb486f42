# SPDX-License-Identifier: BSD-3-Clause
"""What the daemon answers for a machine that is not there: run state, preconfig, queries, lines."""
import os
import platform

from daemon import Daemon, main, test


@test
def the_run_state_follows_the_commands_with_events_on_real_change():
    with Daemon() as daemon, daemon.client() as client:
        assert client.ok('query-status') == {'status': 'running', 'running': True}
        for command in 'cont', 'stop', 'stop', 'cont', 'cont', 'stop':
            client.ok(command)
        assert client.ok('query-status') == {'status': 'paused', 'running': False}
        assert [event['event'] for event in client.events] == ['STOP', 'RESUME', 'STOP']


@test
def with_S_the_state_is_prelaunch_until_cont():
    with Daemon('-S') as daemon, daemon.client() as client:
        client.ok('stop')
        assert client.ok('query-status') == {'status': 'prelaunch', 'running': False}
        assert client.events == []
        client.ok('cont')
        assert client.ok('query-status') == {'status': 'running', 'running': True}
        assert [event['event'] for event in client.events] == ['RESUME']


@test
def preconfig_allows_few_commands_until_x_exit_preconfig():
    with Daemon('-preconfig', '-name', 'n') as daemon, daemon.client() as client:
        refusal = ('GenericError', "The command '{}' is permitted only after machine "
                                   'initialization has completed')
        for command in 'cont', 'stop', 'query-fdsets', 'query-kvm':
            assert client.error(command) == (refusal[0], refusal[1].format(command))
        assert client.ok('query-status')['status'] == 'prelaunch'
        assert client.ok('query-name') == {'name': 'n'}
        client.ok('qom-list', path='/')
        assert client.events == []
        client.ok('x-exit-preconfig')
        assert client.ok('query-status')['status'] == 'running'
        assert [event['event'] for event in client.events] == ['RESUME']
        assert client.error('x-exit-preconfig') == (
            'GenericError', 'The command is permitted only before machine initialization')
        client.ok('query-fdsets')
    with Daemon('-preconfig', '-S') as daemon, daemon.client() as client:
        client.ok('x-exit-preconfig')
        assert client.ok('query-status')['status'] == 'prelaunch'
        assert client.events == []


@test
def questions_about_a_machine_are_answered_as_without_one():
    with Daemon('-uuid', '01234567-89AB-cdef-0123-456789abcdef') as daemon:
        with daemon.client() as client:
            assert client.ok('query-target') == {'arch': platform.machine()}
            assert client.ok('query-kvm')['enabled'] is False
            machines = client.ok('query-machines')
            assert [machine['name'] for machine in machines] == ['none']
            assert client.ok('query-uuid') == {'UUID': '01234567-89ab-cdef-0123-456789abcdef'}
            assert client.ok('query-name') == {}
            for command in ('query-cpus-fast', 'query-cpu-definitions', 'query-tpm-models',
                            'query-tpm-types'):
                assert client.ok(command) == []
            assert client.error('query-hotpluggable-cpus')[0] == 'GenericError'
            assert client.error('device-list-properties', typename='nope') == (
                'DeviceNotFound', "Device 'nope' not found")
            assert client.error('device-list-properties', typename='iothread') == (
                'GenericError', "Parameter 'typename' expects a non-abstract device type")
    with Daemon() as daemon, daemon.client() as client:
        assert client.ok('query-uuid') == {'UUID': '00000000-0000-0000-0000-000000000000'}


@test
def command_line_options_are_described():
    with Daemon() as daemon, daemon.client() as client:
        options = {entry['option']: {param['name']: param for param in entry['parameters']}
                   for entry in client.ok('query-command-line-options')}
        assert {'mon', 'chardev', 'object', 'name', 'msg', 'compat', 'add-fd'} <= set(options)
        assert options['object'] == {}
        assert {'chardev', 'mode', 'pretty'} <= set(options['mon'])
        assert options['mon']['pretty']['type'] == 'boolean'
        assert options['mon']['pretty']['default'] == 'off'
        assert {'path', 'host', 'port', 'server', 'wait', 'fd'} <= set(options['chardev'])
        assert options['add-fd']['fd']['type'] == 'number'
        assert len(client.ok('query-command-line-options', option='mon')) == 1
        assert client.error('query-command-line-options', option='nope') == (
            'GenericError', 'invalid option name: nope')


@test
def the_human_monitor_knows_a_few_lines():
    with Daemon() as daemon, daemon.client() as client:
        assert client.human('info status') == 'VM status: running\r\n'
        assert client.human('info  version').endswith('\r\n')
        assert client.human('object_add iothread,id=io0,poll-max-ns=8') == ''
        assert client.human('qom-get /objects/io0 poll-max-ns') == '8\r\n'
        assert client.human('qom-set /objects/io0 poll-max-ns 0x10') == ''
        assert client.ok('qom-get', path='io0', property='poll-max-ns') == 16
        assert 'poll-max-ns (int)\r\n' in client.human('qom-list "/objects/io0"')
        assert '  /io0 (iothread)\r\n' in client.human('info qom-tree /objects')
        assert client.human('object_del io0') == ''
        assert client.human('object_del io0') == "Error: object 'io0' not found\r\n"
        assert client.human('qom-list /nope') == "Error: Device '/nope' not found\r\n"
        assert client.human('nope 1') == "unknown command: 'nope 1'\r\n"
        assert client.human('qom-list') == '/\r\n'
        lines = client.human('object_add help').split('\r\n')
        assert lines[0] == 'List of user creatable objects:' and '  iothread' in lines, lines
        assert client.human('object_add iothread,help').startswith('iothread options:\r\n')
        assert "value 'nope'" in client.human('object_add nope,help')
        assert client.error('human-monitor-command', command_line='info status', cpu_index=0) == (
            'GenericError', "Parameter 'cpu-index' expects a CPU number")
        assert 'Try "help qom-get"' in client.human('qom-get /objects')
        assert client.human('help object_del') == 'object_del id -- delete an object\r\n'
        assert client.human('') == ''
        os.mkfifo('fifo')
        assert client.human('object_add secret,id=s,file=fifo') == (
            'Error: this may take long: use the command object-add\r\n')
        assert 'Invalid parameter' in client.human('object_add iothread,id=i,x=1')


@test
def many_monitors_serve_side_by_side():
    with Daemon('-qmp', 'unix:a,server=on,wait=off', '-qmp-pretty', 'unix:b,server=on,wait=off',
                '-chardev', 'socket,id=c,path=c,server=on,wait=off', '-mon',
                'chardev=c,id=m,mode=control,max-clients=1,policy=readonly') as daemon:
        with daemon.client('a') as one, daemon.client('c') as two:
            one.ok('stop')
            two.ok('query-status')
            assert one.events and two.events
            assert two.error('stop')[0] == 'CommandNotFound'
            assert os.path.exists('b')


main()
