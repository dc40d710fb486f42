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


def completes(line, want, shell=in_bash, address=lambda: None):
    """The line is completed by @want, a list, or makes it true. qom gives a server half a second
    only, which is little on a machine that has much to do: so there are several tries."""
    for _ in range(20):
        got = shell(line, address())
        if want(got) if callable(want) else got == want:
            return
    raise AssertionError(f'{line!r} is completed by {got}')


@check('real')
def subcommands_and_options_are_completed():
    completes('qom tr', ['tree '])
    completes('qom ', lambda words: {'get ', 'apply ', 'watch '} <= set(words))
    completes('qom tree --dep', ['--depth='])
    completes('qom get --dep', [])
    completes('qom --color=al', ['always '])
    completes('qom --color al', ['always '])
    completes('qom nonsense x', [])


@check('real')
def paths_and_properties_come_from_the_server():
    qom('add', 'iothread', 'io0')
    qom('add', 'memory-backend-ram', 'm0', 'size=1M')
    completes('qom list /obj', ['/objects'])
    completes('qom list /objects/i', ['/objects/io0'])
    completes('qom get /objects/io0.poll-m', ['/objects/io0.poll-max-ns '])
    completes('qom watch io0 poll-g', ['poll-grow '])
    completes('qom set m0.dump o', ['on ', 'off '])
    completes('qom del ', lambda words: sorted(words) == ['io0 ', 'm0 '])
    completes(f'qom -s {Place.second} list /obj', ['/objects'], address=lambda: '/nonexistent')
    qom('del', 'io0', 'm0')


@check('real')
def types_and_arguments_come_from_the_schema():
    completes('qom add rng-', lambda words: {'rng-random ', 'rng-builtin '} <= set(words))
    completes('qom add memory-backend-ram x pol', ['policy='])
    completes('qom add memory-backend-ram x policy=b', ['bind '])
    completes('qom add memory-backend-ram x policy=',
              ['default ', 'preferred ', 'bind ', 'interleave '])
    completes('qom call qom-list-p', ['qom-list-properties '])
    completes('qom call qom-list-types abstract=o', ['on ', 'off '])
    completes('qom events RESU', ['RESUME '])
    completes('qom schema qom-list-t', ['qom-list-types '])


@check('real')
def zsh_completes_the_same():
    completes('qom tr', ['tree|'], in_zsh)
    completes('qom list /obj', ['/objectsopen'], in_zsh)
    completes('qom add memory-backend-ram x policy=b', ['policy=bind|'], in_zsh)
    completes('qom apply x', ['files'], in_zsh)
    completes('qom tree ', ['files'], in_zsh, lambda: '/nonexistent')


def at_a_terminal(keys):
    """What an interactive bash shows for @keys."""
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
    os.write(fd, keys + b'; echo en""d\n')
    text = wait_for(fd, rb'\bend\r?\n')
    os.close(fd)
    os.waitpid(pid, 0)
    return text


@check('real')
def a_person_at_a_terminal_gets_words_completed():
    for _ in range(10):
        text = at_a_terminal(b'qom typ\t--impl\trng-bui\t')
        if re.search(rb'rng-builtin +rng-backend', text):
            return
    raise AssertionError(text)


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
    completes('qom tre', ['tree '], address=lambda: '/nonexistent')
    completes('qom get /', [], address=lambda: '/nonexistent')


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
    completes('qom del ', ['good '], address=lambda: Fake(override={'qom-list': evil}).path)


@check('fake')
def a_list_of_itself_has_no_values():
    schema = [{'name': 'x', 'meta-type': 'command', 'arg-type': '0'},
              {'name': '0', 'meta-type': 'object', 'members': [{'name': 'l', 'type': '1'}]},
              {'name': '1', 'meta-type': 'array', 'element-type': '1'}]
    for line in 'qom call x l=', 'qom call x l.0.0.0=':
        fake = Fake(override={'query-qmp-schema': schema})
        equal(qom('__complete', line, address=fake.path).out, '')


@check('fake')
def any_line_is_taken():
    for line in '', ' ', 'qom', 'qom -', 'qom "', "qom get '/a", 'qom get {', 'qom -s', 'qom -s ', '\\', \
            'qom add', 'qom add x', 'qom add x y', 'qom add x y z.', 'qom set', 'qom call', 'qom call x ', \
            'qom help ', 'qom set a b c d e', 'qom get ' + 'x' * 100000:
        qom('__complete', line, address=Fake(['qom-list-get']).path)
    equal(qom('__complete', address='/nonexistent', status=2).out, '')


run()
