# SPDX-License-Identifier: BSD-3-Clause
"""Programs that embed the library, by the example of examples/counter; what is installed."""
import os
import subprocess

from daemon import Daemon, Skip, main, test

COUNTER = os.environ['COUNTER']
SOURCE = os.environ['SOURCE']
BUILD = os.environ['BUILD']


def counter():
    """A running counter program, which ends with quit."""
    return Daemon('qmp', monitor=False, program=COUNTER)


@test
def a_program_serves_a_type_of_its_own():
    with counter() as program:
        with program.client() as client:
            client.ok('object-add', qom_type='counter', id='c', start=5, step=2)
            assert [client.ok('counter-next', id='c')['value'] for _ in range(3)] == [5, 7, 9]
            assert client.ok('qom-get', path='/objects/c', property='next') == 11
            client.ok('qom-set', path='/objects/c', property='step', value=-1)
            assert client.ok('counter-next', id='c')['value'] == 11
            assert client.ok('counter-next', id='c')['value'] == 10
            assert client.error('qom-set', path='/objects/c', property='start', value=1) == (
                'GenericError', "Property 'start' can no longer be set")
            assert client.error('object-add', qom_type='counter', id='d', start='x') == (
                'GenericError', "Invalid parameter type for 'start', expected: integer")
            client.ok('quit')
        assert program.wait() == 0
        assert not os.path.exists('qmp')


@test
def its_type_can_be_looked_up_like_any_other():
    with counter() as program, program.client() as client:
        types = [info['name'] for info in client.ok('qom-list-types', implements='user-creatable')]
        assert 'counter' in types and 'rng-builtin' in types
        described = client.ok('qomd-describe-type', typename='counter')
        step = [p for p in described['properties'] if p['name'] == 'step'][0]
        assert step['live'] and step['default'] == 1 and step['description'], step
        schema = {entity['name']: entity for entity in client.ok('query-qmp-schema')}
        options = schema[schema['object-add']['arg-type']]
        assert 'counter' in [variant['case'] for variant in options['variants']]
        client.ok('quit')
        program.wait()


@test
def a_counter_program_has_under_100_lines():
    with open(os.path.join(SOURCE, 'examples/counter/counter.c'), encoding='utf-8') as file:
        assert len(file.readlines()) < 100


@test
def public_headers_stand_alone_in_c11_and_cxx17():
    folder = os.path.join(SOURCE, 'include/qom')
    headers = sorted(name for name in os.listdir(folder) if name.endswith('.h'))
    for language, compiler in (('c', ['gcc', '-std=c11']), ('c++', ['g++', '-std=c++17'])):
        for header in headers:
            subprocess.run([*compiler, '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', language,
                            '-I', os.path.join(SOURCE, 'include'), '-'],
                           input=f'#include "qom/{header}"\n', text=True, check=True)


@test
def an_installed_copy_works_and_finds_its_modules():
    if os.environ.get('SANITIZED') != 'none':
        raise Skip('the build is sanitized')
    installed = os.path.join(os.getcwd(), 'installed')
    subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', installed],
                   check=True)
    found = [os.path.join(folder, name) for folder, _, names in os.walk(installed) for name in names]

    def find(end):
        return [path for path in found if path.endswith(end)]
    for program in ('qomd', 'qom', 'qapic'):
        assert find('/bin/' + program), program
    assert find('/libqom.so.0') and find('/libqom.pc') and find('/qom/qom-cipher.so')
    assert find('/man1/qomd.1') and find('/man1/qom.1') and find('/man7/qom-type-secret.7')
    version = subprocess.run([find('/bin/qomd')[0], '-version'], capture_output=True, text=True,
                             check=True).stdout
    assert version.startswith('qomd '), version


main()
