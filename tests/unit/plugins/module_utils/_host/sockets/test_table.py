# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket table, read while this process holds real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import typing as t
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import sock_diag
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import table as _sockets
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket

V4, V6, UNIX = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
STREAM, DATAGRAM, PACKETS = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET

# Aliases for annotations only: the oldest Python of managed hosts cannot evaluate them.
if t.TYPE_CHECKING:
    Open = Callable[..., socket.socket]


@pytest.fixture
def open_socket() -> Iterator[Open]:
    """Opens sockets that live as long as the test."""
    with ExitStack() as stack:

        def opened(
            family: int, kind: int, name: object, *, v6only: bool = False, device: str = "", backlog: int = 9
        ) -> socket.socket:
            entry = stack.enter_context(socket.socket(family, kind))
            if family == V6:
                entry.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
            if device:
                entry.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            entry.bind(name)  # type: ignore[arg-type]
            if kind != DATAGRAM and backlog:
                entry.listen(backlog)
            return entry

        yield opened


def found(entry: socket.socket, sockets: list[Socket] | None = None) -> Socket | None:
    """What the table says of one socket."""
    inode = os.fstat(entry.fileno()).st_ino
    there = [row for row in (_sockets.listening() if sockets is None else sockets) if row.inode == inode]
    assert len(there) <= 1
    return there[0] if there else None


def there(entry: socket.socket, sockets: list[Socket] | None = None) -> Socket:
    row = found(entry, sockets)
    assert row is not None
    return row


@pytest.mark.parametrize(("kind", "transport"), [(STREAM, "tcp"), (DATAGRAM, "udp")])
@pytest.mark.parametrize(
    ("family", "address", "v6only", "expected"),
    [
        (V4, "0.0.0.0", False, ("ipv4", "0.0.0.0", False)),
        (V4, "127.0.0.2", False, ("ipv4", "127.0.0.2", False)),
        (V6, "::", False, ("ipv6", "::", True)),
        (V6, "::", True, ("ipv6", "::", False)),
        (V6, "::1", False, ("ipv6", "::1", False)),
        (V6, "::ffff:127.0.0.3", False, ("ipv4", "127.0.0.3", False)),
    ],
)
def test_address_and_family(
    open_socket: Open, kind: int, transport: str, family: int, address: str, v6only: bool, expected: tuple[object, ...]
) -> None:
    entry = open_socket(family, kind, (address, 0), v6only=v6only)
    row = there(entry)
    assert (row.family, row.address, row.dual) == expected
    assert (row.transport, row.port) == (transport, entry.getsockname()[1])
    assert row.type == ("stream" if kind == STREAM else "datagram")
    assert row.uid == os.geteuid()
    assert row.interface == ""


def test_backlog_and_interface(open_socket: Open) -> None:
    row = there(open_socket(V4, STREAM, ("127.0.0.1", 0), device="lo", backlog=23))
    assert (row.backlog, row.interface) == (23, "lo")
    assert there(open_socket(V4, DATAGRAM, ("127.0.0.1", 0))).backlog is None


def test_who_does_not_wait_for_clients_is_not_listed(open_socket: Open, tmp_path: Path) -> None:
    listening = open_socket(V4, STREAM, ("127.0.0.1", 0))
    client = open_socket(V4, STREAM, ("127.0.0.1", 0), backlog=0)
    assert found(client) is None
    client.connect(listening.getsockname())
    assert found(client) is None
    receiver, sender = (open_socket(V4, DATAGRAM, ("127.0.0.1", 0)) for _attempt in range(2))
    sender.connect(receiver.getsockname())
    assert found(sender) is None
    assert found(receiver) is not None
    assert found(open_socket(UNIX, STREAM, str(tmp_path / "bound"), backlog=0)) is None


@pytest.mark.parametrize(("kind", "name"), [(STREAM, "stream"), (DATAGRAM, "datagram"), (PACKETS, "seqpacket")])
@pytest.mark.parametrize("file", ["plain", "with blank", "line\nbreak", "été"])
def test_unix_paths(open_socket: Open, tmp_path: Path, kind: int, name: str, file: str) -> None:
    row = there(open_socket(UNIX, kind, str(tmp_path / file), backlog=17))
    assert (row.transport, row.family, row.type) == ("unix", "unix", name)
    assert (row.address, row.port, row.dual) == (str(tmp_path / file), 0, False)
    assert row.uid == os.geteuid()
    assert row.backlog == (None if kind == DATAGRAM else 17)


def test_abstract_names(open_socket: Open) -> None:
    unique = f"superserver-test-{os.getpid()}"
    assert there(open_socket(UNIX, STREAM, f"\0{unique}")).address == f"@{unique}"
    assert there(open_socket(UNIX, STREAM, f"\0{unique}\0end\0")).address == f"@{unique}@end@"


def test_the_text_tables_agree(open_socket: Open, tmp_path: Path) -> None:
    """Where diagnostics are refused, everything is as with them, but for what the text cannot tell."""
    opened = [
        open_socket(V4, STREAM, ("0.0.0.0", 0)),
        open_socket(V4, STREAM, ("127.0.0.2", 0)),
        open_socket(V6, STREAM, ("::", 0)),
        open_socket(V6, STREAM, ("::1", 0)),
        open_socket(V6, STREAM, ("::ffff:127.0.0.3", 0)),
        open_socket(V4, DATAGRAM, ("0.0.0.0", 0)),
        open_socket(V6, DATAGRAM, ("::", 0)),
        open_socket(UNIX, STREAM, str(tmp_path / "stream with blank")),
        open_socket(UNIX, DATAGRAM, str(tmp_path / "datagram")),
        open_socket(UNIX, PACKETS, f"\0superserver-test-{os.getpid()}\0x"),
    ]
    for kind in (STREAM, DATAGRAM):
        ipv4 = open_socket(V4, kind, ("0.0.0.0", 0))
        opened += [ipv4, open_socket(V6, kind, ("::", ipv4.getsockname()[1]), v6only=True)]
    text = [row for table in _sockets._TABLES for row in _sockets._inet_proc(table)] + _sockets._unix_proc()
    for entry in opened:
        row = there(entry)
        untold = {"uid": _sockets.UNKNOWN_UID} if row.transport == "unix" else {"interface": None}
        assert there(entry, text) == replace(row, backlog=None, cgroup=None, **untold)


def test_a_datagram_socket_that_has_clients(open_socket: Open, tmp_path: Path) -> None:
    """The kernel calls it connected, too; only that it has no peer tells it from its clients."""
    server = open_socket(UNIX, DATAGRAM, str(tmp_path / "server"))
    client = open_socket(UNIX, DATAGRAM, str(tmp_path / "client"))
    client.connect(server.getsockname())
    assert there(server).type == "datagram"
    assert found(client) is None
    assert found(server, _sockets._unix_proc()) is not None


def test_bound_but_idle_sockets_are_in_no_text_table(open_socket: Open, tmp_path: Path) -> None:
    idle = open_socket(UNIX, STREAM, str(tmp_path / "idle"), backlog=0)
    assert found(idle, _sockets._unix_proc()) is None


# Refuses every netlink socket to this process and what it starts, by a seccomp filter, and then lists what listens.
WITHOUT_DIAGNOSTICS = """
import ctypes, platform, socket, struct, sys
number = {"x86_64": 41, "aarch64": 198}[platform.machine()]
REFUSE, ALLOW = 0x00050000 | 13, 0x7FFF0000
program = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in [
        (0x20, 0, 0, 0),
        (0x15, 0, 3, number),
        (0x20, 0, 0, 16),
        (0x15, 0, 1, socket.AF_NETLINK),
        (0x06, 0, 0, REFUSE),
        (0x06, 0, 0, ALLOW),
    ]
)
buffer = ctypes.create_string_buffer(program)
filter = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.c_char_p(filter), 0, 0) == 0
try:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
except PermissionError:
    pass
else:
    raise SystemExit("netlink was not refused")
sys.path[:0] = sys.argv[1:]
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import table as _sockets
for row in _sockets.listening():
    print(row.inode, row.transport, row.family, row.address, row.dual, row.interface)
"""


def test_a_host_that_refuses_diagnostics(open_socket: Open) -> None:
    entries = [open_socket(V6, STREAM, ("::", 0)), open_socket(V4, DATAGRAM, ("127.0.0.1", 0))]
    inodes = [os.fstat(entry.fileno()).st_ino for entry in entries]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DIAGNOSTICS, *sys.path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"{inodes[0]} tcp ipv6 :: True None" in lines
    assert f"{inodes[1]} udp ipv4 127.0.0.1 False None" in lines


def test_diagnostics_say_when_a_protocol_is_unknown() -> None:
    with pytest.raises(OSError, match="No such file"):
        sock_diag.inet_sockets(V4, 254, sock_diag.LISTEN)


def test_more_sockets_than_one_message_holds(open_socket: Open) -> None:
    entries = [open_socket(V4, STREAM, ("127.0.0.1", 0)) for _attempt in range(700)]
    inodes = {row.inode for row in _sockets.listening()}
    assert {os.fstat(entry.fileno()).st_ino for entry in entries} <= inodes


def test_ipv6_of_this_host() -> None:
    try:
        with socket.socket(V6, STREAM) as entry:
            entry.bind(("::1", 0))
        usable = True
    except OSError:
        usable = False
    assert _sockets.ipv6_usable() == usable


@pytest.mark.parametrize(("family", "address"), [(V4, "127.0.0.1"), (V6, "::1")])
def test_connections_that_wait_to_be_accepted(open_socket: Open, family: int, address: str) -> None:
    entry = open_socket(family, STREAM, (address, 0))
    inode, port = os.fstat(entry.fileno()).st_ino, entry.getsockname()[1]
    assert _sockets.unserved([inode], [port]) == 0
    with socket.create_connection((address, port)):
        assert _sockets.unserved([inode], [port]) == 1
        assert _sockets.unserved([], []) == 0
        entry.accept()[0].close()
        assert _sockets.unserved([inode], [port]) == 0


def test_datagrams_that_wait_to_be_read(open_socket: Open) -> None:
    entry = open_socket(V4, DATAGRAM, ("127.0.0.1", 0))
    inode = os.fstat(entry.fileno()).st_ino
    with socket.socket(V4, DATAGRAM) as client:
        client.sendto(b"x", entry.getsockname())
    assert _sockets.unserved([inode], []) > 0
    entry.recv(1)
    assert _sockets.unserved([inode], []) == 0
