# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of ports and protocols, as the host's databases have them. What cannot be a name is one that is not there."""

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
