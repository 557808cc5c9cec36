# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capability table: one row per field (and case), one cell per backend.

A test fails when a field of the schema has no row, or a row no conformance case.
"""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities_cells import (
    EMULATED,
    NATIVE,
    Cell,
    Row,
    accepting,
    any_endpoint,
    attended,
    declared,
    emulated,
    everywhere,
    forwarding,
    guard,
    impossible,
    logged,
    logged_in_strict,
    native,
    rated,
    several,
    takes_sockets,
    waiting,
    waiting_for,
)

_BUILTIN = native("done by the collection itself")
_NO_UNIX = impossible("xinetd has no unix sockets")
_BINDER = emulated("the collection's waiting binder, which starts the program when something arrives")
_COUNT = guard("nftables `ct count`")
_FILTER = guard("nftables rule on the source address")
_BPF = Cell(NATIVE, "`IPAddressAllow=`, `IPAddressDeny=` of the socket unit", ("bpf",), _FILTER)
_SETPRIV = emulated("`setpriv --groups`")
_FORWARDER = emulated("the collection's forwarder")
# Of one process; xinetd starts one for each endpoint.
_FORWARDER_COUNT = emulated("the collection's forwarder counts")
_UNIX_COUNT = impossible("there is nothing that counts a unix socket's connections and closes those above a limit")
_PRLIMIT = emulated("`prlimit`")
_TIMEOUT = emulated("`timeout`")
_NO_CGROUP = impossible("the servers of s6 and their handlers share one cgroup")
_RATE = guard("nftables `limit rate over`")
_NO_RATE = impossible("nftables does not see the connections of unix sockets")
_GATE = emulated("the collection's gate, a shell script that runs before the handler")
_STUNNEL = emulated("`stunnel` in the handler's place, which starts the handler")
_OPTIONS = emulated("set on the listening socket, which its connections inherit")
_SESSION = emulated("the collection's session, a shell script that runs around the handler")
_WAIT = emulated("the server waits for the others, as `s6-svstat` tells of them")
_NO_UNITS = impossible("s6 knows no units; have the unit started at boot, and leave it out here")
_NO_SANDBOX = impossible("setpriv takes privileges away, but nothing here mounts file systems for each handler")

ROWS: tuple[Row, ...] = (
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
        (native("`ListenStream=`"), _NO_UNIX, native("`s6-ipcserver`"), native("`s6-ipcserver`")),
    ),
    Row(
        "listen.type",
        any_endpoint(lambda endpoint: endpoint.transport == "unix" and endpoint.type == "datagram"),
        (native("`ListenDatagram=`"), _NO_UNIX, _BINDER, _BINDER),
        "datagram",
    ),
    Row(
        "listen.type",
        lambda service: service.accept and any(endpoint.type == "seqpacket" for endpoint in service.listen),
        (
            native("`ListenSequentialPacket=`"),
            _NO_UNIX,
            impossible("s6 has no server for sequenced packets"),
            impossible("s6 has no server for sequenced packets"),
        ),
        "seqpacket, accept: true",
    ),
    Row(
        "listen.type",
        lambda service: not service.accept and any(endpoint.type == "seqpacket" for endpoint in service.listen),
        (native("`ListenSequentialPacket=`"), _NO_UNIX, _BINDER, _BINDER),
        "seqpacket, accept: false",
    ),
    *(
        Row(
            f"listen.{name}",
            lambda service: service.has("unix"),
            (
                native(f"`Socket{name.capitalize().replace('Owner', 'User')}=`"),
                _NO_UNIX,
                emulated(how),
                emulated(how),
            ),
        )
        for name, how in (
            ("owner", "`chown` between bind and listen"),
            ("group", "`chown` between bind and listen"),
            ("mode", "`chmod` between bind and listen"),
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
        "exec",
        lambda service: bool(service.exec),
        (
            native("`ExecStart=`"),
            emulated("`server` with a wrapper script: xinetd has no quoting"),
            native("execline"),
            native("execline"),
        ),
    ),
    Row(
        "internal",
        lambda service: bool(service.internal) and service.has("tcp"),
        (
            emulated("standard programs, or the collection's own"),
            emulated("standard programs, or the collection's own"),
            emulated("standard programs, or the collection's own"),
            emulated("standard programs, or the collection's own"),
        ),
        "tcp",
    ),
    Row(
        "internal",
        lambda service: bool(service.internal) and service.has("udp"),
        (
            emulated("the collection's own program"),
            emulated("the collection's own program"),
            emulated("the collection's own program"),
            emulated("the collection's own program"),
        ),
        "udp",
    ),
    Row(
        "user",
        lambda _service: True,
        (native("`User=`"), native("`user`"), native("`setpriv`"), native("`setpriv`")),
    ),
    Row(
        "group",
        declared("group"),
        (native("`Group=`"), native("`group`"), emulated("`setpriv --regid`"), emulated("`setpriv --regid`")),
    ),
    Row(
        "supplementary_groups",
        lambda service: service.supplementary_groups is not None,
        everywhere(_SETPRIV),
        droppable=True,
    ),
    Row(
        "umask",
        lambda _service: True,
        (native("`UMask=`"), native("`umask`"), native("`umask`"), native("`umask`")),
    ),
    Row(
        "nice",
        lambda service: service.nice >= 0,
        (native("`Nice=`"), native("`nice`"), native("`nice`"), native("`nice`")),
        "0 and up",
    ),
    Row(
        "nice",
        lambda service: service.nice < 0,
        (
            native("`Nice=`"),
            emulated("started as root: `nice`, then `setpriv`"),
            native("`nice`"),
            native("`nice`"),
        ),
        "below 0",
    ),
    Row(
        "working_directory",
        lambda _service: True,
        (native("`WorkingDirectory=`"), emulated("`cd` in the wrapper"), native("`cd`"), native("`cd`")),
    ),
    Row(
        "environment",
        lambda _service: True,
        (
            native("`Environment=`, `UnsetEnvironment=`; REMOTE_ADDR, REMOTE_PORT"),
            emulated("`env -i` in the wrapper; REMOTE_ADDR, but xinetd does not tell the client's port"),
            emulated("`env -i`; REMOTE_ADDR, REMOTE_PORT"),
            emulated("`env -i`; REMOTE_ADDR, REMOTE_PORT"),
        ),
    ),
    Row(
        "stderr",
        lambda service: service.stderr == "log",
        (
            native("journal"),
            emulated("file below /var/log/superserver, opened by the wrapper"),
            native("`s6-log`"),
            native("`s6-log`"),
        ),
        "log",
    ),
    Row(
        "stderr",
        lambda service: service.stderr == "client",
        (
            native("`StandardError=socket`"),
            native("fd 2 is the connection"),
            native("`fdmove`"),
            native("`fdmove`"),
        ),
        "client",
    ),
    Row(
        "connections.max",
        lambda service: accepting("connections.max", "tcp")(service) and not several(service),
        (native("`MaxConnections=`"), native("`instances`"), _COUNT, _COUNT),
        "tcp, accept: true",
        droppable=True,
    ),
    Row(
        "connections.max",
        lambda service: accepting("connections.max", "tcp")(service) and several(service),
        (native("`MaxConnections=`"), _COUNT, _COUNT, _COUNT),
        "tcp, accept: true, several endpoints",
        droppable=True,
    ),
    Row(
        "connections.max",
        accepting("connections.max", "unix"),
        (
            native("`MaxConnections=`"),
            _NO_UNIX,
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
        (_UNIX_COUNT, _NO_UNIX, _UNIX_COUNT, _UNIX_COUNT),
        "unix, accept: false",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        lambda service: accepting("connections.per_source", "tcp")(service) and not several(service),
        (native("`MaxConnectionsPerSource=`"), native("`per_source`"), native("`-C`"), _COUNT),
        "accept: true",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        lambda service: accepting("connections.per_source", "tcp")(service) and several(service),
        (native("`MaxConnectionsPerSource=`"), _COUNT, _COUNT, _COUNT),
        "accept: true, several endpoints",
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
                lambda service, name=name: forwarding(name)(service) and not several(service),  # type: ignore[misc]
                everywhere(_FORWARDER_COUNT),
                "proxy",
                droppable=True,
            ),
            Row(
                name,
                lambda service, name=name: forwarding(name)(service) and several(service),  # type: ignore[misc]
                (_FORWARDER_COUNT, _COUNT, _FORWARDER_COUNT, _FORWARDER_COUNT),
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
            lambda service, name=name: (
                service.uses(f"access.{name}") and (not service.accept or service.has("udp"))  # type: ignore[misc]
            ),
            (_BPF, _FILTER, _FILTER, _FILTER),
            "accept: false, and datagrams",
        )
        for name in ("allow", "deny")
    ),
    Row(
        "proxy.to",
        declared("proxy.to"),
        (
            emulated(
                "the collection's forwarder: `systemd-socket-proxyd` does not wait until a daemon answers, and would "
                "need `StopWhenUnneeded=` in the daemon's own unit"
            ),
            _FORWARDER,
            _FORWARDER,
            _FORWARDER,
        ),
    ),
    Row(
        "proxy.unit",
        declared("proxy.unit"),
        everywhere(
            Cell(EMULATED, "the forwarder's attendant, by `systemctl` or by s6's control FIFO", needs=("daemons",))
        ),
    ),
    Row("proxy.idle_timeout", declared("proxy.idle_timeout"), everywhere(_FORWARDER)),
    *(
        Row(
            f"resources.{name}",
            declared(f"resources.{name}"),
            (native(f"`{directive}=`"), _PRLIMIT, _PRLIMIT, _PRLIMIT),
            droppable=True,
        )
        for name, directive in (
            ("open_files", "LimitNOFILE"),
            ("processes", "LimitNPROC"),
            ("address_space", "LimitAS"),
            ("data", "LimitDATA"),
            ("stack", "LimitSTACK"),
            ("core", "LimitCORE"),
            ("file_size", "LimitFSIZE"),
            ("cpu_time", "LimitCPU"),
        )
    ),
    *(
        Row(
            f"resources.{name}",
            declared(f"resources.{name}"),
            (
                native(f"`{directive}=` of a slice that all handlers of the service share"),
                impossible("all handlers of xinetd are in xinetd's own cgroup"),
                _NO_CGROUP,
                _NO_CGROUP,
            ),
            droppable=True,
        )
        for name, directive in (("memory_max", "MemoryMax"), ("cpu_quota", "CPUQuota"), ("tasks_max", "TasksMax"))
    ),
    Row(
        "resources.connection_time",
        declared("resources.connection_time"),
        (native("`RuntimeMaxSec=`"), _TIMEOUT, _TIMEOUT, _TIMEOUT),
        droppable=True,
    ),
    *(
        Row(f"connections.rate.{name}", rated(name, "tcp"), everywhere(_RATE), "tcp", droppable=True)
        for name in ("count", "interval", "pause")
    ),
    *(
        Row(f"connections.rate.{name}", rated(name, "unix"), (_NO_RATE, _NO_UNIX, _NO_RATE, _NO_RATE), "unix", True)
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
    Row(
        "sandbox",
        lambda service: service.sandbox == "basic",
        (
            native("`NoNewPrivileges=yes`, `CapabilityBoundingSet=`"),
            *(emulated("`setpriv --no-new-privs --bounding-set=-all`"),) * 3,
        ),
        "basic",
    ),
    Row(
        "sandbox",
        lambda service: service.sandbox == "strict" and attended(service),
        (
            impossible("the forwarder's attendant must be able to start the daemon"),
            _NO_SANDBOX,
            _NO_SANDBOX,
            _NO_SANDBOX,
        ),
        "strict, proxy with a unit",
    ),
    Row(
        "sandbox",
        lambda service: service.sandbox == "strict" and not attended(service),
        (
            Cell(NATIVE, "`ProtectSystem=strict` and what else systemd.exec(5) has under Sandboxing", ("mounts",)),
            _NO_SANDBOX,
            _NO_SANDBOX,
            _NO_SANDBOX,
        ),
        "strict",
    ),
    *(Row(f"probe.{name}", declared(f"probe.{name}"), everywhere(_BUILTIN)) for name in ("send", "expect", "timeout")),
    Row("native.systemd.socket", declared("native.systemd.socket"), everywhere(native("[Socket] directives"))),
    Row("native.systemd.service", declared("native.systemd.service"), everywhere(native("[Service] directives"))),
    Row("native.xinetd", declared("native.xinetd"), everywhere(native("attributes of the xinetd service"))),
    Row("native.s6", declared("native.s6"), everywhere(native("files of the service directory"))),
)
