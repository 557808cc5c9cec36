# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and groups as numbers, which become names before other code reads a service.

Super-servers read numbers differently (xinetd makes the number of the account its group as well), and a number that no
account has leaves nothing to take groups from.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Report, collector
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

Lookup = t.Callable[[int], t.Optional[str]]


def resolve_accounts(services: Sequence[Service], user: Lookup, group: Lookup) -> tuple[list[Service], list[Problem]]:
    """Replace numbers by names; ``user`` and ``group`` know them or return None, which is a problem."""
    problems: list[Problem] = []
    return [_resolve(service, user, group, collector(problems)) for service in services], problems


def _resolve(service: Service, user: Lookup, group: Lookup, report: Report) -> Service:
    def a_user(name: str, path: str) -> str:
        return _name(name, user, "user", service.path(path), report)

    def a_group(name: str, path: str) -> str:
        return _name(name, group, "group", service.path(path), report)

    groups = service.supplementary_groups
    listen = tuple(
        replace(
            endpoint,
            owner=a_user(endpoint.owner, f"listen[{index}].owner"),
            group=a_group(endpoint.group, f"listen[{index}].group"),
        )
        for index, endpoint in enumerate(service.listen)
    )
    resolved = replace(
        service,
        listen=listen,
        user=a_user(service.user, "user"),
        group=a_group(service.group, "group") if service.group else None,
        supplementary_groups=None
        if groups is None
        else tuple(a_group(name, f"supplementary_groups[{index}]") for index, name in enumerate(groups)),
    )
    return resolved if resolved == service else replace(resolved, declared=_declared(resolved))


def _name(name: str, lookup: Callable[[int], str | None], kind: str, path: str, report: Report) -> str:
    if not name.isdigit():
        return name
    found = lookup(int(name))
    if found is None:
        report(path, f"the host has no {kind} with the number {name}; create it first, or write the name of another")
    return found or name


def _declared(service: Service) -> dict[str, t.Any]:
    """What is stored of a service: names where numbers were declared, so that the one for the other is no change."""
    declared = dict(service.declared)
    given = {
        "user": service.user,
        "group": service.group,
        "supplementary_groups": list(service.supplementary_groups or ()),
    }
    declared.update({name: value for name, value in given.items() if name in declared})
    declared["listen"] = [_entry(entry, endpoint) for entry, endpoint in zip(declared["listen"], service.listen)]
    return declared


def _entry(entry: t.Mapping[str, t.Any], endpoint: Endpoint) -> dict[str, t.Any]:
    given = {"owner": endpoint.owner, "group": endpoint.group}
    return {**entry, **{name: value for name, value in given.items() if name in entry}}
