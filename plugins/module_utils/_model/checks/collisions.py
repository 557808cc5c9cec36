# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners that the kernel would refuse to bind together."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.meaning import (
    TRANSPORTS,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    Endpoint,
    Listener,
    collide,
    listener_of,
    parse_endpoint,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import Merged
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Report


def check_listeners(services: Sequence[Merged], report: Report) -> None:
    held = [
        (declared_listener(fields), f"{service.path('listen')}[{index}]", service.fields["name"])
        for service in services
        if service.fields.get("state") != "disabled"
        for index, fields in enumerate(service.fields["listen"])
    ]
    check_collisions(held, report)


def check_collisions(held: Iterable[tuple[Listener, str, str]], report: Report) -> None:
    """Listeners that the kernel would refuse to bind together, wherever they stand in the declaration; each comes with
    its path and the name of its service."""
    seen: dict[tuple[str, t.Any], list[tuple[Listener, str, str]]] = {}
    for listener, path, name in held:
        bucket = seen.setdefault((listener.transport, listener.port or listener.path), [])
        for other, other_path, other_name in bucket:
            if collide(listener, other):
                report(path, _collision(str(listener), str(other), other_name, other_path))
        bucket.append((listener, path, name))


def declared_listener(fields: Mapping[str, t.Any]) -> Listener:
    transport = next(name for name in TRANSPORTS if name in fields)
    parsed = parse_endpoint(transport, fields[transport])
    family = fields.get("family", Endpoint.family)
    if not parsed.address and family != "any":
        parsed = type(parsed)(transport, "", parsed.port, family=family)
    return listener_of(parsed, ipv6=True)


def _collision(mine: str, other: str, name: str, path: str) -> str:
    if mine == other:
        return f'{mine} is declared twice, also by "{name}" at {path}; give one of them another port or address'
    return (
        f'{mine} cannot be bound beside {other} of "{name}" at {path}: a wildcard holds every address of its port; '
        "give one of them another port, or both of them specific addresses"
    )
