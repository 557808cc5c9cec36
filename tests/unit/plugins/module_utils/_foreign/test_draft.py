# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of others that belong together, that others would start again, or that let in fewer clients."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import MASK, Restriction
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.restrictions import Filter
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import Adoption, adoption_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.takeovers import (
    EIGHT,
    KEPT,
    LINK,
    RETURNED,
    SEVEN,
    WANTS,
    planned,
    unit,
)


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
    taken = planned(monkeypatch, ["a.socket"], [group], competing_sockets={"a.path": (SEVEN,)})
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
