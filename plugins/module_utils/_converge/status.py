# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has of this collection, and whether it is as it was made. Only reads."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import look
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import (
    Settings,
    choose_backend,
    detect,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request, Snapshot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.accounts import (
    own_account_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.certificates import (
    expiring,
    exposure_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.counting import counting_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.waiting import (
    unreachable,
    waiting,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.probing import this_moment, unprobed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.prove import (
    probe_service,
    status_rows,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import Plan, make_plan
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.snapshot import read
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import everything, generations
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import Findings, findings
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES


def status(request: Request, declared: bool, probe: bool, host: LocalHost) -> dict[str, t.Any]:
    """Everything that ``services_info`` returns."""
    manifest = _manifest.load()
    # What is said of these names them, and not their place in the record.
    services = [replace(service, origins={}) for _name, service in sorted(manifest.built().items())]
    processes = host.processes()
    programs = request.bin_directory or manifest.s6_bin_dir
    platform = detect(services, processes, Settings(request.guard, programs, manifest.manager(request.s6_rc)), host)
    endpoints = status_rows(services, look([], services, platform, host), BACKENDS, platform)
    answers = [row for service in services if probe and service.enabled for row in probe_service(service, platform)]
    files = _file_rows(manifest)
    uncounted, some_uncounted = counting_problems(services, platform, host)
    result: dict[str, t.Any] = {
        "services": [service.to_json() for service in services],
        "endpoints": endpoints,
        "answers": answers,
        "files": files,
        "adopted": _adopted_rows(manifest),
        "generations": generations.listed(),
        "backend": choose_backend(processes),
        "problems": [
            *_row_problems(endpoints, answers, files),
            *_health(services, platform, host),
            *map(str, uncounted),
            *unreachable(services, platform),
            *(str(problem) for service in services for problem in exposure_problems(service)),
            *_guard(manifest, files, platform, processes, host),
            *_unfinished(),
            *everything.problems(),
        ],
        "warnings": [*some_uncounted, *expiring(services), *waiting(services, platform)],
    }
    if declared:
        # A directory that would be created first is reported like any other difference.
        _compare(result, make_plan(read(replace(request, makes_account=True, verify=probe), host)))
    if probe:
        result["warnings"] += unprobed(services, this_moment())
    return result


def _row_problems(
    endpoints: Sequence[Mapping[str, t.Any]],
    answers: Sequence[Mapping[str, t.Any]],
    files: Sequence[Mapping[str, str]],
) -> list[str]:
    """The problems that the rows have."""
    return [
        *(f"{row['service']}: {row['problem']}" for row in (*endpoints, *answers) if row["problem"]),
        *(f"{row['path']}: {row['problem']}" for row in files if row["problem"]),
    ]


def _compare(result: dict[str, t.Any], plan: Plan) -> None:
    """Put into the result what a run would do."""
    result["pending"] = [
        {"name": each.name, "backend": each.backend, "action": each.kind, "reason": each.reason}
        for each in plan.actions
        if each.kind != "none"
    ]
    result["problems"] += _differences(plan, result["files"])
    result["warnings"] = list(plan.snapshot.warnings)


def _differences(plan: Plan, files: Sequence[Mapping[str, str]]) -> list[str]:
    """What is not as declared."""
    snapshot = plan.snapshot
    changes = [
        *((each.name, each.kind, each.reason) for each in plan.actions),
        *((each.name, each.action, each.reason) for each in snapshot.takeover.decisions),
    ]
    lacking = own_account_problems(snapshot.want.values()) if "account" in snapshot.missing else []
    return [
        *(f"{name}: not as declared: {kind}, {reason}" for name, kind, reason in changes if kind != "none"),
        *_of_no_service(snapshot, files),
        *map(str, lacking),
    ]


def _of_no_service(snapshot: Snapshot, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """What services share and is there, but with another owner or mode, or other content, than it should have."""
    told = {row["path"] for row in rows if row["problem"]}
    return [
        f"{file.path}: not as declared, of {seen.owner}:{seen.group} with mode {seen.mode:04o}"
        for file in snapshot.dirty
        for seen in (snapshot.seen[file.path],)
        if seen is not None and not file.service and file.path not in told
    ]


def _guard(
    manifest: Manifest,
    files: Sequence[Mapping[str, str]],
    platform: Platform,
    processes: Sequence[Process],
    host: LocalHost,
) -> list[str]:
    """Files and sockets are right all the same when somebody has removed the rules from the kernel."""
    written = RULES in manifest.files and not any(row["problem"] for row in files if row["path"] == RULES)
    found = findings(platform, processes, host) if written else Findings()
    return [f"guard: {found.problem}"] if found.problem else []


def _unfinished() -> list[str]:
    journal = _journal.read()
    if journal is None:
        return []
    if journal.awaited:
        return [f"a change waits for its confirmation; it is rolled back in {journal.awaited:.0f} s"]
    return ["a run was interrupted; the next run first restores the previous state"]


def _file_rows(manifest: Manifest) -> list[dict[str, str]]:
    rows = []
    for path, entry in sorted(manifest.files.items()):
        seen = store.look(path)
        problem = ""
        if seen is None:
            problem = "missing"
        elif entry["kind"] in ("file", "link") and seen.digest != entry["digest"]:
            problem = "changed"
        rows.append({"path": path, "service": entry["service"], "problem": problem})
    return rows


def _adopted_rows(manifest: Manifest) -> list[dict[str, str]]:
    return [
        {"name": name, "kind": each["kind"]}
        for name, each in sorted(manifest.adopted.items())
        if not each.get("given_back")
    ]


def _health(services: list[Service], platform: Platform, host: LocalHost) -> list[str]:
    problems = []
    for name, backend in BACKENDS.items():
        held = [service for service in services if service.backend == name]
        if held:
            problems += [f"{service}: {text}" for service, text in backend.health(held, platform, host).items()]
    return problems
