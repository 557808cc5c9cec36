# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One network service, as everything behind the schema sees it: complete, checked, unchangeable."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    Endpoint,
    Listener,
    listener_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import path_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import (
    Access,
    Banner,
    Connections,
    Log,
    Native,
    Probe,
    Proxy,
    Resources,
    Secret,
    Tcp,
    Tls,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE


@dataclass(frozen=True)
class Service:
    """One service. ``declared`` holds what the user wrote (after merging, with digests in the place of secrets), for
    fields that have no attribute here and for the manifest; two services mean the same when :meth:`to_json` gives the
    same."""

    name: str
    backend: str
    declared: Mapping[str, t.Any] = field(compare=False)
    listen: tuple[Endpoint, ...]
    accept: bool
    user: str
    state: str = SERVICE.default("state")
    description: str = SERVICE.default("description")
    socket_fd: str = SERVICE.default("socket_fd")
    exec: tuple[str, ...] = ()
    argv0: str = ""
    internal: str = ""
    proxy: Proxy | None = None
    group: str | None = None
    supplementary_groups: tuple[str, ...] | None = None
    umask: str = SERVICE.default("umask")
    nice: int = SERVICE.default("nice")
    working_directory: str = SERVICE.default("working_directory")
    environment: tuple[tuple[str, str], ...] = ()
    environment_file: str = ""
    secrets: tuple[tuple[str, Secret], ...] = ()
    stderr: str = SERVICE.default("stderr")
    end_children: bool = SERVICE.default("end_children")
    resources: Resources = field(default_factory=Resources)
    connections: Connections = field(default_factory=Connections)
    access: Access = field(default_factory=Access)
    tcp: Tcp = field(default_factory=Tcp)
    banner: Banner | None = None
    tls: Tls | None = None
    log: Log | None = None
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    sandbox: str = SERVICE.default("sandbox")
    probe: Probe | None = None
    native: Native = field(default_factory=Native)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def path(self, name: str) -> str:
        """Where a field was declared, e.g. ``superserver_services__web[2].access.allow``."""
        return path_of({"name": self.name, **self.origins}, name)

    def uses(self, path: str) -> bool:
        """Whether a field, e.g. ``connections.rate``, was declared with a value that is not empty."""
        value: t.Any = self.declared
        for step in path.split("."):
            if not isinstance(value, Mapping) or step not in value:
                return False
            value = value[step]
        return value not in (None, [], {})

    def listeners(self, ipv6: bool) -> tuple[Listener, ...]:
        """The sockets to bind on a host with or without IPv6; ports must have been resolved. None is bound to an
        interface: the guard keeps connections from other interfaces away."""
        return tuple(replace(listener_of(endpoint, ipv6), interface=None) for endpoint in self.listen)

    @property
    def enabled(self) -> bool:
        """Whether the service is to listen."""
        return self.state == "present"

    def has(self, *transports: str) -> bool:
        """Whether any endpoint is of one of the transports."""
        return any(endpoint.transport in transports for endpoint in self.listen)

    def to_json(self) -> dict[str, t.Any]:
        """What :func:`stored.stored_service` needs to make this service again, byte for byte. Whether the account was
        declared or is the one of a forwarder without any makes no difference."""
        declared = dict(self.declared) if self.internal else {**self.declared, "user": self.user}
        declared["listen"] = [
            {**entry, endpoint.transport: endpoint.path or _endpoint_text(endpoint)}
            for entry, endpoint in zip(declared.get("listen", []), self.listen)
        ]
        return {**declared, "backend": self.backend}


def _endpoint_text(endpoint: Endpoint) -> str:
    return str(endpoint).split(" ", 1)[1].replace("*:", "", 1)
