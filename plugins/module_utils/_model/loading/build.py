# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes services and their records of declared fields, which have been checked."""

from __future__ import annotations

import hmac
import json
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.meaning import accepts
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    Endpoint,
    parse_endpoint,
    parse_targets,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import (
    Access,
    Banner,
    Connections,
    Log,
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
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import DIGEST
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


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
