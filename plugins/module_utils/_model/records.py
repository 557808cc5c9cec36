# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a service that have fields of their own."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, fields

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint


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
    start_timeout: int = 10


@dataclass(frozen=True)
class Rate:
    """At most ``count`` new connections at once and in each ``interval`` (seconds); who comes beyond that is refused,
    and so is everybody for ``pause`` seconds."""

    count: int
    interval: int = 1
    pause: int = 0


@dataclass(frozen=True)
class Connections:
    """How many clients are served at a time; None: no declared limit. From a one-minute load of ``max_load`` on
    nobody is."""

    max: int | None = None
    per_source: int | None = None
    rate: Rate | None = None
    max_load: float | None = None


@dataclass(frozen=True)
class Access:
    """Who is served, and when; see :mod:`access` and :mod:`hours` for what the lists mean."""

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

    keepalive: bool = False
    no_delay: bool = False
    defer_accept: int | None = None


@dataclass(frozen=True)
class Banner:
    """What a client is told when it comes, or when it is refused; either ``text`` or ``file``."""

    text: str = ""
    file: str = ""
    on: str = "connect"


@dataclass(frozen=True)
class Tls:
    """What a service proves to be, by paths on its host, and what it demands of clients."""

    certificate: str
    key: str
    client_ca: str = ""
    minimum_version: str = "1.2"


@dataclass(frozen=True)
class Log:
    """What is logged of connections, and where: ``file`` is put aside at ``rotate_size`` bytes."""

    what: tuple[str, ...] = ("host", "pid", "exit", "duration")
    where: str = "file"
    file: str = ""
    rotate_size: int = 1000000
    rotate_keep: int = 10


@dataclass(frozen=True)
class Probe:
    """How the service is proven: ``send`` this, and ``expect`` (a regular expression) must come back in ``timeout``
    s."""

    send: str = ""
    expect: str = ""
    timeout: float = 5


@dataclass(frozen=True)
class Secret:
    """A value that must not be told. ``digest`` stands for it wherever a service is written down or shown; ``value`` is
    None where nothing but that is known."""

    digest: str
    value: str | None = field(default=None, compare=False, repr=False)


Directives = t.Mapping[str, t.Union[str, t.Sequence[str]]]


@dataclass(frozen=True)
class Native:
    """Raw directives; each value is a string, or a list of strings for a directive that is repeated."""

    systemd_socket: Directives = field(default_factory=dict)
    systemd_service: Directives = field(default_factory=dict)
    xinetd: Directives = field(default_factory=dict)
    s6: Directives = field(default_factory=dict)
