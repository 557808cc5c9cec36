# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of socket and service units. Pure.

Every default is written out: systemd's own ones (64 connections, a fatal trigger limit, standard error to the client)
are not those of the other backends, and change with its version.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import HEADER, File
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._process import (
    GRACE,
    SESSION_VARIABLES,
    banners,
    bounded,
    command,
    drops_itself,
    gate,
    limits,
    log_directories,
    prlimit,
    session,
    setpriv,
    shared_programs,
    user,
    variables,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model_access import compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model_endpoints import Endpoint, Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model_order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model_records import Tcp
from ansible_collections.ondemand.superserver.plugins.module_utils._model_schema import BACKSTOP

UNITS = "/etc/systemd/system"

# What systemd would add to the environment of a handler (systemd.exec(5), "Environment Variables Set or Propagated").
MANAGER_VARIABLES = (
    "CREDENTIALS_DIRECTORY",
    "DEBUG_INVOCATION",
    "HOME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LANG",
    "LANGUAGE",
    "LC_ADDRESS",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
    "LISTEN_FDNAMES",
    "LOGNAME",
    "MANAGERPID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "NOTIFY_SOCKET",
    "SHELL",
    "SYSTEMD_EXEC_PID",
    "TERM",
    "USER",
)

# A daemon that fails at once would be started again at once, for as long as its client waits.
THROTTLE = "/bin/sh -c '[ \"$$SERVICE_RESULT\" = success ] || exec sleep 1'"

# systemd.exec(5), "Sandboxing".
STRICT = (
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("SystemCallArchitectures", "native"),
)

_STREAM = {"stream": "ListenStream", "datagram": "ListenDatagram", "seqpacket": "ListenSequentialPacket"}
_PLAIN = re.compile(r"[A-Za-z0-9_./:=+,@-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True)
class Part:
    """One pair of units: all endpoints of a service that are handled alike."""

    stem: str
    accept: bool
    endpoints: tuple[Endpoint, ...]
    listeners: tuple[Listener, ...]

    @property
    def socket(self) -> str:
        """Name of the socket unit."""
        return f"{self.stem}.socket"

    @property
    def service(self) -> str:
        """Name of the service unit, of the template where there is an instance for each connection."""
        return f"{self.stem}@.service" if self.accept else f"{self.stem}.service"


def parts(service: Service, platform: Platform) -> list[Part]:
    """A service is one pair of units, unless it is internal and takes connections and datagrams, which is two."""
    groups = [(service.name, service.accept, service.listen)]
    if service.internal:
        streams = tuple(endpoint for endpoint in service.listen if not endpoint.datagram)
        datagrams = tuple(endpoint for endpoint in service.listen if endpoint.datagram)
        suffix = ".udp" if streams else ""
        groups = [(service.name, True, streams), (f"{service.name}{suffix}", False, datagrams)]
    listeners = dict(zip(service.listen, service.listeners(platform.ipv6)))
    return [
        Part(stem, accept, endpoints, tuple(listeners[endpoint] for endpoint in endpoints))
        for stem, accept, endpoints in groups
        if endpoints
    ]


def quote(word: str) -> str:
    """One word of a command line or an assignment, so that it arrives byte for byte (systemd.syntax(7)).

    ``%`` begins a specifier everywhere; ``$`` is doubled by :func:`quote_argument`, because it means something in
    command lines only.
    """
    word = word.replace("%", "%%")
    if _PLAIN.fullmatch(word):
        return word
    return '"' + "".join(_ESCAPES.get(char, char) for char in word) + '"'


def quote_argument(word: str) -> str:
    """One word of a command line, safe from variable substitution too."""
    return quote(word.replace("$", "$$"))


def specifier(text: str) -> str:
    """A value that is not split into words: only specifiers must be hidden."""
    return text.replace("%", "%%")


def render_service(services: Sequence[Service], platform: Platform) -> list[File]:
    """All files of these services."""
    files = []
    argvs = []
    for service in services:
        for part in parts(service, platform):
            argvs += [_argv(service, part, platform), gate(service) if part.accept else ()]
            files += _unit_files(service, part, platform)
        files += _slice_files(service)
    return files + log_directories(services) + banners(services) + shared_programs(argvs)


def listener_settings(service: Service, platform: Platform) -> tuple[t.Any, ...]:
    """What the kernel's sockets are made of: where this changes, they must be closed and opened."""
    return tuple(
        (part.socket, part.accept, tuple(_socket_options(service, part)), part.listeners)
        for part in parts(service, platform)
    )


def _unit_files(service: Service, part: Part, platform: Platform) -> list[File]:
    files = [
        File(f"{UNITS}/{part.socket}", _socket_unit(service, part, platform), service=service.name),
        File(f"{UNITS}/{part.service}", _service_unit(service, part, platform), service=service.name),
    ]
    if service.enabled:
        link = f"{UNITS}/sockets.target.wants/{part.socket}"
        files.append(File(link, f"{UNITS}/{part.socket}", 0o777, "link", service=service.name))
    return files


def _unit(*sections: tuple[str, Sequence[tuple[str, str]]]) -> str:
    text = [f"# {HEADER}: changes made here are undone by its next run."]
    for title, settings in sections:
        text += ["", f"[{title}]", *(f"{key}={value}" for key, value in settings)]
    return "\n".join(text) + "\n"


def _description(service: Service) -> str:
    return specifier(service.description or f"{service.name}, started on demand")


def _socket_unit(service: Service, part: Part, platform: Platform) -> str:
    guarded = enforced_by_guard(service, platform)
    settings = [*_socket_options(service, part), ("Accept", "yes" if part.accept else "no")]
    if part.accept:
        settings += _limits(service, guarded)
    settings += [("TriggerLimitIntervalSec", "0")]
    if platform.able("systemd>=255"):
        settings += [("PollLimitIntervalSec", "0")]
    settings += _access(service, guarded)
    settings += _native(service.native.systemd_socket)
    unit = [("Description", _description(service)), ("StartLimitIntervalSec", "0"), *_order(service)]
    return _unit(
        ("Unit", unit),
        ("Socket", settings),
        ("Install", [("WantedBy", "sockets.target")]),
    )


def _order(service: Service) -> list[tuple[str, str]]:
    """The sockets of other services, of which an internal one may have two. Not Requires=: it would close this one's
    with them."""
    names = [name for name in dict.fromkeys((*service.requires, *service.after)) if not is_unit(name)]
    return [("After", " ".join(f"{name}.socket {name}.udp.socket" for name in names))] if names else []


def _needs(service: Service) -> list[tuple[str, str]]:
    """What handlers wait for. A socket cannot wait for units that are started later in the boot than all sockets."""
    required = [name for name in service.requires if is_unit(name)]
    before = [name for name in dict.fromkeys((*service.requires, *service.after)) if is_unit(name)]
    settings = (("Requires", required), ("After", before))
    return [(directive, " ".join(names)) for directive, names in settings if names]


def _socket_options(service: Service, part: Part) -> list[tuple[str, str]]:
    """Settings that are applied when the socket is bound."""
    settings = [listen for pair in zip(part.endpoints, part.listeners) for listen in _listen(*pair, part.listeners)]
    first = part.endpoints[0]
    backlogs = [endpoint.backlog for endpoint in part.endpoints if endpoint.backlog is not None]
    settings += [("Backlog", str(max(backlogs)))] if backlogs else []
    families = {listener.family for listener in part.listeners}
    if families & {"dual", "ipv6"}:
        settings.append(("BindIPv6Only", "both" if _shared_dual(part.listeners) else "ipv6-only"))
    if any(not listener.wildcard for listener in part.listeners if listener.transport != "unix"):
        settings.append(("FreeBind", "yes"))
    if "unix" in families:
        unix = next(endpoint for endpoint in part.endpoints if endpoint.transport == "unix")
        settings += [
            ("SocketUser", unix.owner),
            ("SocketGroup", unix.group),
            ("SocketMode", unix.mode),
            ("DirectoryMode", "0755"),
            # Another super-server may have bound the same path meanwhile: its socket must not be removed.
            ("RemoveOnStop", "no"),
        ]
    if first.transport != "unix":
        settings += _tcp(service.tcp)
    return settings


def _tcp(options: Tcp) -> list[tuple[str, str]]:
    settings = [("KeepAlive", _yes(options.keepalive)), ("NoDelay", _yes(options.no_delay))]
    return settings + ([("DeferAcceptSec", str(options.defer_accept))] if options.defer_accept else [])


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _shared_dual(listeners: Sequence[Listener]) -> bool:
    """Whether a dual listener can be one socket: BindIPv6Only= holds for all sockets of a unit."""
    families = {listener.family for listener in listeners if listener.wildcard}
    return "dual" in families and "ipv6" not in families


def _listen(endpoint: Endpoint, listener: Listener, every: Sequence[Listener]) -> list[tuple[str, str]]:
    key = _STREAM[listener.type]
    if listener.transport == "unix":
        return [(key, specifier(listener.path))]
    if listener.family == "dual":
        if _shared_dual(every):
            return [(key, f"[::]:{listener.port}")]
        return [(key, f"0.0.0.0:{listener.port}"), (key, f"[::]:{listener.port}")]
    host = f"[{listener.address}]" if listener.family == "ipv6" else listener.address
    return [(key, f"{host}:{listener.port}")]


def _limits(service: Service, guarded: frozenset[str]) -> list[tuple[str, str]]:
    """The schema's backstop where nothing was declared, or where the guard counts."""
    most = service.connections.max if "connections.max" not in guarded else None
    source = service.connections.per_source if "connections.per_source" not in guarded else None
    return [("MaxConnections", str(most or BACKSTOP)), ("MaxConnectionsPerSource", str(source or 0))]


def _access(service: Service, guarded: frozenset[str]) -> list[tuple[str, str]]:
    access = service.access
    if not (access.allow or access.deny) or guarded & {"access.allow", "access.deny"}:
        return []
    compiled = compile_access(access.allow, access.deny)
    if not compiled.closed:
        return [("IPAddressDeny", str(network)) for network in compiled.networks]
    return [("IPAddressDeny", "any"), *(("IPAddressAllow", str(network)) for network in compiled.networks)]


def _service_unit(service: Service, part: Part, platform: Platform) -> str:
    unit = [("Description", _description(service))]
    if part.accept:
        unit.append(("CollectMode", "inactive-or-failed"))
    else:
        unit.append(("StartLimitIntervalSec", "0"))
    unit += _needs(service)
    words = " ".join(quote_argument(word) for word in _argv(service, part, platform))
    settings = [("Type", "simple"), *_gate(service, part), ("ExecStart", words)]
    if part.accept and not _session(service, part) and service.resources.connection_time is not None:
        settings += [("RuntimeMaxSec", str(service.resources.connection_time)), ("TimeoutStopSec", str(GRACE))]
    if not part.accept:
        settings += [("ExecStopPost", THROTTLE), ("Restart", "no")]
    settings += _streams(service, part) + _identity(service, platform) + _environment(service, part)
    if not _session(service, part):
        settings += [(limit.directive, str(value)) for limit, value in limits(service)]
    settings += _sandbox(service)
    settings += [("Slice", slice_unit(service))] if _slice_settings(service) else []
    settings += _native(service.native.systemd_service)
    return _unit(("Unit", unit), ("Service", settings))


def _gate(service: Service, part: Part) -> list[tuple[str, str]]:
    words = gate(service) if part.accept else ()
    # "+": as root, whatever the handler runs as.
    return [("ExecCondition", "+" + " ".join(quote_argument(word) for word in words))] if words else []


def _sandbox(service: Service) -> list[tuple[str, str]]:
    """setpriv, where it is used, needs the capabilities that it takes away in the end."""
    settings = []
    if service.sandbox != "off" and not _by_setpriv(service):
        settings = [("NoNewPrivileges", "yes"), ("CapabilityBoundingSet", "")]
    return settings + (list(STRICT) if service.sandbox == "strict" else [])


def slice_unit(service: Service) -> str:
    """The slice that all handlers of a service share; "-" would make it part of another one."""
    return f"superserver-{service.name.replace('-', chr(92) + 'x2d')}.slice"


def _slice_settings(service: Service) -> list[tuple[str, str]]:
    resources = service.resources
    units = (
        ("MemoryMax", resources.memory_max, ""),
        ("CPUQuota", resources.cpu_quota, "%"),
        ("TasksMax", resources.tasks_max, ""),
    )
    return [(directive, f"{value}{unit}") for directive, value, unit in units if value is not None]


def _slice_files(service: Service) -> list[File]:
    settings = _slice_settings(service)
    if not settings:
        return []
    text = _unit(("Unit", [("Description", _description(service))]), ("Slice", settings))
    return [File(f"{UNITS}/{slice_unit(service)}", text, service=service.name)]


def _session(service: Service, part: Part) -> tuple[str, ...]:
    return session(service) if part.accept else ()


def _argv(service: Service, part: Part, platform: Platform) -> tuple[str, ...]:
    if _session(service, part):
        return _logged(service, part, platform)
    words = command(service, platform, datagram=part.endpoints[0].datagram)
    if not _by_setpriv(service) or drops_itself(service):
        return words
    return (*setpriv(service, platform), *words)


def _logged(service: Service, part: Part, platform: Platform) -> tuple[str, ...]:
    """What is set by the unit for others would be the session's here, which is not the handler."""
    words = bounded(service, platform)
    declared = [f"{name}={value}" for name, value in variables(service).items()]
    surplus = [word for name in SESSION_VARIABLES for word in ("-u", name)]
    # env would take such a program for a variable.
    fence = (platform.program("nice"), "-n", "0", "--") if "=" in words[0] else ()
    return (
        *_session(service, part),
        *prlimit(service, platform),
        *setpriv(service, platform),
        *(platform.program("env"), *surplus, *declared, *fence),
        *words,
    )


def _by_setpriv(service: Service) -> bool:
    """Whether setpriv changes to the service's account, because User= would add the groups of the account, or because
    root has to do something first."""
    return service.supplementary_groups is not None or drops_itself(service) or bool(session(service))


def _streams(service: Service, part: Part) -> list[tuple[str, str]]:
    if not part.accept and not service.internal and service.socket_fd == "listen_fds":
        return [("StandardInput", "null"), ("StandardOutput", "journal"), ("StandardError", "journal")]
    error = "socket" if service.stderr == "client" else "journal"
    return [("StandardInput", "socket"), ("StandardOutput", "socket"), ("StandardError", error)]


def _identity(service: Service, platform: Platform) -> list[tuple[str, str]]:
    account = user(service)
    settings = [
        ("WorkingDirectory", specifier(service.working_directory)),
        ("UMask", f"0{service.umask}"),
        ("Nice", str(service.nice)),
    ]
    if not _by_setpriv(service):
        settings.insert(0, ("User", account))
        if service.group:
            # Group= would take the account's own group away, which the other super-servers leave it.
            own = platform.primary_groups.get(account, account)
            settings[1:1] = [("Group", service.group), ("SupplementaryGroups", own)]
    return settings


def _environment(service: Service, part: Part) -> list[tuple[str, str]]:
    declared = {} if _session(service, part) else variables(service)
    surplus = [name for name in MANAGER_VARIABLES if name not in declared]
    if part.accept or service.socket_fd == "stdin" or service.internal:
        surplus += ["LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID"]
    if not part.accept:
        surplus += ["REMOTE_ADDR", "REMOTE_PORT"]
    assignments = [("Environment", quote(f"{name}={value}")) for name, value in declared.items()]
    return [*assignments, ("UnsetEnvironment", " ".join(surplus))]


def _native(directives: t.Mapping[str, str | t.Sequence[str]]) -> list[tuple[str, str]]:
    return [
        (key, entry) for key, value in directives.items() for entry in ([value] if isinstance(value, str) else value)
    ]
