# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All files of a declaration, and all its problems. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import refusals, without
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import GUARD, render_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.accounts import resolve_accounts
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import resolve_ports
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def render_all(services: Sequence[Service], platform: Platform) -> list[File]:
    """Every file of every backend and of the guard; a file that several want stands once."""
    files = [
        replace(file, backend=name)
        for name, backend in BACKENDS.items()
        for file in backend.render([service for service in services if service.backend == name], platform)
    ]
    files += [replace(file, backend=GUARD) for file in render_guard(services, platform)]
    return list({file.path: file for file in files}.values())


def apply_capabilities(services: Sequence[Service], platform: Platform, policy: str) -> tuple[list[Service], list[str]]:
    """Refuse what a backend cannot honour; with the policy ``warn`` leave out what a service can do without.

    Returns the services and the warnings; raises InvalidDeclaration.
    """
    problems: list[Problem] = []
    warnings = []
    result = {service.name: service for service in services}
    for refusal in refusals(services, platform):
        name = refusal.service.name
        if policy == "warn" and refusal.row.droppable:
            warnings.append(f"left out: {refusal.problem()}")
            result[name] = without(result[name], refusal.row.field)
        else:
            problems.append(refusal.problem())
    for service in result.values():
        problems += BACKENDS[service.backend].further_problems(service, platform)
    if problems:
        raise InvalidDeclaration(problems)
    return list(result.values()), warnings


# The one account that has the same number everywhere.
_ROOT = {0: "root"}


def platform_of(options: Mapping[str, t.Any]) -> Platform:
    """The host that options describe; raises TypeError for an option that there is not."""
    fields = {"guard": "policy"}
    facts: dict[str, t.Any] = {}
    for backend in BACKENDS.values():
        fields.update(backend.offline_options)
        facts.update(backend.offline)
    return Platform(**{**facts, **{fields.get(name, name): value for name, value in options.items()}})


def render_offline(
    declaration: t.Any, backend: str, defaults: t.Any, ports: Mapping[str, int], platform: Platform
) -> list[File]:
    """The files of a list of services on a host with these properties. Raises InvalidDeclaration."""
    services = load_services([Layer(BASE, declaration)], defaults, backend)
    services = resolve_ports(services, lambda name, _transport: ports.get(name))
    services, unknown = resolve_accounts(services, _ROOT.get, _ROOT.get)
    if unknown:
        raise InvalidDeclaration(unknown)
    services, _warnings = apply_capabilities(services, platform, "fail")
    return render_all(services, platform)
