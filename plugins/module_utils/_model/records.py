# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a service that have fields of their own; what they mean where they are omitted, the schema says."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, fields

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import RAW
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.clients import BANNER, RATE, TLS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.parts import LOG, PROBE, PROXY, TCP


def known(record: type[t.Any], given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Those of the given fields that a record has."""
    names = {each.name for each in fields(record)}
    return {name: value for name, value in given.items() if name in names}


@dataclass(frozen=True)
class Proxy:
    """Where connections are forwarded to (the first that takes one), and the daemon there that is started on demand;
    without ``idle_timeout`` (seconds) it stays. A connection waits ``start_timeout`` (seconds) for it."""

    to: tuple[Endpoint, ...]
    unit: str = ""
    idle_timeout: int | None = None
    start_timeout: int = PROXY.default("start_timeout")


@dataclass(frozen=True)
class Rate:
    """At most ``count`` new connections at once and in each ``interval`` (seconds); further connections are refused,
    and then all connections for ``pause`` seconds."""

    count: int
    interval: int = RATE.default("interval")
    pause: int = RATE.default("pause")


@dataclass(frozen=True)
class Connections:
    """How many clients are served at a time; None: no declared limit. New clients are refused while the one-minute load
    average is ``max_load`` or more."""

    max: int | None = None
    per_source: int | None = None
    rate: Rate | None = None
    max_load: float | None = None


@dataclass(frozen=True)
class Access:
    """Which clients are served, and when; :mod:`access` and :mod:`hours` define the lists."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resources:
    """Limits in the schema's units; None: none declared."""

    open_files: int | None = None
    processes: int | None = None
    address_space: int | None = None
    data: int | None = None
    stack: int | None = None
    core: int | None = None
    file_size: int | None = None
    cpu_time: int | None = None
    memory_max: int | None = None
    cpu_quota: int | None = None
    tasks_max: int | None = None
    connection_time: int | None = None


@dataclass(frozen=True)
class Tcp:
    """Options of the connections; ``defer_accept`` in seconds."""

    keepalive: bool = TCP.default("keepalive")
    no_delay: bool = TCP.default("no_delay")
    defer_accept: int | None = None


@dataclass(frozen=True)
class Banner:
    """Text that a client gets when it connects, or when it is refused; either ``text`` or ``file``."""

    text: str = ""
    file: str = ""
    on: str = BANNER.default("on")


@dataclass(frozen=True)
class Tls:
    """Certificate and key, as paths on the host, and the CA of client certificates."""

    certificate: str
    key: str
    client_ca: str = ""
    minimum_version: str = TLS.default("minimum_version")


@dataclass(frozen=True)
class Log:
    """What is logged of connections, and where: ``file`` is put aside at ``rotate_size`` bytes."""

    what: tuple[str, ...] = tuple(LOG.default("what"))
    where: str = LOG.default("where")
    file: str = ""
    rotate_size: int = LOG.default("rotate_size")
    rotate_keep: int = LOG.default("rotate_keep")


@dataclass(frozen=True)
class Probe:
    """Probe of a service: ``send`` is sent, and the answer must match ``expect`` (a regular expression) within
    ``timeout`` s."""

    send: str = PROBE.default("send")
    expect: str = PROBE.default("expect")
    timeout: float = PROBE.default("timeout")


@dataclass(frozen=True)
class Secret:
    """A secret value. ``digest`` stands for it wherever a service is stored or shown; ``value`` is
    None if only the digest is known."""

    digest: str
    value: str | None = field(default=None, compare=False, repr=False)


Directives = t.Mapping[str, t.Union[str, t.Sequence[str]]]


@dataclass(frozen=True)
class Native:
    """Raw directives by their field, such as ``systemd.socket``; each value is a string, or a list of strings for a
    directive that is repeated."""

    kinds: t.Mapping[str, Directives] = field(default_factory=dict)

    def of(self, kind: str) -> Directives:
        """Those of one kind."""
        return self.kinds.get(kind, {})


def native_of(given: t.Mapping[str, t.Any]) -> Native:
    """Raw directives as they were declared, of the kinds that there are."""
    return Native({raw.field: found for raw in RAW for found in (_at(given, raw.field),) if found})


def _at(given: t.Mapping[str, t.Any], path: str) -> Directives:
    top, _dot, rest = path.partition(".")
    return _at(given.get(top, {}), rest) if rest else given.get(top, {})
