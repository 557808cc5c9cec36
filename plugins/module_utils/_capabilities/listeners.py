# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the capability table: what a service is, what it listens on, and what its sockets are like."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    Row,
    any_endpoint,
    declared,
    guard,
    native,
    several,
    waiting_for,
)

_BUILTIN = native("done by the collection itself")

LISTENERS: tuple[Row, ...] = (
    Row("name", lambda _service: True, common=_BUILTIN),
    Row("state", declared("state")),
    Row("backend", declared("backend"), common=_BUILTIN),
    Row("description", declared("description"), droppable=True),
    Row("listen.tcp", lambda service: service.has("tcp")),
    Row("listen.udp", lambda service: service.has("udp")),
    Row("listen.unix", lambda service: service.has("unix")),
    Row(
        "listen.type",
        any_endpoint(lambda endpoint: endpoint.transport == "unix" and endpoint.type == "datagram"),
        "datagram",
    ),
    Row(
        "listen.type",
        lambda service: service.accept and any(endpoint.type == "seqpacket" for endpoint in service.listen),
        "seqpacket, accept: true",
    ),
    Row(
        "listen.type",
        lambda service: not service.accept and any(endpoint.type == "seqpacket" for endpoint in service.listen),
        "seqpacket, accept: false",
    ),
    *(Row(f"listen.{name}", lambda service: service.has("unix")) for name in ("owner", "group", "mode")),
    Row("listen.family", any_endpoint(lambda endpoint: endpoint.family != "any")),
    Row(
        "listen.interface",
        any_endpoint(lambda endpoint: endpoint.interface is not None),
        common=guard("nftables rule on the interface that a packet arrives on"),
    ),
    Row("listen.freebind", any_endpoint(lambda endpoint: endpoint.freebind)),
    Row("listen.backlog", any_endpoint(lambda endpoint: endpoint.backlog is not None), droppable=True),
    Row("accept", lambda service: service.accept, "true"),
    Row("accept", lambda service: not service.accept and len(service.listen) == 1, "false, one endpoint"),
    Row(
        "accept",
        lambda service: not service.accept and several(service) and not (service.internal or service.proxy),
        "false, several endpoints",
    ),
    Row(
        "socket_fd",
        lambda service: not service.accept and not service.internal and service.socket_fd == "listen_fds",
        "listen_fds",
    ),
    Row(
        "socket_fd",
        lambda service: not service.accept and not service.internal and service.socket_fd == "stdin",
        "stdin",
    ),
    Row("tcp.keepalive", lambda service: service.tcp.keepalive, droppable=True),
    Row("tcp.no_delay", lambda service: service.tcp.no_delay, droppable=True),
    Row("tcp.defer_accept", declared("tcp.defer_accept"), droppable=True),
    *(Row(field, waiting_for(field, units=False), "services") for field in ("requires", "after")),
    *(Row(field, waiting_for(field, units=True), "units") for field in ("requires", "after")),
    *(Row(f"probe.{name}", declared(f"probe.{name}"), common=_BUILTIN) for name in ("send", "expect", "timeout")),
    Row("native.systemd.socket", declared("native.systemd.socket"), common=native("[Socket] directives")),
    Row("native.systemd.service", declared("native.systemd.service"), common=native("[Service] directives")),
    Row("native.xinetd", declared("native.xinetd"), common=native("attributes of the xinetd service")),
    Row("native.s6", declared("native.s6"), common=native("files of the service directory")),
)
