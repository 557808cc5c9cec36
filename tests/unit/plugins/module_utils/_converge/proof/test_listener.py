# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Assertions about real sockets of this process."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof import listener
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.listener import Assertion, Finding
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import listener_of, parse_endpoint

OPTIONS: dict[str, object] = {
    "tcp": None,
    "udp": None,
    "unix": None,
    "family": "any",
    "interface": None,
    "state": "held",
    "owner": None,
    "connect": False,
    "send": None,
    "expect": None,
    "refuse": False,
    "source": None,
    "timeout": 5.0,
    "retries": 0,
    "delay": 0.1,
}


def no_command(argv: Sequence[str]) -> tuple[int, str, str]:
    raise AssertionError(f"nothing should have been run: {argv}")


def examine(**options: object) -> Finding:
    return listener.examine(listener.assertion_of({**OPTIONS, **options}), no_command)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entries:
        yield entries


def listen(stack: ExitStack, address: str = "127.0.0.1", port: int = 0, dual: bool = False, echo: bool = False) -> int:
    """Listen, and answer with what comes in where wanted."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    entry = stack.enter_context(socket.create_server((address, port), family=family, dualstack_ipv6=dual))
    if echo:
        stack.callback(entry.shutdown, socket.SHUT_RDWR)
        threading.Thread(target=_echo, args=(entry,), daemon=True).start()
    return int(entry.getsockname()[1])


def _echo(entry: socket.socket) -> None:
    while True:
        try:
            client, _peer = entry.accept()
        except OSError:
            return
        with client:
            while data := client.recv(4096):
                client.sendall(data)


PROGRAM = table.program(os.getpid())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"tcp": "echo", "state": "free", "connect": True, "owner": {"s6": "x"}}, "remove connect, owner"),
        ({"tcp": "7", "refuse": True, "expect": "x"}, "remove expect and connect"),
        ({"tcp": "7", "refuse": True, "connect": True}, "remove expect and connect"),
        ({"tcp": "7", "source": "127.0.0.1"}, "source needs a connection"),
        ({"tcp": "7", "source": "localhost", "connect": True}, "does not appear to be an IPv4 or IPv6 address"),
        ({"tcp": "127.0.0.1:7", "source": "::1", "connect": True}, "cannot reach tcp 127.0.0.1:7"),
        ({"unix": "/run/x", "source": "::1", "connect": True}, "cannot reach unix /run/x"),
        ({"tcp": "7", "expect": "("}, "not a regular expression"),
        ({"tcp": "7", "expect": "x*"}, "could never fail"),
        ({"tcp": "127.0.0.1:7", "family": "ipv6"}, "cannot be of family ipv6"),
        ({"unix": "/run/x", "family": "ipv4"}, "cannot be of family ipv4"),
        ({"unix": "/run/x", "interface": "lo"}, "remove interface"),
        ({"unix": "run/x"}, "absolute path"),
        ({"tcp": "70000"}, "out of range"),
        ({"udp": "no-such-service"}, "not in the host's /etc/services for udp"),
        ({"tcp": "7", "retries": -1, "delay": -1.0}, "must not be negative: retries, delay"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        listener.assertion_of({**OPTIONS, **options})


def test_a_name_becomes_a_port() -> None:
    assert str(listener.assertion_of({**OPTIONS, "tcp": "echo"}).endpoint) == "tcp *:7"


def test_a_port_of_both_families_by_one_socket_or_by_two(stack: ExitStack) -> None:
    one = listen(stack, "::", dual=True)
    two = listen(stack, "::")
    assert "found tcp [::]:" in examine(tcp=str(two)).problem
    listen(stack, "0.0.0.0", two)
    for port, count in ((one, 1), (two, 2)):
        finding = examine(tcp=str(port))
        assert finding.problem == ""
        assert [row["pid"] for row in finding.holders] == [os.getpid()] * count


def test_families_and_addresses_are_exact(stack: ExitStack) -> None:
    dual, ipv4, loopback = listen(stack, "::", dual=True), listen(stack, "0.0.0.0"), listen(stack)
    assert examine(tcp=str(ipv4), family="ipv4").problem == ""
    assert examine(tcp=f"127.0.0.1:{loopback}").problem == ""
    assert "(every address, IPv4 only): found tcp [::]" in examine(tcp=str(dual), family="ipv4").problem
    assert "(every address, IPv6 only): found tcp [::]" in examine(tcp=str(dual), family="ipv6").problem
    assert "(127.0.0.1, IPv4 only): found tcp 0.0.0.0:" in examine(tcp=f"127.0.0.1:{ipv4}").problem
    assert "(every address, IPv4 and IPv6): found tcp 127.0.0.1:" in examine(tcp=str(loopback)).problem


@pytest.mark.parametrize(
    ("address", "ipv6", "expected"),
    [("::", True, True), ("::", False, True), ("0.0.0.0", True, False), ("0.0.0.0", False, True)],
)
def test_a_port_on_hosts_with_and_without_ipv6(address: str, ipv6: bool, expected: bool) -> None:
    """A dual-stack socket is every family that a host has, whichever those are."""
    endpoint = parse_endpoint("tcp", "7")
    assertion = Assertion(endpoint, listener_of(endpoint, ipv6), free=False, owner=None, client=None)
    family = "ipv6" if address == "::" else "ipv4"
    entry = Socket("tcp", family, address, 7, address == "::", "stream", 1, 0, 9, "")
    assert bool(listener._bound(assertion, [entry])) == expected


def test_interfaces(stack: ExitStack) -> None:
    entry = stack.enter_context(socket.socket())
    entry.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    entry.bind(("0.0.0.0", 0))
    entry.listen()
    port = str(entry.getsockname()[1])
    assert examine(tcp=port, family="ipv4", interface="lo").problem == ""
    assert "every address of eth9, IPv4 only" in examine(tcp=port, family="ipv4", interface="eth9").problem
    assert "0.0.0.0%lo" in examine(tcp=port, family="ipv4").problem


def test_free_means_that_nothing_is_in_the_way(stack: ExitStack) -> None:
    loopback, dual = listen(stack), listen(stack, "::", dual=True)
    for text in (str(loopback), f"127.0.0.1:{loopback}", f"0.0.0.0:{loopback}", str(dual), f"127.0.0.1:{dual}"):
        finding = examine(tcp=text, state="free")
        assert f"tcp {text if ':' in text else f'*:{text}'} is not free: found tcp " in finding.problem
        assert finding.holders[0]["program"] == PROGRAM
    assert examine(tcp=f"127.0.0.2:{loopback}", state="free") == Finding("", [])
    assert examine(udp=str(dual), state="free") == Finding("", [])
    stack.close()
    assert examine(tcp=str(loopback), state="free").problem == ""


def test_nothing_there(stack: ExitStack, tmp_path: Path) -> None:
    port = listen(stack)
    stack.close()
    assert examine(tcp=str(port), connect=True) == Finding(f"tcp *:{port} is not held: nothing uses the port", [])
    path = tmp_path / "socket"
    assert examine(unix=str(path)).problem.endswith("nothing listens there, and the path does not exist")
    path.touch()
    assert examine(unix=str(path)).problem.endswith("nothing listens there, and the path exists")
    assert examine(unix=str(path), state="free").problem == ""


def test_owners(stack: ExitStack) -> None:
    endpoint = f"127.0.0.1:{listen(stack)}"
    assert examine(tcp=endpoint, owner={"program": PROGRAM, "s6": None}).problem == ""
    for owner, words in (
        ({"program": "sshd"}, "program sshd"),
        ({"systemd": "echo.socket"}, "systemd unit echo.socket"),
        ({"xinetd": "echo"}, "xinetd service echo"),
        ({"s6": "echo"}, "s6 service directory echo"),
    ):
        problem = examine(tcp=endpoint, owner=owner, connect=True).problem
        assert problem.startswith(f"tcp {endpoint} does not belong to {words}: found tcp {endpoint} (IPv4) held by ")
        assert PROGRAM in problem
        assert f"pid {os.getpid()})" in problem


def test_clients(stack: ExitStack) -> None:
    port = listen(stack, "::", dual=True, echo=True)
    for options in ({"connect": True}, {"send": "hello"}, {"send": "hello", "expect": "^hel+o$"}):
        finding = examine(tcp=str(port), **options)
        assert finding.problem == ""
        assert finding.answer is not None
        assert (finding.answer["address"], finding.answer["outcome"]) == ("::1", "answered")
        assert finding.answer["text"] == options.get("send", "")
    slow = examine(tcp=str(port), send="a" * 40, expect="(a+)+b", timeout=0.2)
    assert "takes more than 0.2 s; write an expression that can match in only one way" in slow.problem
    wrong = examine(tcp=str(port), send="hello", expect="bye", timeout=0.2)
    assert wrong.problem.startswith(
        f"tcp:127.0.0.1:{port}: the answer should match 'bye', but 'hello' came back after 0."
    )
    surprise = examine(tcp=str(port), send="hello", refuse=True)
    assert "nothing should come back, but 'hello' came back" in surprise.problem
    source = examine(tcp=str(port), send="hello", source="127.0.0.2")
    assert source.answer is not None
    assert (source.problem, source.answer["address"]) == ("", "127.0.0.1")


def test_a_client_of_a_silent_server(stack: ExitStack) -> None:
    endpoint = f"127.0.0.1:{listen(stack)}"
    assert examine(tcp=endpoint, connect=True).problem == ""
    assert examine(tcp=endpoint, send="x", refuse=True, timeout=0.2).problem == ""
    problem = examine(tcp=endpoint, send="x", timeout=0.2).problem
    assert f"tcp:{endpoint}: no answer, but timeout after 0.2 s (connected, but no answer in time)" in problem


def test_clients_of_unix_sockets(stack: ExitStack, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    entry = stack.enter_context(socket.socket(socket.AF_UNIX))
    entry.bind(path)
    entry.listen()
    stack.callback(entry.shutdown, socket.SHUT_RDWR)
    threading.Thread(target=_echo, args=(entry,), daemon=True).start()
    finding = examine(unix=path, send="hello", expect="hello")
    assert finding.problem == ""
    assert finding.holders[0]["address"] == path
    problem = examine(unix=path, send="hello", refuse=True).problem
    assert problem.startswith(f"unix:{path}: nothing should come back")


def test_retries_until_it_is_true(stack: ExitStack) -> None:
    port = listen(stack)
    stack.pop_all().close()
    timer = threading.Timer(0.3, listen, (stack, "127.0.0.1", port))
    timer.start()
    assertion = listener.assertion_of({**OPTIONS, "tcp": f"127.0.0.1:{port}"})
    finding, attempts = listener.examine_until(assertion, no_command, 100, 0.1)
    timer.join()
    assert finding.problem == ""
    assert 2 <= attempts <= 50


def test_retries_end() -> None:
    assertion = listener.assertion_of({**OPTIONS, "unix": "/no/such/socket"})
    finding, attempts = listener.examine_until(assertion, no_command, 2, 0.01)
    assert (bool(finding.problem), attempts) == (True, 3)


def test_inventory(stack: ExitStack, tmp_path: Path) -> None:
    port = listen(stack)
    path = str(tmp_path / "socket")
    stack.enter_context(socket.socket(socket.AF_UNIX)).bind(path)
    datagram = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    datagram.bind(f"{path}2")

    def found(transports: Sequence[str], kinds: Sequence[str]) -> set[object]:
        rows = listener.inventory(lambda _argv: (1, "", ""), transports, kinds)
        return {row["port"] or row["address"] for row in rows if row["pid"] == os.getpid()}

    assert {port, f"{path}2"} <= found([], [])
    assert path not in found([], [])
    assert port in found(["tcp"], [])
    assert found(["unix"], []) & {port, f"{path}2"} == {f"{path}2"}
    assert found(["tcp"], ["xinetd", "s6"]) == set()


def test_inventory_says_what_cannot_be_taken_over(stack: ExitStack) -> None:
    port = listen(stack)
    rows = listener.inventory(no_command, ["tcp"], [], lambda owners: dict.fromkeys(owners, "no"))
    assert [row["owner"]["objection"] for row in rows if row["port"] == port] == ["no"]
    rows = listener.inventory(no_command, ["tcp"], [])
    assert [row["owner"]["objection"] for row in rows if row["port"] == port] == [""]
