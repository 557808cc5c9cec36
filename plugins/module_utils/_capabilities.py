# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each backend can do: one row per field (and case), one cell per backend, read by everything that asks.

Validation, the documentation's matrix and the conformance suite read :data:`ROWS`; a test fails when a field of the
schema has no row.
"""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service, service_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._model_endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model_problems import Problem

# The s6 backend has two providers of network servers, so it has two columns.
COLUMNS = ("systemd", "xinetd", "s6-networking", "ucspi")
BACKEND_OF = {"systemd": "systemd", "xinetd": "xinetd", "s6-networking": "s6", "ucspi": "s6"}

NATIVE, EMULATED, GUARD, IMPOSSIBLE, UNBUILT = "native", "emulated", "guard", "impossible", "unbuilt"
HOWS = (NATIVE, EMULATED, GUARD, IMPOSSIBLE, UNBUILT)

NEEDS = {
    "nft": "nftables on the host, and superserver_guard other than never",
    "mounts": "permission to mount file systems, which systemd's sandbox is made of",
    "daemons": "systemd or s6 as PID 1, to start the daemon",
    "journal": "systemd as PID 1, whose journal it is",
    "syslog": "a syslog daemon, which has the socket /dev/log",
    "bpf": "permission to load BPF programs, which systemd's address filter is made of",
}


@dataclass(frozen=True)
class Cell:
    """How one backend honours one field.

    ``note`` names the directive or program, or the reason why not. ``needs`` are facts of the host (see
    :meth:`Platform.able`); where one is missing, ``otherwise`` holds instead.
    """

    how: str
    note: str
    needs: tuple[str, ...] = ()
    otherwise: Cell | None = None

    @property
    def possible(self) -> bool:
        """Whether the field is honoured."""
        return self.how not in (IMPOSSIBLE, UNBUILT)


@dataclass(frozen=True)
class Row:
    """One field, in one case. ``used`` tells whether a service declares it; ``droppable`` whether a service still makes
    sense without it, so that ``superserver_on_unsupported: warn`` may leave it out."""

    field: str
    used: Callable[[Service], bool] = dataclasses.field(repr=False)
    cells: tuple[Cell, Cell, Cell, Cell]
    case: str = ""
    droppable: bool = False

    def cell(self, column: str) -> Cell:
        """The cell of one column."""
        return self.cells[COLUMNS.index(column)]


def _native(note: str) -> Cell:
    return Cell(NATIVE, note)


def _emulated(note: str) -> Cell:
    return Cell(EMULATED, note)


def _impossible(why: str) -> Cell:
    return Cell(IMPOSSIBLE, why)


def _guard(note: str) -> Cell:
    return Cell(GUARD, note, needs=("nft",))


def _everywhere(cell: Cell) -> tuple[Cell, Cell, Cell, Cell]:
    return (cell, cell, cell, cell)


def _unbuilt(name: str, case: str = "") -> Row:
    cell = Cell(UNBUILT, "this version of the collection does not build the field yet")
    return Row(name, lambda service: service.uses(name), _everywhere(cell), case)


def _any_endpoint(test: Callable[[Endpoint], bool]) -> Callable[[Service], bool]:
    return lambda service: any(test(endpoint) for endpoint in service.listen)


def _declared(name: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(name)


def _accepting(name: str, *transports: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(name) and service.accept and service.has(*transports)


def _several(service: Service) -> bool:
    return len(service.listen) > 1


def _waiting(name: str, *transports: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(name) and not (service.accept or service.proxy) and service.has(*transports)


def _forwarding(name: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(name) and service.proxy is not None


def _attended(service: Service) -> bool:
    return bool(service.proxy and service.proxy.unit)


def _logged(where: str) -> Callable[[Service], bool]:
    return lambda service: service.log is not None and service.log.where == where


def _strict_file(service: Service) -> bool:
    return _logged("file")(service) and service.sandbox == "strict"


def _rated(name: str, transport: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(f"connections.rate.{name}") and service.has(transport)


def _takes_sockets(service: Service) -> bool:
    """Whether a process takes whole sockets, be it for datagrams only."""
    return service.has("udp") if service.internal else not service.accept


_BUILTIN = _native("done by the collection itself")
_NO_UNIX = _impossible("xinetd has no unix sockets")
_BINDER = _emulated("the collection's waiting binder, which starts the program when something arrives")
_COUNT = _guard("nftables `ct count`")
_FILTER = _guard("nftables rule on the source address")
_BPF = Cell(NATIVE, "`IPAddressAllow=`, `IPAddressDeny=` of the socket unit", ("bpf",), _FILTER)
_SETPRIV = _emulated("`setpriv --groups`")
_FORWARDER = _emulated("the collection's forwarder")
# Of one process; xinetd starts one for each endpoint.
_FORWARDER_COUNT = _emulated("the collection's forwarder counts")
_UNIX_COUNT = _impossible("there is nothing that counts a unix socket's connections and closes those above a limit")
_PRLIMIT = _emulated("`prlimit`")
_TIMEOUT = _emulated("`timeout`")
_NO_CGROUP = _impossible("the servers of s6 and their handlers share one cgroup")
_RATE = _guard("nftables `limit rate over`")
_NO_RATE = _impossible("nftables does not see the connections of unix sockets")
_GATE = _emulated("the collection's gate, a shell script that runs before the handler")
_OPTIONS = _emulated("set on the listening socket, which its connections inherit")
_SESSION = _emulated("the collection's session, a shell script that runs around the handler")
_NO_SANDBOX = _impossible("setpriv takes privileges away, but nothing here mounts file systems for each handler")

ROWS: tuple[Row, ...] = (
    Row("name", lambda _service: True, _everywhere(_BUILTIN)),
    Row(
        "state",
        _declared("state"),
        (
            _native("`disabled`: unit not enabled, stopped"),
            _native("`disabled`: `disable = yes`"),
            _native("`disabled`: `down` file"),
            _native("`disabled`: `down` file"),
        ),
    ),
    Row("backend", _declared("backend"), _everywhere(_BUILTIN)),
    Row(
        "description",
        _declared("description"),
        (_native("`Description=`"), _native("comment"), _native("comment"), _native("comment")),
        droppable=True,
    ),
    Row(
        "listen.tcp",
        lambda service: service.has("tcp"),
        (_native("`ListenStream=`"), _native("`protocol = tcp`"), _native("`s6-tcpserver`"), _native("`tcpserver`")),
    ),
    Row(
        "listen.udp",
        lambda service: service.has("udp"),
        (_native("`ListenDatagram=`"), _native("`protocol = udp`, `wait = yes`"), _BINDER, _BINDER),
    ),
    Row(
        "listen.unix",
        lambda service: service.has("unix"),
        (_native("`ListenStream=`"), _NO_UNIX, _native("`s6-ipcserver`"), _native("`s6-ipcserver`")),
    ),
    Row(
        "listen.type",
        _any_endpoint(lambda endpoint: endpoint.transport == "unix" and endpoint.type == "datagram"),
        (_native("`ListenDatagram=`"), _NO_UNIX, _BINDER, _BINDER),
        "datagram",
    ),
    Row(
        "listen.type",
        lambda service: service.accept and any(endpoint.type == "seqpacket" for endpoint in service.listen),
        (
            _native("`ListenSequentialPacket=`"),
            _NO_UNIX,
            _impossible("s6 has no server for sequenced packets"),
            _impossible("s6 has no server for sequenced packets"),
        ),
        "seqpacket, accept: true",
    ),
    Row(
        "listen.type",
        lambda service: not service.accept and any(endpoint.type == "seqpacket" for endpoint in service.listen),
        (_native("`ListenSequentialPacket=`"), _NO_UNIX, _BINDER, _BINDER),
        "seqpacket, accept: false",
    ),
    *(
        Row(
            f"listen.{name}",
            lambda service: service.has("unix"),
            (
                _native(f"`Socket{name.capitalize().replace('Owner', 'User')}=`"),
                _NO_UNIX,
                _emulated(how),
                _emulated(how),
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
        _any_endpoint(lambda endpoint: endpoint.family != "any"),
        (
            _native("literal address, `BindIPv6Only=`"),
            _native("`flags = IPv4` or `IPv6`, `v6only`"),
            _native("one server for each family"),
            _native("one server for each family"),
        ),
    ),
    Row(
        "listen.interface",
        _any_endpoint(lambda endpoint: endpoint.interface is not None),
        _everywhere(_guard("nftables rule on the interface that a packet came in through")),
    ),
    Row(
        "listen.backlog",
        _any_endpoint(lambda endpoint: endpoint.backlog is not None),
        (
            _native("`Backlog=`"),
            _impossible("xinetd listens with a fixed backlog of 64"),
            _native("`-b`"),
            _native("`-b`"),
        ),
        droppable=True,
    ),
    Row(
        "accept",
        lambda service: service.accept,
        (_native("`Accept=yes`"), _native("`wait = no`"), _native("`s6-tcpserver`"), _native("`tcpserver`")),
        "true",
    ),
    Row(
        "accept",
        lambda service: not service.accept and len(service.listen) == 1,
        (_native("`Accept=no`"), _native("`wait = yes`"), _BINDER, _BINDER),
        "false, one endpoint",
    ),
    Row(
        "accept",
        lambda service: not service.accept and _several(service) and not (service.internal or service.proxy),
        (
            _native("`Accept=no`"),
            _impossible("a xinetd service has one socket; it would start one process for each endpoint"),
            _BINDER,
            _BINDER,
        ),
        "false, several endpoints",
    ),
    Row(
        "socket_fd",
        lambda service: not service.accept and not service.internal and service.socket_fd == "listen_fds",
        (
            _native("socket activation"),
            _emulated("wrapper that moves fd 0 to fd 3 and sets LISTEN_FDS and LISTEN_PID"),
            _BINDER,
            _BINDER,
        ),
        "listen_fds",
    ),
    Row(
        "socket_fd",
        lambda service: not service.accept and not service.internal and service.socket_fd == "stdin",
        (_native("`StandardInput=socket`"), _native("`wait = yes`"), _BINDER, _BINDER),
        "stdin",
    ),
    Row(
        "exec",
        lambda service: bool(service.exec),
        (
            _native("`ExecStart=`"),
            _emulated("`server` with a wrapper script: xinetd has no quoting"),
            _native("execline"),
            _native("execline"),
        ),
    ),
    Row(
        "internal",
        lambda service: bool(service.internal) and service.has("tcp"),
        (
            _emulated("standard programs, or the collection's own"),
            _emulated("standard programs, or the collection's own"),
            _emulated("standard programs, or the collection's own"),
            _emulated("standard programs, or the collection's own"),
        ),
        "tcp",
    ),
    Row(
        "internal",
        lambda service: bool(service.internal) and service.has("udp"),
        (
            _emulated("the collection's own program"),
            _emulated("the collection's own program"),
            _emulated("the collection's own program"),
            _emulated("the collection's own program"),
        ),
        "udp",
    ),
    Row(
        "user",
        lambda _service: True,
        (_native("`User=`"), _native("`user`"), _native("`setpriv`"), _native("`setpriv`")),
    ),
    Row(
        "group",
        _declared("group"),
        (_native("`Group=`"), _native("`group`"), _emulated("`setpriv --regid`"), _emulated("`setpriv --regid`")),
    ),
    Row(
        "supplementary_groups",
        lambda service: service.supplementary_groups is not None,
        _everywhere(_SETPRIV),
        droppable=True,
    ),
    Row(
        "umask",
        lambda _service: True,
        (_native("`UMask=`"), _native("`umask`"), _native("`umask`"), _native("`umask`")),
    ),
    Row(
        "nice",
        lambda service: service.nice >= 0,
        (_native("`Nice=`"), _native("`nice`"), _native("`nice`"), _native("`nice`")),
        "0 and up",
    ),
    Row(
        "nice",
        lambda service: service.nice < 0,
        (
            _native("`Nice=`"),
            _emulated("started as root: `nice`, then `setpriv`"),
            _native("`nice`"),
            _native("`nice`"),
        ),
        "below 0",
    ),
    Row(
        "working_directory",
        lambda _service: True,
        (_native("`WorkingDirectory=`"), _emulated("`cd` in the wrapper"), _native("`cd`"), _native("`cd`")),
    ),
    Row(
        "environment",
        lambda _service: True,
        (
            _native("`Environment=`, `UnsetEnvironment=`; REMOTE_ADDR, REMOTE_PORT"),
            _emulated("`env -i` in the wrapper; REMOTE_ADDR, but xinetd does not tell the client's port"),
            _emulated("`env -i`; REMOTE_ADDR, REMOTE_PORT"),
            _emulated("`env -i`; REMOTE_ADDR, REMOTE_PORT"),
        ),
    ),
    Row(
        "stderr",
        lambda service: service.stderr == "log",
        (
            _native("journal"),
            _emulated("file below /var/log/superserver, opened by the wrapper"),
            _native("`s6-log`"),
            _native("`s6-log`"),
        ),
        "log",
    ),
    Row(
        "stderr",
        lambda service: service.stderr == "client",
        (
            _native("`StandardError=socket`"),
            _native("fd 2 is the connection"),
            _native("`fdmove`"),
            _native("`fdmove`"),
        ),
        "client",
    ),
    Row(
        "connections.max",
        lambda service: _accepting("connections.max", "tcp")(service) and not _several(service),
        (_native("`MaxConnections=`"), _native("`instances`"), _COUNT, _COUNT),
        "tcp, accept: true",
        droppable=True,
    ),
    Row(
        "connections.max",
        lambda service: _accepting("connections.max", "tcp")(service) and _several(service),
        (_native("`MaxConnections=`"), _COUNT, _COUNT, _COUNT),
        "tcp, accept: true, several endpoints",
        droppable=True,
    ),
    Row(
        "connections.max",
        _accepting("connections.max", "unix"),
        (
            _native("`MaxConnections=`"),
            _NO_UNIX,
            _impossible("`s6-ipcserver` lets clients above the limit wait instead of closing them"),
            _impossible("`s6-ipcserver` lets clients above the limit wait instead of closing them"),
        ),
        "unix, accept: true",
        droppable=True,
    ),
    Row(
        "connections.max",
        _waiting("connections.max", "tcp"),
        _everywhere(_COUNT),
        "tcp, accept: false",
        droppable=True,
    ),
    Row(
        "connections.max",
        _waiting("connections.max", "unix"),
        (_UNIX_COUNT, _NO_UNIX, _UNIX_COUNT, _UNIX_COUNT),
        "unix, accept: false",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        lambda service: _accepting("connections.per_source", "tcp")(service) and not _several(service),
        (_native("`MaxConnectionsPerSource=`"), _native("`per_source`"), _native("`-C`"), _COUNT),
        "accept: true",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        lambda service: _accepting("connections.per_source", "tcp")(service) and _several(service),
        (_native("`MaxConnectionsPerSource=`"), _COUNT, _COUNT, _COUNT),
        "accept: true, several endpoints",
        droppable=True,
    ),
    Row(
        "connections.per_source",
        _waiting("connections.per_source", "tcp"),
        _everywhere(_COUNT),
        "accept: false",
        droppable=True,
    ),
    *(
        row
        for name in ("connections.max", "connections.per_source")
        for row in (
            Row(
                name,
                lambda service, name=name: _forwarding(name)(service) and not _several(service),  # type: ignore[misc]
                _everywhere(_FORWARDER_COUNT),
                "proxy",
                droppable=True,
            ),
            Row(
                name,
                lambda service, name=name: _forwarding(name)(service) and _several(service),  # type: ignore[misc]
                (_FORWARDER_COUNT, _COUNT, _FORWARDER_COUNT, _FORWARDER_COUNT),
                "proxy, several endpoints",
                droppable=True,
            ),
        )
    ),
    *(
        Row(
            f"access.{name}",
            _accepting(f"access.{name}", "tcp"),
            (
                _BPF,
                _native(f"`{attribute}`"),
                _native("rules for `s6-tcpserver-access`"),
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
        _declared("proxy.to"),
        (
            _emulated(
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
        _declared("proxy.unit"),
        _everywhere(
            Cell(EMULATED, "the forwarder's attendant, by `systemctl` or by s6's control FIFO", needs=("daemons",))
        ),
    ),
    Row("proxy.idle_timeout", _declared("proxy.idle_timeout"), _everywhere(_FORWARDER)),
    *(
        Row(
            f"resources.{name}",
            _declared(f"resources.{name}"),
            (_native(f"`{directive}=`"), _PRLIMIT, _PRLIMIT, _PRLIMIT),
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
            _declared(f"resources.{name}"),
            (
                _native(f"`{directive}=` of a slice that all handlers of the service share"),
                _impossible("all handlers of xinetd are in xinetd's own cgroup"),
                _NO_CGROUP,
                _NO_CGROUP,
            ),
            droppable=True,
        )
        for name, directive in (("memory_max", "MemoryMax"), ("cpu_quota", "CPUQuota"), ("tasks_max", "TasksMax"))
    ),
    Row(
        "resources.connection_time",
        _declared("resources.connection_time"),
        (_native("`RuntimeMaxSec=`"), _TIMEOUT, _TIMEOUT, _TIMEOUT),
        droppable=True,
    ),
    *(
        Row(f"connections.rate.{name}", _rated(name, "tcp"), _everywhere(_RATE), "tcp", droppable=True)
        for name in ("count", "interval", "pause")
    ),
    *(
        Row(f"connections.rate.{name}", _rated(name, "unix"), (_NO_RATE, _NO_UNIX, _NO_RATE, _NO_RATE), "unix", True)
        for name in ("count", "interval", "pause")
    ),
    Row("connections.max_load", _declared("connections.max_load"), _everywhere(_GATE), droppable=True),
    Row(
        "access.hours",
        lambda service: service.uses("access.hours") and not _takes_sockets(service),
        _everywhere(_GATE),
        "accept: true",
    ),
    Row(
        "access.hours",
        lambda service: service.uses("access.hours") and _takes_sockets(service),
        _everywhere(
            _impossible(
                "the process takes connections and datagrams by itself at any time, and nftables, which could keep "
                "them away, counts its hours without the summer time of the host's time zone"
            )
        ),
        "accept: false, and datagrams",
    ),
    Row(
        "tcp.keepalive",
        lambda service: service.tcp.keepalive,
        (_native("`KeepAlive=`"), _native("`flags = KEEPALIVE`"), _OPTIONS, _OPTIONS),
        droppable=True,
    ),
    Row(
        "tcp.no_delay",
        lambda service: service.tcp.no_delay,
        (_native("`NoDelay=`"), _native("`flags = NODELAY`"), _OPTIONS, _OPTIONS),
        droppable=True,
    ),
    Row(
        "tcp.defer_accept",
        _declared("tcp.defer_accept"),
        (
            _native("`DeferAcceptSec=`"),
            _impossible("xinetd has no such option, and nobody else may set one on its sockets"),
            _OPTIONS,
            _OPTIONS,
        ),
        droppable=True,
    ),
    *(Row(f"banner.{name}", _declared(f"banner.{name}"), _everywhere(_GATE)) for name in ("text", "file", "on")),
    *(_unbuilt(f"tls.{name}") for name in ("certificate", "key", "client_ca", "minimum_version")),
    *(
        Row(f"log.{name}", _declared(f"log.{name}"), _everywhere(_SESSION))
        for name in ("what", "file", "rotate_size", "rotate_keep")
    ),
    *(
        Row("log.where", _logged(where), _everywhere(cell), where)
        for where, cell in (
            ("journal", Cell(EMULATED, "`systemd-cat`", needs=("journal",))),
            ("syslog", Cell(EMULATED, "`logger`", needs=("syslog",))),
            ("file", _SESSION),
        )
    ),
    Row(
        "log.where",
        _strict_file,
        _everywhere(_impossible("the handler's file system is read-only, and so is the log's; let it go to journal")),
        "file, sandbox: strict",
    ),
    _unbuilt("requires"),
    _unbuilt("after"),
    Row(
        "sandbox",
        lambda service: service.sandbox == "basic",
        (
            _native("`NoNewPrivileges=yes`, `CapabilityBoundingSet=`"),
            *(_emulated("`setpriv --no-new-privs --bounding-set=-all`"),) * 3,
        ),
        "basic",
    ),
    Row(
        "sandbox",
        lambda service: service.sandbox == "strict" and _attended(service),
        (
            _impossible("the forwarder's attendant must be able to start the daemon"),
            _NO_SANDBOX,
            _NO_SANDBOX,
            _NO_SANDBOX,
        ),
        "strict, proxy with a unit",
    ),
    Row(
        "sandbox",
        lambda service: service.sandbox == "strict" and not _attended(service),
        (
            Cell(NATIVE, "`ProtectSystem=strict` and what else systemd.exec(5) has under Sandboxing", ("mounts",)),
            _NO_SANDBOX,
            _NO_SANDBOX,
            _NO_SANDBOX,
        ),
        "strict",
    ),
    *(
        Row(f"probe.{name}", _declared(f"probe.{name}"), _everywhere(_BUILTIN))
        for name in ("send", "expect", "timeout")
    ),
    Row("native.systemd.socket", _declared("native.systemd.socket"), _everywhere(_native("[Socket] directives"))),
    Row("native.systemd.service", _declared("native.systemd.service"), _everywhere(_native("[Service] directives"))),
    Row("native.xinetd", _declared("native.xinetd"), _everywhere(_native("attributes of the xinetd service"))),
    Row("native.s6", _declared("native.s6"), _everywhere(_native("files of the service directory"))),
)


def effective(cell: Cell, platform: Platform) -> Cell:
    """The cell that holds on this host: the first, along ``otherwise``, whose needs are met; else an impossible one."""
    current: Cell | None = cell
    missing = ""
    while current is not None:
        unmet = [need for need in current.needs if not platform.able(need)]
        if not unmet:
            return current
        missing = missing or f"{current.note} needs {NEEDS.get(unmet[0], unmet[0])}"
        if current.otherwise is None:
            missing = f"{current.note} needs {NEEDS.get(unmet[0], unmet[0])}"
        current = current.otherwise
    return _impossible(missing)


def used_rows(service: Service) -> Iterable[Row]:
    """The rows that a service needs."""
    return (row for row in ROWS if row.used(service))


def enforced_by_guard(service: Service, platform: Platform) -> frozenset[str]:
    """The fields of a service that the nftables guard enforces on this host, e.g. ``{"access.allow"}``."""
    column = platform.column(service.backend)
    return frozenset(row.field for row in used_rows(service) if effective(row.cell(column), platform).how == GUARD)


@dataclass(frozen=True)
class Refusal:
    """A field that the service's backend cannot honour on this host."""

    service: Service
    row: Row
    reason: str

    def problem(self) -> Problem:
        """The refusal as a problem with path, reason and way out."""
        top, _dot, rest = self.row.field.partition(".")
        case = f" ({self.row.case})" if self.row.case else ""
        path = self.service.path(top) + (f".{rest}" if rest else "")
        return Problem(path, f"{self.service.backend} cannot honour this{case}: {self.reason}. {self._way_out()}")

    def _way_out(self) -> str:
        others = sorted(
            {
                BACKEND_OF[column]
                for column in COLUMNS
                if self.row.cell(column).possible and BACKEND_OF[column] != self.service.backend
            }
        )
        if not others:
            return "Leave the field out."
        choice = " or ".join(f"backend: {name}" for name in others)
        return f'Give "{self.service.name}" {choice}, or leave the field out.'


def refusals(services: Sequence[Service], platform: Platform) -> list[Refusal]:
    """Everything that cannot be honoured: one refusal for each thing that a backend cannot do at all, and one for each
    field that is not built or that the host lacks something for."""
    found = []
    for service in services:
        column = platform.column(service.backend)
        reasons = set()
        for row in used_rows(service):
            cell = effective(row.cell(column), platform)
            reason = (cell.note, "" if row.cell(column).how == IMPOSSIBLE else row.field)
            if not cell.possible and reason not in reasons:
                reasons.add(reason)
                found.append(Refusal(service, row, cell.note))
    return found


def without(service: Service, path: str) -> Service:
    """The service as if a droppable field had not been declared; one of a record within a record takes that along."""
    declared: dict[str, t.Any] = service.to_json()
    if path.startswith("listen."):
        name = path.split(".", 1)[1]
        declared["listen"] = [{k: v for k, v in entry.items() if k != name} for entry in declared["listen"]]
    else:
        top, _dot, rest = path.partition(".")
        if rest:
            name = rest.split(".")[0]
            declared[top] = {key: value for key, value in declared[top].items() if key != name}
        else:
            declared.pop(top)
    return dataclasses.replace(service_from_json(declared), origins=service.origins)
