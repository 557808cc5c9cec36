# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe against real servers on loopback."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import threading
import time
import typing as t
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.probe import Answer, probe

# Aliases for annotations only: the oldest Python of managed hosts cannot evaluate them.
if t.TYPE_CHECKING:
    Handler = Callable[[socket.socket], None]
    Serve = Callable[..., int]


def echo(client: socket.socket) -> None:
    while data := client.recv(4096):
        client.sendall(data)


def close(client: socket.socket) -> None:
    """Ends the connection in order, also where the client has sent something already."""
    client.shutdown(socket.SHUT_WR)
    client.recv(4096)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def greet_and_reset(client: socket.socket) -> None:
    client.sendall(b"go away\n")
    client.recv(4096)
    reset(client)


def silent(client: socket.socket) -> None:
    client.recv(4096)
    client.recv(4096)


def drip(client: socket.socket) -> None:
    for piece in (b"one ", b"two ", b"three "):
        client.sendall(piece)
        time.sleep(0.05)
    silent(client)


def who(client: socket.socket) -> None:
    client.sendall(client.getpeername()[0].encode())


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves connections with a handler, one at a time; returns the port."""
    with ExitStack() as stack:

        def started(
            handler: Handler, address: str = "127.0.0.1", path: str = "", kind: int = socket.SOCK_STREAM
        ) -> int:
            family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in address else socket.AF_INET
            listening = stack.enter_context(socket.socket(family, kind))
            listening.bind(path or (address, 0))
            listening.listen()
            stack.callback(_wake, listening)
            threading.Thread(target=_accept, args=(listening, handler), daemon=True).start()
            return 0 if path else int(listening.getsockname()[1])

        yield started


def _accept(listening: socket.socket, handler: Handler) -> None:
    while True:
        try:
            client, _peer = listening.accept()
        except OSError:
            return
        with client:
            try:
                handler(client)
            except OSError:
                continue


@pytest.fixture
def echo_datagrams() -> Iterator[Callable[[socket.socket], None]]:
    """Answers every datagram on a bound socket with itself."""
    with ExitStack() as stack:

        def started(bound: socket.socket) -> None:
            stack.enter_context(bound)
            stack.callback(_wake, bound)
            threading.Thread(target=_answer, args=(bound,), daemon=True).start()

        yield started


def _wake(waiting: socket.socket) -> None:
    """Ends the wait of the thread that serves; the kernel does so also where it reports an error."""
    with suppress(OSError):
        waiting.shutdown(socket.SHUT_RDWR)


def _answer(bound: socket.socket) -> None:
    while True:
        try:
            data, peer = bound.recvfrom(4096)
            if not peer:
                return
            bound.sendto(data, peer)
        except OSError:
            return


def closed_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as entry:
        entry.bind(("127.0.0.1", 0))
        return int(entry.getsockname()[1])


def tcp(port: int, **options: object) -> Answer:
    return probe("tcp", "127.0.0.1", port, **{"timeout": 5.0, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_echo_answers_at_once(serve: Serve, address: str) -> None:
    answer = probe("tcp", address, serve(echo, address), send=b"hello", timeout=5)
    assert (answer.outcome, answer.data) == ("answered", b"hello")
    assert answer.seconds < 2


def test_data_may_come_in_pieces(serve: Serve) -> None:
    answer = tcp(serve(drip), until=re.compile(b"two"))
    assert answer.outcome == "answered"
    assert re.match(b"one two", answer.data)


def test_data_that_does_not_match_is_returned_after_the_time(serve: Serve) -> None:
    answer = tcp(serve(drip), until=re.compile(b"four"), timeout=0.5)
    assert (answer.outcome, answer.data) == ("answered", b"one two three ")
    assert 0.5 <= answer.seconds < 2


def many_letters(client: socket.socket) -> None:
    client.sendall(b"a" * 40)


def for_ever(client: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client.sendall(b"a" * 65536)


# Two to the fortieth ways to match, and none that does.
EXPONENTIAL = re.compile(rb"(a+)+b")


def test_an_expression_that_takes_for_ever_is_given_up(serve: Serve) -> None:
    answer = tcp(serve(many_letters), until=EXPONENTIAL, timeout=0.5)
    assert answer.detail == "the search for the expression did not end in time"
    assert 0.5 <= answer.seconds < 3
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_whoever_never_stops_sending_is_not_listened_to_for_ever(serve: Serve) -> None:
    answer = tcp(serve(for_ever), until=re.compile(b"b"), timeout=30)
    assert answer.outcome == "answered"
    assert re.fullmatch("no matching answer in the first 1[0-9]{6} bytes", answer.detail)
    assert answer.seconds < 10


def test_silence_is_a_timeout(serve: Serve) -> None:
    answer = tcp(serve(silent), send=b"x", timeout=0.2)
    assert (answer.outcome, answer.data) == ("timeout", b"")
    assert 0.2 <= answer.seconds < 2


def test_a_connection_may_be_all_that_is_wanted(serve: Serve) -> None:
    answer = tcp(serve(silent), until=re.compile(b""))
    assert (answer.outcome, answer.data) == ("answered", b"")
    assert answer.seconds < 2


@pytest.mark.parametrize("send", [b"", b"x", pytest.param(b"x" * 1_000_000, id="much")])
@pytest.mark.parametrize(("handler", "outcome"), [(close, "closed"), (reset, "reset")])
def test_the_peer_hangs_up(serve: Serve, handler: Handler, outcome: str, send: bytes) -> None:
    answer = tcp(serve(handler), send=send)
    assert answer.data == b""
    # A peer that closes while it is still being written to answers with a reset.
    assert answer.outcome in ({"closed", "reset"} if len(send) > 4096 else {outcome})


def test_last_words_before_a_reset_are_heard(serve: Serve) -> None:
    answer = tcp(serve(greet_and_reset), send=b"x" * 4_000_000, until=re.compile(b"never"))
    assert (answer.outcome, answer.data) == ("answered", b"go away\n")


def test_nobody_listens(tmp_path: Path) -> None:
    assert tcp(closed_port()).outcome == "refused"
    assert probe("udp", "127.0.0.1", closed_port(socket.SOCK_DGRAM), send=b"x").outcome == "refused"
    assert probe("unix", "", 0, str(tmp_path / "none")).outcome == "missing"
    assert probe("unix", "", 0, f"@superserver-test-none-{os.getpid()}").outcome == "refused"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale"))
    assert probe("unix", "", 0, str(tmp_path / "stale")).outcome == "refused"


def test_the_source_address_is_used(serve: Serve) -> None:
    port = serve(who)
    assert tcp(port, source="127.0.0.2").data == b"127.0.0.2"
    assert tcp(port, source="192.0.2.254").outcome == "unreachable"
    assert tcp(port, source="::1").outcome == "unreachable"


def test_what_is_no_address_cannot_be_reached() -> None:
    answer = probe("tcp", "localhost", 7)
    assert answer.outcome == "unreachable"
    assert answer.detail


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("send", [b"hello", b""])
def test_datagrams(echo_datagrams: Callable[[socket.socket], None], address: str, send: bytes) -> None:
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((address, 0))
    echo_datagrams(bound)
    answer = probe("udp", address, bound.getsockname()[1], send=send)
    assert (answer.outcome, answer.data) == ("answered", send)


def test_unanswered_datagrams() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        answer = probe("udp", "127.0.0.1", bound.getsockname()[1], timeout=0.2, until=re.compile(b""))
        assert (answer.outcome, bound.recv(10)) == ("timeout", b"")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
@pytest.mark.parametrize("abstract", [False, True])
def test_unix_connections(serve: Serve, tmp_path: Path, kind: int, abstract: bool) -> None:
    path = f"@superserver-test-{os.getpid()}-{kind}" if abstract else str(tmp_path / "socket")
    serve(echo, path=path.replace("@", "\0") if abstract else path, kind=kind)
    answer = probe("unix", "", 0, path, send=b"hello", timeout=5)
    assert (answer.outcome, answer.data) == ("answered", b"hello")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_unix_connections_that_close(serve: Serve, tmp_path: Path, kind: int) -> None:
    path = str(tmp_path / "socket")
    serve(lambda client: None, path=path, kind=kind)
    assert probe("unix", "", 0, path).outcome == "closed"


def test_unix_datagrams(echo_datagrams: Callable[[socket.socket], None], tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bound.bind(path)
    echo_datagrams(bound)
    answer = probe("unix", "", 0, path, send=b"hello", timeout=5)
    assert (answer.outcome, answer.data) == ("answered", b"hello")


def test_a_full_unix_backlog_is_no_answer(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket(socket.AF_UNIX))
        listening.bind(path)
        listening.listen(0)
        stack.enter_context(socket.socket(socket.AF_UNIX)).connect(path)
        assert probe("unix", "", 0, path, timeout=0.2).outcome == "timeout"


def test_a_path_that_no_socket_can_have() -> None:
    assert probe("unix", "", 0, "/" + "x" * 200).outcome == "unreachable"
