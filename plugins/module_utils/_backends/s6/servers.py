# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which supervised servers a service is made of, and what each provider of TCP servers can do. Pure."""

from __future__ import annotations

import hashlib
import posixpath
import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import CONFIG, LOGS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import ANY, Endpoint, Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Tcp
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# Service directories; scan directories hold links to them.
SERVICES = f"{CONFIG}/s6-services"
# What s6-rc compiles instead, where that manages services.
SOURCES = f"{CONFIG}/s6-rc/sources"
# What names of the collection begin with where there may be those of others.
PREFIX = "superserver-"
# What s6-linux-init copies onto /run when the host boots.
RUN_IMAGE = "/etc/s6-linux-init/current/run-image"


@dataclass(frozen=True)
class Provider:
    """A package of TCP servers.

    ``dual``: one server takes both families on a wildcard; else there is one for each. ``ipv6_only``: a server on a
    wildcard can be kept to IPv6. ``inherits``: a server takes a socket that listens already.
    """

    dual: bool
    ipv6_only: bool
    inherits: bool


# What the servers do was found by running them.
PROVIDERS = {
    "s6-networking": Provider(dual=False, ipv6_only=True, inherits=True),
    "ucspi": Provider(dual=True, ipv6_only=False, inherits=False),
}


Sockets = t.Tuple[t.Tuple[Endpoint, Listener], ...]


@dataclass(frozen=True)
class Server:
    """One supervised server. ``name`` is what its service directory is called after.

    ``home``: where its files are written; ``directory``: its service directory, which s6-rc makes itself. ``kind``:
    ``tcp`` (the provider's server), ``unix`` (s6's own) or ``binder``; ``accept``: whether there is a handler for each
    connection; ``kept``: whether the holder keeps its sockets while it is started again.
    """

    name: str
    home: str
    directory: str
    service: Service
    kind: str
    accept: bool
    kept: bool
    sockets: Sockets

    @property
    def logs(self) -> str:
        """Where its logger writes."""
        suffix = self.name[len(self.service.name) + 1 :]
        return f"{LOGS}/{self.service.name}" + (f"/{suffix}" if suffix else "")

    @property
    def uses_binder(self) -> bool:
        """Whether the collection's binder binds its socket, or gives it options."""
        ahead = any(listener.freebind for _endpoint, listener in self.sockets)
        return self.kind != "tcp" or self.service.tcp != Tcp() or ahead

    @property
    def kept_names(self) -> list[str]:
        """What the holder calls its sockets; a colon ends the server's own name."""
        return [f"{self.name}:{listener}" for _endpoint, listener in self.sockets if self.kept]

    def holds(self, listener: Listener) -> bool:
        """Whether a listener of the service, or a socket that is part of one, is this server's."""
        return any(listener in (own, *_halves(own)) or own in _halves(listener) for _endpoint, own in self.sockets)


def servers(service: Service, platform: Platform) -> list[Server]:
    """The servers of a service, in the order of its endpoints."""
    sockets: Sockets = tuple(zip(service.listen, service.listeners(platform.ipv6)))
    groups: list[tuple[str, bool, Sockets]] = [("binder", False, sockets)]
    if service.accept or service.internal:
        groups = [
            (_kind(part, service.tcp, platform), not endpoint.datagram, ((endpoint, part),))
            for endpoint, listener in sockets
            for part in _parts(listener, platform)
        ]
    names = [service.name + (f".{_slug(own[0][1])}" if len(groups) > 1 else "") for _kind, _accept, own in groups]
    return [
        Server(
            name,
            home(name, platform),
            supervised_at(name, platform),
            service,
            kind,
            accept,
            kind != "tcp" or _provider(platform).inherits,
            own,
        )
        for name, (kind, accept, own) in zip(names, groups)
    ]


def server_of(kept_name: str) -> str:
    """The server that a socket of this name is kept for."""
    return kept_name.split(":", maxsplit=1)[0]


def home(name: str, platform: Platform) -> str:
    """Where the files of a server are written."""
    return f"{SOURCES}/{PREFIX}{name}" if platform.s6_rc else f"{SERVICES}/{name}"


def supervised_at(name: str, platform: Platform) -> str:
    """The service directory of a server, or of the logger that :func:`logger_of` names."""
    return f"{platform.s6_rc.live}/servicedirs/{PREFIX}{name}" if platform.s6_rc else f"{SERVICES}/{name}"


def logger_of(name: str, platform: Platform) -> str:
    """To s6-rc a logger is one more service; no server has such a name."""
    return f"{name}.log" if platform.s6_rc else f"{name}/log"


def is_logger(name: str) -> bool:
    """Whether this is the name of a logger."""
    return name.endswith(("/log", ".log"))


def server_at(directory: str) -> str:
    """The name of the server in a service directory, however that was reached; empty when it is none of ours."""
    folder, _slash, entry = directory.rpartition("/")
    if folder == SERVICES:
        return entry
    # The live directory of s6-rc is a link, to another place after each update.
    ours = folder.endswith("/servicedirs") and entry.startswith(PREFIX)
    return entry[len(PREFIX) :] if ours else ""


def scan_prefix(platform: Platform) -> str:
    """What names begin with in the scan directory. In the host's own they are kept apart from those of others:
    s6-rc-init and s6-rc-update give up over a name that is taken, which can keep a host from booting."""
    return PREFIX if platform.supervised else ""


def scanned_at(name: str, platform: Platform) -> list[str]:
    """Where a service directory is linked to: the scan directory, and what becomes of it at the next boot. s6-rc does
    that by itself."""
    entry = scan_prefix(platform) + name
    found = [f"{platform.scan_directory}/{entry}"]
    if platform.supervised and not platform.s6_rc and platform.scan_directory.startswith("/run/"):
        found.append(f"{RUN_IMAGE}/{platform.scan_directory[len('/run/') :]}/{entry}")
    return found


def _parts(listener: Listener, platform: Platform) -> tuple[Listener, ...]:
    if listener.transport == "tcp" and listener.family == "dual" and not _provider(platform).dual:
        return _halves(listener)
    return (listener,)


def _halves(listener: Listener) -> tuple[Listener, ...]:
    """The two sockets that a listener for both families may be made of; none for any other."""
    if listener.family != "dual":
        return ()
    return tuple(replace(listener, family=family, address=ANY[family]) for family in ("ipv4", "ipv6"))


def _kind(listener: Listener, options: Tcp, platform: Platform) -> str:
    if listener.type == "datagram":
        return "binder"
    if listener.transport == "unix":
        return "unix"
    provider = _provider(platform)
    only_ipv6 = listener.family == "ipv6" and listener.wildcard
    # A server that binds by itself gives its socket no options, and binds to addresses only that are there.
    plain = options == Tcp() and not listener.freebind
    able = (provider.ipv6_only or not only_ipv6) and (provider.inherits or plain)
    return "tcp" if able else "binder"


def _provider(platform: Platform) -> Provider:
    return PROVIDERS[platform.s6 or "ucspi"]


def _slug(listener: Listener) -> str:
    """What tells a server from the service's others, e.g. ``tcp4-7`` or ``tcp-127.0.0.1-7``."""
    if listener.transport == "unix":
        digest = hashlib.sha256(listener.path.encode("utf-8")).hexdigest()[:8]
        plain = re.sub(r"[^A-Za-z0-9_.-]", "_", posixpath.basename(listener.path))
        return f"unix-{plain}-{digest}"
    if listener.wildcard:
        digit = {"ipv4": "4", "ipv6": "6", "dual": ""}[listener.family]
        return f"{listener.transport}{digit}-{listener.port}"
    return f"{listener.transport}-{listener.address.replace(':', '_')}-{listener.port}"
