# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of socket and service units. Pure.

Every default is written out: systemd's own ones (64 connections, a fatal trigger limit, standard error to the client)
are not those of the other backends, and change with its version.
"""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import (
    banners,
    gate,
    log_directories,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.collector import (
    collector,
    collector_unit,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.handlers import (
    collected,
    handler_start,
    service_unit,
    slice_files,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import (
    UNITS,
    Part,
    description,
    native_settings,
    parts,
    specifier,
    unit_text,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import required
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint, Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Tcp
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import BACKSTOP
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import COLLECTOR, shared_programs

_STREAM = {"stream": "ListenStream", "datagram": "ListenDatagram", "seqpacket": "ListenSequentialPacket"}


def render_service(services: Sequence[Service], platform: Platform) -> list[File]:
    """All files of these services."""
    files = []
    argvs = []
    for service in services:
        for part in parts(service, platform):
            argvs += [handler_start(service, part, platform).words, gate(service, platform) if part.accept else ()]
            argvs.append((COLLECTOR,) if collected(service, part) else ())
            files += _unit_files(service, part, platform)
        files += slice_files(service)
    return files + log_directories(services) + banners(services) + shared_programs(argvs)


def listener_settings(service: Service, platform: Platform) -> tuple[t.Any, ...]:
    """What the kernel's sockets are made of: where this changes, they must be closed and opened."""
    return tuple(
        (part.socket, part.accept, tuple(_socket_options(service, part)), part.listeners)
        for part in parts(service, platform)
    )


def readers(service: Service, platform: Platform) -> set[str]:
    """The units that read what the handlers of a service say."""
    return {collector(part) for part in parts(service, platform) if collected(service, part)}


def _unit_files(service: Service, part: Part, platform: Platform) -> list[File]:
    files = [
        File(f"{UNITS}/{part.socket}", _socket_unit(service, part, platform), service=service.name),
        File(f"{UNITS}/{part.service}", service_unit(service, part, platform), service=service.name),
    ]
    if collected(service, part):
        text = collector_unit(service, part, platform)
        files.append(File(f"{UNITS}/{collector(part)}", text, service=service.name))
    if service.enabled:
        link = f"{UNITS}/sockets.target.wants/{part.socket}"
        files.append(File(link, f"{UNITS}/{part.socket}", 0o777, "link", service=service.name))
    return files


def _socket_unit(service: Service, part: Part, platform: Platform) -> str:
    guarded = enforced_by_guard(service, platform)
    settings = [*_socket_options(service, part), ("Accept", "yes" if part.accept else "no")]
    if part.accept:
        settings += _limits(service, guarded)
    settings += [("TriggerLimitIntervalSec", "0")]
    if platform.able("systemd>=255"):
        settings += [("PollLimitIntervalSec", "0")]
    settings += _access(service, guarded)
    settings += native_settings(service.native.of("systemd.socket"))
    unit = [("Description", description(service)), ("StartLimitIntervalSec", "0"), *_order(service)]
    unit += required(platform) if guarded and service.enabled else []
    return unit_text(
        ("Unit", unit),
        ("Socket", settings),
        ("Install", [("WantedBy", "sockets.target")]),
    )


def _order(service: Service) -> list[tuple[str, str]]:
    """The sockets of other services, of which an internal one may have two. Not Requires=: it would close this one's
    with them."""
    names = [name for name in dict.fromkeys((*service.requires, *service.after)) if not is_unit(name)]
    return [("After", " ".join(f"{name}.socket {name}.udp.socket" for name in names))] if names else []


def _socket_options(service: Service, part: Part) -> list[tuple[str, str]]:
    """Settings that are applied when the socket is bound."""
    settings = [listen for pair in zip(part.endpoints, part.listeners) for listen in _listen(*pair, part.listeners)]
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
    if families - {"unix"}:
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
