# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xinetd can do: its column of the capability table."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    EMULATED,
    Cell,
    emulated,
    guard,
    impossible,
    native,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import Column

# It opens all of its ports when it starts.
_GUARDED = ("nft", "ordered")

_NO_UNIX = impossible("xinetd has no unix sockets")
_NO_CGROUP = impossible("all handlers of xinetd are in xinetd's own cgroup")
_NO_UNITS = impossible("xinetd does not know units; enable the unit at boot, and leave it out here")
# The forwarder counts for one process; xinetd starts one for each endpoint.
_COUNT = replace(guard("nftables `ct count`"), needs=_GUARDED)
_AT_ONCE = native("one process opens all listeners before it serves clients")

_CELLS = {
    "state": native("`disabled`: `disable = yes`"),
    "description": native("comment"),
    "listen.tcp": native("`protocol = tcp`"),
    "listen.udp": native("`protocol = udp`, `wait = yes`"),
    "listen.unix": _NO_UNIX,
    "listen.type (datagram)": _NO_UNIX,
    "listen.type (seqpacket, accept: true)": _NO_UNIX,
    "listen.type (seqpacket, accept: false)": _NO_UNIX,
    "listen.owner": _NO_UNIX,
    "listen.group": _NO_UNIX,
    "listen.mode": _NO_UNIX,
    "listen.family": native("`flags = IPv4` or `IPv6`, `v6only`"),
    "listen.freebind": Cell(
        EMULATED,
        "the collection's waiter, which makes xinetd read its configuration when the address appears",
        needs=("waiter",),
    ),
    "listen.backlog": impossible("xinetd listens with a fixed backlog of 64"),
    "accept (true)": native("`wait = no`"),
    "accept (false, one endpoint)": native("`wait = yes`"),
    "accept (false, several endpoints)": impossible(
        "a xinetd service has one socket; it would start one process for each endpoint"
    ),
    "socket_fd (listen_fds)": emulated("wrapper that moves fd 0 to fd 3 and sets LISTEN_FDS and LISTEN_PID"),
    "socket_fd (stdin)": native("`wait = yes`"),
    "tcp.keepalive": native("`flags = KEEPALIVE`"),
    "tcp.no_delay": native("`flags = NODELAY`"),
    "tcp.defer_accept": impossible("xinetd has no such option, and no other program can set it on xinetd's sockets"),
    "requires (services)": _AT_ONCE,
    "after (services)": _AT_ONCE,
    "requires (units)": _NO_UNITS,
    "after (units)": _NO_UNITS,
    "exec": emulated("`server` with a wrapper script: xinetd has no quoting"),
    "user": native("`user`"),
    "group": native("`group`"),
    "umask": native("`umask`"),
    "nice (0 and up)": native("`nice`"),
    "nice (below 0)": emulated("started as root: `nice`, then `setpriv`"),
    "working_directory": emulated("`cd` in the wrapper"),
    "environment": emulated("`env -i` in the wrapper; REMOTE_ADDR, but xinetd does not pass on the client's port"),
    "stderr (log)": emulated("file below /var/log/superserver, written by a program that limits its size"),
    "stderr (client)": native("fd 2 is the connection"),
    "resources.memory_max": _NO_CGROUP,
    "resources.cpu_quota": _NO_CGROUP,
    "resources.tasks_max": _NO_CGROUP,
    "connections.max (tcp, accept: true)": native("`instances`"),
    "connections.max (unix, accept: true)": _NO_UNIX,
    "connections.max (unix, accept: false)": _NO_UNIX,
    "connections.per_source (accept: true)": native("`per_source`"),
    "connections.per_source (accept: true, tcp and unix)": _NO_UNIX,
    "connections.max (proxy, several endpoints)": _COUNT,
    "connections.per_source (proxy, several endpoints)": _COUNT,
    "access.allow (accept: true)": native("`only_from`"),
    "access.deny (accept: true)": native("`no_access`"),
    "connections.rate.count (unix)": _NO_UNIX,
    "connections.rate.interval (unix)": _NO_UNIX,
    "connections.rate.pause (unix)": _NO_UNIX,
}

COLUMNS = (Column("xinetd", "xinetd", _CELLS, ("systemd", "s6", "other"), guarded=_GUARDED),)
