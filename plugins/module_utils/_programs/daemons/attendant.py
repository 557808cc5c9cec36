# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon keeper: keeps a daemon running while a program needs it.

``attendant systemd UNIT -- PROGRAM [ARGUMENT...]``
``attendant s6 DIRECTORY -- PROGRAM [ARGUMENT...]``

This process becomes the program, with a socket to a child as its descriptor 0. So the program can drop its
rights, and the child has no sockets of clients. The child starts the daemon at its beginning and whenever the program
sends a byte, and answers each time with a byte when the daemon runs. When the program closes its end of the
socket, or dies, the child stops the daemon, unless the daemon ran before, or another program needs it.

This file is installed on hosts as a program of its own, with what it imports of the collection in its place.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import typing as t
from collections.abc import Iterator

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import private

# Which daemons were started, and are in use; empty after a reboot.
NOTES = "/run/superserver/daemons"
WORD = b"."
# How long a daemon may take to end, in seconds; systemd has a limit of its own.
PATIENCE = 90.0
# How long it does not log again that the daemon has failed, in seconds.
QUIET = 60.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# As systemd calls them (systemctl(1)).
RUNNING = ("active", "activating", "reloading", "refreshing")
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


class Systemd:
    """A unit of systemd."""

    def __init__(self, unit: str) -> None:
        self.name = self.unit = unit

    def running(self) -> bool:
        return self._call("show", "--property=ActiveState", "--value").strip() in RUNNING

    def start(self) -> None:
        self._call("start")

    def state(self) -> str:
        """Its state, in words."""
        shown = self._call("show", "--property=ActiveState", "--property=Result")
        found = dict(line.partition("=")[::2] for line in shown.splitlines())
        return f"is {found.get('ActiveState', 'gone')} ({found.get('Result', 'unknown')})"

    def stop(self) -> None:
        self._call("stop")

    def _call(self, *words: str) -> str:
        argv = ["systemctl", *words, "--", self.unit]
        done = subprocess.run(argv, env={"PATH": PATH}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            report(f"{' '.join(argv)} ended with {done.returncode}")
        return done.stdout.decode()


class S6:
    """A service directory, spoken to by its FIFO and status file as s6-svc and s6-svstat do it."""

    _PID = slice(24, 32)
    _WANTED_UP = 4

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.name = os.path.basename(directory)

    def running(self) -> bool:
        status = self._status()
        return self._pid(status) != 0 and bool(status[-1] & self._WANTED_UP)

    def start(self) -> None:
        self._tell(b"u")

    def state(self) -> str:
        """Its state, in words."""
        return "does not run"

    def stop(self) -> None:
        self._tell(b"d")
        deadline = time.monotonic() + PATIENCE
        while self._pid(self._status()) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _pid(self, status: bytes) -> int:
        return int.from_bytes(status[self._PID], "big")

    def _status(self) -> bytes:
        with contextlib.suppress(OSError), open(f"{self.directory}/supervise/status", "rb") as file:
            return file.read()
        return b""

    def _tell(self, letter: bytes) -> None:
        try:
            fifo = os.open(f"{self.directory}/supervise/control", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as problem:
            report(f"{self.directory} is not supervised: {problem}")
            return
        os.write(fifo, letter)
        os.close(fifo)


Daemon = t.Union[Systemd, S6]
MANAGERS: dict[str, t.Callable[[str], Daemon]] = {"systemd": Systemd, "s6": S6}


class Attendant:
    """One user of a daemon.

    Each user holds a shared lock of one file, so that the last one knows that it has to stop the daemon. The
    file is not empty if one of them has started the daemon. A second lock serializes starting and stopping.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        # Whether this process has started the daemon, and when it last logged a failure.
        self.started = False
        self.told_at = -QUIET
        # The first of them may be the first to have anything below /run.
        private(os.path.dirname(NOTES)).close()
        self.notes = private(NOTES)
        self.users = self._open("users")
        self.turn = self._open("turn")
        with self._my_turn():
            fcntl.flock(self.users, fcntl.LOCK_SH)

    def keep(self) -> None:
        """Start the daemon if it does not run."""
        with self._my_turn():
            if not self.daemon.running():
                self.complain()
                # Recorded first, so that the daemon does not stay when this process is killed.
                os.pwrite(self.users, b"started\n", 0)
                self.daemon.start()
                self.started = True

    def complain(self) -> None:
        """Log, but not too often, that the started daemon does not keep running."""
        now = time.monotonic()
        if self.started and now - self.told_at >= QUIET:
            self.told_at = now
            report(f"{self.daemon.name} was started but {self.daemon.state()}; it is started again")

    def release(self) -> None:
        """Stop the daemon if this is its last user."""
        with self._my_turn(), contextlib.suppress(BlockingIOError):
            fcntl.flock(self.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self.users).st_size:
                self.daemon.stop()
                os.ftruncate(self.users, 0)

    def _open(self, what: str) -> int:
        return self.notes.file(f"{self.daemon.name}.{what}", os.O_RDWR)

    @contextlib.contextmanager
    def _my_turn(self) -> Iterator[None]:
        fcntl.flock(self.turn, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self.turn, fcntl.LOCK_UN)


def attend(daemon: Daemon, program: socket.socket) -> None:
    """Serve the program's requests until it has ended."""
    attendant = Attendant(daemon)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        attendant.keep()
        program.sendall(WORD)
        # Requests that arrive together get one answer.
        while program.recv(4096):
            attendant.keep()
            program.sendall(WORD)
    attendant.release()


def detach() -> None:
    """Close the sockets of clients, and survive the program and signals that end it."""
    os.setsid()
    # That of the program is the handler's.
    os.umask(0o077)
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    os.closerange(3, 3 + int(os.environ["LISTEN_FDS"]))


def report(what: str) -> None:
    """Write a line to the log."""
    sys.stderr.write(f"attendant: {what}\n")
    sys.stderr.flush()


def main() -> None:
    end = sys.argv.index("--")
    daemon = MANAGERS[sys.argv[1]](sys.argv[2])
    theirs, mine = socket.socketpair()
    if not os.fork():
        theirs.close()
        detach()
        attend(daemon, mine)
        return
    os.dup2(theirs.fileno(), 0)
    # Python ignores this one, and an ignored signal stays ignored.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(sys.argv[end + 1], sys.argv[end + 1 :])


if __name__ == "__main__":
    main()
