# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of ports and protocols, as the host's databases have them, and addresses as the C library takes them. What
cannot be a name is one that is not there."""

from __future__ import annotations

import socket


def port_number(name: str, transport: str) -> int | None:
    """The number of a port that /etc/services names; None for none."""
    try:
        return socket.getservbyname(name, transport)
    except (OSError, ValueError):
        return None


def protocol_number(name: str) -> int | None:
    """The number of a protocol that /etc/protocols names; None for none."""
    try:
        return socket.getprotobyname(name)
    except (OSError, ValueError):
        return None


def literal_address(text: str) -> str:
    """An address as the kernel's table has it; empty for what is none."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        found = socket.getaddrinfo(text, None, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError, ValueError):
        return ""
    return str(found[0][4][0]).partition("%")[0]
