# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd can do: its column of the capability table."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    NATIVE,
    Cell,
    emulated,
    guard,
    impossible,
    native,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.columns import Column

_BPF = Cell(
    NATIVE,
    "`IPAddressAllow=`, `IPAddressDeny=` of the socket unit",
    ("bpf",),
    guard("nftables rule on the source address"),
)

_CELLS = {
    "state": native("`disabled`: unit not enabled, stopped"),
    "description": native("`Description=`"),
    "listen.tcp": native("`ListenStream=`"),
    "listen.udp": native("`ListenDatagram=`"),
    "listen.unix": native("`ListenStream=`"),
    "listen.type (datagram)": native("`ListenDatagram=`"),
    "listen.type (seqpacket, accept: true)": native("`ListenSequentialPacket=`"),
    "listen.type (seqpacket, accept: false)": native("`ListenSequentialPacket=`"),
    "listen.owner": native("`SocketUser=`"),
    "listen.group": native("`SocketGroup=`"),
    "listen.mode": native("`SocketMode=`"),
    "listen.family": native("literal address, `BindIPv6Only=`"),
    "listen.freebind": native("`FreeBind=`"),
    "listen.backlog": native("`Backlog=`"),
    "accept (true)": native("`Accept=yes`"),
    "accept (false, one endpoint)": native("`Accept=no`"),
    "accept (false, several endpoints)": native("`Accept=no`"),
    "socket_fd (listen_fds)": native("socket activation"),
    "socket_fd (stdin)": native("`StandardInput=socket`"),
    "tcp.keepalive": native("`KeepAlive=`"),
    "tcp.no_delay": native("`NoDelay=`"),
    "tcp.defer_accept": native("`DeferAcceptSec=`"),
    "requires (services)": native("`After=` of the socket"),
    "after (services)": native("`After=` of the socket"),
    "requires (units)": native("`Requires=`, `After=` of the handler"),
    "after (units)": native("`After=` of the handler"),
    "exec": native("`ExecStart=`"),
    "user": native("`User=`"),
    "group": native("`Group=`"),
    "umask": native("`UMask=`"),
    "nice (0 and up)": native("`Nice=`"),
    "nice (below 0)": native("`Nice=`"),
    "working_directory": native("`WorkingDirectory=`"),
    "stderr (log)": emulated(
        "journal, through a unit that reads a pipe, because the journal's own socket cannot be opened as /dev/stderr"
    ),
    "stderr (client)": native("`StandardError=socket`"),
    "end_children": native("`KillMode=control-group`"),
    "proxy.to": emulated(
        "the collection's forwarder: `systemd-socket-proxyd` does not wait until a daemon answers, and would "
        "need `StopWhenUnneeded=` in the daemon's own unit"
    ),
    "resources.open_files": native("`LimitNOFILE=`"),
    "resources.processes": native("`LimitNPROC=`"),
    "resources.address_space": native("`LimitAS=`"),
    "resources.data": native("`LimitDATA=`"),
    "resources.stack": native("`LimitSTACK=`"),
    "resources.core": native("`LimitCORE=`"),
    "resources.file_size": native("`LimitFSIZE=`"),
    "resources.cpu_time": native("`LimitCPU=`"),
    "resources.memory_max": native("`MemoryMax=` of a slice that all handlers of the service share"),
    "resources.cpu_quota": native("`CPUQuota=` of a slice that all handlers of the service share"),
    "resources.tasks_max": native("`TasksMax=` of a slice that all handlers of the service share"),
    "sandbox (basic)": native("`NoNewPrivileges=yes`, `CapabilityBoundingSet=`"),
    "sandbox (strict, proxy with a unit)": impossible("the forwarder's daemon keeper must be able to start the daemon"),
    "sandbox (strict)": Cell(
        NATIVE, "`ProtectSystem=strict` and other options of systemd.exec(5), section Sandboxing", needs=("mounts",)
    ),
    "connections.max (tcp, accept: true)": native("`MaxConnections=`"),
    "connections.max (tcp, accept: true, several endpoints)": native("`MaxConnections=`"),
    "connections.max (unix, accept: true)": native("`MaxConnections=`"),
    # With unix sockets beside, versions from 256 on would count the accounts that connect to those, too.
    "connections.per_source (accept: true)": native("`MaxConnectionsPerSource=`"),
    "connections.per_source (accept: true, several endpoints)": native("`MaxConnectionsPerSource=`"),
    "access.allow (accept: true)": _BPF,
    "access.deny (accept: true)": _BPF,
    "access.allow (accept: false, and datagrams)": _BPF,
    "access.deny (accept: false, and datagrams)": _BPF,
}

COLUMNS = (Column("systemd", "systemd", _CELLS, ("systemd",), handover=frozenset({"reuseport"})),)
