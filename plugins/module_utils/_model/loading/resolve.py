# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service names and only the host knows: numbers of ports, and where paths of sockets lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.collisions import check_collisions
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.rules import (
    OWN_ADDRESS,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import (
    Endpoint,
    resolve_port,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import collector
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


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
