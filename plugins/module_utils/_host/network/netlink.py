# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps over netlink(7), which need no privilege. Layouts and numbers are those of linux/netlink.h."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

_REQUEST_DUMP = 0x1 | 0x300
_DUMP_INTERRUPTED = 0x10
_ERROR, _DONE = 2, 3
_ATTEMPTS = 5
_TIMEOUT = 10.0

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_STATUS = struct.Struct("=i")


def dump(protocol: int, kind: int, request: bytes) -> list[bytes]:
    """The bodies of all answers of one kind of request. Raises OSError."""
    for _attempt in range(_ATTEMPTS):
        bodies, complete = _dump_once(protocol, kind, request)
        if complete:
            return bodies
    raise OSError(errno.EINTR, "the table changed during every attempt to read it")


def _dump_once(protocol: int, kind: int, request: bytes) -> tuple[list[bytes], bool]:
    """The bodies of all answers, and whether the kernel vouches for the whole."""
    bodies = []
    complete = True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as channel:
        channel.settimeout(_TIMEOUT)
        channel.bind((0, 0))
        channel.sendto(_HEADER.pack(_HEADER.size + len(request), kind, _REQUEST_DUMP, 1, 0) + request, (0, 0))
        for answer, flags, body in _messages(channel):
            complete = complete and not flags & _DUMP_INTERRUPTED
            if answer in (_ERROR, _DONE):
                _raise_for(body)
                break
            bodies.append(body)
    return bodies, complete


def _messages(channel: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Kind, flags and body of every message, endlessly: the caller stops at the one that ends the dump."""
    while True:
        data = channel.recv(1 << 16)
        offset = 0
        while offset + _HEADER.size <= len(data):
            length, kind, flags, _sequence, _sender = _HEADER.unpack_from(data, offset)
            yield kind, flags, data[offset + _HEADER.size : offset + length]
            offset += _aligned(length)


def _raise_for(body: bytes) -> None:
    status = _STATUS.unpack_from(body)[0] if len(body) >= _STATUS.size else 0
    if status < 0:
        raise OSError(-status, os.strerror(-status))


def attributes(body: bytes, offset: int) -> dict[int, bytes]:
    """What follows the fixed part of a body, by number."""
    found = {}
    while offset + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = body[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)
    return found


def _aligned(length: int) -> int:
    return length + 3 & ~3
