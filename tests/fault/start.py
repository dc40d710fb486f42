# SPDX-License-Identifier: BSD-3-Clause
"""Starts of the program in a folder, whose monitor is the socket qmp there."""

import os
import socket
import subprocess

from lib import server, tap


class Run:
    """One start of the program."""

    def __init__(self, folder, injector, args):
        self.folder = folder
        self.process = subprocess.Popen([os.environ['QOMD'], *args], cwd=folder, env=injector.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)

    def serves(self):
        """Whether a client is answered, sooner or later; False: it has ended."""
        tap.until(lambda: self.ended() or self.answers(), step=0.001)
        return not self.ended()

    def ended(self):
        return self.process.poll() not in (None, 0) or \
            (self.process.poll() == 0 and not os.path.exists(os.path.join(self.folder, 'qmp')))

    def answers(self):
        try:
            client = self.client()
        except (OSError, EOFError):
            return False
        try:
            client.ok('query-version')
            return True
        except (OSError, EOFError):
            return False
        finally:
            client.close()

    def client(self):
        """A client that has negotiated."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(os.path.join(self.folder, 'qmp'))
        return server.Client(connection)

    def quit(self):
        """Ends a program that serves. It may be in the background."""
        client = self.client()
        client.ok('quit')
        client.close()
        if not tap.until(lambda: not os.path.exists(os.path.join(self.folder, 'qmp')),
                         step=0.001):
            raise tap.Failure('it does not end')

    def finish(self):
        """(status, what it said)."""
        try:
            _, text = self.process.communicate(timeout=server.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise tap.Failure('it neither serves nor ends') from None
        return self.process.returncode, text.decode()
