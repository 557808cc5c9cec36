# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that is a client of the conformance suite: what its steps say of services on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from steps.held_by import _holders
from steps.talk import _is_served
from vantage import ports
from vantage.sockets import sockets

HOST = Path(__file__).resolve().parents[1] / "conformance/host"
PLAIN = {"case": "here", "from": "host", "step": 1, "type": "stream", "transport": "tcp", "send": "", "accept": True}


def echo(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _address = listener.accept()
            with connection:
                connection.sendall(connection.recv(1024))


@contextlib.contextmanager
def serving(listener: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=echo, args=(listener,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        listener.close()


@pytest.fixture
def tcp() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    with serving(listener):
        yield listener.getsockname()[1]


@pytest.fixture
def packets(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "packets")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen()
    with serving(listener):
        yield path


def carry_out(*steps: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    """The program as it stands in the checkout, with one case."""
    cases = [[{**PLAIN, **step} for step in steps]]
    task = {"own": {}, "log": [], "hosts": {"this": {"addresses": {"v4": "127.0.0.1"}, "cases": cases}}}
    program = [sys.executable, "-B", str(HOST / "client")]
    done = subprocess.run(program, input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    results: list[dict[str, t.Any]] = json.loads(done.stdout)
    return results


def test_every_result_says_whose_it_is() -> None:
    (result,) = carry_out({"to": "v4", "pause": 0})
    assert result.pop("seconds") >= 0
    assert result == {"case": "here", "from": "host", "to": "v4", "step": 1, "host": "this", "problem": ""}


def test_packets_come_back(packets: str) -> None:
    step = {"to": packets, "transport": "unix", "type": "seqpacket", "send": "hello"}
    right, wrong = carry_out({**step, "exact": "hello"}, {**step, "exact": "other"})
    assert right["problem"] == ""
    assert wrong["problem"] == "got 'hello', not 'other'"


def test_connections_follow_each_other(tcp: int) -> None:
    (result,) = carry_out({"to": "v4", "port": tcp, "rapid": 20})
    assert result["problem"] == ""


def test_a_service_that_nobody_serves_is_a_problem() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        (result,) = carry_out({"to": "v4", "port": unused.getsockname()[1], "rapid": 1})
    assert "refused" in result["problem"]


def test_the_kernels_tables_tell_ports_and_holders() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not _is_served(port)
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _address = listener.accept()
        with client, accepted:
            own = client.getsockname()[1]
            assert _is_served(port)
            assert {port, own} <= {each.port for each in sockets("tcp")}
            assert _holders(port, own) == {os.getpid()}
            assert not _holders(port, port)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("::1", 0))
        port = datagrams.getsockname()[1]
        assert port in {each.port for each in sockets()}
        assert port not in {each.port for each in sockets("tcp", "tcp6", "udp")}


def test_a_port_that_a_socket_has_is_nobodys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        own = [1, taken]
        monkeypatch.setattr(ports, "_own_ports", lambda: own)
        assert ports.own_port() == 1
