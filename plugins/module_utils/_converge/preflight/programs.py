# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs, directories, daemons and variables that a service needs and that the host does not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import daemon
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.paths import path_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.sandbox import hidden_by_strict
from ansible_collections.ondemand.superserver.plugins.module_utils._host import units
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import (
    exists,
    is_directory,
    is_file,
    is_on_noexec,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers.environment import (
    Refused,
    read_variables,
)

# What is wrong with a unit, by its load state (systemctl(1)).
_LOAD_STATES = {
    "loaded": "",
    "not-found": "does not exist on the host; install it first",
    "masked": "is masked, so that nothing can start it; unmask it first",
}
_UNREADABLE = "cannot be loaded by systemd; repair the unit first"


def program_problems(service: Service, host: LocalHost) -> list[Problem]:
    """Programs, files and directories that the host does not have."""
    problems = []
    if service.exec and not host.executable(service.exec[0]):
        problems.append(Problem(f"{service.path('exec')}[0]", f'"{service.exec[0]}" {_obstacle(service.exec[0])}'))
    if not is_directory(service.working_directory):
        problems.append(
            Problem(service.path("working_directory"), f'"{service.working_directory}" is not a directory on the host')
        )
    return problems + path_problems(service)


def _obstacle(program: str) -> str:
    """Why a program cannot be started."""
    if not exists(program):
        return "does not exist on the host; install it first"
    # access(2) tells of both in the same way.
    if is_file(program) and is_on_noexec(program):
        return "is on a file system that is mounted with noexec; install it on another file system"
    return "is not an executable file; install it first"


def daemon_problems(services: Iterable[Service], platform: Platform, host: LocalHost) -> list[Problem]:
    """Daemons of proxies, and required units, that the host does not have; one command for any number of them."""
    daemons = {}
    for service in services:
        if service.proxy and service.proxy.unit:
            daemons[service.path("proxy.unit")] = daemon(service.proxy.unit, platform)[1]
        for index, name in enumerate(service.requires):
            if is_unit(name):
                daemons[f"{service.path('requires')}[{index}]"] = name
    if not daemons:
        return []
    look = _directory_problems if platform.supervised else _unit_problems
    wrong = look(sorted(set(daemons.values())), host)
    return [Problem(path, f'"{name}" {wrong[name]}') for path, name in daemons.items() if wrong[name]]


def _unit_problems(names: Sequence[str], host: LocalHost) -> dict[str, str]:
    states = ("".join(found.get("LoadState", ())) for found in units.show(names, ["LoadState"], host))
    return {name: _LOAD_STATES.get(state, _UNREADABLE) for name, state in zip(names, states)}


def _directory_problems(directories: Sequence[str], host: LocalHost) -> dict[str, str]:
    return {path: "" if host.exists(f"{path}/run") else _LOAD_STATES["not-found"] for path in directories}


def environment_problems(service: Service) -> list[Problem]:
    """A file of variables without which, or as which it is, no handler would start."""
    path = service.environment_file
    if not path:
        return []
    if hidden_by_strict(service, path):
        hidden = "is hidden by sandbox: strict; put it somewhere else, such as below /etc"
        return [Problem(service.path("environment_file"), f'"{path}" {hidden}')]
    try:
        read_variables(path)
    except Refused as refused:
        return [Problem(service.path("environment_file"), f"{refused}; correct it first")]
    return []
