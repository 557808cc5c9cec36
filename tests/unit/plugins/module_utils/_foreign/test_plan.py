# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of services of others: taken over, left alone, repaired, given back, refused."""

from __future__ import annotations

import ipaddress
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign, Restriction
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Holder, Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.restrictions import Filter
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.units import MASK
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import foreign as _foreign_xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import read_entries
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.foreign import Edit
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import plan as _adopt
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others, others_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.plan import Holdings, plan_takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import (
    Adoption,
    Takeover,
    adoption_from_json,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen, look
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

SEVEN = Listener("tcp", "dual", "::", 7)
EIGHT = Listener("tcp", "dual", "::", 8)
LINK = Seen("link", b"/usr/lib/systemd/system/a.socket", 0o777, "root", "root")
WANTS = "/etc/systemd/system/sockets.target.wants/a.socket"
OWNER = ("systemd", "a.socket")
ON = Foreign("a.socket", "systemd", True, "", frozenset({OWNER}), (SEVEN,), links={WANTS: LINK}, running=("a.socket",))
OFF = Foreign("a.socket", "systemd", True, "", frozenset({OWNER}), (SEVEN,))
GONE = Foreign("a.socket", "systemd", problem="is not a unit of this host")
KEPT = Adoption("systemd", (SEVEN,), (SEVEN,), {WANTS: LINK}, ("a.socket",))
RETURNED = Adoption("systemd", (SEVEN,), (SEVEN,), given_back=True)


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
        monkeypatch.setattr(_adopt, "rivals", lambda *_arguments: {})
        monkeypatch.setattr(_adopt, "foreign_services", lambda *_arguments: [])
        records = {found.name: json.loads(json.dumps(record.to_json()))} if record else {}
        names = [found.name] if named else []
        return plan_takeover(names, records, (), declared, Live({}, {}), "systemd", FakeHost())

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
    monkeypatch.setattr(_adopt, "rivals", lambda *_arguments: {"b.socket": (SEVEN,), "c.socket": (EIGHT,)})
    told = plan_takeover(["a.socket"], {}, (), [SEVEN], Live({}, {}), "systemd", FakeHost()).warnings
    assert len(told) == 2
    assert "a.socket also held tcp:*:8" in told[0]
    assert '"b.socket" also listens on tcp:*:7 once it is started' in told[1]


def test_names_that_are_repeated_or_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    live = Live({}, {4: Owner("program", "nc", 99, "nc"), 5: Owner("s6", "/run/service/x", 98, "s6-tcpserver")})
    monkeypatch.setattr(_foreign_xinetd, "CONFIG", "/nonesuch")
    host = FakeHost()
    problems = plan_takeover(["nc", "x", "nc", "a.socket"], {}, (), [SEVEN], live, "s6", host).problems
    assert sorted(str(problem).split(" is ")[1][:14] for problem in problems) == sorted(
        ["a program (pid", "an s6 service ", "named twice; n", "a unit, and sy"]
    )


def edit(takeover: Takeover) -> None:
    """The step that changes files of others."""
    Edit(takeover.edited).run(Site({}, Platform(), LocalHost(_helper_watcher.Commands())))


def test_two_services_in_one_file_that_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = "\twait = no\n\tuser = root\n\tserver = /bin/sh\n"
    body = f"{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\tport = %d\n{needed}}}\n"
    target = tmp_path / "target"
    target.write_text(f"service one\n{body % 7}service two\n{body % 8}")
    config = tmp_path / "xinetd.conf"
    config.symlink_to(target)
    path = str(config)

    def planned(names: list[str], records: t.Mapping[str, t.Any], declared: list[Listener]) -> Takeover:
        return plan_takeover(names, records, (), declared, Live({}, {}), "s6", FakeHost())

    monkeypatch.setattr(_foreign_xinetd, "read_entries", lambda _path: read_entries(path))
    monkeypatch.setattr(_adopt, "_holdings", lambda *_arguments: Holdings())
    before = look(path)
    assert before is not None
    taken = planned(["one", "two"], {}, [SEVEN, EIGHT])
    assert [step.action for step in taken.decisions] == ["adopt", "adopt"]
    assert taken.others.xinetd
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
        ("a.service",), ("b.socket",), ("a.service",), True, ("/m",), frozenset({OWNER}), (SEVEN,), (EIGHT,)
    )
    assert others_from_json(json.loads(json.dumps(others.to_json()))) == others
    back = others.reversed()
    assert (back.stop, back.start, back.closing, back.opening) == (("b.socket",), ("a.service",), (EIGHT,), (SEVEN,))
    assert back.xinetd
    assert not back.masks


def planned(
    monkeypatch: pytest.MonkeyPatch,
    adopt: t.Sequence[t.Any],
    found: t.Sequence[Foreign],
    recorded: t.Mapping[str, Adoption] | None = None,
    declared: t.Sequence[Listener] = (SEVEN,),
    **more: t.Any,
) -> Takeover:
    """A plan for several; each unit that runs holds port 7 if it claims it."""
    holdings = {("systemd", each.name): [*each.claims] for each in found if each.running}
    holders = {owner: [Holder(99, "nc", "nc", "root")] for owner in holdings}
    monkeypatch.setattr(_adopt, "_look", lambda *_arguments: {each.name: each for each in found})
    monkeypatch.setattr(_adopt, "_holdings", lambda *_arguments: Holdings(holdings, holders))
    monkeypatch.setattr(_adopt, "rivals", lambda *_arguments: more.pop("rivals", {}))
    monkeypatch.setattr(_adopt, "foreign_services", lambda *_arguments: [])
    records = {name: json.loads(json.dumps(record.to_json())) for name, record in (recorded or {}).items()}
    host = FakeHost()
    services = more.pop("services", ())
    return plan_takeover(adopt, records, (), declared, Live({}, {}), "systemd", host, services)


def unit(name: str, *companions: str, claims: t.Sequence[Listener] = (), **more: t.Any) -> Foreign:
    fields = {"owners": frozenset({("systemd", name)}), "running": (name,), **more}
    return Foreign(name, "systemd", True, claims=tuple(claims), companions=frozenset(companions), **fields)


def test_what_belongs_to_another_one_is_in_the_way_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when systemd does not show any more that they belong together, because they are masked."""
    names = ["a.socket", "web.service"]
    on = [unit("a.socket", "web.service", claims=[SEVEN]), unit("web.service", "a.socket")]
    taken = planned(monkeypatch, names, on)
    assert [(step.name, step.action) for step in taken.decisions] == [("a.socket", "adopt"), ("web.service", "adopt")]
    assert not taken.problems
    records = {name: adoption_from_json(record) for name, record in taken.records.items()}
    assert records["web.service"].held == ()
    assert records["web.service"].running == ("web.service",)
    off = [unit(name, running=()) for name in names]
    assert planned(monkeypatch, names, off, records).empty
    back = planned(monkeypatch, names, off, records, declared=[EIGHT])
    assert [step.action for step in back.decisions] == ["give back", "give back"]
    assert set(back.others.start) == set(names)
    (problem,) = planned(monkeypatch, ["web.service"], [unit("web.service")]).problems
    assert "holds no listener that a declared service needs" in problem.message


def test_every_unit_that_goes_along_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    group = unit(
        "a.socket",
        claims=[SEVEN],
        members=("a.service", "a.path"),
        running=("a.socket", "a.service"),
        masks=("/etc/systemd/system/a.service",),
        links={WANTS: LINK},
    )
    taken = planned(monkeypatch, ["a.socket"], [group], rivals={"a.path": (SEVEN,)})
    assert taken.rows()[0]["units"] == ["a.service", "a.path"]
    assert taken.others.stop == ("a.socket", "a.service")
    assert taken.files == {WANTS: (LINK, None), "/etc/systemd/system/a.service": (None, MASK)}
    assert taken.warnings == []


def test_what_has_to_be_named_as_well_is_told_where_something_is_to_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ('is tied to "web.service": one', 'is tied to "front.service": two')
    on = unit("a.socket", claims=[SEVEN], obstacles=texts)
    takeover = planned(monkeypatch, ["a.socket"], [on])
    assert [(each.path, each.message) for each in takeover.problems] == [
        ("superserver_adopt[0]", f'"a.socket" {text}') for text in texts
    ]
    assert takeover.empty
    assert not takeover.files
    assert takeover.refused == {("systemd", "a.socket")}
    off = unit("a.socket", claims=[SEVEN], obstacles=texts, running=())
    assert not planned(monkeypatch, ["a.socket"], [off]).problems


def test_a_service_that_has_only_started_the_holder_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    cron = unit("cron.service", claims=[SEVEN], mains={"cron.service": 1})
    (problem,) = planned(monkeypatch, ["cron.service"], [cron]).problems
    assert problem.message.startswith('"cron.service" does not hold the port itself: its main process is ')
    own = unit("a.service", claims=[SEVEN], mains={"a.service": 99})
    assert not planned(monkeypatch, ["a.service"], [own]).problems


TEN = Restriction("only_from", "allows only 10.0.0.0/8", "access", Filter(only=(ipaddress.ip_network("10.0.0.0/8"),)))
FIVE = Restriction("instances", "serves at most 5 clients at a time", "max", 5)


def test_what_would_be_open_to_more_clients_is_refused_unless_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = unit("a.socket", claims=[SEVEN], restrictions=(TEN, FIVE))
    echo = service(listen=[{"tcp": "7"}])

    def problems(adopt: t.Any, declared: Service, recorded: t.Mapping[str, Adoption] | None = None) -> list[str]:
        takeover = planned(monkeypatch, [adopt], [found], recorded, services=[declared])
        return [problem.message for problem in takeover.problems]

    assert problems("a.socket", echo) == [
        '"a.socket" allows only 10.0.0.0/8 (only_from), but "echo" does not; declare access.allow or access.deny, '
        "or accept the loss with {name: a.socket, without: [instances, only_from]}",
        '"a.socket" serves at most 5 clients at a time (instances), but "echo" does not; declare connections.max, or '
        "accept the loss with {name: a.socket, without: [instances, only_from]}",
    ]
    (left,) = problems({"name": "a.socket", "without": ["only_from"]}, echo)
    assert "(instances)" in left
    assert problems({"name": "a.socket", "without": ["only_from", "instances"]}, echo) == []
    kept = service(listen=[{"tcp": "7"}], access={"allow": ["10.1.0.0/16"]}, connections={"max": 4})
    assert problems("a.socket", kept) == []
    # What is in force again after it was taken over is switched off again, whatever it restricts by now.
    assert problems("a.socket", echo, {"a.socket": KEPT}) == []
    assert len(problems("a.socket", echo, {"a.socket": RETURNED})) == 2
