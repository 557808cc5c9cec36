# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What s6 can do: a column of the capability table for each provider of network servers."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    emulated,
    impossible,
    native,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import Column

_NO_SEQPACKET = impossible("s6 has no server for sequenced packets")
_BINDER = emulated("the collection's socket launcher, which waits for clients and then starts the program")
_FREEBIND = emulated("the collection's socket launcher, with IP_FREEBIND")
_OPTIONS = emulated("set on the listening socket, from which its connections inherit it")
_WAIT = emulated("the server waits for the others and asks `s6-svstat` for their state")
_NO_UNITS = impossible("s6 does not know units; enable the unit at boot, and leave it out here")
_NO_CGROUP = impossible("the servers of s6 and their handlers share one cgroup")
_NO_MAX = impossible("`s6-ipcserver` lets clients above the limit wait instead of closing them")

_BOTH = {
    "state": native("`disabled`: `down` file"),
    "description": native("comment"),
    "listen.udp": _BINDER,
    "listen.unix": native("`s6-ipcserver`"),
    "listen.type (datagram)": _BINDER,
    "listen.type (seqpacket, accept: true)": _NO_SEQPACKET,
    "listen.type (seqpacket, accept: false)": _BINDER,
    "listen.owner": emulated("`fchown` between bind and listen"),
    "listen.group": emulated("`fchown` between bind and listen"),
    "listen.mode": emulated("`fchmod` between bind and listen"),
    "listen.family": native("one server for each family"),
    "listen.freebind": _FREEBIND,
    "listen.backlog": native("`-b`"),
    "accept (false, one endpoint)": _BINDER,
    "accept (false, several endpoints)": _BINDER,
    "socket_fd (listen_fds)": _BINDER,
    "socket_fd (stdin)": _BINDER,
    "tcp.keepalive": _OPTIONS,
    "tcp.no_delay": _OPTIONS,
    "tcp.defer_accept": _OPTIONS,
    "requires (services)": _WAIT,
    "after (services)": _WAIT,
    "requires (units)": _NO_UNITS,
    "after (units)": _NO_UNITS,
    "exec": native("execline"),
    "user": native("`setpriv`"),
    "group": emulated("`setpriv --regid`"),
    "umask": native("`umask`"),
    "nice (0 and up)": native("`nice`"),
    "nice (below 0)": native("`nice`"),
    "working_directory": native("`cd`"),
    "stderr (log)": native("`s6-log`"),
    "stderr (client)": native("`fdmove`"),
    "resources.memory_max": _NO_CGROUP,
    "resources.cpu_quota": _NO_CGROUP,
    "resources.tasks_max": _NO_CGROUP,
    "connections.max (unix, accept: true)": _NO_MAX,
}
_NETWORKING = {
    "listen.tcp": native("`s6-tcpserver`"),
    "accept (true)": native("`s6-tcpserver`"),
    "connections.per_source (accept: true)": native("`-C`"),
    "access.allow (accept: true)": native("rules for `s6-tcpserver-access`"),
    "access.deny (accept: true)": native("rules for `s6-tcpserver-access`"),
}
_UCSPI = {
    "listen.tcp": native("`tcpserver`"),
    "accept (true)": native("`tcpserver`"),
}
_UNDER = ("systemd", "s6")

COLUMNS = (
    Column(
        "s6-networking",
        "s6",
        {**_BOTH, **_NETWORKING},
        _UNDER,
        handover=frozenset({"fdholder"}),
        holds=lambda platform: platform.s6 == "s6-networking",
    ),
    Column("ucspi", "s6", {**_BOTH, **_UCSPI}, _UNDER),
)
