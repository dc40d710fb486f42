# SPDX-License-Identifier: BSD-3-Clause
"""Modules of third parties, by the example of examples/dice."""
import os

from daemon import Daemon, main, refused, run, test

DICE = os.environ['DICE']


@test
def a_module_brings_a_type_and_a_command():
    with Daemon('-object', 'dice,id=d,sides=3', '-module', DICE) as daemon:
        with daemon.client() as client:
            eyes = client.ok('dice-throw', id='d')['eyes']
            assert len(eyes) == 2 and all(1 <= one <= 3 for one in eyes), eyes
            client.ok('object-add', qom_type='dice', id='e', dice=5)
            assert len(client.ok('dice-throw', id='e')['eyes']) == 5
            assert client.error('object-add', qom_type='dice', id='f', sides=1) == (
                'GenericError', "Parameter 'sides' must be 2 or more")
            client.ok('object-del', id='e')


@test
def what_a_module_brings_can_be_looked_up():
    status, out, _ = run('-module', DICE, '-object', 'help')
    assert status == 0 and '  dice' in out.splitlines()
    status, out, _ = run('-object', 'dice,help', '-module', DICE)
    assert status == 0 and '  sides=<uint8>' in out, out
    with Daemon('-module', DICE) as daemon, daemon.client() as client:
        schema = client.ok('query-qmp-schema')
        assert any(entry['name'] == 'dice-throw' for entry in schema)
        assert any('dice' in entry.get('values', ()) for entry in schema)
        names = {prop['name'] for prop in client.ok('qom-list-properties', typename='dice')}
        assert {'dice', 'sides'} <= names
        assert client.ok('qom-list-types', implements='dice') == [
            {'name': 'dice', 'parent': 'object'}]


@test
def without_the_module_its_type_is_unknown():
    refused("-object dice,id=d: Parameter 'qom-type' does not accept value 'dice'",
            '-object', 'dice,id=d')


@test
def what_is_no_module_is_refused():
    for name, content in ('nope', None), ('text', b'text'):
        if content:
            with open(name, 'wb') as file:
                file.write(content)
        status, _, err = run('-module', name)
        assert status == 1 and f"-module {name}: Could not load module '" in err, err


@test
def a_module_that_is_loaded_twice_is_refused():
    refused(f"-module {DICE}: Module 'dice' is loaded already", '-module', DICE, '-module', DICE)


main()
