# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios know of a plan, as variables of a host."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator

from _cases import DEFAULTS, STAGES, Plan, Refusal
from _steps import steps


def variables(planned: Plan) -> dict[str, t.Any]:
    """The declaration, what is done with it, and what must be refused."""
    services = [service for case in planned.tried for service in case.services]
    return {
        "superserver_services": services,
        "superserver_services__later": [
            {"name": case.services[0]["name"], **case.later} for case in planned.tried if case.later
        ],
        "superserver_defaults": dict(DEFAULTS),
        "conformance_column": planned.host.column,
        "conformance_cases": {case.name: list(case.fields) for case in planned.tried},
        "conformance_steps": steps(planned),
        "conformance_refusals": [
            refused([each for each in planned.refused if each.stage == stage], stage, len(services)) for stage in STAGES
        ],
        "conformance_left_out": refused([each for each in planned.refused if each.droppable], "policy", len(services)),
    }


def refused(refusals: Iterable[Refusal], stage: str, offset: int) -> dict[str, t.Any]:
    """One declaration of everything that one stage must refuse, behind ``offset`` services that are right."""
    services: list[t.Any] = []
    expected = []
    for refusal in refusals:
        expected += list(_expected(refusal, offset + len(services)))
        services += refusal.case.services
    return {"stage": stage, "services": services, "expected": expected}


def _expected(refusal: Refusal, index: int) -> Iterator[dict[str, t.Any]]:
    for problem in refusal.problems:
        path = f"superserver_services[{index + problem.service}].{problem.path}"
        yield {
            "case": refusal.case.name,
            "fields": list(refusal.case.fields),
            "path": path,
            "words": problem.words,
        }
