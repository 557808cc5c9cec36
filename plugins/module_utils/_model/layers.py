# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging of layers: ``superserver_services`` and every ``superserver_services__<suffix>``, by service name."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.meaning import (
    inapplicable_fields,
    without_field,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import collector, type_name

BASE = "superserver_services"
DEFAULTS = "superserver_defaults"


@dataclass(frozen=True)
class Layer:
    """One variable: its name (used in paths) and the list it holds."""

    name: str
    services: t.Any


@dataclass(frozen=True)
class Merged:
    """One service after merging: the declared fields, and for each field (``access``, ``access.allow``) the path of the
    entry that set it.

    ``broken`` is not empty where an entry has problems of its own, so that its fields cannot be trusted.
    """

    fields: dict[str, t.Any]
    origins: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def path(self, name: str) -> str:
        """Where a field, e.g. ``access.allow``, was declared; for an undeclared one, where the service was."""
        return path_of(self.origins, name)


def path_of(origins: Mapping[str, str], name: str) -> str:
    """The path of a field by where it, or else its record or its service, was declared."""
    declared = next((key for key in (name, name.partition(".")[0]) if key in origins), "name")
    return f"{origins[declared]}.{name}"


def ordered(layers: Sequence[Layer]) -> list[Layer]:
    """The base list first, then the others in alphabetical order of their suffix."""
    return sorted(layers, key=lambda layer: (layer.name != BASE, layer.name))


def merge(layers: Sequence[Layer], defaults: t.Any, problems: list[Problem]) -> list[Merged]:
    """Check every entry of every layer by itself, then merge those of one name.

    A later entry overrides field by field, within a record (``connections``, ``access``) sub-field by sub-field; lists,
    ``environment``, ``secrets`` and the directives of ``native`` are replaced as a whole.
    """
    before = len(problems)
    base = _check_defaults(defaults, problems)
    broken = [DEFAULTS] if len(problems) > before else []
    merged: dict[str, Merged] = {}
    for layer in ordered(layers):
        for path, entry, sound in _check_layer(layer, problems):
            service = merged.setdefault(entry["name"], Merged({}, broken=list(broken)))
            service.fields.update(_combined(service.fields, entry))
            service.origins.update(_origins(entry, path))
            if not sound:
                service.broken.append(path)
    return [_with_defaults(service, base) for service in merged.values()]


def _check_defaults(defaults: t.Any, problems: list[Problem]) -> dict[str, t.Any]:
    if not defaults:
        return {}
    report = collector(problems)
    checked = SERVICE.check(defaults, DEFAULTS, report, partial=True)
    for name in ("name", "listen", "exec", "argv0", "internal", "proxy", "state"):
        if checked.pop(name, None) is not None:
            report(f"{DEFAULTS}.{name}", "cannot be a default: it belongs to each service")
    return checked


def _with_defaults(service: Merged, defaults: Mapping[str, t.Any]) -> Merged:
    """A service with those of the defaults that mean anything for it."""
    fields = _combined(defaults, service.fields)
    for path, _reason in list(inapplicable_fields(fields)):
        if path not in service.origins:
            fields = without_field(fields, path)
    return replace(service, fields=fields, origins={**_origins(fields, DEFAULTS), **service.origins})


def _check_layer(layer: Layer, problems: list[Problem]) -> list[tuple[str, dict[str, t.Any], bool]]:
    report = collector(problems)
    if not isinstance(layer.services, (list, tuple)):
        report(layer.name, f"must be a list of services, not {type_name(layer.services)}")
        return []
    checked = []
    seen: dict[str, str] = {}
    for index, raw in enumerate(layer.services):
        path = f"{layer.name}[{index}]"
        before = len(problems)
        entry = SERVICE.check(raw, path, report)
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        if name in seen:
            report(f"{path}.name", f'"{name}" appears twice in this list, also at {seen[name]}; merge the two entries')
            continue
        seen[name] = path
        checked.append((path, entry, len(problems) == before))
    return checked


def _origins(fields: Mapping[str, t.Any], path: str) -> dict[str, str]:
    """For each field, and each one inside a record, that it was declared at ``path``."""
    inner = [f"{name}.{key}" for name, value in fields.items() if isinstance(value, Mapping) for key in value]
    return dict.fromkeys([*fields, *inner], path)


def _combined(old: Mapping[str, t.Any], new: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The later fields over the earlier ones."""
    return {**old, **{key: _overridden(old.get(key), value, key) for key, value in new.items()}}


def _overridden(old: t.Any, new: t.Any, key: str) -> t.Any:
    nested = key not in ("environment", "secrets") and isinstance(new, Mapping) and isinstance(old, Mapping)
    return {**old, **new} if nested else new
