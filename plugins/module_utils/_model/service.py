# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One network service, as everything behind the schema sees it: complete, checked, unchangeable."""

from __future__ import annotations

import hmac
import json
import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.meaning import accepts
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import check_order
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.rules import (
    OWN_ADDRESS,
    check_collisions,
    check_services,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    Endpoint,
    Listener,
    listener_of,
    parse_endpoint,
    parse_targets,
    resolve_port,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import Layer, Merged, merge, path_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import (
    Access,
    Banner,
    Connections,
    Log,
    Native,
    Probe,
    Proxy,
    Rate,
    Resources,
    Secret,
    Tcp,
    Tls,
    known,
    native_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT, SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import DIGEST, collector


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


def load_services(layers: Sequence[Layer], defaults: t.Any, backend: str, key: bytes = b"") -> list[Service]:
    """Turn the layers of a declaration into services, sorted by name, without those that are declared ``absent``.

    ``backend`` is the host's; a service may name its own. ``key`` is what digests of secrets are made with. Raises
    InvalidDeclaration with every problem found.
    """
    problems: list[Problem] = []
    merged = merge(layers, defaults, problems)
    check_order([entry for entry in merged if "name" in entry.fields], backend, collector(problems))
    return _services(merged, backend, problems, key)


def _services(merged: Sequence[Merged], backend: str, problems: list[Problem], key: bytes = b"") -> list[Service]:
    present = [entry for entry in merged if entry.fields.get("state") != "absent"]
    check_services(present, problems)
    if problems:
        raise InvalidDeclaration(problems)
    services = [build(entry.fields, backend, entry.origins, key) for entry in present]
    return sorted(services, key=lambda service: service.name)


def resolve_ports(services: Sequence[Service], lookup: Callable[[str, str], int | None]) -> list[Service]:
    """Replace names of ports by numbers. Raises InvalidDeclaration for names that nobody knows, and for collisions that
    only the numbers show."""
    problems: list[Problem] = []
    resolved = [_resolve(service, lookup, problems) for service in services]
    if not problems:
        _check_held(resolved, problems)
    if problems:
        raise InvalidDeclaration(problems)
    return resolved


def _check_held(services: Sequence[Service], problems: list[Problem]) -> None:
    held = [
        (listener, f"{service.path('listen')}[{index}]", service.name)
        for service in services
        if service.enabled
        for index, listener in enumerate(service.listeners(ipv6=True))
    ]
    check_collisions(held, collector(problems))


def resolve_paths(services: Sequence[Service], lookup: Callable[[str], str]) -> tuple[list[Service], list[Problem]]:
    """Have unix sockets where their paths lead to on the host, which ``lookup`` tells: by another name systemd and the
    kernel would not know them. The problems are collisions that only this shows. Where forwarders connect to stays as
    it is written: links there may be meant to change."""
    problems: list[Problem] = []
    resolved = [
        replace(service, listen=tuple(_placed(endpoint, lookup) for endpoint in service.listen)) for service in services
    ]
    _check_held(resolved, problems)
    for service in resolved:
        targets = {_placed(target, lookup).path for target in service.proxy.to} - {""} if service.proxy else set()
        for index, endpoint in enumerate(service.listen):
            if endpoint.path in targets:
                path = f"{service.path('listen')}[{index}]"
                problems.append(Problem(service.path("proxy.to"), OWN_ADDRESS.format(path)))
    return resolved, problems


def _placed(endpoint: Endpoint, lookup: Callable[[str], str]) -> Endpoint:
    return replace(endpoint, path=lookup(endpoint.path)) if endpoint.path else endpoint


def _resolve(service: Service, lookup: Callable[[str, str], int | None], problems: list[Problem]) -> Service:
    endpoints = []
    for index, endpoint in enumerate(service.listen):
        try:
            endpoints.append(resolve_port(endpoint, lookup))
        except ValueError as exc:
            problems.append(Problem(f"{service.path('listen')}[{index}].{endpoint.transport}", str(exc)))
    return replace(service, listen=tuple(endpoints))


def build(fields: Mapping[str, t.Any], backend: str, origins: Mapping[str, str], key: bytes = b"") -> Service:
    """Make a service of its fields, which have been checked, now or by the version of this collection that stored them:
    what is not known here stays in ``declared``."""
    secrets = _sealed(fields, key)
    if "secrets" in fields:
        fields = {**fields, "secrets": {name: {DIGEST: secret.digest} for name, secret in secrets}}
    given = {name: _MADE[name](value) if name in _MADE else value for name, value in known(Service, fields).items()}
    computed = {
        "backend": fields.get("backend") or backend,
        "declared": json.loads(json.dumps(fields)),
        "accept": accepts(fields),
        "user": _account(fields),
        "secrets": secrets,
        "origins": origins,
    }
    return Service(**{**given, **computed})


def _account(fields: Mapping[str, t.Any]) -> str:
    """What a service runs as; what faces clients and is the collection's own is not root's unless that is declared."""
    if "internal" in fields:
        return OWN_ACCOUNT
    return str(fields.get("user") or (OWN_ACCOUNT if "proxy" in fields else "root"))


def _sealed(fields: Mapping[str, t.Any], key: bytes) -> tuple[tuple[str, Secret], ...]:
    """A service's secrets in order of name."""
    return tuple(
        (name, Secret(value[DIGEST]) if isinstance(value, Mapping) else seal(value, fields["name"], name, key))
        for name, value in sorted(fields.get("secrets", {}).items())
    )


def seal(value: str, service: str, name: str, key: bytes) -> Secret:
    """A secret with its digest, which tells nothing to who does not know the key; not even that two are the same."""
    text = f"{service}\0{name}\0{value}".encode()
    return Secret(hmac.new(key, text, "sha256").hexdigest()[:32], value)


def _connections(fields: Mapping[str, t.Any]) -> Connections:
    rate = Rate(**known(Rate, fields["rate"])) if "rate" in fields else None
    return Connections(**{**known(Connections, fields), "rate": rate})


def _access(fields: Mapping[str, t.Any]) -> Access:
    return Access(**{name: tuple(entries) for name, entries in known(Access, fields).items()})


def _log(fields: Mapping[str, t.Any]) -> Log:
    given: dict[str, t.Any] = known(Log, fields)
    return Log(**{**given, **{name: tuple(given[name]) for name in ("what",) if name in given}})


def _proxy(fields: Mapping[str, t.Any]) -> Proxy:
    given: dict[str, t.Any] = known(Proxy, fields)
    return Proxy(**{**given, "to": parse_targets(given["to"])})


# What is in an endpoint's text.
_PARSED = ("transport", "address", "port", "path")


def build_endpoint(fields: Mapping[str, t.Any]) -> Endpoint:
    """Make an endpoint of a checked entry of ``listen``."""
    transport = next(name for name in ("tcp", "udp", "unix") if name in fields)
    endpoint = parse_endpoint(transport, fields[transport])
    given = {key: value for key, value in known(Endpoint, fields).items() if key not in _PARSED}
    if "mode" in given:
        given["mode"] = "0" + given["mode"][-3:]
    if given.get("family") == "any":
        given.pop("family")
    return replace(endpoint, **given)


def _endpoint_text(endpoint: Endpoint) -> str:
    return str(endpoint).split(" ", 1)[1].replace("*:", "", 1)


def _record(record: type[t.Any]) -> Callable[[Mapping[str, t.Any]], t.Any]:
    """What makes a record of those of the declared fields that it has."""
    return lambda fields: record(**known(record, fields))


# What becomes of a field's declared value; the others stay as they are.
_MADE: dict[str, Callable[[t.Any], t.Any]] = {
    "listen": lambda endpoints: tuple(build_endpoint(endpoint) for endpoint in endpoints),
    "exec": tuple,
    "proxy": _proxy,
    "supplementary_groups": tuple,
    "umask": lambda mask: mask[-3:],
    "environment": lambda variables: tuple(sorted(variables.items())),
    "resources": _record(Resources),
    "connections": _connections,
    "access": _access,
    "tcp": _record(Tcp),
    "banner": _record(Banner),
    "tls": _record(Tls),
    "log": _log,
    "requires": tuple,
    "after": tuple,
    "probe": _record(Probe),
    "native": native_of,
}
