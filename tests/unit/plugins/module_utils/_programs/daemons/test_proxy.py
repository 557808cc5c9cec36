# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarder as the program that it is, with real sockets, real clients and a real daemon."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.tests.unit.forwarder import (
    IMPATIENT,
    client,
    daemon,
    echoed,
    free_port,
    listening,
    place,
    rest,
    running,
    served,
)
from ansible_collections.ondemand.superserver.tests.unit.guard_network import NAMESPACE

LONG = bytes(range(256)) * 20000


def test_everything_arrives_in_both_directions(front: socket.socket, back: str) -> None:
    with running([front], "0", "9", "0", "alone", back):
        made = [client(front) for _number in range(5)]
        assert [echoed(each, LONG) == LONG for each in made] == [True] * 5


def test_what_comes_after_the_clients_end_is_passed_on(front: socket.socket) -> None:
    with listening() as bound, running([front], "0", "9", "0", "alone", place(bound)), client(front) as made:
        made.sendall(b"question")
        made.shutdown(socket.SHUT_WR)
        with bound.accept()[0] as connection:
            assert rest(connection) == b"question"
            connection.sendall(b"answer")
        assert rest(made) == b"answer"


def test_last_data_of_a_daemon_arrives_and_a_reset_of_the_client_is_passed_on(
    front: socket.socket,
) -> None:
    with listening() as bound, running([front], "0", "9", "0", "alone", place(bound)):
        with client(front) as made, bound.accept()[0] as connection:
            connection.sendall(b"bye")
            connection.shutdown(socket.SHUT_WR)
            assert rest(made) == b"bye"
            made.sendall(b"still")
            assert connection.recv(9) == b"still"
        made = client(front)
        connection = bound.accept()[0]
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.close()
        connection.settimeout(5)
        assert rest(connection) == b""


def test_several_sockets_and_a_path(tmp_path: Path, front: socket.socket) -> None:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(tmp_path / "back"))
    bound.listen()
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(tmp_path / "front"))
    other.listen()
    with daemon(bound), other, running([front, other], "0", "9", "0", "alone", str(tmp_path / "back")):
        assert echoed(client(front), b"one") == b"one"
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(str(tmp_path / "front"))
            assert echoed(made, b"two") == b"two"


def test_the_next_target_gets_what_the_first_does_not_take(front: socket.socket, back: str) -> None:
    with running([front], "0", "9", "0", "alone", f"127.0.0.1:{free_port()}", "[::1]:1", back):
        assert echoed(client(front), b"hello") == b"hello"


def test_without_anybody_to_ask_a_refusal_is_final(front: socket.socket) -> None:
    with running([front], "0", "9", "0", "alone", f"127.0.0.1:{free_port()}") as process:
        began = time.monotonic()
        assert rest(client(front)) == b""
        assert time.monotonic() - began < 0.9
        process.terminate()
        assert process.communicate()[1] == "proxy: the daemon accepted no connection: Connection refused\n"


def test_connections_above_the_limit_are_closed(front: socket.socket, back: str) -> None:
    with running([front], "0", "2", "0", "alone", back):
        first, second = client(front), client(front)
        assert served(first)
        assert served(second)
        assert not served(client(front))
        first.close()
        deadline = time.monotonic() + 5
        while not served(client(front)):
            assert time.monotonic() < deadline
        assert served(second)


def test_without_files_for_more_clients_those_that_there_are_are_served_as_fast_as_ever(
    front: socket.socket, back: str
) -> None:
    with running([front], "0", "99", "0", "alone", back, files=32) as process:
        with client(front) as made:
            assert served(made)
            idle = [client(front) for _number in range(40)]
            time.sleep(0.5)
            begun = time.monotonic()
            assert all(served(made) for _number in range(200))
            assert time.monotonic() - begun < 1.0
            for each in idle:
                each.close()
            with client(front) as later:
                assert served(later)
        process.terminate()
        assert re.fullmatch(
            "proxy: clients wait: the limit of open files allows only 1[0-2] connections at a time\n",
            process.communicate(timeout=10)[1],
        )


def test_clients_that_have_vanished_are_found_out(front: socket.socket, back: str) -> None:
    with running([front], "0", "9", "0", "alone", back) as process, client(front) as made:
        assert served(made)
        found = subprocess.run(["ss", "-tnoHp"], capture_output=True, text=True, check=True).stdout.splitlines()
        ours = [line for line in found if f"pid={process.pid}," in line]
        assert len(ours) == 2
        assert all("keepalive" in line for line in ours)


def test_connections_of_one_address_are_counted(front: socket.socket, back: str) -> None:
    with running([front], "0", "9", "1", "alone", back):
        made = client(front, "127.0.0.1")
        assert served(made)
        assert not served(client(front, "127.0.0.1"))
        assert served(client(front, "127.0.0.2"))
        made.close()
        deadline = time.monotonic() + 5
        while not served(client(front, "127.0.0.1")):
            assert time.monotonic() < deadline


def test_it_ends_only_when_nobody_is_connected(front: socket.socket, back: str) -> None:
    with running([front], "1", "9", "0", "alone", back) as process:
        with client(front) as made:
            assert served(made)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.5)
            assert served(made)
        began = time.monotonic()
        assert process.wait(5) == 0
        assert time.monotonic() - began > 0.8
        # Whoever comes now waits for the next one.
        waiting = client(front)
    with running([front], "0", "9", "0", "alone", back):
        assert echoed(waiting, b"late") == b"late"


@contextmanager
def each(*targets: str) -> Iterator[tuple[socket.socket, subprocess.Popen[str]]]:
    """A client, and the forwarder of its connection alone."""
    mine, theirs = socket.socketpair()
    argv = [sys.executable, "-IS", "-c", IMPATIENT, "each", *targets]
    with mine, theirs, subprocess.Popen(
        argv, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.PIPE, text=True
    ) as process:
        theirs.close()
        mine.settimeout(10)
        yield mine, process


def test_one_connection_alone() -> None:
    behind = listening()
    with daemon(behind), each(place(behind)) as (mine, process):
        assert echoed(mine, LONG) == LONG
        assert process.communicate(timeout=10)[1] == ""


def test_one_connection_alone_goes_to_the_first_that_takes_it() -> None:
    behind = listening()
    with daemon(behind), each(f"127.0.0.1:{free_port()}", place(behind)) as (mine, _process):
        assert echoed(mine, b"hello") == b"hello"


def test_one_connection_alone_that_nobody_takes() -> None:
    with each("/nonexistent/socket") as (mine, process):
        assert rest(mine) == b""
        assert process.communicate(timeout=10)[1] == (
            "proxy: the daemon accepted no connection: No such file or directory\n"
        )


def test_a_unix_socket_leads_to_another_network_namespace(tmp_path: Path) -> None:
    """Addresses do not."""
    path, port = str(tmp_path / "behind"), free_port()
    code = "import socket, sys; b = socket.socket(socket.AF_UNIX); b.bind(sys.argv[1]); b.listen(); "
    code += "n = socket.create_server(('0.0.0.0', int(sys.argv[2]))); print('listens', flush=True); "
    code += "c, _peer = b.accept(); c.sendall(c.recv(9).upper())"
    argv = [*NAMESPACE, sys.executable, "-c", code, path, str(port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as behind:
        if not (behind.stdout and behind.stdout.readline()):
            pytest.skip("takes a network namespace")
        with each(f"127.0.0.1:{port}", path) as (mine, _process):
            mine.sendall(b"hello")
            mine.shutdown(socket.SHUT_WR)
            assert rest(mine) == b"HELLO"
