#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""secret: formats, chains of keys made with openssl, every refusal, and that nothing leaks.

Whether a value is right is seen by its use: it decrypts another secret, or fails to.
"""

import base64
import os
import re
import shutil
import subprocess

from lib import proc, tap

GE = 'GenericError'
KEY = bytes(range(32))
IV = bytes(range(100, 116))


def b64(data):
    return base64.b64encode(data).decode()


def encrypt(t, data, key=KEY, iv=IV, padding=True):
    """AES-256-CBC, as the users of secrets make it."""
    if not shutil.which('openssl'):
        t.skip('openssl is not installed')
    command = ['openssl', 'enc', '-aes-256-cbc', '-K', key.hex(), '-iv', iv.hex()]
    return subprocess.run(command + ([] if padding else ['-nopad']), input=data,
                          capture_output=True, check=True).stdout


def client(t):
    c = t.client()
    t.cleanup(c.clear)
    return c


def good(t, reply):
    t.equal(reply, {'return': {}}, 'reply')


def is_key(t, c, name):
    """The secret's value is KEY: what was encrypted with KEY can be decrypted with it."""
    good(t, c.add('secret', 'probe', format='base64', keyid=name, iv=b64(IV),
                  data=b64(encrypt(t, b'known'))))
    c.ok('object-del', {'id': 'probe'})


# -- formats and origins

@tap.case('raw and base64 data, given or in a file')
def _(t):
    c = client(t)
    good(t, c.add('secret', 's1', format='base64', data=b64(KEY)))
    good(t, c.add('secret', 's2', format='base64', file=t.file('a', b64(KEY).encode())))
    good(t, c.add('secret', 's3', file=t.file('b', KEY)))
    good(t, c.add('secret', 's4', format='raw', file=t.file('c', KEY)))
    for name in 's1', 's2', 's3', 's4':
        is_key(t, c, name)


@tap.case('base64 may be in lines')
def _(t):
    c = client(t)
    text = base64.encodebytes(KEY).decode()
    good(t, c.add('secret', 's', format='base64', data=text[:20] + '\n' + text[20:]))
    is_key(t, c, 's')


@tap.case('the empty secret is a secret')
def _(t):
    c = client(t)
    good(t, c.add('secret', 'a', data=''))
    good(t, c.add('secret', 'b', format='base64', data=''))
    good(t, c.add('secret', 'c', file=t.file('empty')))


@tap.case('a FIFO is read to its end')
def _(t):
    c = client(t)
    path = os.path.join(t.dir, 'fifo')
    os.mkfifo(path)
    c.post('object-add', {'qom-type': 'secret', 'id': 's', 'file': path})
    with open(path, 'wb', 0) as f:
        f.write(KEY[:10])
        f.write(KEY[10:])
    good(t, c.reply())
    is_key(t, c, 's')


@tap.case('format, keyid, iv and file read back as set; what was not set reads ""')
def _(t):
    c = client(t)
    good(t, c.add('secret', 'k', format='base64', data=b64(KEY)))
    good(t, c.add('secret', 's', keyid='k', iv=b64(IV), file=t.file('f', encrypt(t, b'x'))))
    t.equal([c.get('s', p) for p in ('format', 'keyid', 'iv', 'file', 'data')],
            ['raw', 'k', b64(IV), t.dir + '/f', ''])
    t.equal([c.get('k', p) for p in ('format', 'keyid', 'iv', 'file')], ['base64', '', '', ''])


@tap.case('data never reads back')
def _(t):
    c = client(t)
    good(t, c.add('secret', 's', data='cleartext'))
    t.equal(c.get('s', 'data'), '')
    t.ok('data' in {p['name'] for p in c.ok('qom-list', {'path': '/objects/s'})}, 'listed')


@tap.case('nothing can be changed once the secret is complete')
def _(t):
    c = client(t)
    good(t, c.add('secret', 's', data='x'))
    for prop, value in ('data', 'y'), ('file', '/dev/null'), ('keyid', 's'), ('iv', ''), \
            ('format', 'base64'):
        t.error(c.set('s', prop, value), GE)


# -- chains

@tap.case('a chain of keys: master, key, password')
def _(t):
    c = client(t)
    key2, iv2, key3 = os.urandom(32), os.urandom(16), KEY
    good(t, c.add('secret', 'master', file=t.file('master', KEY[::-1])))
    good(t, c.add('secret', 'key2', format='base64', keyid='master', iv=b64(IV),
                  data=b64(encrypt(t, key2, KEY[::-1]))))
    good(t, c.add('secret', 'key3', format='base64', keyid='key2', iv=b64(iv2),
                  data=b64(encrypt(t, key3, key2, iv2))))
    is_key(t, c, 'key3')
    good(t, c.add('secret', 'raw', keyid='key3', iv=b64(IV),
                  file=t.file('raw', encrypt(t, b'raw ciphertext'))))


@tap.case('every length around the block decrypts')
def _(t):
    c = client(t)
    good(t, c.add('secret', 'k', format='base64', data=b64(KEY)))
    for n in 0, 1, 15, 16, 17, 31, 32, 33, 1000:
        good(t, c.add('secret', f's{n}', format='base64', keyid='k', iv=b64(IV),
                      data=b64(encrypt(t, b'x' * n))))


@tap.case('a key may be deleted after use')
def _(t):
    c = client(t)
    good(t, c.add('secret', 'k', format='base64', data=b64(KEY)))
    good(t, c.add('secret', 's', format='base64', keyid='k', iv=b64(IV),
                  data=b64(encrypt(t, KEY))))
    c.ok('object-del', {'id': 'k'})
    is_key(t, c, 's')


# -- refusals

def refused(label, text, needs_key=False, **properties):
    def run(t):
        c = client(t)
        if needs_key:
            good(t, c.add('secret', 'k', format='base64', data=b64(KEY)))
        given = {name: value(t) if callable(value) else value
                 for name, value in properties.items()}
        t.error(c.add('secret', 'x', **given), GE, text)
        t.equal(c.objects(), ['k'] if needs_key else [])
        good(t, c.add('secret', 'x', data='the id is free'))
    tap.add(f'refused: {label}', run)


def blocks(text, iv=IV):
    """What decrypts to exactly that text, padding or not, as base64."""
    return lambda t: b64(encrypt(t, text, iv=iv, padding=False))


BAD64 = 'Base64 data contains invalid characters'
PADDING = re.compile('padding')

refused('neither data nor file', "Either 'file' or 'data' must be provided")
refused('both data and file', "'file' and 'data' are mutually exclusive", data='a', file='/x')
refused('a file that is not there',
        re.compile('^Unable to read /nonexistent: .*No such file or directory'),
        file='/nonexistent')
refused('a directory', re.compile('^Unable to read '), file=lambda t: t.dir)
refused('format hex', "Parameter 'format' does not accept value 'hex'", data='a', format='hex')
refused('the old member loaded, true or false', re.compile('loaded'), data='a', loaded=True)
refused('base64 with other characters', BAD64, data='YWJj!', format='base64')
refused('base64 with spaces', BAD64, data='YWJj YWJj', format='base64')
refused('base64 with an incomplete group', re.compile('^Base64 data'), data='YWJjZA', format='base64')
refused('base64 with a single character', re.compile('^Base64 data'), data='Y', format='base64')
refused('base64 with padding in the middle', BAD64, data='YQ==YWJj', format='base64')
refused('base64 with too much padding', BAD64, data='YWI===', format='base64')
refused('a key that is not there', "No secret with id 'nope'", data='a', keyid='nope',
        iv=b64(IV))
refused('a key without iv', 'IV is required to decrypt secret', True, keyid='k',
        format='base64', data=b64(b'x' * 16))
refused('an iv of 15 bytes', 'IV should be 16 bytes in length not 15', True, keyid='k',
        format='base64', data=b64(b'x' * 16), iv=b64(IV[:15]))
refused('an iv of 17 bytes', 'IV should be 16 bytes in length not 17', True, keyid='k',
        format='base64', data=b64(b'x' * 16), iv=b64(IV + b'x'))
refused('an iv that is no base64', BAD64, True, keyid='k', format='base64',
        data=b64(b'x' * 16), iv='!!!!')
refused('a ciphertext that is no base64', BAD64, True, keyid='k', format='base64', data='****',
        iv=b64(IV))
refused('a ciphertext of 17 bytes', re.compile('multiple of block size 16'), True, keyid='k',
        format='base64', data=b64(b'x' * 17), iv=b64(IV))
refused('an empty ciphertext', None, True, keyid='k', format='base64', data='', iv=b64(IV))
refused('a padding of 17', PADDING, True, keyid='k', format='base64', iv=b64(IV),
        data=blocks(b'x' * 15 + b'\x11'))
refused('a padding of 0', PADDING, True, keyid='k', format='base64', iv=b64(IV),
        data=blocks(b'x' * 15 + b'\0'))
refused('padding bytes that differ', PADDING, True, keyid='k', format='base64', iv=b64(IV),
        data=blocks(b'x' * 13 + b'\1\2\3'))


@tap.case('refused: a key that is no secret')
def _(t):
    c = client(t)
    c.add_ok('iothread', 'io')
    t.error(c.add('secret', 'x', data='a', keyid='io', iv=b64(IV)), GE,
            "Object with id 'io' is not a secret")


@tap.case('refused: a key of 31 or 33 bytes')
def _(t):
    c = client(t)
    for n in 31, 33, 0:
        good(t, c.add('secret', 'k', format='base64', data=b64(b'k' * n)))
        t.error(c.add('secret', 'x', format='base64', data=b64(b'x' * 16), keyid='k',
                      iv=b64(IV)), GE, 'Key should be 32 bytes in length')
        c.ok('object-del', {'id': 'k'})


@tap.case('one text for every fault of the padding')
def _(t):
    c = client(t)
    good(t, c.add('secret', 'k', format='base64', data=b64(KEY)))
    texts = set()
    for text in b'x' * 15 + b'\x11', b'x' * 15 + b'\0', b'x' * 13 + b'\1\2\3', b'x' * 15 + b'\xff':
        reply = c.add('secret', 'x', format='base64', keyid='k', iv=b64(IV),
                      data=blocks(text)(t))
        t.error(reply, GE)
        texts.add(re.sub(r'\(\d+\)', '(N)', reply['error']['desc']))
    t.equal(len(texts), 1, str(texts))


# QEMU reads until no memory is left.
@tap.case('refused: a file without end, and the server lives', only='qomd')
def _(t):
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    t.error(c.add('secret', 'x', file='/dev/zero'), GE)
    t.error(c.add('secret', 'y', file=t.file('big', b'x' * ((1 << 20) + 1))), GE)
    t.equal(c.objects(), [])


# -- hygiene

# In two pieces, so that nothing has it whole that is not told.
VALUE = 'correct-horse-' + 'battery-staple-4711'


def readable(t, s):
    """Skips if we may not look into the process."""
    try:
        with open(f'/proc/{s.pid}/mem', 'rb'):
            pass
    except PermissionError:
        t.skip('may not read the memory of another process')


@tap.case('after object-del the value is nowhere in memory')
def _(t):
    s = t.server()
    readable(t, s)
    c = s.connect()
    t.cleanup(c.close)
    good(t, c.add('secret', 's', data=VALUE))
    good(t, c.add('secret', 'f', file=t.file('value', VALUE.encode())))
    good(t, c.add('secret', 'b', format='base64', data=b64(VALUE.encode())))
    for name in 's', 'f', 'b':
        c.ok('object-del', {'id': name})
    c.add_ok('iothread', 'needle-that-is-found')
    t.ok(proc.memory_contains(s.pid, b'needle-that-' + b'is-found'), 'the search finds')
    t.ok(not proc.memory_contains(s.pid, VALUE.encode()), 'the value is in memory')
    t.ok(not proc.memory_contains(s.pid, b64(VALUE.encode()).encode()), 'its base64 is in memory')


@tap.case('a refused or cut off secret leaves no value in memory')
def _(t):
    s = t.server()
    readable(t, s)
    c = s.connect()
    t.error(c.add('secret', 's', data=VALUE, file='/x'), GE)
    t.error(c.add('secret', '0', data=VALUE), GE)
    t.error(c.add('secret', 's', data=VALUE, bogus=1), GE)
    c.send('{"execute":"object-add","arguments":{"qom-type":"secret","id":"s","data":"' + VALUE)
    c.close()
    c = s.connect()
    t.cleanup(c.close)
    t.equal(c.objects(), [])
    t.ok(not proc.memory_contains(s.pid, VALUE.encode()), 'the value is in memory')


@tap.case('no core file has the value')
def _(t):
    if not shutil.which('gcore'):
        t.skip('gcore is not installed')
    s = t.server()
    readable(t, s)
    if s.sanitized():
        t.skip('a sanitizer has terabytes of shadow, which gcore would write')
    c = s.connect()
    t.cleanup(c.close)
    good(t, c.add('secret', 's', data=VALUE))
    good(t, c.add('secret', 'k', format='base64', data=b64(VALUE.encode())))
    core = os.path.join(t.dir, 'core')
    subprocess.run(['gcore', '-o', core, str(s.pid)], capture_output=True, check=False,
                   timeout=60)
    path = f'{core}.{s.pid}'
    if not os.path.exists(path):
        return
    with open(path, 'rb') as f:
        data = f.read()
    t.ok(VALUE.encode() not in data, 'the value is in the core file')
    t.ok(b64(VALUE.encode()).encode() not in data, 'its base64 is in the core file')


@tap.case('the value is in no log, no error and no argument list')
def _(t):
    s = t.server('-object', f'secret,id=s,data={VALUE}')
    c = s.connect()
    t.cleanup(c.close)
    replies = [c.add('secret', 's', data=VALUE), c.add('secret', 'x', data=VALUE, file='/x'),
               c.add('secret', 'x', data=VALUE, format='base64'), c.set('s', 'data', VALUE)]
    t.ok(VALUE not in str(replies), 'in an error')
    t.ok(VALUE not in s.stderr(), 'on standard error')
    with open(f'/proc/{s.pid}/cmdline', 'rb') as f:
        t.ok(VALUE.encode() not in f.read(), 'in the list of processes')


if __name__ == '__main__':
    tap.main()
