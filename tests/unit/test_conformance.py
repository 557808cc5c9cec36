# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance cases cover what the capability table speaks of, and say of every kind of host what is seen there."""

from __future__ import annotations

import ast
import typing as t
from collections import Counter
from pathlib import Path

import pytest
from _cases import HANDLED, Case, Host, Plan, load_cases, plan, sample
from _steps import ENDS, steps

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import ROWS, Row
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.forms import endpoint

CASES = load_cases()
HOSTS = {
    "systemd": Host("systemd"),
    "xinetd": Host("xinetd"),
    "ucspi": Host("s6"),
    "s6-networking": Host("s6", "s6-networking"),
    "s6 as PID 1": Host("s6", init="s6"),
}
PLANS = {name: plan(CASES, host) for name, host in HOSTS.items()}
FIELDS = sorted({row.field for row in ROWS})


def of(field: str) -> list[Case]:
    return [case for case in CASES if field in case.fields]


def tried(case: Case) -> bool:
    """Whether any host serves it."""
    return any(case in planned.tried for planned in PLANS.values())


def contrary(case: Case) -> bool:
    """Whether it shows a refusal, a limit or a denial, or that what another value does is not done."""
    refused = any(case is each.case for planned in PLANS.values() for each in planned.refused)
    return refused or any("nothing" in step or step.get("excess") for step in case.client)


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.field} {row.case}".strip()) for row in ROWS])
def test_every_row_has_a_case(row: Row) -> None:
    assert any(row in case.rows() for case in CASES)


@pytest.mark.parametrize("field", FIELDS)
def test_every_built_field_works_and_has_a_limit(field: str) -> None:
    """Two cases at the least, so that neither what works nor what is refused goes unseen."""
    cases = of(field)
    assert len(cases) >= 2
    assert any(tried(case) for case in cases)
    assert any(contrary(case) for case in cases)


def test_no_case_is_about_an_unknown_field() -> None:
    assert {field for case in CASES for field in case.fields} <= set(FIELDS)


@pytest.mark.parametrize("name", HOSTS)
def test_every_case_is_tried_or_refused(name: str) -> None:
    planned = PLANS[name]
    assert len(planned.tried) + len(planned.refused) == len(CASES)
    assert len(planned.tried) >= 60
    # A host without systemd cannot have its sockets; what it is told then is for another test.
    silent = [each.case.name for each in planned.refused if not each.problems]
    assert silent == (["backend-systemd"] if HOSTS[name].init != "systemd" else [])


@pytest.mark.parametrize("name", HOSTS)
def test_every_tried_case_has_steps(name: str) -> None:
    seen = {step["case"] for groups in steps(PLANS[name]).values() for group in groups for step in group}
    assert seen == {case.name for case in PLANS[name].tried}


def test_silence_is_never_all_that_is_seen() -> None:
    """A service that is broken is silent too; what is meant to be silent is about the state, or about everybody."""
    mute = {
        case.name
        for case in CASES
        if case.client and not any(set(step) & (set(ENDS) - {"nothing"}) for step in case.client)
    }
    assert mute == {"state-disabled", "state-disabled-udp", "state-absent", "deny-everybody"}


def listed(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def mapping_of(entry: t.Any) -> dict[str, t.Any]:
    return entry if isinstance(entry, dict) else endpoint(entry)


def endpoints(case: Case) -> set[tuple[str, str]]:
    found = {
        (transport, str(entry[transport]).rpartition(":")[2])
        for service in case.services
        for entry in map(mapping_of, listed(service["listen"]))
        for transport in ("tcp", "udp", "unix")
        if transport in entry
    }
    return {("unix" if transport == "unix" else "port", place) for transport, place in found}


def test_cases_do_not_collide() -> None:
    """Every case can be declared beside every other one."""
    taken = Counter(place for case in CASES for place in endpoints(case))
    assert [place for place, count in taken.items() if count > 1] == []


def test_an_unexpected_refusal_is_an_error() -> None:
    case = Case("odd", ("exec",), "", ({"name": "odd", "listen": [{"tcp": "1"}], "exec": ["cat"]},))
    with pytest.raises(ValueError, match="odd is refused, which it does not say"):
        plan([case], HOSTS["systemd"])


def test_long_texts_stand_where_their_names_do() -> None:
    (case,) = (case for case in CASES if case.name == "exec-long")
    assert len(case.services[0]["exec"][2].encode("utf-8")) > 4096
    assert case.client[0]["exact"].startswith(case.services[0]["exec"][2])


def test_plans_differ_where_backends_do() -> None:
    def names(planned: Plan) -> set[str]:
        return {case.name for case in planned.tried}

    assert "unix-stream" in names(PLANS["systemd"]) - names(PLANS["xinetd"])
    assert "unix-seqpacket" in names(PLANS["systemd"]) - names(PLANS["ucspi"])
    assert "native-s6-unknown" in names(PLANS["xinetd"]) - names(PLANS["ucspi"])


@pytest.mark.parametrize("name", HOSTS)
def test_a_sample_has_every_field_that_is_tried(name: str) -> None:
    planned, sampled = PLANS[name], sample(PLANS[name])
    fields, all_fields = ({field for case in each.tried for field in case.fields} for each in (sampled, planned))
    assert fields == all_fields
    assert len(sampled.tried) < len(planned.tried) / 3
    assert sampled.refused == planned.refused


def test_a_sample_has_what_the_stories_are_about() -> None:
    root = Path(__file__).resolve().parents[2]
    programs = [root / "tests/conformance/host/drift", root / "molecule/_shared/library/lives.py"]
    words = {
        node.value
        for path in programs
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
    }
    assert words & {case.name for case in CASES} == HANDLED
    for planned in PLANS.values():
        assert {case.name for case in sample(planned).tried} >= HANDLED
