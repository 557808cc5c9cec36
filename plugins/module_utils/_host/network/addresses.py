# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that a host has just now, rtnetlink(7). Layouts and numbers are those of linux/if_addr.h."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct

from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.netlink import attributes, dump

_GET_ADDRESSES = 22
_REQUEST = struct.Struct("=BBBBI")
_ADDRESS, _LOCAL, _FLAGS = 1, 2, 8
_NUMBER = struct.Struct("=I")
# Another host's address, and one of a family that the host does not have.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
# A route that discards everything.
_SOME_PORT = 9
# Not the host's yet, or found out to be another's.
_TENTATIVE, _DUPLICATE = 0x40, 0x08


def own_addresses() -> tuple[str, ...]:
    """Every address that the host can be reached at and connect from, in the kernel's order, without those that take a
    zone to be told apart. Raises OSError."""
    return tuple(address for address, flags in _found() if not flags & (_TENTATIVE | _DUPLICATE))


def has_address(address: str) -> bool:
    """Whether the host has an address just now, be it by a route that makes it local, or lets anybody bind to it."""
    return _is_source(address) or (_can_be_bound(address) and not _lets_bind_anything(address))


def is_tentative(address: str) -> bool:
    """Whether the host has an address as soon as it is found that nobody else has it. Raises OSError."""
    return address in {text for text, flags in _found() if flags & _TENTATIVE and not flags & _DUPLICATE}


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _is_source(address: str) -> bool:
    """Whether the host would speak to an address from that same one, which it does to its own. Nothing is sent."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as trial:
            trial.connect((address, _SOME_PORT))
            return str(trial.getsockname()[0]) == address
    except OSError:
        return False


def _can_be_bound(address: str) -> bool:
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError as problem:
        return problem.errno not in _NOT_HERE
    return True


def _lets_bind_anything(address: str) -> bool:
    """ip_nonlocal_bind in ip-sysctl of the kernel's documentation."""
    version = "ipv6" if ":" in address else "ipv4"
    try:
        with open(f"/proc/sys/net/{version}/ip_nonlocal_bind", encoding="ascii") as setting:
            return setting.read().strip() != "0"
    except OSError:
        return False


def _found() -> list[tuple[str, int]]:
    """Every address with its flags. Raises OSError."""
    answers = dump(socket.NETLINK_ROUTE, _GET_ADDRESSES, _REQUEST.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
    return [found for found in map(_address, answers) if found[0]]


def _address(body: bytes) -> tuple[str, int]:
    family, _prefix, few_flags, _scope, _index = _REQUEST.unpack_from(body)
    found = attributes(body, _REQUEST.size)
    # Of a link between two, the other attribute is the peer's.
    packed = found.get(_LOCAL) or found.get(_ADDRESS)
    flags = _NUMBER.unpack(found[_FLAGS])[0] if _FLAGS in found else few_flags
    if family not in (socket.AF_INET, socket.AF_INET6) or not packed:
        return "", 0
    address = ipaddress.ip_address(packed)
    return ("" if address.version == 6 and address.is_link_local else str(address)), flags
