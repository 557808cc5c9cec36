# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's tables of internet sockets."""

from __future__ import annotations

import typing as t

from vantage.common import text_of

TABLES = ("tcp", "tcp6", "udp", "udp6")
ESTABLISHED = "01"


class Socket(t.NamedTuple):
    """One socket, also one that waits after its end."""

    port: int
    peer: int  # the port at the other end, 0 where there is none
    state: str  # as the kernel writes it
    inode: int


def sockets(*tables: str) -> list[Socket]:
    """The sockets of these tables, of all where none is named."""
    return [_socket(line) for table in tables or TABLES for line in text_of(f"/proc/net/{table}").splitlines()[1:]]


def _socket(line: str) -> Socket:
    fields = line.split()
    port, peer = (int(end.rpartition(":")[2], 16) for end in fields[1:3])
    return Socket(port, peer, fields[3], int(fields[9]))
