# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's socket diagnostics, sock_diag(7): every socket of one kind in one dump.

Needs no privilege. Layouts and numbers are those of linux/netlink.h, linux/inet_diag.h and linux/unix_diag.h; numbers
are in the host's byte order except ports and addresses.
"""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.netlink import attributes, dump

# States as the kernel counts them, shared by all transports: a bound datagram socket is "closed" until it is connected.
ESTABLISHED = 1
SYN_RECEIVED = 3
CLOSE = 7
LISTEN = 10

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20

_INET_REQUEST = struct.Struct("=BBBxI48x")
_INET_ENTRY = struct.Struct("=BBBB2s2s16s16sI8xIIIII")
_INET_V6ONLY, _INET_CGROUP = 11, 21

_UNIX_REQUEST = struct.Struct("=BBHIII8x")
_UNIX_ENTRY = struct.Struct("=BBBxI8x")
_UNIX_SHOW = 0x01 | 0x04 | 0x10 | 0x40  # name, peer, queue lengths, owner
_UNIX_NAME, _UNIX_PEER, _UNIX_QUEUE, _UNIX_UID = 0, 2, 4, 7
_UNIX_TYPES = {socket.SOCK_STREAM: "stream", socket.SOCK_DGRAM: "datagram", socket.SOCK_SEQPACKET: "seqpacket"}


@dataclass(frozen=True)
class InetEntry:
    """One IPv4 or IPv6 socket.

    ``address`` is packed; ``interface`` is an index, 0 for none; ``queue`` is how many connections may wait to be
    accepted, ``pending`` how many do (of datagrams, how many bytes wait to be read); ``cgroup`` is the id of the cgroup
    that the socket was created in. None is unknown.
    """

    address: bytes
    port: int
    uid: int
    inode: int
    v6only: bool
    interface: int | None = None
    queue: int | None = None
    cgroup: int | None = None
    pending: int | None = None


@dataclass(frozen=True)
class UnixEntry:
    """One Unix socket. ``name`` is a path, or starts with a NUL byte for the abstract namespace; ``peer`` tells whether
    it is connected to another."""

    name: bytes
    type: str
    state: int
    queue: int
    uid: int | None
    inode: int
    peer: bool


def inet_sockets(family: int, protocol: int, state: int) -> list[InetEntry]:
    """Every socket of a family (AF_INET, AF_INET6) and protocol (IPPROTO_TCP, IPPROTO_UDP) in one state.

    Raises OSError where the kernel has no diagnostics for it, or does not let this process ask.
    """
    size = 4 if family == socket.AF_INET else 16
    return [_inet(body, size) for body in _dump(_INET_REQUEST.pack(family, protocol, 0, 1 << state))]


def _inet(body: bytes, size: int) -> InetEntry:
    fields = _INET_ENTRY.unpack_from(body)
    _family, _state, _timer, _retransmits, port, _peer, address = fields[:7]
    interface, _expires, pending, queue, uid, inode = fields[8:]
    found = attributes(body, _INET_ENTRY.size)
    return InetEntry(
        address=address[:size],
        port=int.from_bytes(port, "big"),
        uid=uid,
        inode=inode,
        v6only=found.get(_INET_V6ONLY, b"\0")[:1] != b"\0",
        interface=interface,
        queue=queue,
        cgroup=_number(found.get(_INET_CGROUP)),
        pending=pending,
    )


def unix_sockets() -> list[UnixEntry]:
    """Every Unix socket with a name that listens or has no peer.

    A datagram socket is "established" from when the first client connected to it, though it has no peer itself. Raises
    OSError where the kernel has no diagnostics for it, or does not let this process ask.
    """
    states = 1 << LISTEN | 1 << CLOSE | 1 << ESTABLISHED
    request = _UNIX_REQUEST.pack(socket.AF_UNIX, 0, 0, states, 0, _UNIX_SHOW)
    return [entry for entry in map(_unix, _dump(request)) if entry.name and not entry.peer]


def _unix(body: bytes) -> UnixEntry:
    _family, kind, state, inode = _UNIX_ENTRY.unpack_from(body)
    found = attributes(body, _UNIX_ENTRY.size)
    name = found.get(_UNIX_NAME, b"")
    return UnixEntry(
        # The kernel counts a path's terminating NUL; every byte of an abstract name counts.
        name=name if name.startswith(b"\0") else name.rstrip(b"\0"),
        type=_UNIX_TYPES.get(kind, ""),
        state=state,
        queue=_number(found.get(_UNIX_QUEUE, b"")[4:8]) or 0,
        uid=_number(found.get(_UNIX_UID)),
        inode=inode,
        peer=_UNIX_PEER in found,
    )


def _number(raw: bytes | None) -> int | None:
    """An attribute that is one number, in the host's byte order."""
    return int.from_bytes(raw, sys.byteorder) if raw else None


def _dump(request: bytes) -> list[bytes]:
    return dump(_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, request)
