# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to happen for a host to be as declared, and the way back."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import (
    Condition,
    changes_of,
    plan_actions,
    reverse,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.actions import (
    REFRESHES,
    STARTS,
    STOPS,
    Action,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import stored_service
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, entry_of, load, service

PLATFORM = Platform()


def plan(old: Service | None, new: Service | None, found: Condition = Condition()) -> Action:  # noqa: B008
    """The action for one service that is held, declared or both."""
    have = {old.name: old} if old else {}
    want = {new.name: new} if new else {}
    (action,) = plan_actions(want, have, {"echo": found} if new else {}, BACKENDS, PLATFORM)
    return action


def former(**fields: t.Any) -> Service:
    """A service as version 1.0.0 stored it, for root because no account was declared."""
    stored = service(**{**fields, "user": "root"}).to_json()
    del stored["user"]
    return stored_service(stored)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"accept": False},
        {"listen": [{"udp": "7"}]},
        {"state": "disabled"},
        {"exec": None, "proxy": {"to": "localhost:80", "unit": "web"}},
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_root_in_so_many_words_is_no_change(backend: str, fields: Fields) -> None:
    """Whether the service itself or superserver_defaults says it."""
    declared = entry_of({**fields, "backend": backend, "user": None})
    for new in (load({**declared, "user": "root"}), load(declared, defaults={"user": "root"})):
        assert plan(former(**fields, backend=backend), new[0]).kind == "none"
    (other,) = load({**declared, "user": "daemon"})
    assert plan(former(**fields, backend=backend), other).reason == "changed: user"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_forwarder_that_was_roots_of_itself_changes(backend: str) -> None:
    """It is started again as what it is today, and its listener stays open."""
    fields: Fields = {"exec": None, "proxy": {"to": "localhost:80", "unit": "web"}, "backend": backend}
    (new,) = load(entry_of({**fields, "user": None}))
    action = plan(former(**fields), new)
    assert (action.kind, action.reason) == ("change", "changed: user")


HELD: Fields = {"description": "x"}
FILE = Condition(files=("/etc/a", "/etc/b"))
CLOSED = Condition(listeners="tcp:*:7 is not bound")
ILL = Condition(health="echo.socket is not enabled at boot")

# Fields of the service as held and as declared (None: not at all), how it is found, the action, and what it says.
DECISIONS: tuple[tuple[Fields | None, Fields | None, Condition, str, str], ...] = (
    (None, {}, Condition(), "create", "newly declared"),
    (None, {"state": "disabled"}, Condition(), "create", "newly declared"),
    ({}, None, Condition(), "remove", "not declared any more"),
    ({}, {}, Condition(), "none", ""),
    ({"state": "disabled"}, {"state": "disabled"}, Condition(), "none", ""),
    ({}, {"backend": "xinetd"}, Condition(), "move", "from systemd to xinetd"),
    ({}, {"backend": "xinetd", "listen": [{"tcp": "8"}]}, FILE, "move", "from systemd to xinetd"),
    ({"state": "disabled"}, {"backend": "xinetd"}, Condition(), "move", "from systemd to xinetd"),
    ({}, {"state": "disabled"}, Condition(), "disable", "declared disabled"),
    ({"state": "disabled"}, {}, Condition(), "enable", "not disabled any more"),
    ({"state": "disabled"}, {"listen": [{"tcp": "8"}]}, Condition(), "enable", "not disabled any more"),
    ({}, {"listen": [{"tcp": "8"}]}, Condition(), "rebind", "changed: listen"),
    ({}, {"listen": [{"tcp": "7"}, {"tcp": "8"}], "user": "nobody"}, FILE, "rebind", "changed: listen, user"),
    ({}, {"accept": False}, Condition(), "rebind", "changed: accept"),
    ({"state": "disabled"}, {"state": "disabled", "listen": [{"tcp": "8"}]}, Condition(), "change", "changed: listen"),
    ({}, {"user": "nobody", "umask": "077"}, Condition(), "change", "changed: umask, user"),
    ({"user": "nobody"}, {}, FILE, "change", "changed: user"),
    ({}, {"user": "nobody"}, CLOSED, "repair listener", "tcp:*:7 is not bound"),
    ({}, {}, CLOSED, "repair listener", "tcp:*:7 is not bound"),
    ({"state": "disabled"}, {"state": "disabled"}, CLOSED, "disable", "tcp:*:7 is not bound"),
    ({}, {}, FILE, "repair file", "changed or missing: /etc/a, /etc/b"),
    ({}, {}, ILL, "repair listener", "echo.socket is not enabled at boot"),
)  # fmt: skip


def made(fields: Fields | None) -> Service | None:
    return None if fields is None else service(**{**HELD, **fields})


@pytest.mark.parametrize(("old", "new", "found", "kind", "reason"), DECISIONS)
def test_decision(old: Fields | None, new: Fields | None, found: Condition, kind: str, reason: str) -> None:
    action = plan(made(old), made(new), found)
    assert (action.name, action.kind, action.reason) == ("echo", kind, reason)
    assert (action.old, action.new) == (made(old), made(new))


def test_every_kind_of_action_is_decided_on() -> None:
    assert {kind for *_rest, kind, _reason in DECISIONS} == {*STOPS, *STARTS, *REFRESHES, "none"}


@pytest.mark.parametrize(
    ("old", "new", "backend"), [(None, {}, "systemd"), ({}, None, "systemd"), ({}, {"backend": "s6"}, "s6")]
)
def test_action_names_the_backend_that_holds_the_service(old: Fields | None, new: Fields | None, backend: str) -> None:
    assert plan(made(old), made(new)).backend == backend


def test_actions_are_in_order_of_name() -> None:
    names = ["c", "a", "b"]
    want = {name: service(name=name) for name in names[:2]}
    have = {name: service(name=name) for name in names[1:]}
    actions = plan_actions(want, have, {}, BACKENDS, PLATFORM)
    assert [(action.name, action.kind) for action in actions] == [("a", "none"), ("b", "remove"), ("c", "create")]


OLD, NEW = service(user="old"), service(user="new")
MOVED = service(user="new", backend="xinetd")
OFF = service(user="new", state="disabled")
OFF_BEFORE = service(user="old", state="disabled")

# Action, held, declared; and by backend which of the two are stopped, started and refreshed.
CHANGES: tuple[tuple[str, Service | None, Service | None, dict[str, tuple[list[Service], ...]]], ...] = (
    ("none", OLD, NEW, {}),
    ("create", None, NEW, {"systemd": ([], [NEW], [])}),
    ("create", None, OFF, {}),
    ("remove", OLD, None, {"systemd": ([OLD], [], [])}),
    ("move", OLD, MOVED, {"systemd": ([OLD], [], []), "xinetd": ([], [MOVED], [])}),
    ("disable", OLD, OFF, {"systemd": ([OLD], [], [])}),
    ("enable", OFF_BEFORE, NEW, {"systemd": ([], [NEW], [])}),
    ("rebind", OLD, NEW, {"systemd": ([OLD], [NEW], [])}),
    ("repair listener", OLD, NEW, {"systemd": ([OLD], [NEW], [])}),
    ("change", OLD, NEW, {"systemd": ([], [], [OLD, NEW])}),
    ("repair file", OLD, NEW, {"systemd": ([], [], [OLD, NEW])}),
    ("change", OFF_BEFORE, OFF, {}),
    ("repair file", OFF_BEFORE, OFF, {}),
)


def change(stop: t.Sequence[Service], start: t.Sequence[Service], refresh: t.Sequence[Service]) -> Change:
    return Change(tuple(stop), tuple(start), ((refresh[0], refresh[1]),) if refresh else ())


@pytest.mark.parametrize(("kind", "old", "new", "expected"), CHANGES)
def test_change_of_an_action(
    kind: str, old: Service | None, new: Service | None, expected: dict[str, tuple[list[Service], ...]]
) -> None:
    found = changes_of([Action("echo", kind, "", old, new)], {})
    assert found == {backend: change(*slots) for backend, slots in expected.items()}


def test_every_kind_of_action_has_a_change() -> None:
    assert {kind for kind, *_rest in CHANGES} == {*STOPS, *STARTS, *REFRESHES, "none"}


def test_backend_keeps_everything_that_it_is_to_hold() -> None:
    other = service(name="other", listen=[{"tcp": "8"}])
    want = {"echo": NEW, "other": other, "third": service(name="third", backend="s6")}
    found = changes_of([Action("echo", "rebind", "", OLD, NEW)], want)
    assert found == {"systemd": Change((OLD,), (NEW,), (), (NEW, other))}


@pytest.mark.parametrize(("kind", "old", "new", "_expected"), CHANGES)
def test_way_back_undoes_the_change(kind: str, old: Service | None, new: Service | None, _expected: t.Any) -> None:
    have = {"echo": old} if old else {}
    there = changes_of([Action("echo", kind, "", old, new)], {"echo": new} if new else {})
    back = reverse(there, have)
    assert back.keys() == there.keys()
    for backend, way in back.items():
        assert way.stop == there[backend].start
        assert way.start == tuple(each for each in there[backend].stop if each.enabled)
        assert way.refresh == tuple((after, before) for before, after in there[backend].refresh)
        assert way.kept == tuple(each for each in have.values() if each.backend == backend)


def test_way_back_starts_nothing_that_was_disabled() -> None:
    there = changes_of([Action("echo", "move", "", OFF_BEFORE, MOVED)], {"echo": MOVED})
    back = reverse(there, {"echo": OFF_BEFORE})
    assert back["systemd"].start == ()
    assert back["systemd"].kept == (OFF_BEFORE,)
    assert back["xinetd"] == Change(stop=(MOVED,))
