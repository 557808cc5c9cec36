# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that a host has just now, rtnetlink(7). Layouts and numbers are those of linux/if_addr.h."""

from __future__ import annotations

import ipaddress
import socket
import struct

from ansible_collections.ondemand.superserver.plugins.module_utils._host._netlink import attributes, dump

_GET_ADDRESSES = 22
_REQUEST = struct.Struct("=BBBBI")
_ADDRESS, _LOCAL, _FLAGS = 1, 2, 8
_NUMBER = struct.Struct("=I")
# Not the host's yet, or found out to be another's.
_TENTATIVE, _DUPLICATE = 0x40, 0x08


def own_addresses() -> tuple[str, ...]:
    """Every address that the host can be reached at and connect from, in the kernel's order, without those that take a
    zone to be told apart. Raises OSError."""
    answers = dump(socket.NETLINK_ROUTE, _GET_ADDRESSES, _REQUEST.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
    return tuple(address for address in map(_address, answers) if address)


def _address(body: bytes) -> str:
    family, _prefix, few_flags, _scope, _index = _REQUEST.unpack_from(body)
    found = attributes(body, _REQUEST.size)
    # Of a link between two, the other attribute is the peer's.
    packed = found.get(_LOCAL) or found.get(_ADDRESS)
    flags = _NUMBER.unpack(found[_FLAGS])[0] if _FLAGS in found else few_flags
    if family not in (socket.AF_INET, socket.AF_INET6) or not packed or flags & (_TENTATIVE | _DUPLICATE):
        return ""
    address = ipaddress.ip_address(packed)
    return "" if address.version == 6 and address.is_link_local else str(address)
