# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the capability table: who may connect, how many at a time, and what they are shown."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    EMULATED,
    Cell,
    Row,
    accepting,
    declared,
    emulated,
    forwarding,
    guard,
    impossible,
    logged,
    logged_in_strict,
    multiple,
    on_sockets,
    on_unix,
    rated,
    single,
    takes_sockets,
    waiting,
)

_COUNT = guard("nftables `ct count`")
_FILTER = guard("nftables rule on the source address")
_FORWARDER_COUNT = emulated("the collection's forwarder counts")
_UNIX_COUNT = impossible("nothing counts the connections of a unix socket and closes those above a limit")
_RATE = guard("nftables `limit rate over`")
_NO_RATE = impossible("nftables does not see the connections of unix sockets")
_GATE = emulated("the collection's admission check, a shell script that runs before the handler")
_STUNNEL = emulated("`stunnel`, which runs in place of the handler and starts it")
_SESSION = emulated("the collection's connection logger, a shell script that starts the handler and waits for it")

CLIENTS: tuple[Row, ...] = (
    Row(
        "connections.max",
        single(accepting("connections.max", "tcp")),
        "tcp, accept: true",
        common=_COUNT,
        droppable=True,
    ),
    Row(
        "connections.max",
        multiple(accepting("connections.max", "tcp")),
        "tcp, accept: true, several endpoints",
        common=_COUNT,
        droppable=True,
    ),
    Row("connections.max", accepting("connections.max", "unix"), "unix, accept: true", droppable=True),
    Row("connections.max", waiting("connections.max", "tcp"), "tcp, accept: false", common=_COUNT, droppable=True),
    Row(
        "connections.max", waiting("connections.max", "unix"), "unix, accept: false", common=_UNIX_COUNT, droppable=True
    ),
    Row(
        "connections.per_source",
        single(accepting("connections.per_source", "tcp")),
        "accept: true",
        common=_COUNT,
        droppable=True,
    ),
    Row(
        "connections.per_source",
        on_unix(multiple(accepting("connections.per_source", "tcp")), unix=False),
        "accept: true, several endpoints",
        common=_COUNT,
        droppable=True,
    ),
    Row(
        "connections.per_source",
        on_unix(multiple(accepting("connections.per_source", "tcp")), unix=True),
        "accept: true, tcp and unix",
        common=_COUNT,
        droppable=True,
    ),
    Row(
        "connections.per_source",
        waiting("connections.per_source", "tcp"),
        "accept: false",
        common=_COUNT,
        droppable=True,
    ),
    *(
        row
        for name in ("connections.max", "connections.per_source")
        for row in (
            Row(name, single(forwarding(name)), "proxy", common=_FORWARDER_COUNT, droppable=True),
            Row(name, multiple(forwarding(name)), "proxy, several endpoints", common=_FORWARDER_COUNT, droppable=True),
        )
    ),
    *(
        Row(f"access.{name}", accepting(f"access.{name}", "tcp"), "accept: true", common=_FILTER)
        for name in ("allow", "deny")
    ),
    *(
        Row(f"access.{name}", on_sockets(f"access.{name}"), "accept: false, and datagrams", common=_FILTER)
        for name in ("allow", "deny")
    ),
    *(
        Row(f"connections.rate.{name}", rated(name, "tcp"), "tcp", common=_RATE, droppable=True)
        for name in ("count", "interval", "pause")
    ),
    *(
        Row(f"connections.rate.{name}", rated(name, "unix"), "unix", common=_NO_RATE, droppable=True)
        for name in ("count", "interval", "pause")
    ),
    Row("connections.max_load", declared("connections.max_load"), common=_GATE, droppable=True),
    Row(
        "access.hours",
        lambda service: service.uses("access.hours") and not takes_sockets(service),
        "accept: true",
        common=_GATE,
    ),
    Row(
        "access.hours",
        lambda service: service.uses("access.hours") and takes_sockets(service),
        "accept: false, and datagrams",
        common=impossible(
            "the process itself accepts connections and datagrams at any time, and nftables, which could "
            "refuse them, does not know the daylight saving time of the host's time zone"
        ),
    ),
    *(Row(f"banner.{name}", declared(f"banner.{name}"), common=_GATE) for name in ("text", "file", "on")),
    *(
        Row(f"tls.{name}", declared(f"tls.{name}"), common=_STUNNEL)
        for name in ("certificate", "key", "client_ca", "minimum_version")
    ),
    *(
        Row(f"log.{name}", declared(f"log.{name}"), common=_SESSION)
        for name in ("what", "file", "rotate_size", "rotate_keep")
    ),
    *(
        Row("log.where", logged(where), where, common=cell)
        for where, cell in (
            ("journal", Cell(EMULATED, "`systemd-cat`", needs=("journal",))),
            ("syslog", Cell(EMULATED, "`logger`", needs=("syslog",))),
            ("file", _SESSION),
        )
    ),
    Row(
        "log.where",
        logged_in_strict,
        "file, sandbox: strict",
        common=impossible("the handler's file system is read-only, and so is that of the log; send the log to journal"),
    ),
)
