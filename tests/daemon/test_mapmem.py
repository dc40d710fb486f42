# SPDX-License-Identifier: BSD-3-Clause
"""A program of others that maps our memory: examples/mapmem."""
import os
import subprocess

from daemon import Daemon, main, test

MAPMEM = os.environ['MAPMEM']


def mapmem(*argv):
    """(status, its output, its errors)"""
    done = subprocess.run([MAPMEM, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def daemon(options):
    return Daemon('-object', 'memory-backend-' + options + ',id=m')


KINDS = ('memfd,size=64K', 'ram,share=on,size=64K', 'file,share=on,size=64K,mem-path=f',
         'file,share=on,size=64K,mem-path=.', 'file,share=on,size=64K,mem-path=f,offset=4K')


@test
def what_one_process_writes_another_reads():
    for options in KINDS:
        with daemon(options) as server, server.client():
            assert mapmem('qmp', 'm', 'hello') == (0, 'hello\n', ''), options
            assert mapmem('qmp', 'm') == (0, 'hello\n', ''), options
        if os.path.exists('f'):
            os.unlink('f')


@test
def the_bytes_of_a_file_are_where_the_region_is():
    with open('f', 'wb') as file:
        file.write(b'-' * 4096 + b'here' + bytes(8188))
    with daemon('file,share=on,size=8K,mem-path=f,offset=4K') as server, server.client():
        assert mapmem('qmp', 'm') == (0, 'here\n', '')
        assert mapmem('qmp', 'm', 'there')[0] == 0
    with open('f', 'rb') as file:
        assert file.read()[4090:4102] == b'------there\0'


@test
def rom_is_read_and_can_not_be_written():
    with open('f', 'wb') as file:
        file.write(b'rom' + bytes(4093))
    with daemon('file,share=on,size=4K,mem-path=f,readonly=on') as server, server.client():
        assert mapmem('qmp', 'm') == (0, 'rom\n', '')
        status, _, _ = mapmem('qmp', 'm', 'no')
        assert status != 0
        assert mapmem('qmp', 'm') == (0, 'rom\n', '')


@test
def private_memory_and_unknown_names_are_errors():
    with daemon('ram,size=64K') as server, server.client():
        status, out, err = mapmem('qmp', 'm')
        assert (status, out) == (1, '') and 'share=on is needed' in err, err
        status, out, err = mapmem('qmp', 'nope')
        assert (status, out) == (1, '') and 'nope' in err, err
    assert mapmem('no-such-socket', 'm')[0] == 1


main()
