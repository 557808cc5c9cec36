# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a run."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import is_secret
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES

if t.TYPE_CHECKING:
    from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import Plan


def report(plan: Plan, steps: Sequence[str], recovered: Sequence[str]) -> dict[str, t.Any]:
    """What a run does, before it does it; ``steps`` are its steps in words."""
    snapshot = plan.snapshot
    return {
        "changed": not plan.empty or bool(recovered),
        "services": [
            {"name": action.name, "backend": action.backend, "action": action.kind, "reason": action.reason}
            for action in plan.actions
        ],
        "adopted": snapshot.takeover.rows(),
        "steps": list(steps),
        "missing": dict(snapshot.missing),
        "diff": [*_steps_diff(steps), *_diff(plan), *snapshot.takeover.diff()],
        "warnings": [*snapshot.warnings, *snapshot.takeover.warnings, *recovered],
    }


def with_handovers(result: dict[str, t.Any], passed: Mapping[str, Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Add handover and sessions to the entry of each service."""
    for row in result["services"]:
        row.update(passed.get(row["name"], {}))
    return result


def _steps_diff(steps: Sequence[str]) -> list[dict[str, str]]:
    """The steps of the run, in the place of a file that it would make."""
    text = "".join(f"{number}. {line}\n" for number, line in enumerate(steps, 1))
    return [{"before_header": "", "after_header": "steps of the run", "before": "", "after": text}] if text else []


def _rules_diff(plan: Plan) -> list[dict[str, str]]:
    """The kernel's rules beside those that their file has, where they differ."""
    found = plan.snapshot.guard
    if found.have == found.want:
        return []
    return [
        {
            "before_header": "rules of the guard in the kernel",
            "after_header": f"rules of the guard in {RULES}",
            "before": found.have,
            "after": found.want,
        }
    ]


def _diff(plan: Plan) -> list[dict[str, str]]:
    """One entry for each file that changes, as ``ansible-playbook --diff`` shows it."""
    seen = plan.snapshot.seen
    entries = _rules_diff(plan)
    for file in plan.install:
        there = seen[file.path]
        entries.append(
            {
                "before_header": file.path if there else "absent",
                "after_header": f"{file.path} ({file.kind}, {file.mode:04o})",
                "before": _shown(file.path, there),
                "after": "(secret, changed)\n" if file.secret else file.content,
            }
        )
    for path in plan.remove:
        before = _shown(path, seen[path])
        entries.append({"before_header": path, "after_header": "absent", "before": before, "after": ""})
    return entries


def _shown(path: str, there: Seen | None) -> str:
    """The content at a path, without secrets."""
    if there is None:
        return ""
    return "(secret)\n" if is_secret(path) else there.text
