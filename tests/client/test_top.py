#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""`qom top`: pictures for programs, in a row, and on a terminal."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from lib import proc, server as servers, tap  # noqa: E402

QOM = os.environ['QOM']
OBJECTS = ('-object', 'iothread,id=io0', '-object', 'memory-backend-ram,id=m0,size=4M')


def top(s, *options, status=0):
    r = subprocess.run([QOM, '-s', s.paths[0], 'top', *options], capture_output=True, text=True,
                       timeout=60, check=False)
    if r.returncode != status:
        raise tap.Failure(f'status {r.returncode}: {r.stderr}')
    return r.stdout


@tap.case('--once --json shows the threads of the process, its loops and its memory')
def _(t):
    s = t.server(*OBJECTS, monitors=2)
    c = s.connect(1)
    t.cleanup(c.close)
    out = top(s, '--once', '--json', '-i', '100')
    t.equal(out.count('\n'), 1)
    picture = json.loads(out)
    t.equal(picture['pid'], s.pid)
    t.ok({th['thread-id'] for th in picture['threads']} >= {s.pid}, 'the main thread')
    io0 = [th for th in picture['threads'] if th.get('id') == 'io0']
    t.equal([th['thread-id'] for th in io0],
            [i['thread-id'] for i in c.ok('query-iothreads')])
    t.equal(io0[0]['name'], proc.threads(s.pid)[io0[0]['thread-id']])
    t.ok('cpu-percent' in io0[0] and 'cpu-ns' in io0[0], 'its time on a CPU')
    if t.qomd:
        t.ok({'loops', 'events', 'slept-ns', 'poll-ns', 'pool-threads', 'loops-per-second'}
             <= set(io0[0]), str(io0[0]))
    m0 = [m for m in picture['memory'] if m['id'] == 'm0']
    t.equal([m['size'] for m in m0], [4 << 20])


@tap.case('a busy client and a busy thread have rates, and come first', only='qomd')
def _(t):
    s = t.server(*OBJECTS)
    busy = s.connect()
    t.cleanup(busy.close)
    process = subprocess.Popen([QOM, '-s', s.paths[0], 'top', '-c', '1', '--json', '-i', '500'],
                               stdout=subprocess.PIPE, text=True)
    t.cleanup(process.stdout.close)
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        busy.pipeline([('query-name',)] * 100)
    picture = json.loads(process.stdout.read())
    client = picture['clients'][0]
    t.equal((client['pid'], client['uid']), (os.getpid(), os.getuid()))
    t.ok(client['commands-per-second'] > 100, str(client))
    t.equal(picture['threads'][0]['thread-id'], s.pid)
    t.ok(picture['threads'][0]['cpu-percent'] > 0, 'the main thread works')
    t.equal(len(picture['clients']), 2)


@tap.case('a row of pictures is text with a line between them')
def _(t):
    s = t.server(*OBJECTS)
    out = top(s, '--count', '2', '--interval', '50')
    t.equal(out.count('THREAD '), 2)
    t.equal(out.count('MEMORY '), 2)
    t.contains(out, 'io0')
    t.matches(out, r'(?m)^m0 +4\.0 MiB')
    t.ok('\033' not in out, 'no escape sequences')


@tap.case('over TCP nothing is said of a process', only='qomd')
def _(t):
    s = t.server(*OBJECTS, '-qmp', 'tcp:127.0.0.1:0,server=on,wait=off')
    c = s.connect()
    t.cleanup(c.close)
    files = [chardev['filename'] for chardev in c.ok('query-chardev')]
    port = next(f for f in files if 'tcp:' in f).split('tcp:')[1].split(',')[0].rsplit(':', 1)[1]
    r = subprocess.run([QOM, '-s', f'127.0.0.1:{port}', 'top', '--once', '--json', '-i', '50'],
                       capture_output=True, text=True, timeout=60, check=True)
    picture = json.loads(r.stdout)
    t.ok('pid' not in picture, r.stdout)
    t.ok(any(th.get('id') == 'io0' for th in picture['threads']), r.stdout)


@tap.case('it ends when nobody reads it any more, and when the server goes')
def _(t):
    s = t.server(*OBJECTS)
    r = subprocess.run(f'"{QOM}" -s "{s.paths[0]}" top -i 50 | head -n 1', shell=True, timeout=60,
                       capture_output=True, check=True)
    t.contains(r.stdout.decode(), 'process')
    process = subprocess.Popen([QOM, '-s', s.paths[0], 'top', '-i', '50'], text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    t.cleanup(process.stderr.close)
    time.sleep(0.3)
    s.process.kill()
    t.equal(process.wait(20), 3)
    t.contains(process.stderr.read(), 'qom: ')


class Screen:
    """`qom top` on a terminal."""

    def __init__(self, t, s, *options):
        try:
            self.fd, self.theirs = pty.openpty()
        except OSError as e:
            t.skip(f'no terminal can be made: {e}')
        self.size(24, 80)
        self.process = subprocess.Popen([QOM, '-s', s.paths[0], 'top', '-i', '100', *options],
                                        env={**os.environ, 'TERM': 'xterm', 'LC_ALL': 'C.UTF-8'},
                                        stdin=self.theirs, stdout=self.theirs, stderr=self.theirs,
                                        start_new_session=True)
        t.cleanup(os.close, self.fd)
        t.cleanup(os.close, self.theirs)
        t.cleanup(self.process.wait)
        t.cleanup(self.process.kill)
        self.text = ''

    def size(self, rows, columns):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read(self):
        while select.select([self.fd], [], [], 0.05)[0]:
            self.text += os.read(self.fd, 65536).decode(errors='replace')
        return self.text

    def until(self, condition):
        if not tap.until(lambda: condition(self.read())):
            raise tap.Failure(f'not in time: {self.text[-2000:]!r}')


@tap.case('on a terminal pictures are drawn over each other, until q is pressed')
def _(t):
    screen = Screen(t, t.server(*OBJECTS))
    before = termios.tcgetattr(screen.theirs)
    screen.until(lambda text: text.count('\033[H') >= 3 and 'THREAD' in text)
    t.ok(screen.text.startswith('\033[?1049h'), 'on another screen')
    t.ok('\033[2J' not in screen.text, 'it is not wiped in between, which would flicker')
    frame = screen.text.split('\033[H')[1]
    t.ok(all(line.endswith('\033[K') for line in frame.split('\r\n')[:-1]), repr(frame))
    t.ok(frame.rstrip().endswith('\033[J'), repr(frame))
    os.write(screen.fd, b'xq')
    screen.until(lambda text: text.endswith('\033[?25h\033[?1049l'))
    t.equal(screen.process.wait(servers.PATIENCE), 0)
    t.equal(termios.tcgetattr(screen.theirs)[3] | termios.ECHO | termios.ICANON, before[3]
            | termios.ECHO | termios.ICANON)
    t.ok(termios.tcgetattr(screen.theirs)[3] & termios.ECHO, 'the terminal echoes again')


@tap.case('it follows the size of the terminal, at once')
def _(t):
    screen = Screen(t, t.server(*OBJECTS), '-i', '60000')
    screen.until(lambda text: 'MEMORY' in text)
    screen.size(10, 30)
    os.kill(screen.process.pid, signal.SIGWINCH)
    screen.until(lambda text: text.count('\033[H') >= 2 and text.endswith('\033[J'))
    frame = screen.text.split('\033[H')[-1]
    plain = frame.replace('\033[K', '').replace('\033[J', '').replace('\033[2m', '')
    rows = plain.replace('\033[0m', '').split('\r\n')
    t.ok(len(rows) <= 10 and max(map(len, rows)) <= 30, repr(rows))


@tap.case('a signal gives the terminal back')
def _(t):
    screen = Screen(t, t.server(*OBJECTS))
    screen.until(lambda text: 'THREAD' in text)
    screen.process.send_signal(signal.SIGTERM)
    screen.until(lambda text: text.endswith('\033[?25h\033[?1049l'))
    t.equal(screen.process.wait(servers.PATIENCE), 0)


@tap.case('a signal ends it and gives the terminal back while the server keeps silent')
def _(t):
    s = t.server(*OBJECTS)
    for number in signal.SIGINT, signal.SIGTERM:
        screen = Screen(t, s)
        screen.until(lambda text: 'THREAD' in text)
        os.kill(s.pid, signal.SIGSTOP)
        t.cleanup(os.kill, s.pid, signal.SIGCONT)
        time.sleep(0.3)
        screen.process.send_signal(number)
        screen.until(lambda text: text.endswith('\033[?25h\033[?1049l'))
        t.ok(screen.process.wait(servers.PATIENCE) in (0, -number), str(screen.process.returncode))
        t.ok(termios.tcgetattr(screen.theirs)[3] & termios.ECHO, 'the terminal echoes again')
        os.kill(s.pid, signal.SIGCONT)


@tap.case('--once and --count exclude each other, and there is at least one picture')
def _(t):
    for options in ('--once', '-c', '2'), ('-c', '0'), ('-c', '1.5'):
        top(t.server(*OBJECTS), *options, status=2)


@tap.case('the end of the server is told when the terminal is as before')
def _(t):
    s = t.server(*OBJECTS)
    screen = Screen(t, s)
    screen.until(lambda text: 'THREAD' in text)
    s.process.kill()
    screen.until(lambda text: 'qom: ' in text.split('\033[?1049l')[-1])
    t.equal(screen.process.wait(servers.PATIENCE), 3)


if __name__ == '__main__':
    tap.main()
