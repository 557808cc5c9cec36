# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields mean anything for a service, going by its endpoints and its handler.

A field without meaning is refused where a service declares it, and left out where it is a default for all services.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.parts import LOG

TRANSPORTS = ("tcp", "udp", "unix")

# The interface of connections that a host makes to itself, whatever the address.
LOOPBACK = "lo"

# How a handler gets its sockets, which is settled for the collection's own programs.
_HANDOVER = ("accept", "socket_fd", "stderr")

# About the handler's process, which an internal service does not have.
_PROCESS = (
    *_HANDOVER,
    "argv0",
    "end_children",
    "user",
    "group",
    "supplementary_groups",
    "umask",
    "nice",
    "working_directory",
    "environment",
    "environment_file",
    "secrets",
)
# The way out where TLS is impossible.
_TLS = (
    "let the daemon itself do TLS, or declare two services: one with listen: [{unix: /run/NAME.sock}] for the "
    "daemon, and one with tls and proxy: {to: /run/NAME.sock}"
)
# The forwarder uses no variable.
_READ = ("environment_file", "secrets")
_FORWARDERS = (*_HANDOVER, *_READ, "argv0", "end_children")


def kind_of(endpoint: Mapping[str, t.Any]) -> str:
    """``stream``, ``datagram`` or ``seqpacket``, of an entry of ``listen``."""
    return "datagram" if "udp" in endpoint else str(endpoint.get("type", Endpoint.type))


def kinds(fields: Mapping[str, t.Any]) -> set[str]:
    """The kinds of all endpoints of a service."""
    return {kind_of(endpoint) for endpoint in fields.get("listen", ())}


def accepts(fields: Mapping[str, t.Any]) -> bool:
    """Whether a service has one handler process for each connection."""
    if "proxy" in fields:
        return forwards_each(fields)
    return bool(fields.get("accept", "datagram" not in kinds(fields)))


def forwards_each(fields: Mapping[str, t.Any]) -> bool:
    """Whether a proxy has one forwarder for each connection, behind TLS. What starts a daemon stays for all of them."""
    return "proxy" in fields and "tls" in fields and "unit" not in fields["proxy"]


def has(fields: Mapping[str, t.Any], *transports: str) -> bool:
    """Whether any endpoint of a service is of one of the transports."""
    return any(name in endpoint for endpoint in fields.get("listen", ()) for name in transports)


def inapplicable_fields(fields: Mapping[str, t.Any]) -> Iterator[tuple[str, str]]:
    """The fields that a service cannot make use of, e.g. ``connections.max``, each with the reason."""
    yield from _pointless_by_handler(fields)
    yield from _pointless_by_endpoints(fields)
    yield from _pointless_by_log(fields)
    if fields.get("banner", {}).get("on") == "refuse" and not turns_away(fields):
        yield (
            "banner",
            (
                "applies only to clients that access.hours or connections.max_load refuses; add one of "
                "these fields, or leave on out"
            ),
        )


def _pointless_by_log(fields: Mapping[str, t.Any]) -> Iterator[tuple[str, str]]:
    where = fields.get("log", {}).get("where", LOG.default("where"))
    if where != "file":
        about = f"applies to a log file, but the log goes to {where}"
        yield from ((f"log.{name}", about) for name in ("file", "rotate_size", "rotate_keep"))


def _pointless_by_handler(fields: Mapping[str, t.Any]) -> Iterator[tuple[str, str]]:
    if "internal" in fields:
        yield from ((name, "has no meaning for an internal service") for name in _PROCESS)
    elif "proxy" in fields:
        yield from ((name, "has no meaning for a proxy") for name in _FORWARDERS)
        if forwards_each(fields):
            yield "proxy.idle_timeout", "has no meaning with tls: each connection has a forwarder, which ends with it"
    elif accepts(fields):
        yield "socket_fd", "works with accept: false only; a handler gets its connection as fd 0"
    elif fields.get("stderr") == "client":
        yield (
            "stderr",
            "cannot be client with accept: false: the process gets a listening socket, not a client to write to",
        )
    if not _serves_connections(fields):
        about = "applies to single connections, but with accept: false the process accepts them itself"
        yield from ((name, about) for name in ("resources.connection_time", "connections.max_load", "banner", "log"))
    if not _serves_connections(fields):
        yield (
            "tls",
            f"needs one process for each connection, and accept: false and proxy.unit have one for all; {_TLS}",
        )
    elif "tls" in fields:
        yield "probe", "sends plain text, which a service with tls does not understand"


def _pointless_by_endpoints(fields: Mapping[str, t.Any]) -> Iterator[tuple[str, str]]:
    if not has(fields, "tcp", "udp"):
        about = "applies to network addresses, but the service listens on unix sockets only; use owner, group and mode"
        yield from ((f"access.{name}", about) for name in ("allow", "deny"))
    if kinds(fields) - {"stream"}:
        yield (
            "tls",
            "works with tcp and unix stream connections only, but the service has other endpoints; split it in two",
        )
    if kinds(fields) == {"datagram"}:
        counts = "counts connections, but the service receives datagrams only"
        yield from ((f"connections.{name}", counts) for name in ("max", "per_source", "rate"))
    elif not has(fields, "tcp"):
        yield "connections.per_source", "counts client addresses, which unix sockets do not have; use connections.max"
    if not has(fields, "tcp"):
        options = "is an option of TCP connections, but the service has no tcp endpoint"
        yield from ((f"tcp.{name}", options) for name in ("keepalive", "no_delay", "defer_accept"))
    elsewhere = sorted({endpoint.get("interface", LOOPBACK) for endpoint in fields.get("listen", ())} - {LOOPBACK})
    if elsewhere:
        about = f"connects from the host itself, so that the connection arrives on {LOOPBACK} and not on {elsewhere[0]}"
        yield "probe", f"{about}; leave probe out, or declare a separate service for that endpoint"


def _serves_connections(fields: Mapping[str, t.Any]) -> bool:
    """Whether there is a handler for each connection; small services have one for theirs, whatever else they do."""
    return accepts(fields) or ("internal" in fields and kinds(fields) != {"datagram"})


def turns_away(fields: Mapping[str, t.Any]) -> bool:
    """Whether a service has an admission check."""
    return bool(fields.get("access", {}).get("hours")) or "max_load" in fields.get("connections", {})


def declares(fields: Mapping[str, t.Any], path: str) -> bool:
    """Whether a field, e.g. ``access.allow``, is there; an empty access list is as good as none."""
    name, _dot, inner = path.partition(".")
    if not inner:
        return name in fields
    record = fields.get(name, {})
    return inner in record and record[inner] != []


def without_field(fields: Mapping[str, t.Any], path: str) -> dict[str, t.Any]:
    """The fields without one of them, e.g. ``access.allow``."""
    name, _dot, inner = path.partition(".")
    if not inner:
        return {key: value for key, value in fields.items() if key != name}
    if name not in fields:
        return dict(fields)
    return {**fields, name: {key: value for key, value in fields[name].items() if key != inner}}
