# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every socket that waits for clients, as the kernel knows it, and how it compares with a wanted listener.

The kernel's socket diagnostics are the source. Where they are refused or not built in (per protocol), the text tables
of /proc/net are read instead; they tell neither IPV6_V6ONLY nor the interface nor the backlog.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import same_name
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import sock_diag
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import ANY, Listener

UNKNOWN_UID = -1

_UNIX_LINE = re.compile(
    rb"^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ (?P<flags>[0-9A-F]{8}) (?P<type>[0-9A-F]{4}) [0-9A-F]{2} "
    rb"+(?P<inode>[0-9]+) (?P<name>.+)$"
)
_UNIX_LISTENS = 0x00010000
_UNIX_TYPES = {1: "stream", 2: "datagram", 5: "seqpacket"}


@dataclass(frozen=True)
class Socket:
    """One socket that waits for clients: it listens, or it is bound and unconnected.

    ``transport`` is ``tcp``, ``udp`` or ``unix``; ``family`` is ``ipv4``, ``ipv6`` or ``unix``. ``address`` is literal
    (``0.0.0.0`` and ``::`` for every address), for ``unix`` the path, without links among its directories, or with
    ``@`` for the leading NUL of an abstract name. ``port`` is 0 for ``unix``. ``dual`` marks an IPv6 socket that takes
    IPv4 as well. ``type`` is ``stream``, ``datagram`` or ``seqpacket``. ``uid`` is -1 and ``backlog`` None where the
    kernel does not tell. ``interface`` is the device that the socket is bound to, empty for none, None where the kernel
    does not tell. ``cgroup`` is the id of the cgroup that created the socket, on a kernel and a cgroup version that
    have it. ``pending`` is how many connections wait to be accepted, or how many bytes to be read, as far as the kernel
    tells.
    """

    transport: str
    family: str
    address: str
    port: int
    dual: bool
    type: str
    inode: int
    uid: int
    backlog: int | None
    interface: str | None
    cgroup: int | None = None
    pending: int = field(default=0, compare=False)

    @property
    def listener(self) -> Listener:
        """The same socket in the model's terms."""
        return Listener(
            self.transport,
            "dual" if self.dual else self.family,
            self.address,
            self.port,
            self.address if self.transport == "unix" else "",
            self.type,
            self.interface or None,
        )

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"unix {self.address}"
        host = f"[{self.address}]" if self.family == "ipv6" else self.address
        device = f"%{self.interface}" if self.interface else ""
        families = "IPv4 and IPv6" if self.dual else {"ipv4": "IPv4", "ipv6": "IPv6"}[self.family]
        return f"{self.transport} {host}{device}:{self.port} ({families})"


@dataclass(frozen=True)
class _Table:
    """One protocol of one family: where its sockets are found, and in which state they wait for clients."""

    transport: str
    family: str
    state: int
    type: str

    @property
    def path(self) -> str:
        return f"/proc/net/{self.transport}{'6' if self.family == 'ipv6' else ''}"


_TABLES = (
    _Table("tcp", "ipv4", sock_diag.LISTEN, "stream"),
    _Table("tcp", "ipv6", sock_diag.LISTEN, "stream"),
    _Table("udp", "ipv4", sock_diag.CLOSE, "datagram"),
    _Table("udp", "ipv6", sock_diag.CLOSE, "datagram"),
)
_FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}


def listening() -> list[Socket]:
    """Every TCP, UDP and Unix socket of this network namespace that waits for clients, in a stable order."""
    found = []
    for table in _TABLES:
        found += _inet(table)
    found += _unix()
    unique = {(entry.transport, entry.inode): entry for entry in found}
    return sorted(unique.values(), key=lambda entry: (entry.transport, entry.port, entry.address, entry.inode))


def unserved(inodes: Collection[int], ports: Collection[int]) -> int:
    """What still waits in sockets to be accepted or read, and the connections to TCP ports that are being opened."""
    waiting = sum(entry.pending for entry in listening() if entry.inode in inodes)
    return waiting + sum(entry.port in ports for table in _TABLES[:2] for entry in _half_open(table))


def _half_open(table: _Table) -> list[sock_diag.InetEntry]:
    try:
        return sock_diag.inet_sockets(_FAMILIES[table.family], _PROTOCOLS[table.transport], sock_diag.SYN_RECEIVED)
    except OSError:
        return []


def ipv6_usable() -> bool:
    """Whether any interface, loopback included, has an IPv6 address."""
    return bool(_lines("/proc/net/if_inet6"))


def established() -> dict[int, set[int]]:
    """The inodes of the sockets of established TCP connections that somebody has accepted, by local port."""
    found: dict[int, set[int]] = {}
    for entry in (entry for table in _TABLES[:2] for entry in _inet(replace(table, state=sock_diag.ESTABLISHED))):
        if entry.inode:
            found.setdefault(entry.port, set()).add(entry.inode)
    return found


def realising(listener: Listener, sockets: Iterable[Socket]) -> list[Socket]:
    """The sockets that together are ``listener``, bound exactly as it says; empty when it is not (wholly) there.

    Several processes may share one endpoint (SO_REUSEPORT), and two sockets may make up one dual-stack listener. For
    ``unix`` the socket's type is not compared.
    """
    there = [entry for entry in sockets if _is_part(listener, entry)]
    if listener.family != "dual" or any(entry.dual for entry in there):
        return there
    return there if {entry.family for entry in there} == {"ipv4", "ipv6"} else []


def _is_part(listener: Listener, entry: Socket) -> bool:
    if (entry.transport, entry.port) != (listener.transport, listener.port):
        return False
    if listener.transport == "unix":
        return entry.address == same_name(listener.path)
    if entry.interface is not None and entry.interface != (listener.interface or ""):
        return False
    if listener.family == "dual":
        return entry.address == ANY[entry.family]
    return (entry.listener.family, entry.address) == (listener.family, listener.address)


def _inet(table: _Table) -> list[Socket]:
    try:
        return _inet_diag(table)
    except OSError:
        return _inet_proc(table)


def _inet_diag(table: _Table) -> list[Socket]:
    entries = sock_diag.inet_sockets(_FAMILIES[table.family], _PROTOCOLS[table.transport], table.state)
    return [_inet_socket(table, entry) for entry in entries]


def _inet_socket(table: _Table, entry: sock_diag.InetEntry) -> Socket:
    family, address = _literal(table.family, entry.address)
    return Socket(
        transport=table.transport,
        family=family,
        address=address,
        port=entry.port,
        dual=address == ANY["ipv6"] and not entry.v6only,
        type=table.type,
        inode=entry.inode,
        uid=entry.uid,
        backlog=entry.queue if table.type == "stream" else None,
        interface=_interface_name(entry.interface),
        cgroup=entry.cgroup,
        pending=entry.pending or 0,
    )


def _literal(family: str, packed: bytes) -> tuple[str, str]:
    """An IPv6 socket bound to an IPv4-mapped address serves that IPv4 address and nothing else."""
    if packed[:12] == bytes(10) + b"\xff\xff":
        family, packed = "ipv4", packed[12:]
    return family, socket.inet_ntop(_FAMILIES[family], packed)


def _interface_name(index: int | None) -> str | None:
    if not index:
        return None if index is None else ""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return f"#{index}"


def _inet_proc(table: _Table) -> list[Socket]:
    """The text table's view. Whether an IPv6 wildcard socket takes IPv4 is not in it and is inferred: the host's
    default (the sysctl net.ipv6.bindv6only) says so and no IPv4 wildcard socket has the port, which could not be bound
    beside a socket that takes IPv4.
    """
    ipv4_ports = {entry.port for entry in _rows(f"/proc/net/{table.transport}", table.state) if not any(entry.address)}
    shared = "".join(_lines("/proc/sys/net/ipv6/bindv6only")) == "0"
    return [
        _inet_socket(table, replace(entry, v6only=not shared or entry.port in ipv4_ports))
        for entry in _rows(table.path, table.state)
    ]


def _rows(path: str, state: int) -> Iterator[sock_diag.InetEntry]:
    """Every row of a text table that is in the wanted state; the columns are those of proc_pid_net(5)."""
    for line in _lines(path)[1:]:
        columns = line.split()
        if int(columns[3], 16) == state:
            address, _colon, port = columns[1].partition(":")
            yield sock_diag.InetEntry(
                address=_packed(address), port=int(port, 16), uid=int(columns[7]), inode=int(columns[9]), v6only=False
            )


def _packed(address: str) -> bytes:
    """The text is one hexadecimal number per 32 bits, each in the host's byte order."""
    words = [int(address[start : start + 8], 16) for start in range(0, len(address), 8)]
    return struct.pack(f"={len(words)}I", *words)


def _lines(path: str) -> list[str]:
    """A table that a kernel without the protocol does not have is empty."""
    try:
        with open(path, encoding="ascii") as table:
            return table.read().splitlines()
    except FileNotFoundError:
        return []


def _unix() -> list[Socket]:
    try:
        found = _unix_diag()
    except OSError:
        found = _unix_proc()
    return [replace(entry, address=same_name(entry.address)) for entry in found]


def _unix_diag() -> list[Socket]:
    return [
        _unix_socket(
            entry.name,
            entry.type,
            entry.inode,
            UNKNOWN_UID if entry.uid is None else entry.uid,
            entry.queue if entry.state == sock_diag.LISTEN else None,
        )
        for entry in sock_diag.unix_sockets()
        if entry.state == sock_diag.LISTEN or entry.type == "datagram"
    ]


def _unix_proc() -> list[Socket]:
    """The text table's view. A name with a line break in it is cut there: the table does not escape names. A datagram
    socket that a client has connected to cannot be told from a client that has a name.
    """
    with open("/proc/net/unix", "rb") as table:
        matches = [match for match in map(_UNIX_LINE.match, table.read().split(b"\n")) if match]
    found = []
    for match in matches:
        kind = _UNIX_TYPES.get(int(match["type"], 16), "")
        if int(match["flags"], 16) & _UNIX_LISTENS or kind == "datagram":
            found.append(_unix_socket(match["name"], kind, int(match["inode"]), UNKNOWN_UID, None))
    return found


def _unix_socket(name: bytes, kind: str, inode: int, uid: int, backlog: int | None) -> Socket:
    path = os.fsdecode(name.replace(b"\0", b"@"))
    return Socket("unix", "unix", path, 0, False, kind, inode, uid, backlog, "")
