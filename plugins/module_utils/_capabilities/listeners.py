# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the capability table: what a service is, what it listens on, and what its sockets are like."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.cells import (
    EMULATED,
    NO_UNIX,
    Cell,
    Row,
    any_endpoint,
    declared,
    emulated,
    everywhere,
    guard,
    impossible,
    native,
    several,
    waiting_for,
)

_BUILTIN = native("done by the collection itself")
_BINDER = emulated("the collection's waiting binder, which starts the program when something arrives")
_FREEBIND = emulated("the collection's binder, with IP_FREEBIND")
_OPTIONS = emulated("set on the listening socket, which its connections inherit")
_WAIT = emulated("the server waits for the others, as `s6-svstat` tells of them")
_NO_UNITS = impossible("s6 knows no units; have the unit started at boot, and leave it out here")

LISTENERS: tuple[Row, ...] = (
    Row("name", lambda _service: True, everywhere(_BUILTIN)),
    Row(
        "state",
        declared("state"),
        (
            native("`disabled`: unit not enabled, stopped"),
            native("`disabled`: `disable = yes`"),
            native("`disabled`: `down` file"),
            native("`disabled`: `down` file"),
        ),
    ),
    Row("backend", declared("backend"), everywhere(_BUILTIN)),
    Row(
        "description",
        declared("description"),
        (native("`Description=`"), native("comment"), native("comment"), native("comment")),
        droppable=True,
    ),
    Row(
        "listen.tcp",
        lambda service: service.has("tcp"),
        (native("`ListenStream=`"), native("`protocol = tcp`"), native("`s6-tcpserver`"), native("`tcpserver`")),
    ),
    Row(
        "listen.udp",
        lambda service: service.has("udp"),
        (native("`ListenDatagram=`"), native("`protocol = udp`, `wait = yes`"), _BINDER, _BINDER),
    ),
    Row(
        "listen.unix",
        lambda service: service.has("unix"),
        (native("`ListenStream=`"), NO_UNIX, native("`s6-ipcserver`"), native("`s6-ipcserver`")),
    ),
    Row(
        "listen.type",
        any_endpoint(lambda endpoint: endpoint.transport == "unix" and endpoint.type == "datagram"),
        (native("`ListenDatagram=`"), NO_UNIX, _BINDER, _BINDER),
        "datagram",
    ),
    Row(
        "listen.type",
        lambda service: service.accept and any(endpoint.type == "seqpacket" for endpoint in service.listen),
        (
            native("`ListenSequentialPacket=`"),
            NO_UNIX,
            impossible("s6 has no server for sequenced packets"),
            impossible("s6 has no server for sequenced packets"),
        ),
        "seqpacket, accept: true",
    ),
    Row(
        "listen.type",
        lambda service: not service.accept and any(endpoint.type == "seqpacket" for endpoint in service.listen),
        (native("`ListenSequentialPacket=`"), NO_UNIX, _BINDER, _BINDER),
        "seqpacket, accept: false",
    ),
    *(
        Row(
            f"listen.{name}",
            lambda service: service.has("unix"),
            (
                native(f"`Socket{name.capitalize().replace('Owner', 'User')}=`"),
                NO_UNIX,
                emulated(how),
                emulated(how),
            ),
        )
        for name, how in (
            ("owner", "`fchown` between bind and listen"),
            ("group", "`fchown` between bind and listen"),
            ("mode", "`fchmod` between bind and listen"),
        )
    ),
    Row(
        "listen.family",
        any_endpoint(lambda endpoint: endpoint.family != "any"),
        (
            native("literal address, `BindIPv6Only=`"),
            native("`flags = IPv4` or `IPv6`, `v6only`"),
            native("one server for each family"),
            native("one server for each family"),
        ),
    ),
    Row(
        "listen.interface",
        any_endpoint(lambda endpoint: endpoint.interface is not None),
        everywhere(guard("nftables rule on the interface that a packet came in through")),
    ),
    Row(
        "listen.freebind",
        any_endpoint(lambda endpoint: endpoint.freebind),
        (
            native("`FreeBind=`"),
            Cell(
                EMULATED,
                "the collection's waiter, which has xinetd read its configuration when the address comes",
                needs=("waiter",),
            ),
            _FREEBIND,
            _FREEBIND,
        ),
    ),
    Row(
        "listen.backlog",
        any_endpoint(lambda endpoint: endpoint.backlog is not None),
        (
            native("`Backlog=`"),
            impossible("xinetd listens with a fixed backlog of 64"),
            native("`-b`"),
            native("`-b`"),
        ),
        droppable=True,
    ),
    Row(
        "accept",
        lambda service: service.accept,
        (native("`Accept=yes`"), native("`wait = no`"), native("`s6-tcpserver`"), native("`tcpserver`")),
        "true",
    ),
    Row(
        "accept",
        lambda service: not service.accept and len(service.listen) == 1,
        (native("`Accept=no`"), native("`wait = yes`"), _BINDER, _BINDER),
        "false, one endpoint",
    ),
    Row(
        "accept",
        lambda service: not service.accept and several(service) and not (service.internal or service.proxy),
        (
            native("`Accept=no`"),
            impossible("a xinetd service has one socket; it would start one process for each endpoint"),
            _BINDER,
            _BINDER,
        ),
        "false, several endpoints",
    ),
    Row(
        "socket_fd",
        lambda service: not service.accept and not service.internal and service.socket_fd == "listen_fds",
        (
            native("socket activation"),
            emulated("wrapper that moves fd 0 to fd 3 and sets LISTEN_FDS and LISTEN_PID"),
            _BINDER,
            _BINDER,
        ),
        "listen_fds",
    ),
    Row(
        "socket_fd",
        lambda service: not service.accept and not service.internal and service.socket_fd == "stdin",
        (native("`StandardInput=socket`"), native("`wait = yes`"), _BINDER, _BINDER),
        "stdin",
    ),
    Row(
        "tcp.keepalive",
        lambda service: service.tcp.keepalive,
        (native("`KeepAlive=`"), native("`flags = KEEPALIVE`"), _OPTIONS, _OPTIONS),
        droppable=True,
    ),
    Row(
        "tcp.no_delay",
        lambda service: service.tcp.no_delay,
        (native("`NoDelay=`"), native("`flags = NODELAY`"), _OPTIONS, _OPTIONS),
        droppable=True,
    ),
    Row(
        "tcp.defer_accept",
        declared("tcp.defer_accept"),
        (
            native("`DeferAcceptSec=`"),
            impossible("xinetd has no such option, and nobody else may set one on its sockets"),
            _OPTIONS,
            _OPTIONS,
        ),
        droppable=True,
    ),
    *(
        Row(
            field,
            waiting_for(field, units=False),
            (
                native("`After=` of the socket"),
                native("one process opens all listeners, and serves nobody before"),
                _WAIT,
                _WAIT,
            ),
            "services",
        )
        for field in ("requires", "after")
    ),
    *(
        Row(
            field,
            waiting_for(field, units=True),
            (
                native(directives),
                impossible("xinetd knows no units; have the unit started at boot, and leave it out here"),
                _NO_UNITS,
                _NO_UNITS,
            ),
            "units",
        )
        for field, directives in (
            ("requires", "`Requires=`, `After=` of the handler"),
            ("after", "`After=` of the handler"),
        )
    ),
    *(Row(f"probe.{name}", declared(f"probe.{name}"), everywhere(_BUILTIN)) for name in ("send", "expect", "timeout")),
    Row("native.systemd.socket", declared("native.systemd.socket"), everywhere(native("[Socket] directives"))),
    Row("native.systemd.service", declared("native.systemd.service"), everywhere(native("[Service] directives"))),
    Row("native.xinetd", declared("native.xinetd"), everywhere(native("attributes of the xinetd service"))),
    Row("native.s6", declared("native.s6"), everywhere(native("files of the service directory"))),
)
