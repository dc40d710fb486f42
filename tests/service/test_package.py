# SPDX-License-Identifier: BSD-3-Clause
"""What is installed is in a Debian package, and each command and type has its manual page."""
import fnmatch
import glob
import json
import os
import re
import shutil
import subprocess

from daemon import Daemon, Skip, main, test

SOURCE, BUILD = os.environ['SOURCE'], os.environ['BUILD']
MAN7 = os.path.join(BUILD, 'docs/man/man7')


def patterns():
    """The paths in debian/*.install, without the root."""
    found = []
    for path in glob.glob(os.path.join(SOURCE, 'debian/*.install')):
        with open(path, encoding='utf-8') as file:
            found += [line.split()[0] for line in file if line.strip()]
    return found


def packaged(path, pattern):
    """Whether an installed file is taken by a line of a *.install file, which may name a folder."""
    return fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, pattern + '/*')


def installed():
    """Where files go, as the package has them: below the root, architecture in its place."""
    text = subprocess.run(['meson', 'introspect', '--installed', BUILD], capture_output=True,
                          text=True, check=True).stdout
    options = subprocess.run(['meson', 'introspect', '--buildoptions', BUILD], capture_output=True,
                             text=True, check=True).stdout
    prefix = {o['name']: o['value'] for o in json.loads(options)}['prefix']
    paths = []
    for path in json.loads(text).values():
        path = os.path.relpath(path, prefix)
        if not path.startswith('etc/'):
            path = 'usr/' + path
        path = re.sub('^usr/lib/systemd/', 'lib/systemd/', path)
        path = re.sub(r'^usr/lib(64)?/(lib[^/]*\.so.*|qom/|pkgconfig/)', r'usr/lib/ARCH/\2', path)
        paths.append(path)
    return paths


@test
def all_that_is_installed_is_in_a_package():
    known = patterns()
    for path in installed():
        assert any(packaged(path, pattern) for pattern in known), path


@test
def nothing_is_packaged_that_is_not_installed():
    paths = installed()
    for pattern in patterns():
        assert any(packaged(path, pattern) or pattern.startswith(path + '/') for path in paths), \
            pattern


@test
def each_command_and_type_has_its_manual_page():
    pages = set(os.listdir(MAN7))
    with Daemon() as daemon, daemon.client() as client:
        for command in client.ok('query-commands'):
            assert f'qmp-{command["name"]}.7' in pages, command
        schema = client.ok('query-qmp-schema')
        [types] = [entry['values'] for entry in schema
                   if entry['meta-type'] == 'enum' and 'iothread' in entry['values']]
        for name in types:
            assert f'qom-type-{name}.7' in pages, name


@test
def the_manual_pages_are_well_formed():
    if not shutil.which('mandoc'):
        raise Skip('mandoc is not installed')
    done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', *glob.glob(MAN7 + '/*'),
                           *glob.glob(os.path.join(SOURCE, 'docs/man/*.1'))],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


main()
