#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The bytes of QMP: envelope, dialect of JSON, recovery after garbage, limits, hostile clients."""

import json
import os
import re
import socket
import time

from lib import proc, tap

GE, CNF = 'GenericError', 'CommandNotFound'
MIB = 1 << 20


def raw(c, text):
    """Sends bytes; the response."""
    c.send(text)
    return c.reply()


def command(name, tail=''):
    return f'{{"execute":"{name}"{tail}}}'


# -- output

@tap.case('the greeting, before anything was sent')
def _(t):
    c = t.shared().connect(negotiate=False)
    t.cleanup(c.close)
    t.equal(c.greeting['QMP']['capabilities'], ['oob'])
    version = c.greeting['QMP']['version']
    t.equal(sorted(version['qemu']), ['major', 'micro', 'minor'])
    t.ok(isinstance(version['package'], str), 'package')
    c.ok('qmp_capabilities')
    t.equal(c.ok('query-version'), version)


@tap.case('messages are single lines that end in CR LF, in ASCII, with ", " and ": " between')
def _(t):
    c = t.client()
    c.send(command('qom-list', ',"arguments":{"path":"/é\\u0001\\\\\\"\U0001F600\x7f"},"id":["ä"]'))
    line = c.line()
    t.ok(line.endswith(b'}\r\n') and line.count(b'\n') == 1, repr(line))
    t.ok(max(line) < 128, repr(line))
    t.contains(line, rb'/\u00E9\u0001\\\"\uD83D\uDE00\u007F', 'escapes')
    t.contains(line, b'"id": ["\\u00E4"]')
    t.contains(line, b'"error": {"class": "DeviceNotFound", "desc": "')
    c.send(command('qom-list', ',"arguments":{"path":"/chardevs"}'))
    t.contains(c.line(), b'[{"name": "')


@tap.case('a command without a result returns an empty object')
def _(t):
    c = t.client()
    c.send(command('object-add', ',"arguments":{"qom-type":"iothread","id":"x"}'))
    t.equal(c.line(), b'{"return": {}}\r\n')
    c.send(command('object-del', ',"arguments":{"id":"x"},"id":1'))
    t.equal(json.loads(c.line()), {'return': {}, 'id': 1})


# -- negotiation

@tap.case('before qmp_capabilities nothing else works')
def _(t):
    c = t.shared().connect(negotiate=False)
    t.cleanup(c.close)
    for name in 'query-version', 'nope', 'quit':
        t.error(c.command(name), CNF,
                re.compile("Expecting capabilities negotiation with 'qmp_capabilities'"))
    t.error(c.command('qmp_capabilities', {'enable': ['nope']}), GE,
            re.compile("does not accept value 'nope'"))
    t.error(c.command('qmp_capabilities', {'enable': 'oob'}), GE)
    t.error(c.command('query-version'), CNF)
    t.equal(c.command('qmp_capabilities'), {'return': {}})
    t.error(c.command('qmp_capabilities'), CNF,
            'Capabilities negotiation is already complete, command ignored')
    c.ok('query-version')


# -- envelope

BAD_ENVELOPES = (
    ('a number', '7 ', 'QMP input must be a JSON object'),
    ('an array', '[]', 'QMP input must be a JSON object'),
    ('a string', '"x"', 'QMP input must be a JSON object'),
    ('null', 'null ', 'QMP input must be a JSON object'),
    ('an empty object', '{}', "QMP input lacks member 'execute'"),
    ('execute is no string', '{"execute":1}', "QMP input member 'execute' must be a string"),
    ('arguments are no object', command('query-version', ',"arguments":[]'),
     "QMP input member 'arguments' must be an object"),
    ('arguments are null', command('query-version', ',"arguments":null'),
     "QMP input member 'arguments' must be an object"),
    ('an unknown member', command('query-version', ',"bogus":1'),
     "QMP input member 'bogus' is unexpected"),
    ('exec-oob without the capability', '{"exec-oob":"query-yank"}',
     "QMP input member 'exec-oob' is unexpected"),
)


def bad_envelope(label, text, wanted):
    def run(t):
        c = t.client()
        t.error(raw(c, text), GE, wanted)
        c.ok('query-version')
    tap.add(f'envelope: {label}', run)


for entry in BAD_ENVELOPES:
    bad_envelope(*entry)


@tap.case('an id of any type comes back as it was, in results and errors')
def _(t):
    c = t.client()
    for text in ('1', '-1', '18446744073709551615', '1.5', 'null', 'true', '"x"', '[1,[2]]',
                 '{"a":{"b":null}}', '9223372036854775807', '""', '[]', '{}'):
        c.send(command('query-name', ',"id":' + text))
        line = c.line().decode()
        t.equal(json.loads(line)['id'], json.loads(text), text)
        t.ok(line.replace(' ', '').find('"id":' + text) >= 0, f'{text}: {line}')
        reply = raw(c, command('nope', ',"id":' + text))
        t.error(reply, CNF, 'The command nope has not been found')
        t.equal(reply['id'], json.loads(text), text)
        reply = raw(c, f'{{"bogus":1,"id":{text}}}')
        t.equal(reply.get('id', 'absent'), json.loads(text), 'id with a wrong envelope')


@tap.case('a name with an empty or very long text is no command')
def _(t):
    c = t.client()
    for name in '', ' ', 'query_version', 'QUERY-VERSION', 'x' * MIB, 'a\0b':
        reply = c.command(name)
        t.error(reply, CNF)
        t.ok(len(str(reply)) < 3 * MIB, 'the error is not larger than what caused it')


# -- dialect

@tap.case('single quotes, and escapes in both kinds of strings')
def _(t):
    c = t.client()
    t.ok('return' in raw(c, "{'execute':'query-version'}"), 'single quotes')
    t.ok('return' in raw(c, '{\'execute\':"query-version",\'id\':\'\\\'\\"\'}'), 'both')
    t.equal(raw(c, r"{'execute':'query-name','id':'a\'b\/\b\f\n\r\t\\\u0041'}")['id'],
            'a\'b/\b\f\n\r\t\\A')
    t.equal(raw(c, r'{"execute":"query-name","id":"\ud83d\ude00"}')['id'], '\U0001F600')


@tap.case('no separators are needed, and any white space may be between')
def _(t):
    c = t.client()
    one = command('query-name', ',"id":%d')
    for separator in '', '\n', '\r\n', '\t \r\n\n', ' ':
        c.send(separator.join(one % i for i in range(5)) + separator)
        t.equal([c.reply()['id'] for _ in range(5)], list(range(5)), repr(separator))
    c.send('\n{\r\n"execute"\t:\r\n  "query-name"\n,"id"  :9}\n')
    t.equal(c.reply()['id'], 9)


@tap.case('a command that comes byte by byte is executed at its last brace')
def _(t):
    c = t.client()
    text = command('query-name', ',"id":"{}[]\\"\'"')
    for byte in text[:-1]:
        c.send(byte)
    t.ok(c.quiet(0.1), 'an answer before the end')
    c.send(text[-1])
    t.equal(c.reply()['id'], '{}[]"\'')


@tap.case('numbers keep their type')
def _(t):
    c = t.client()
    for text, back in (('-0', '0'), ('1e3', '1000'), ('0.5', '0.5'), ('1E+2', '100'),
                       ('18446744073709551616', '18446744073709551616'),
                       ('-9223372036854775808', '-9223372036854775808')):
        c.send(command('query-name', ',"id":' + text))
        line = c.line().decode()
        t.equal(float(json.loads(line)['id']), float(back), text)


BAD_JSON = (
    ('a leading zero', '{"execute":"query-name","id":01}'),
    ('a leading plus', '{"execute":"query-name","id":+1}'),
    ('a bare point', '{"execute":"query-name","id":1.}'),
    ('an unknown escape', r'{"execute":"query-name","id":"\x"}'),
    ('a lone surrogate', r'{"execute":"query-name","id":"\ud800"}'),
    ('a noncharacter', r'{"execute":"query-name","id":"\uffff"}'),
    ('an overlong form', b'{"execute":"query-name","id":"\xc0\xaf"}'),
    ('a stray continuation', b'{"execute":"query-name","id":"\x80"}'),
    ('an encoded surrogate', b'{"execute":"query-name","id":"\xed\xa0\x80"}'),
    ('a control byte in a string', b'{"execute":"query-name","id":"\x01"}'),
    ('a line end in a string', b'{"execute":"query-name","id":"a\nb"}'),
    ('an unknown word', '{"execute":"query-name","id":nope}'),
    ('a word in capitals', '{"execute":"query-name","id":TRUE}'),
    ('a key twice', '{"execute":"query-name","id":1,"id":2}'),
    ('a key twice, deep inside', '{"execute":"query-name","id":[{"a":1,"a":2}]}'),
    ('a comma too many', '{"execute":"query-name",}'),
    ('a missing colon', '{"execute" "query-name"}'),
    ('a key that is no string', '{1:2}'),
    ('a closing brace alone', '}'),
    ('a closing bracket for a brace', '{"execute":"query-name"]'),
    ('a NUL byte', b'\0'),
    ('bytes that are no text', bytes(range(128, 256))),
    ('an infinite number', '{"execute":"query-name","id":1e400}'),
)


def bad_json(label, text):
    def run(t):
        c = t.client()
        c.send(text)
        # The sure way back into step; then an answer to a question of our own.
        c.send(b'\xff' + command('query-name', ',"id":"sync"').encode())
        replies = []
        while not replies or replies[-1].get('id') != 'sync':
            replies.append(c.reply())
            t.ok(len(replies) < 300, 'no end of errors')
        t.ok('return' in replies.pop(), 'in step again')
        t.ok(replies, 'an error')
        for reply in replies:
            t.error(reply, GE, re.compile('JSON parse error|QMP input'))
    tap.add(f'refused as JSON: {label}', run)


for entry in BAD_JSON:
    bad_json(*entry)


@tap.case('0xFF and 0x01 force a known state, with one error')
def _(t):
    for byte in b'\xff', b'\x01', b'\xfe':
        c = t.client()
        for unfinished in ('{"execute":"quit"', '{"execute":"quit","id":[[[', "{'a':'b",
                           '{"execute":"qu', '{"a":tr', '{"a":1'):
            c.send(unfinished.encode() + byte)
            t.error(c.reply(), GE, re.compile('^JSON parse error'))
            t.ok('return' in c.command('query-name'), unfinished)
        c.close()


@tap.case('broken input keeps its place among commands')
def _(t):
    c = t.client()
    c.send(command('query-name', ',"id":1') + '}' + command('query-name', ',"id":2') + '[]'
           + command('query-name', ',"id":3'))
    replies = [c.reply() for _ in range(5)]
    t.equal([r.get('id', 'error' in r) for r in replies], [1, True, 2, True, 3])


# -- limits

def after_limit(t, c, text, limit=None):
    """Sends too much; wants an error about it, and nothing of it executed."""
    before = c.objects()
    c.send(text)
    c.send('\n' + command('query-name', ',"id":"after"') + '\n')
    replies = []
    while not replies or replies[-1].get('id') != 'after':
        replies.append(c.reply())
        t.ok(len(replies) < 1000, 'no end of errors')
    replies.pop()
    t.ok(any('error' in r for r in replies), 'an error')
    t.ok(not any('return' in r for r in replies), f'executed: {str(replies)[:300]}')
    if limit:
        t.matches(' '.join(r['error']['desc'] for r in replies), limit)
    t.equal(c.objects(), before)


@tap.case('a nesting of 1,000 is taken, of 100,000 is refused')
def _(t):
    c = t.client()
    deep = '[' * 1000 + ']' * 1000
    t.equal(raw(c, command('query-name', ',"id":' + deep))['id'], json.loads(deep))
    after_limit(t, c, '{"execute":"query-name","id":' + '[' * 100000, 'nesting depth limit')
    after_limit(t, c, '{"a":' * 100000, 'nesting depth limit')


@tap.case('nothing inside a string of 70 MB is executed, and memory is given back')
def _(t):
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    before = proc.kilobytes(s.pid, 'VmRSS')
    inside = "{'execute':'object-add','arguments':{'qom-type':'iothread','id':'evil'}}"
    after_limit(t, c, '{"execute":"query-name","id":"' + inside * (70 * MIB // len(inside)) + '"}',
                'token size limit')
    if s.sanitized():
        return
    t.ok(tap.until(lambda: proc.kilobytes(s.pid, 'VmRSS') < before + 48 * 1024),
         f'{before} kB before, {proc.kilobytes(s.pid, "VmRSS")} kB after')


@tap.case('a message of three million tokens is refused, and nothing inside it executed')
def _(t):
    c = t.server().connect()
    t.cleanup(c.close)
    after_limit(t, c, '{"execute":"query-name","id":[' + '1,' * 1500000
                + '{"execute":"object-add","arguments":{"qom-type":"iothread","id":"evil"}}]}',
                'token count limit')


@tap.case('a message of 8 MB within the limits is answered')
def _(t):
    c = t.client()
    text = 'x' * (8 * MIB)
    t.equal(len(raw(c, command('query-name', f',"id":"{text}"'))['id']), len(text))


# -- hostile clients

@tap.case('half a message and a disconnection leave nothing for the next client')
def _(t):
    s = t.server()
    for part in '{"execute":"quit"', '{"execute":"quit","id":"', '[[[[', "{'":
        c = s.connect()
        c.send(part)
        c.close()
        c = s.connect()
        c.ok('query-name')
        c.close()
    t.ok(s.alive(), 'it lives')


@tap.case('a client that never reads does not keep others waiting, nor memory growing')
def _(t):
    s = t.server(monitors=2)
    deaf = s.connect(0)
    t.cleanup(deaf.close)
    before = proc.kilobytes(s.pid, 'VmRSS')
    deaf.socket.setblocking(False)
    chunk = (command('query-qmp-schema') + '\n').encode() * 500
    sent = 0
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and sent < 4000:
        try:
            deaf.socket.send(chunk)
            sent += 500
        except BlockingIOError:
            time.sleep(0.02)
    honest = s.connect(1)
    t.cleanup(honest.close)
    start = time.monotonic()
    honest.ok('query-name')
    t.ok(time.monotonic() - start < 1, 'answered within 1 s')
    t.ok(proc.kilobytes(s.pid, 'VmRSS') < before + 24 * 1024,
         f'{before} kB before, {proc.kilobytes(s.pid, "VmRSS")} kB now')


@tap.case('a client that sends without end does not keep others waiting')
def _(t):
    s = t.server(monitors=2)
    noisy, honest = s.connect(0), s.connect(1)
    t.cleanup(noisy.close)
    t.cleanup(honest.close)
    noisy.socket.setblocking(False)
    worst = 0
    for _ in range(40):
        for junk in (b'{"execute":"query-name"}' * 1000, b'[' * 100000, b'"' * 10000,
                     b'\xff' * 10000):
            try:
                noisy.socket.send(junk)
            except BlockingIOError:
                pass
            try:
                noisy.socket.recv(MIB)
            except BlockingIOError:
                pass
        start = time.monotonic()
        honest.ok('query-name')
        worst = max(worst, time.monotonic() - start)
    t.ok(worst < 1, f'answered within {worst:.2f} s')


@tap.case('a hundred connections that say nothing do not keep others waiting', only='qomd')
def _(t):
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    for _ in range(100):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(s.paths[0])
        t.cleanup(connection.close)
    start = time.monotonic()
    c.ok('query-name')
    t.ok(time.monotonic() - start < 1, 'answered within 1 s')


@tap.case('quit is answered, and then the connection and the process end')
def _(t):
    s = t.server()
    c = s.connect()
    t.cleanup(c.close)
    t.equal(c.command('quit', id='q'), {'return': {}, 'id': 'q'})
    t.equal(s.wait(), 0, 'exit status')
    t.ok(not any(os.path.exists(path) for path in s.paths), 'sockets are gone')


if __name__ == '__main__':
    tap.main()
