# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the capability table: who may connect, how many at a time, and what they are shown."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    EMULATED,
    NATIVE,
    NO_UNIX,
    Cell,
    Row,
    accepting,
    declared,
    emulated,
    everywhere,
    for_xinetd,
    forwarding,
    guard,
    impossible,
    logged,
    logged_in_strict,
    multiple,
    native,
    on_sockets,
    on_unix,
    rated,
    single,
    takes_sockets,
    waiting,
)

_COUNT = guard("nftables `ct count`")
_FILTER = guard("nftables rule on the source address")
_BPF = Cell(NATIVE, "`IPAddressAllow=`, `IPAddressDeny=` of the socket unit", ("bpf",), _FILTER)
# Of one process; xinetd starts one for each endpoint.
_FORWARDER_COUNT = emulated("the collection's forwarder counts")
_UNIX_COUNT = impossible("there is nothing that counts a unix socket's connections and closes those above a limit")
_RATE = guard("nftables `limit rate over`")
_NO_RATE = impossible("nftables does not see the connections of unix sockets")
_GATE = emulated("the collection's gate, a shell script that runs before the handler")
_STUNNEL = emulated("`stunnel` in the handler's place, which starts the handler")
_SESSION = emulated("the collection's session, a shell script that runs around the handler")

CLIENTS: tuple[Row, ...] = (
    Row(
        "connections.max",
        single(accepting("connections.max", "tcp")),
        (native("`MaxConnections=`"), native("`instances`"), _COUNT, _COUNT),
        "tcp, accept: true",
        droppable=True,
    ),
    Row(
        "connections.max",
        multiple(accepting("connections.max", "tcp")),
        (native("`MaxConnections=`"), for_xinetd(_COUNT), _COUNT, _COUNT),
        "tcp, accept: true, several endpoints",
        droppable=True,
    ),
    Row(
        "connections.max",
        accepting("connections.max", "unix"),
        (
            native("`MaxConnections=`"),
            NO_UNIX,
            impossible("`s6-ipcserver` lets clients above the limit wait instead of closing them"),
            impossible("`s6-ipcserver` lets clients above the limit wait instead of closing them"),
        ),
        "unix, accept: true",
        droppable=True,
    ),
    Row(
        "connections.max",
        waiting("connections.max", "tcp"),
        everywhere(_COUNT),
        "tcp, accept: false",
        droppable=True,
    ),
    Row(
        "connections.max",
        waiting("connections.max", "unix"),
        (_UNIX_COUNT, NO_UNIX, _UNIX_COUNT, _UNIX_COUNT),
        "unix, accept: false",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        single(accepting("connections.per_source", "tcp")),
        (native("`MaxConnectionsPerSource=`"), native("`per_source`"), native("`-C`"), _COUNT),
        "accept: true",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        on_unix(multiple(accepting("connections.per_source", "tcp")), unix=False),
        (native("`MaxConnectionsPerSource=`"), for_xinetd(_COUNT), _COUNT, _COUNT),
        "accept: true, several endpoints",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        on_unix(multiple(accepting("connections.per_source", "tcp")), unix=True),
        # From version 256 on systemd would count the accounts that connect to the unix socket, too.
        (_COUNT, NO_UNIX, _COUNT, _COUNT),
        "accept: true, tcp and unix",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        waiting("connections.per_source", "tcp"),
        everywhere(_COUNT),
        "accept: false",
        droppable=True,
    ),
    *(
        row
        for name in ("connections.max", "connections.per_source")
        for row in (
            Row(
                name,
                single(forwarding(name)),
                everywhere(_FORWARDER_COUNT),
                "proxy",
                droppable=True,
            ),
            Row(
                name,
                multiple(forwarding(name)),
                (_FORWARDER_COUNT, for_xinetd(_COUNT), _FORWARDER_COUNT, _FORWARDER_COUNT),
                "proxy, several endpoints",
                droppable=True,
            ),
        )
    ),
    *(
        Row(
            f"access.{name}",
            accepting(f"access.{name}", "tcp"),
            (
                _BPF,
                native(f"`{attribute}`"),
                native("rules for `s6-tcpserver-access`"),
                _FILTER,
            ),
            "accept: true",
        )
        for name, attribute in (("allow", "only_from"), ("deny", "no_access"))
    ),
    *(
        Row(
            f"access.{name}",
            on_sockets(f"access.{name}"),
            (_BPF, for_xinetd(_FILTER), _FILTER, _FILTER),
            "accept: false, and datagrams",
        )
        for name in ("allow", "deny")
    ),
    *(
        Row(f"connections.rate.{name}", rated(name, "tcp"), everywhere(_RATE), "tcp", droppable=True)
        for name in ("count", "interval", "pause")
    ),
    *(
        Row(f"connections.rate.{name}", rated(name, "unix"), (_NO_RATE, NO_UNIX, _NO_RATE, _NO_RATE), "unix", True)
        for name in ("count", "interval", "pause")
    ),
    Row("connections.max_load", declared("connections.max_load"), everywhere(_GATE), droppable=True),
    Row(
        "access.hours",
        lambda service: service.uses("access.hours") and not takes_sockets(service),
        everywhere(_GATE),
        "accept: true",
    ),
    Row(
        "access.hours",
        lambda service: service.uses("access.hours") and takes_sockets(service),
        everywhere(
            impossible(
                "the process takes connections and datagrams by itself at any time, and nftables, which could keep "
                "them away, counts its hours without the summer time of the host's time zone"
            )
        ),
        "accept: false, and datagrams",
    ),
    *(Row(f"banner.{name}", declared(f"banner.{name}"), everywhere(_GATE)) for name in ("text", "file", "on")),
    *(
        Row(f"tls.{name}", declared(f"tls.{name}"), everywhere(_STUNNEL))
        for name in ("certificate", "key", "client_ca", "minimum_version")
    ),
    *(
        Row(f"log.{name}", declared(f"log.{name}"), everywhere(_SESSION))
        for name in ("what", "file", "rotate_size", "rotate_keep")
    ),
    *(
        Row("log.where", logged(where), everywhere(cell), where)
        for where, cell in (
            ("journal", Cell(EMULATED, "`systemd-cat`", needs=("journal",))),
            ("syslog", Cell(EMULATED, "`logger`", needs=("syslog",))),
            ("file", _SESSION),
        )
    ),
    Row(
        "log.where",
        logged_in_strict,
        everywhere(impossible("the handler's file system is read-only, and so is the log's; let it go to journal")),
        "file, sandbox: strict",
    ),
)
