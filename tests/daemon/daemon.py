# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the daemon share: running it, talking to it, printing TAP."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

QOMD = os.environ['QOMD']
PATIENCE_S = 20

_tests = []


class Skip(Exception):
    """The test can not be run here; says why."""


def test(function):
    """Marks a test; its name, with blanks, says what must hold."""
    _tests.append(function)
    return function


def main():
    """Runs the tests, each in a fresh folder, and prints TAP."""
    print(f'1..{len(_tests)}', flush=True)
    failed = 0
    for number, function in enumerate(_tests, 1):
        name = f'{number} {function.__name__.replace("_", " ")}'
        folder = tempfile.mkdtemp(prefix='qomd-')
        os.chdir(folder)
        try:
            function()
            print(f'ok {name}', flush=True)
        except Skip as reason:
            print(f'ok {name} # SKIP {reason}', flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            for line in traceback.format_exc().splitlines():
                print(f'# {line}')
            print(f'not ok {name}', flush=True)
        os.chdir('/')
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


def wait_for(condition, what):
    """Waits until condition() is true and returns what it gave."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f'in vain waited for {what}')


def run(*argv, **more):
    """Runs the daemon to its end: (status, stdout, stderr)."""
    done = subprocess.run([QOMD, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False,
                          **more)
    return done.returncode, done.stdout, done.stderr


def refused(message, *argv, **more):
    """The daemon ends with status 1 and this line on stderr."""
    status, out, err = run(*argv, **more)
    assert status == 1, (argv, status, err)
    assert out == '', out
    assert f'qomd: {message}' in err.splitlines(), (message, err)
    return err


class Client:
    """One QMP connection."""

    def __init__(self, path, negotiate=True):
        def connect():
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE_S)
            try:
                self.socket.connect(path)
                return True
            except (FileNotFoundError, ConnectionRefusedError):
                self.socket.close()
                return False
        wait_for(connect, f'a server at {path}')
        self.file = self.socket.makefile('rb')
        self.events = []
        self.greeting = self.read()
        if negotiate:
            self.ok('qmp_capabilities')

    def read(self):
        """The next message; None at the end."""
        line = self.file.readline()
        return json.loads(line) if line else None

    def send(self, command, fds=(), **arguments):
        """Sends a command."""
        request = {'execute': command}
        if arguments:
            request['arguments'] = {key.replace('_', '-'): value
                                    for key, value in arguments.items()}
        socket.send_fds(self.socket, [json.dumps(request).encode() + b'\n'], list(fds))

    def call(self, command, fds=(), **arguments):
        """Sends a command and returns its response; events go to .events."""
        self.send(command, fds, **arguments)
        while True:
            message = self.read()
            assert message is not None, f'connection ended in {command}'
            if 'event' not in message:
                return message
            self.events.append(message)

    def ok(self, command, fds=(), **arguments):
        """The result of a command that must succeed."""
        response = self.call(command, fds, **arguments)
        assert 'return' in response, (command, response)
        return response['return']

    def error(self, command, **arguments):
        """(class, text) of the error of a command that must fail."""
        response = self.call(command, **arguments)
        assert 'error' in response, (command, response)
        return response['error']['class'], response['error']['desc']

    def human(self, line):
        """A line of the human monitor."""
        return self.ok('human-monitor-command', command_line=line)

    def rest(self):
        """The names of the events up to the end of the connection, those already seen included."""
        while True:
            message = self.read()
            if message is None:
                return [event['event'] for event in self.events]
            if 'event' in message:
                self.events.append(message)

    def close(self):
        """Ends the connection."""
        self.file.close()
        self.socket.close()


MONITOR = ('-qmp', 'unix:qmp,server=on,wait=off')


class Daemon:
    """A running daemon; leaving the context ends it, which must go well."""

    def __init__(self, *argv, monitor=True, program=QOMD, **more):
        argv = [program, *argv, *(MONITOR if monitor else ())]
        self.status = None
        self.errors = tempfile.TemporaryFile(mode='w+')
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=self.errors, **more)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if kind is None else signal.SIGKILL)
        status = self.wait()
        if kind is None:
            assert status == 0, (status, self.stderr())
        self.errors.close()

    def client(self, path='qmp', **more):
        """A new connection."""
        return contextlib.closing(Client(path, **more))

    def stderr(self):
        """All it wrote there until now."""
        self.errors.seek(0)
        return self.errors.read()

    def wait(self):
        """Its exit status."""
        return self.process.wait(PATIENCE_S)
