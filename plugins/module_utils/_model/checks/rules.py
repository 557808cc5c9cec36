# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that apply on every backend and need more than one field."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import restricts
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.collisions import (
    check_listeners,
    declared_listener,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.meaning import (
    TRANSPORTS,
    accepts,
    declares,
    forwards_each,
    inapplicable_fields,
    kind_of,
    kinds,
    turns_away,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    Endpoint,
    collide,
    listener_of,
    parse_endpoint,
    parse_targets,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import DEFAULTS, Merged
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import BACKSTOP
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Report, collector

HANDLERS = ("exec", "internal", "proxy")
OWN_ADDRESS = (
    "is an address of the service itself ({}), so that its connections would never end. Let the daemon listen on "
    "another port, or on a unix socket, which can also be in another network namespace"
)
_NETWORK_ONLY = ("family", "interface", "freebind")
# What a forwarder has open beside its connections and listening sockets, such as its log. An endpoint is two sockets at
# most.
FORWARDER_FILES = 22
_UNIX_ONLY = ("owner", "group", "mode", "type")

# What the collection's own program does for a handler, within its limits; Python starts within these.
_BY_PYTHON = ("environment_file", "secrets", "argv0")
_ROOM = (("address_space", 1 << 26), ("data", 1 << 24), ("stack", 1 << 20), ("open_files", 16))

Rule = t.Callable[[Merged, Report], None]


def check_services(services: Sequence[Merged], problems: list[Problem]) -> None:
    """Check merged services (none of them absent), each by itself and then against each other. Of one that is broken it
    counts only which fields there are."""
    report = collector(problems)
    listening = []
    for service in services:
        _account(service, report)
        if service.broken:
            continue
        before = len(problems)
        _endpoints(service, report)
        if len(problems) > before:
            continue
        listening.append(service)
        for rule in _RULES:
            rule(service, report)
    check_listeners(listening, report)


def _account(service: Merged, report: Report) -> None:
    """Only an explicit ``user`` makes a service run as root."""
    if _handlers(service) == ["exec"] and "user" not in service.fields and DEFAULTS not in service.broken:
        report(
            service.path("user"),
            "is missing: name the account that the handler runs as, or write user: root if it needs root's rights",
        )


def _endpoints(service: Merged, report: Report) -> None:
    if "listen" not in service.fields:
        report(service.path("listen"), "is missing: a service needs at least one endpoint")
        return
    for index, endpoint in enumerate(service.fields["listen"]):
        _endpoint(endpoint, f"{service.path('listen')}[{index}]", report)


def _endpoint(endpoint: Mapping[str, t.Any], path: str, report: Report) -> None:
    given = [name for name in TRANSPORTS if name in endpoint]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        report(path, f"must have exactly one of tcp, udp and unix; it has {found}")
        return
    transport = given[0]
    foreign = _UNIX_ONLY if transport != "unix" else (*_NETWORK_ONLY,)
    for name in foreign:
        if name in endpoint:
            report(f"{path}.{name}", f"has no meaning for a {transport} endpoint")
    if "backlog" in endpoint and kind_of(endpoint) == "datagram":
        report(f"{path}.backlog", "has no meaning for datagrams: there is no connection that could wait")
    if transport == "unix":
        return
    parsed = parse_endpoint(transport, endpoint[transport])
    if endpoint.get("freebind") and not listener_of(parsed, ipv6=True).mobile:
        report(
            f"{path}.freebind",
            "applies to an address that the host may lack, such as 192.0.2.7:80; this one always exists; leave "
            "freebind out",
        )
    wanted = endpoint.get("family", Endpoint.family)
    if parsed.address and wanted not in ("any", parsed.family):
        report(
            f"{path}.family", f'is {wanted}, but the address "{parsed.address}" is {parsed.family}; leave family out'
        )


def _handlers(service: Merged) -> list[str]:
    return [name for name in HANDLERS if name in service.fields]


def _handler(service: Merged, report: Report) -> None:
    given = _handlers(service)
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        report(
            service.path(given[-1] if given else "exec"), f"a service has one of exec, internal, proxy; here: {found}"
        )


def _accept(service: Merged, report: Report) -> None:
    found = kinds(service.fields)
    accept = service.fields.get("accept")
    if accept and "datagram" in found:
        report(
            service.path("accept"),
            "cannot be true with a datagram endpoint: there is no connection to accept; split the service in two",
        )
    elif len(found) > 1 and "datagram" in found and accept is None and "internal" not in service.fields:
        report(
            service.path("listen"),
            "mixes connections and datagrams, which one handler cannot serve; split the service in two, or set "
            "accept: false for a daemon that gets all the sockets",
        )


def _socket_fd(service: Merged, report: Report) -> None:
    given = service.fields.get("socket_fd")
    if given == "stdin" and not accepts(service.fields) and len(service.fields["listen"]) > 1:
        report(
            service.path("socket_fd"),
            "is stdin, but there are several endpoints and fd 0 is one socket; split the service, or use listen_fds",
        )


def _internal(service: Merged, report: Report) -> None:
    if "internal" in service.fields and any("unix" in endpoint for endpoint in service.fields["listen"]):
        report(service.path("listen"), "an internal service listens on tcp and udp only")


def _amplifier(service: Merged, report: Report) -> None:
    """A datagram is answered to whatever address stands in it, which can be forged. A connection must be answered."""
    fields = service.fields
    silent = fields.get("internal") in (None, "discard")
    if silent or restricts(fields.get("access", {}).get("allow", ())):
        return
    for index, endpoint in enumerate(fields["listen"]):
        if "udp" in endpoint and not declared_listener(endpoint).loopback:
            report(
                f"{service.path('listen')}[{index}]",
                "answers datagrams from every address, also from a forged one, so that it could be used to flood "
                "other hosts; list in access.allow who may send them (not everybody, such as 0.0.0.0/0 or ::/0), "
                f'listen on the host itself, such as "127.0.0.1:{declared_listener(endpoint).port}", or leave udp out',
            )


def _proxy(service: Merged, report: Report) -> None:
    if "proxy" not in service.fields:
        return
    if "start_timeout" in service.fields["proxy"] and "unit" not in service.fields["proxy"]:
        report(
            service.path("proxy.start_timeout"),
            "applies to a daemon that is started on demand; name it in proxy.unit",
        )
    targets = [listener_of(target, ipv6=True) for target in parse_targets(service.fields["proxy"]["to"])]
    for index, endpoint in enumerate(service.fields["listen"]):
        path = f"{service.path('listen')}[{index}]"
        if kind_of(endpoint) != "stream":
            report(
                path,
                f"cannot be forwarded: a proxy forwards connections of tcp and unix stream, not {kind_of(endpoint)}",
            )
        elif any(collide(declared_listener(endpoint), target) for target in targets):
            report(service.path("proxy.to"), OWN_ADDRESS.format(path))


def _proxy_files(service: Merged, report: Report) -> None:
    """A forwarder has two files open for each connection, and a few more."""
    files = service.fields.get("resources", {}).get("open_files")
    if "proxy" not in service.fields or files is None or forwards_each(service.fields):
        return
    most = service.fields.get("connections", {}).get("max")
    needed = 2 * ((most or BACKSTOP) + len(service.fields["listen"])) + FORWARDER_FILES
    if files < needed:
        limit = (
            f"connections.max is {most}" if most else f"the limit is {BACKSTOP} where connections.max is not declared"
        )
        report(
            service.path("resources.open_files"),
            f"must be at least {needed} for this proxy, which has two files open for each connection: {limit}",
        )


def _inapplicable(service: Merged, report: Report) -> None:
    for path, reason in inapplicable_fields(service.fields):
        if declares(service.fields, path):
            report(service.path(path), reason)


def _banner(service: Merged, report: Report) -> None:
    banner = service.fields.get("banner")
    if banner is not None and len([name for name in ("text", "file") if name in banner]) != 1:
        report(service.path("banner"), "must have exactly one of text and file")


def _log(service: Merged, report: Report) -> None:
    """As a default it does no harm."""
    what = service.fields.get("log", {}).get("what", ())
    if "refused" in what and not turns_away(service.fields) and service.origins.get("log.what") != DEFAULTS:
        report(
            service.path("log.what"),
            "has refused, which applies only to clients that access.hours or connections.max_load refuses; add one "
            "of these fields, or leave refused out",
        )


def _probe(service: Merged, report: Report) -> None:
    expect = service.fields.get("probe", {}).get("expect")
    if expect and re.fullmatch(expect, ""):
        report(service.path("probe.expect"), "matches an empty answer, so it could never fail")


def _secrets(service: Merged, report: Report) -> None:
    for name in service.fields.get("secrets", {}):
        if name in service.fields.get("environment", {}):
            report(
                service.path(f"secrets.{name}"),
                "is also in environment; a variable has one value, so leave one of them out",
            )


def _room(service: Merged, report: Report) -> None:
    """What delivers variables of files, or a name, starts within the limits of the handler."""
    resources = service.fields.get("resources", {})
    if not any(service.fields.get(name) for name in _BY_PYTHON):
        return
    for name, least in _ROOM:
        if resources.get(name, least) < least:
            report(
                service.path(f"resources.{name}"),
                f"must be at least {least} with environment_file, secrets or argv0, because the program that sets "
                "them needs it",
            )


_RULES: tuple[Rule, ...] = (
    *(_handler, _accept, _socket_fd, _internal, _amplifier, _proxy, _proxy_files),
    *(_inapplicable, _banner, _log, _probe, _secrets, _room),
)
