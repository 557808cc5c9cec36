# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of xinetd's service entries and of the handlers that they start. Pure.

Every attribute is written out, because those left out come from the host's ``defaults`` entry, or from xinetd's own
defaults (50 connections a second, no supplementary groups, the daemon's environment), which are nobody else's.
"""

from __future__ import annotations

import ipaddress
import textwrap
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import (
    banners,
    ending,
    gate,
    session,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import words
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.handler import (
    handler_argv,
    render_handler,
    starts_as_root,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import required
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    LIBRARY,
    LOGS,
    NOTICE,
    File,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import Network, compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Tcp
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import BACKSTOP
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import (
    LOGGER,
    STDERR,
    shared_programs,
)

ENTRIES = "/etc/xinetd.d"
HANDLERS = f"{LIBRARY}/handlers"
DROP_IN = "/etc/systemd/system/xinetd.service.d/superserver.conf"


# A line may have 16384 bytes (xinetd.conf(5)), and the longest prefix has 43.
NETWORKS_PER_LINE = 300

# A daemon that fails before it accepts would be started again at once, for as long as its client waits. More than this
# many starts in a second close the listener for the second number of seconds, which drops the waiting client.
THROTTLE = "20 1"

# Where IPv4 clients appear on a socket of both families.
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

_DROP_IN = f"""{NOTICE}

[Service]
# A restart of xinetd must not end its sessions.
KillMode=process
"""


@dataclass(frozen=True)
class Entry:
    """One ``service`` entry: xinetd has one socket for each."""

    id: str
    listener: Listener
    accept: bool
    handler: str


def entries(service: Service, platform: Platform) -> list[Entry]:
    """The entries of a service, one for each of its endpoints.

    The id tells more than the name unless there is but one endpoint and it is a plain port: entries with another id
    are bound after all old ones were closed, while xinetd moves an entry of the same id to its new address in between.
    """
    listeners = service.listeners(platform.ipv6)
    plain = len(listeners) == 1 and listeners[0].family == ("dual" if platform.ipv6 else "ipv4")
    plain = plain and listeners[0].wildcard
    found = []
    for listener in listeners:
        datagram = listener.type == "datagram"
        stem = f"{HANDLERS}/{service.name}"
        found.append(
            Entry(
                service.name if plain else f"{service.name}:{listener}",
                listener,
                not datagram and (service.accept or bool(service.internal)),
                # The small services have one program for connections and another one for datagrams.
                f"{stem}.udp" if datagram and service.internal else stem,
            )
        )
    return found


def listener_settings(service: Service, platform: Platform) -> frozenset[tuple[t.Any, ...]]:
    """What the kernel's sockets are made of: where this changes, they must be closed and opened."""
    return frozenset((entry.id, *_socket(entry, service.tcp)) for entry in entries(service, platform))


def log_file(service: Service) -> str:
    """Where the standard error of a service's handlers goes; empty for the client."""
    return "" if service.stderr == "client" else f"{LOGS}/{service.name}.log"


def render_services(services: Sequence[Service], platform: Platform) -> list[File]:
    """All files of these services."""
    if not services:
        return []
    files = [
        File(LIBRARY, mode=0o755, kind="directory"),
        File(HANDLERS, mode=0o755, kind="directory"),
        File(LOGS, mode=0o755, kind="directory"),
    ]
    if platform.managed:
        guarded = any(service.enabled and enforced_by_guard(service, platform) for service in services)
        unit = [f"{name}={value}\n" for name, value in required(platform)] if guarded else []
        files.append(File(DROP_IN, _DROP_IN + ("".join(["\n[Unit]\n", *unit]) if unit else "")))
    argvs = []
    for service in services:
        mine = entries(service, platform)
        text = "\n".join(_entry(service, entry, platform) for entry in mine)
        files.append(File(f"{ENTRIES}/superserver-{service.name}", f"{_head(service)}\n{text}", service=service.name))
        for entry in {entry.handler: entry for entry in mine}.values():
            argv = handler_argv(service, entry.accept, platform)
            argvs.append(argv)
            script = render_handler(service, entry.accept, argv, platform)
            files.append(File(entry.handler, f"#!/bin/sh\n{NOTICE}\n{script}", 0o755, service=service.name))
        if log_file(service):
            files.append(File(log_file(service), mode=0o640, kind="seed", service=service.name))
            argvs.append((STDERR, LOGGER))
        argvs += [
            *(gate(service, platform), session(service, platform), opening(service, platform)),
            ending(service, platform),
        ]
    return files + banners(services) + shared_programs(argvs)


def _head(service: Service) -> str:
    """Characters that some reader might take for the end of a line do not belong into a comment."""
    description = "".join(char if char.isprintable() else " " for char in service.description)
    return "\n".join([NOTICE, *(f"# {line}" for line in textwrap.wrap(description, 100))]) + "\n"


def _entry(service: Service, entry: Entry, platform: Platform) -> str:
    settings = [("id", entry.id), *_socket(entry, service.tcp), *_process(service, entry, platform)]
    settings += _limits(service, entry, platform) + _access(service, entry, platform)
    settings += [
        ("log_type", "SYSLOG daemon info"),
        ("log_on_success", "PID HOST EXIT DURATION"),
        ("log_on_failure", "HOST"),
    ]
    settings += [(name, " ".join(words(value))) for name, value in service.native.of("xinetd").items()]
    # Nothing behind this line is read when it says yes.
    settings.append(("disable", "no" if service.enabled else "yes"))
    return "\n".join([f"service {service.name}", "{", *_assignments(settings), "}"]) + "\n"


def _assignments(settings: Sequence[tuple[str, str]]) -> t.Iterator[str]:
    """Lines; an attribute that is there already is added to."""
    seen = set()
    for name, value in settings:
        yield f"\t{name:<14} {'+=' if name in seen else '='} {value}".rstrip(" ")
        seen.add(name)


def _flags(listener: Listener, options: Tcp) -> Iterator[str]:
    yield "IPv4" if listener.family == "ipv4" else "IPv6"
    yield "NOLIBWRAP"
    if listener.transport == "tcp":
        yield from ["KEEPALIVE"] if options.keepalive else []
        yield from ["NODELAY"] if options.no_delay else []


def _socket(entry: Entry, options: Tcp) -> list[tuple[str, str]]:
    """What is applied when the socket is bound.

    The address is always written: without one it would come from the ``defaults`` entry, and a change from an address
    to none would not be carried out. Whatever ``v6only`` says in an entry, even ``no``, makes it IPv6 only.
    """
    listener = entry.listener
    settings = [
        ("type", "UNLISTED"),
        ("flags", " ".join(_flags(listener, options))),
        ("socket_type", "dgram" if listener.type == "datagram" else "stream"),
        ("protocol", listener.transport),
        ("bind", listener.address),
        ("port", str(listener.port)),
        ("wait", "no" if entry.accept else "yes"),
    ]
    return [*settings, ("v6only", "yes")] if listener.family == "ipv6" else settings


def _process(service: Service, entry: Entry, platform: Platform) -> list[tuple[str, str]]:
    account = "root" if starts_as_root(service, platform) else service.user
    group = [("group", service.group)] if service.group and not starts_as_root(service, platform) else []
    return [
        ("user", account),
        *group,
        ("groups", "yes"),
        ("umask", f"0{service.umask}"),
        ("nice", str(service.nice)),
        ("passenv", ""),
        ("server", entry.handler),
    ]


def _limits(service: Service, entry: Entry, platform: Platform) -> list[tuple[str, str]]:
    """The schema's backstop where nothing was declared, or where the guard counts."""
    if not entry.accept:
        throttle = "0 0" if entry.listener.type == "datagram" else THROTTLE
        return [("instances", "UNLIMITED"), ("per_source", "UNLIMITED"), ("cps", throttle)]
    guarded = enforced_by_guard(service, platform)
    most = service.connections.max if "connections.max" not in guarded else None
    source = service.connections.per_source if "connections.per_source" not in guarded else None
    return [("instances", str(most or BACKSTOP)), ("per_source", str(source or "UNLIMITED")), ("cps", "0 0")]


def _access(service: Service, entry: Entry, platform: Platform) -> list[tuple[str, str]]:
    """xinetd looks at the addresses of connections that it accepts itself only; all others are the guard's."""
    access = service.access
    if not entry.accept or not (access.allow or access.deny):
        return []
    if enforced_by_guard(service, platform) & {"access.allow", "access.deny"}:
        return []
    compiled = compile_access(access.allow, access.deny)
    name = "only_from" if compiled.closed else "no_access"
    networks = _apart(compiled.networks) if entry.listener.family == "dual" else compiled.networks
    addresses = [_address(network) for network in networks]
    return [
        (name, " ".join(addresses[start : start + NETWORKS_PER_LINE]))
        for start in range(0, max(1, len(addresses)), NETWORKS_PER_LINE)
    ]


def _apart(networks: Sequence[Network]) -> list[Network]:
    """On a socket of both families an IPv4 client has an IPv6 address as well, which wide IPv6 prefixes cover."""
    if ipaddress.ip_network("0.0.0.0/0") in networks:
        return list(networks)
    return [
        part
        for network in networks
        for part in (
            network.address_exclude(_MAPPED)
            if isinstance(network, ipaddress.IPv6Network) and _MAPPED.subnet_of(network)
            else [network]
        )
    ]


def _address(network: Network) -> str:
    """xinetd never matches an IPv6 address with a prefix of 128. It takes zeros at the end of an IPv4 address without a
    prefix for every number."""
    alone = network.prefixlen == network.max_prefixlen and not str(network.network_address).endswith(".0")
    return str(network.network_address) if alone else str(network)
