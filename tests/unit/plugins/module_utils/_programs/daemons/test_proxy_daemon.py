# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A forwarder with a daemon keeper, which starts the daemon and ends behind it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.ondemand.superserver.tests.unit.forwarder import (
    client,
    daemon,
    echoed,
    free_port,
    listening,
    rest,
    running,
)


class Attended:
    """The attendant's end of the socket; the daemon's port is closed until :meth:`start`."""

    def __init__(self) -> None:
        self.theirs, self.mine = socket.socketpair()
        self.mine.settimeout(5)
        self.port = free_port()

    def start(self) -> contextlib.AbstractContextManager[None]:
        return daemon(listening(port=self.port))

    def say(self) -> None:
        self.mine.sendall(b".")

    def asked(self) -> bytes:
        return self.mine.recv(99)

    def answer(self) -> None:
        """Say at once, and whenever asked, that the daemon runs."""
        self.say()
        with contextlib.suppress(OSError):
            while self.asked():
                self.say()


@contextmanager
def attended(
    front: socket.socket, idle: str = "0", way: str = "attended"
) -> Iterator[tuple[Attended, subprocess.Popen[str]]]:
    attendant = Attended()
    with running([front], idle, "9", "0", way, f"127.0.0.1:{attendant.port}", attendant=attendant.theirs) as made:
        attendant.theirs.close()
        yield attendant, made


def test_a_connection_waits_until_the_daemon_takes_it(front: socket.socket) -> None:
    """A daemon that was started may need a while to listen."""
    with attended(front) as (attendant, _process), client(front) as made:
        threading.Thread(target=attendant.answer, daemon=True).start()
        made.sendall(b"hello")
        time.sleep(0.5)
        with attendant.start():
            assert made.recv(9) == b"hello"


def test_nobody_is_forwarded_before_the_daemon_keeper_is_ready(front: socket.socket) -> None:
    """What still answers may be a daemon that is being stopped."""
    with attended(front) as (attendant, _process):
        daemon = attendant.start()
        with daemon, client(front) as made:
            made.settimeout(0.3)
            made.sendall(b"hello")
            with pytest.raises(OSError, match="timed out"):
                made.recv(9)
            attendant.say()
            made.settimeout(5)
            assert made.recv(9) == b"hello"


def test_a_daemon_that_has_gone_is_asked_for(front: socket.socket) -> None:
    with attended(front) as (attendant, _process):
        attendant.say()
        time.sleep(0.5)
        with client(front) as made:
            assert attendant.asked() == b"."
            with attendant.start():
                attendant.say()
                assert echoed(made, b"hello") == b"hello"


def test_patience_has_an_end(front: socket.socket) -> None:
    with attended(front) as (attendant, process), client(front) as made:
        threading.Thread(target=attendant.answer, daemon=True).start()
        began = time.monotonic()
        assert rest(made) == b""
        assert 0.8 < time.monotonic() - began < 3
        process.terminate()
        assert "proxy: the daemon accepted no connection in 1 s: " in process.communicate()[1]


def test_a_daemon_may_take_the_time_that_is_declared(front: socket.socket) -> None:
    """Longer than connections wait where nothing is, while one client after the other comes."""
    with attended(front, way="attended:20") as (attendant, _process), client(front) as first:
        threading.Thread(target=attendant.answer, daemon=True).start()
        first.sendall(b"hello")
        time.sleep(2.5)
        with client(front) as second:
            second.sendall(b"there")
            with attendant.start():
                assert first.recv(9) == b"hello"
                assert second.recv(9) == b"there"


def test_the_declared_time_has_an_end_too(front: socket.socket) -> None:
    with attended(front, way="attended:2") as (attendant, process), client(front) as made:
        threading.Thread(target=attendant.answer, daemon=True).start()
        began = time.monotonic()
        assert rest(made) == b""
        assert 1.8 < time.monotonic() - began < 4
        process.terminate()
        assert "proxy: the daemon accepted no connection in 2 s: " in process.communicate()[1]


def test_it_ends_after_its_daemon_keeper(front: socket.socket) -> None:
    with attended(front, idle="1") as (attendant, process):
        attendant.say()
        assert attendant.asked() == b""
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        attendant.mine.close()
        assert process.wait(5) == 0


def test_it_goes_on_without_its_daemon_keeper(front: socket.socket) -> None:
    with attended(front, idle="1") as (attendant, process):
        daemon = attendant.start()
        with daemon:
            attendant.say()
            attendant.mine.close()
            assert echoed(client(front), b"hello") == b"hello"
            assert process.wait(5) == 0
