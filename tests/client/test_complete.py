#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Completion in bash and zsh; see fixture.py. COMPLETIONS is the folder with the scripts."""
import errno
import os
import pty
import re
import select
import shutil
import subprocess
import time

from fixture import QOM, Fake, Place, Skip, check, equal, qom, run

COMPLETIONS = os.environ['COMPLETIONS']

# Does what readline does: words are broken at blanks, = and :, the last one is to be completed.
BASH = r'''
source "$COMPLETIONS/qom.bash"
COMP_LINE=$1 COMP_POINT=${#1}
mapfile -t COMP_WORDS < <(grep -oE '[=:]|[^=: ]+' <<<"$COMP_LINE")
case $COMP_LINE in
*' ') COMP_WORDS+=('') ;;
esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_WORDS[0]=$QOM
_qom
for word in "${COMPREPLY[@]}"; do echo "$word|"; done
'''

ZSH = r'''
fpath=($COMPLETIONS $fpath)
autoload -Uz _qom
compadd() {
    local end='|'
    while [[ $1 != -- ]]; do
        [[ $1 == -S ]] && end=open && shift
        shift
    done
    shift
    local word
    for word; do print -r -- "$word$end"; done
}
_files() { print files }
words=("${(s: :)1}")
[[ $1 == *' ' ]] && words+=('')
words[1]=$QOM
CURRENT=$#words
PREFIX=$words[CURRENT]
_qom
'''


def environment(address):
    return {**os.environ, 'LC_ALL': 'C.UTF-8', 'QMP_SOCKET': address or Place.address, 'QOM': QOM}


def in_bash(line, address=None):
    """What the word at the end of @line is replaced with, without what readline leaves alone."""
    r = subprocess.run(['bash', '--norc', '-c', BASH, 'bash', line], capture_output=True,
                       env=environment(address), timeout=60, check=True)
    equal(r.stderr, b'')
    return [word[:-1] for word in r.stdout.decode().splitlines()]


def in_zsh(line, address=None):
    zsh = shutil.which('zsh')
    if not zsh:
        raise Skip('zsh is not there')
    r = subprocess.run([zsh, '-f', '-c', ZSH, 'zsh', line], capture_output=True,
                       env=environment(address), timeout=60, check=True)
    equal(r.stderr, b'')
    return r.stdout.decode().splitlines()


@check('real')
def subcommands_and_options_are_completed():
    equal(in_bash('qom tr'), ['tree '])
    assert {'get ', 'apply ', 'watch '} <= set(in_bash('qom '))
    equal(in_bash('qom tree --dep'), ['--depth='])
    equal(in_bash('qom get --dep'), [])
    equal(in_bash('qom --color=al'), ['always '])
    equal(in_bash('qom --color al'), ['always '])
    equal(in_bash('qom nonsense x'), [])


@check('real')
def paths_and_properties_come_from_the_server():
    qom('add', 'iothread', 'io0')
    qom('add', 'memory-backend-ram', 'm0', 'size=1M')
    equal(in_bash('qom list /obj'), ['/objects'])
    equal(in_bash('qom list /objects/i'), ['/objects/io0'])
    equal(in_bash('qom get /objects/io0.poll-m'), ['/objects/io0.poll-max-ns '])
    equal(in_bash('qom watch io0 poll-g'), ['poll-grow '])
    equal(in_bash('qom set m0.dump o'), ['on ', 'off '])
    equal(sorted(in_bash('qom del ')), ['io0 ', 'm0 '])
    equal(in_bash(f'qom -s {Place.second} list /obj', address='/nonexistent'), ['/objects'])
    qom('del', 'io0', 'm0')


@check('real')
def types_and_arguments_come_from_the_schema():
    assert {'rng-random ', 'rng-builtin '} <= set(in_bash('qom add rng-'))
    equal(in_bash('qom add memory-backend-ram x pol'), ['policy='])
    equal(in_bash('qom add memory-backend-ram x policy=b'), ['bind '])
    equal(in_bash('qom add memory-backend-ram x policy='),
          ['default ', 'preferred ', 'bind ', 'interleave '])
    equal(in_bash('qom call qom-list-p'), ['qom-list-properties '])
    equal(in_bash('qom call qom-list-types abstract=o'), ['on ', 'off '])
    equal(in_bash('qom events RESU'), ['RESUME '])
    equal(in_bash('qom schema qom-list-t'), ['qom-list-types '])


@check('real')
def zsh_completes_the_same():
    equal(in_zsh('qom tr'), ['tree|'])
    equal(in_zsh('qom list /obj'), ['/objectsopen'])
    equal(in_zsh('qom add memory-backend-ram x policy=b'), ['policy=bind|'])
    equal(in_zsh('qom apply x'), ['files'])
    equal(in_zsh('qom tree ', address='/nonexistent'), ['files'])


@check('real')
def a_person_at_a_terminal_gets_words_completed():
    try:
        pid, fd = pty.fork()
    except OSError as e:
        raise Skip(f'no terminal can be made: {e}') from e
    if pid == 0:
        os.environ.update(environment(None), PS1='$ ', TERM='dumb', INPUTRC='/dev/null',
                          PATH=os.path.dirname(QOM) + ':' + os.environ['PATH'])
        os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])
    os.write(fd, b'source "$COMPLETIONS/qom.bash"; echo rea""dy\n')
    wait_for(fd, rb'\bready\r?\n')
    os.write(fd, b'qom typ\t--impl\trng-bui\t; echo en""d\n')
    text = wait_for(fd, rb'\bend\r?\n')
    os.close(fd)
    os.waitpid(pid, 0)
    assert re.search(rb'rng-builtin +rng-backend', text), text


def wait_for(fd, pattern):
    """What the terminal shows until @pattern comes."""
    out, deadline = b'', time.monotonic() + 60
    while not re.search(pattern, out):
        assert time.monotonic() < deadline, out
        if select.select([fd], [], [], 1)[0]:
            try:
                out += os.read(fd, 65536)
            except OSError as e:
                assert e.errno == errno.EIO and False, out
    return out


@check('fake')
def without_a_server_nothing_is_said():
    for address in '/nonexistent/socket', 'localhost:1', '', Fake(greeting=None).path, \
            Fake(greeting={}).path, Fake(override={'qom-list': b'junk\n'}).path:
        r = qom('__complete', 'qom get /', address=address, env={'QMP_SOCKET': address})
        equal((r.out, r.err), ('', ''))
    equal(in_bash('qom tre', address='/nonexistent'), ['tree '])
    equal(in_bash('qom get /', address='/nonexistent'), [])


@check('fake')
def a_server_that_keeps_silent_does_not_hold_a_shell_up():
    start = time.monotonic()
    equal(qom('__complete', 'qom get /', address=Fake(greeting=None).path).out, '')
    equal(qom('__complete', 'qom get /', address=Fake(override={'qom-list': b''}).path).out, '')
    assert time.monotonic() - start < 10


@check('fake')
def names_from_a_server_can_not_run_anything():
    evil = [{'name': name, 'type': 'child<x>'} for name in
            ('$(touch x)', '`x`', 'a b', 'a;b', "a'", 'a\n', 'good', 'a|b', '&', 'a>b', '\033[m')]
    fake = Fake(override={'qom-list': evil})
    equal(in_bash('qom del ', address=fake.path), ['good '])


@check('fake')
def any_line_is_taken():
    for line in '', ' ', 'qom', 'qom -', 'qom "', "qom get '/a", 'qom get {', 'qom -s', 'qom -s ', '\\', \
            'qom add', 'qom add x', 'qom add x y', 'qom add x y z.', 'qom set', 'qom call', 'qom call x ', \
            'qom help ', 'qom set a b c d e', 'qom get ' + 'x' * 100000:
        qom('__complete', line, address=Fake(['qom-list-get']).path)
    equal(qom('__complete', address='/nonexistent', status=2).out, '')


run()
