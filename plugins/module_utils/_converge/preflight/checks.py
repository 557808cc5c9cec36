# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be found before a run changes anything: what speaks against it, and what it warns of."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request, Snapshot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import changing, plan_actions
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.accounts import (
    account_problems,
    own_account_problems,
    reach_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.certificates import (
    certificate_problems,
    expiring,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.counting import counting_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.interfaces import (
    interface_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.problems import (
    Possession,
    file_problems,
    holder_problems,
    manager_problems,
    name_problems,
    objections_on,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.programs import (
    daemon_problems,
    environment_problems,
    program_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.sandbox import sandbox_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.waiting import (
    address_problems,
    unreachable,
    waiting,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.probing import (
    lasting_problems,
    passing_problems,
    this_moment,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import secrets
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def check(snapshot: Snapshot, request: Request, host: LocalHost) -> list[str]:
    """Raise what speaks against the declaration; in check mode, what may be there by then is only a warning."""
    services = list(snapshot.want.values())
    actions = plan_actions(snapshot.want, snapshot.have, snapshot.conditions(), BACKENDS, snapshot.platform)
    changed = changing(actions)
    disturbed, disturbing = _disturbances(snapshot, host)
    uncounted, some_uncounted = counting_problems(services, snapshot.platform, host)
    absent = _absent(snapshot, changed, request, host)
    lasting = lasting_problems(services, snapshot.platform) if request.verify else []
    problems = [*_taken(snapshot, host), *disturbed, *uncounted, *lasting]
    if problems or (absent and not request.check):
        raise InvalidDeclaration([*absent, *problems])
    would_be = [f"would be refused in the present state of the host: {problem}" for problem in absent]
    return [*would_be, *some_uncounted, *disturbing, *expiring(services), *_away(snapshot, changed)]


def _absent(snapshot: Snapshot, changed: Sequence[Service], request: Request, host: LocalHost) -> list[Problem]:
    """What the host lacks, or has in a state that somebody may mend before the run."""
    services = list(snapshot.want.values())
    absent = [*snapshot.unknown]
    for service in services:
        absent += account_problems(service)
        absent += reach_problems(service)
        absent += program_problems(service, host)
        absent += certificate_problems(service)
        absent += environment_problems(service)
        absent += interface_problems(service)
    absent += [] if "account" in snapshot.missing else own_account_problems(services)
    absent += daemon_problems(services, snapshot.platform, host)
    absent += address_problems(changed, snapshot.platform, host)
    absent += passing_problems(changed, this_moment()) if request.verify else []
    return absent


def _taken(snapshot: Snapshot, host: LocalHost) -> list[Problem]:
    """What the declaration cannot have on this host, because something else has it or keeps it away."""
    problems = [*snapshot.collisions, *manager_problems(snapshot.manifest, snapshot.platform)]
    refused = set()
    for service in snapshot.want.values():
        backend = BACKENDS[service.backend]
        problems += secrets.problems_of(service)
        problems += sandbox_problems(service, backend.hides(service, snapshot.platform))
        names = name_problems(service, snapshot.manifest, backend, snapshot.platform, host)
        refused |= {service.name} if names else set()
        problems += names
    files = [file for file in snapshot.files if file.service not in refused]
    problems += file_problems(snapshot.want, files, snapshot.seen, snapshot.manifest)
    own = {file.path for file in snapshot.files} | set(snapshot.manifest.files)
    possession = Possession(snapshot.have, snapshot.live, BACKENDS, snapshot.platform, snapshot.takeover.release_status)
    problems += holder_problems(snapshot.want.values(), possession, objections_on(host, own))
    return [*problems, *snapshot.takeover.problems]


def _disturbances(snapshot: Snapshot, host: LocalHost) -> tuple[list[Problem], list[str]]:
    """What files of others make of the collection's own, on every backend."""
    problems: list[Problem] = []
    warnings: list[str] = []
    for name, backend in BACKENDS.items():
        services = [service for service in snapshot.want.values() if service.backend == name]
        found, told = backend.disturbed(services, snapshot.files, snapshot.platform, host)
        problems += found
        warnings += told
    return problems, warnings


def _away(snapshot: Snapshot, changed: Sequence[Service]) -> list[str]:
    """What is told of addresses that the host does not have."""
    names = {service.name for service in changed}
    others = [service for name, service in snapshot.want.items() if name not in names]
    return [*waiting(snapshot.want.values(), snapshot.platform), *unreachable(others, snapshot.platform)]
