# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of services of others: taken over, left alone, repaired, given back, refused."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import foreign as _foreign_xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import read_entries
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.foreign import Edit
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import plan as _adopt
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others, others_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.draft import Holdings
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.plan import Demand, plan_takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import (
    Adoption,
    Takeover,
    adoption_from_json,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import look
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.takeovers import (
    EIGHT,
    KEPT,
    LINK,
    OWNER,
    RETURNED,
    SEVEN,
    WANTS,
    Known,
)

ON = Foreign("a.socket", "systemd", True, "", frozenset({OWNER}), (SEVEN,), links={WANTS: LINK}, running=("a.socket",))
OFF = Foreign("a.socket", "systemd", True, "", frozenset({OWNER}), (SEVEN,))
GONE = Foreign("a.socket", "systemd", problem="is not a unit of this host")


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Takeover]:
    """A plan for one name, as found and as recorded, where a service is declared on these listeners."""

    def planned(
        found: Foreign, record: Adoption | None, named: bool = True, declared: t.Sequence[Listener] = (SEVEN,)
    ) -> Takeover:
        monkeypatch.setattr(_adopt, "_look", lambda *_arguments: {found.name: found})
        monkeypatch.setattr(
            _adopt, "_holdings", lambda *_arguments: Holdings({OWNER: [SEVEN]} if found.running else {})
        )
        monkeypatch.setattr(_adopt, "_competing", lambda *_arguments: {})
        records = {found.name: json.loads(json.dumps(record.to_json()))} if record else {}
        names = [found.name] if named else []
        return plan_takeover(Demand(names, records, declared), (), SocketTable({}, {}), "systemd", FakeHost())

    return planned


# As found, as recorded, whether named and whether its listener is declared; the action, and whether a record is kept.
DECISIONS: tuple[tuple[Foreign, Adoption | None, bool, bool, str, bool], ...] = (
    (ON, None, True, True, "adopt", True),
    (ON, KEPT, True, True, "repair", True),
    (ON, RETURNED, True, True, "adopt", True),
    (OFF, KEPT, True, True, "none", True),
    (OFF, None, True, True, "none", False),
    (GONE, KEPT, True, True, "none", True),
    (OFF, KEPT, True, False, "give back", True),
    (ON, RETURNED, True, False, "none", True),
    (OFF, KEPT, False, False, "give back", False),
    (GONE, KEPT, False, True, "give back", False),
)


@pytest.mark.parametrize(("found", "record", "named", "wanted", "action", "kept"), DECISIONS)
def test_what_happens(
    plan: t.Callable[..., Takeover],
    found: Foreign,
    record: Adoption | None,
    named: bool,
    wanted: bool,
    action: str,
    kept: bool,
) -> None:
    takeover = plan(found, record, named, [SEVEN] if wanted else [EIGHT])
    assert [step.action for step in takeover.decisions] == [action]
    assert takeover.empty == (action == "none")
    assert bool(takeover.records) == kept
    assert not takeover.problems


@pytest.mark.parametrize(
    ("found", "record", "named", "wanted", "path", "words"),
    [
        (GONE, None, True, True, "superserver_adopt[0]", "is not a unit of this host"),
        (ON, None, True, False, "superserver_adopt[0]", "holds no listener that a declared service needs"),
        (OFF, KEPT, False, True, "superserver_adopt", "was taken over for a service that is still declared"),
    ],
)
def test_what_is_refused(
    plan: t.Callable[..., Takeover],
    found: Foreign,
    record: Adoption | None,
    named: bool,
    wanted: bool,
    path: str,
    words: str,
) -> None:
    (problem,) = plan(found, record, named, [SEVEN] if wanted else [EIGHT]).problems
    assert problem.path == path
    assert problem.message.startswith(f'"a.socket" {words}')


def test_what_taking_over_does(plan: t.Callable[..., Takeover]) -> None:
    takeover = plan(ON, None)
    assert takeover.files == {WANTS: (LINK, None)}
    assert takeover.obsolete == [WANTS]
    assert takeover.paths() == {WANTS: "systemd"}
    assert takeover.others.stop == ("a.socket",)
    assert takeover.others.closing == (SEVEN,)
    assert adoption_from_json(takeover.records["a.socket"]) == KEPT
    assert takeover.diff()[0]["before"] == f"-> {LINK.text}\n"


def test_what_giving_back_does(plan: t.Callable[..., Takeover]) -> None:
    takeover = plan(OFF, KEPT, False, [EIGHT])
    assert takeover.files == {WANTS: (None, LINK)}
    assert takeover.others.start == ("a.socket",)
    assert takeover.others.opening == (SEVEN,)
    assert not takeover.others.stop


def test_what_is_not_there_any_more_is_not_put_back(plan: t.Callable[..., Takeover]) -> None:
    takeover = plan(GONE, KEPT, False, [EIGHT])
    assert not takeover.files
    assert not takeover.others.start


def test_what_serves_elsewhere_too_is_told(plan: t.Callable[..., Takeover], monkeypatch: pytest.MonkeyPatch) -> None:
    takeover = plan(ON, KEPT)
    assert ["was taken over before and had become active again" in text for text in takeover.warnings] == [True]
    monkeypatch.setattr(_adopt, "_holdings", lambda *_arguments: Holdings({OWNER: [SEVEN, EIGHT]}))
    monkeypatch.setattr(_adopt, "_look", lambda *_arguments: {"a.socket": ON})
    competing = Known({"b.socket": (SEVEN,), "c.socket": (EIGHT,)})
    monkeypatch.setattr(_adopt, "_competing", lambda *_arguments: {"systemd": competing})
    demand = Demand(["a.socket"], listeners=[SEVEN])
    told = plan_takeover(demand, (), SocketTable({}, {}), "systemd", FakeHost()).warnings
    assert len(told) == 2
    assert "a.socket also held tcp:*:8" in told[0]
    assert '"b.socket" also listens on tcp:*:7 once it is started' in told[1]


def test_names_that_are_repeated_or_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    live = SocketTable({}, {4: Owner("program", "nc", 99, "nc"), 5: Owner("s6", "/run/service/x", 98, "s6-tcpserver")})
    monkeypatch.setattr(_foreign_xinetd, "CONFIG", "/nonesuch")
    demand = Demand(["nc", "x", "nc", "a.socket"], listeners=[SEVEN])
    problems = plan_takeover(demand, (), live, "s6", FakeHost()).problems
    assert sorted(str(problem).split(" is ")[1][:14] for problem in problems) == sorted(
        ["a program (pid", "an s6 service ", "named twice; n", "a unit, and sy"]
    )


def edit(takeover: Takeover) -> None:
    """The step that changes files of others."""
    Edit(takeover.edited).run(Site({}, Platform(), LocalHost(_helper_watcher.Commands())))


@pytest.mark.parametrize(
    ("kinds", "words"),
    [(None, "neither a service of xinetd on this host"), ({}, "not the name of anything that can be taken over")],
)
def test_no_name_is_left_out(monkeypatch: pytest.MonkeyPatch, kinds: dict[str, t.Any] | None, words: str) -> None:
    monkeypatch.setattr(_foreign_xinetd, "CONFIG", "/nonesuch")
    if kinds is not None:
        monkeypatch.setattr(_adopt, "foreign_services", lambda: kinds)
    names = ["", "a\nb", "a"]
    problems = plan_takeover(Demand(names), (), SocketTable({}, {}), "s6", FakeHost()).problems
    assert sorted(problem.path for problem in problems) == [
        f"superserver_adopt[{index}]" for index in range(len(names))
    ]
    assert all(words in problem.message for problem in problems)


def test_two_services_in_one_file_that_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = "\twait = no\n\tuser = root\n\tserver = /bin/sh\n"
    body = f"{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\tport = %d\n{needed}}}\n"
    target = tmp_path / "target"
    target.write_text(f"service one\n{body % 7}service two\n{body % 8}")
    config = tmp_path / "xinetd.conf"
    config.symlink_to(target)
    path = str(config)

    def planned(names: list[str], records: t.Mapping[str, t.Any], declared: list[Listener]) -> Takeover:
        return plan_takeover(Demand(names, records, declared), (), SocketTable({}, {}), "s6", FakeHost())

    monkeypatch.setattr(_foreign_xinetd, "read_entries", lambda _path: read_entries(path))
    monkeypatch.setattr(_adopt, "_holdings", lambda *_arguments: Holdings())
    before = look(path)
    assert before is not None
    taken = planned(["one", "two"], {}, [SEVEN, EIGHT])
    assert [step.action for step in taken.decisions] == ["adopt", "adopt"]
    assert taken.others.reread == {"xinetd"}
    assert taken.paths() == {path: "xinetd"}
    edit(taken)
    assert look(path) == taken.files[path][1]
    assert planned(["one", "two"], taken.records, [SEVEN, EIGHT]).empty
    half = planned(["two"], taken.records, [EIGHT])
    edit(half)
    assert [service.id for service in _foreign_xinetd.foreign_services(())] == ["one"]
    edit(planned([], half.records, []))
    assert look(path) == before
    assert target.read_text() == f"service one\n{body % 7}service two\n{body % 8}"


def test_the_way_back_is_the_other_way_round() -> None:
    others = Others(
        ("a.service",),
        ("b.socket",),
        ("a.service",),
        frozenset({"xinetd"}),
        ("/m",),
        frozenset({OWNER}),
        (SEVEN,),
        (EIGHT,),
    )
    assert others_from_json(json.loads(json.dumps(others.to_json()))) == others
    back = others.reversed()
    assert (back.stop, back.start, back.closing, back.opening) == (("b.socket",), ("a.service",), (EIGHT,), (SEVEN,))
    assert back.reread == {"xinetd"}
    assert not back.masks


@pytest.mark.parametrize(("xinetd", "reread"), [(True, {"xinetd"}), (False, set())])
def test_journals_of_version_1_0_are_read(xinetd: bool, reread: set[str]) -> None:
    stored = {"stop": ["a.service"], "xinetd": xinetd, "owners": [["systemd", "a.service"]]}
    assert others_from_json(stored) == Others(
        ("a.service",), (), (), frozenset(reread), (), frozenset({("systemd", "a.service")})
    )
