# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging of layers and defaults, and where each field says that it comes from."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import (
    BASE,
    Layer,
    Merged,
    merge,
    ordered,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, entry_of, refusal

A, B = f"{BASE}__a", f"{BASE}__b"


def merged(defaults: Fields | None = None, **layers: list[Fields]) -> list[Merged]:
    """Merge layers named by their suffix (``base`` for the list without one)."""
    problems: list[Problem] = []
    named = [Layer(BASE if name == "base" else f"{BASE}__{name}", services) for name, services in layers.items()]
    result = merge(named, defaults, problems)
    assert problems == []
    return result


def fields(defaults: Fields | None = None, **layers: list[Fields]) -> Fields:
    """The fields of the only service of some layers."""
    (service,) = merged(defaults, **layers)
    return service.fields


def test_base_comes_first_then_the_alphabet() -> None:
    names = [f"{BASE}__z", f"{BASE}__A", BASE, f"{BASE}__a"]
    assert [layer.name for layer in ordered([Layer(name, []) for name in names])] == [
        BASE,
        f"{BASE}__A",
        f"{BASE}__a",
        f"{BASE}__z",
    ]


# What two layers say, and what comes of it; the name is left out.
OVERRIDES: tuple[tuple[Fields, Fields, Fields], ...] = (
    ({"user": "a"}, {}, {"user": "a"}),
    ({"user": "a"}, {"group": "b"}, {"user": "a", "group": "b"}),
    ({"user": "a"}, {"user": "b"}, {"user": "b"}),
    ({"exec": ["/a", "b"]}, {"exec": ["/c"]}, {"exec": ["/c"]}),
    ({"listen": [{"tcp": "7"}]}, {"listen": [{"udp": "8"}]}, {"listen": [{"udp": "8"}]}),
    ({"connections": {"max": 1}}, {"connections": {"per_source": 2}}, {"connections": {"max": 1, "per_source": 2}}),
    ({"connections": {"max": 1, "per_source": 2}}, {"connections": {"max": 3}}, {
        "connections": {"max": 3, "per_source": 2},
    }),
    ({"access": {"allow": ["::1"], "deny": ["::2"]}}, {"access": {"allow": []}}, {
        "access": {"allow": [], "deny": ["::2"]},
    }),
    ({"environment": {"A": "1", "B": "2"}}, {"environment": {"A": "3"}}, {"environment": {"A": "3"}}),
    ({"secrets": {"A": "1", "B": "2"}}, {"secrets": {"A": "3"}}, {"secrets": {"A": "3"}}),
    ({"native": {"xinetd": {"a": "1"}}}, {"native": {"xinetd": {"b": "2"}, "s6": {"c": "3"}}}, {
        "native": {"xinetd": {"b": "2"}, "s6": {"c": "3"}},
    }),
    ({"state": "disabled"}, {"state": "present"}, {"state": "present"}),
    ({"user": "a"}, {"state": "absent"}, {"user": "a", "state": "absent"}),
)  # fmt: skip


@pytest.mark.parametrize(("first", "second", "expected"), OVERRIDES)
def test_later_layer_overrides(first: Fields, second: Fields, expected: Fields) -> None:
    result = fields(a=[{"name": "x", **first}], b=[{"name": "x", **second}])
    assert result == {"name": "x", **expected}


DEFAULTED: tuple[tuple[Fields, Fields, Fields], ...] = (
    ({"group": "a"}, {}, {"group": "a"}),
    ({"user": "a"}, {"user": "b"}, {"user": "b"}),
    ({"environment": {"A": "1"}}, {"environment": {"B": "2"}}, {"environment": {"B": "2"}}),
    ({"connections": {"max": 1}}, {"connections": {"per_source": 2}}, {"connections": {"max": 1, "per_source": 2}}),
    ({"access": {"allow": ["::1"]}}, {"access": {"allow": []}}, {"access": {"allow": []}}),
)


@pytest.mark.parametrize(("defaults", "declared", "expected"), DEFAULTED)
def test_defaults_are_what_is_not_declared(defaults: Fields, declared: Fields, expected: Fields) -> None:
    assert fields(defaults, base=[{**ECHO, **declared}]) == {**ECHO, **expected}


def test_defaults_are_overridden_by_every_layer() -> None:
    bare = {name: value for name, value in ECHO.items() if name != "user"}
    result = fields({"user": "a", "nice": 5}, base=[{**bare, "nice": 1}], a=[{"name": "echo", "group": "b"}])
    assert (result["user"], result["nice"], result["group"]) == ("a", 1, "b")


INTERNAL = {"exec": None, "internal": "echo"}
UNIX = {"listen": [{"unix": "/run/a"}]}
DATAGRAM = {"listen": [{"udp": "7"}]}
WAITING = {"accept": False}

# A default, and a service for which it has no meaning.
POINTLESS: tuple[tuple[Fields, Fields], ...] = (
    ({"user": "a"}, INTERNAL),
    ({"group": "a"}, INTERNAL),
    ({"supplementary_groups": []}, INTERNAL),
    ({"umask": "077"}, INTERNAL),
    ({"nice": 1}, INTERNAL),
    ({"working_directory": "/srv"}, INTERNAL),
    ({"environment": {"A": "b"}}, INTERNAL),
    ({"environment_file": "/a"}, INTERNAL),
    ({"secrets": {"A": "b"}}, INTERNAL),
    ({"environment_file": "/a", "secrets": {"A": "b"}}, {"exec": None, "proxy": {"to": "/run/b"}}),
    ({"stderr": "client"}, INTERNAL),
    ({"accept": False}, INTERNAL),
    ({"socket_fd": "stdin"}, INTERNAL),
    ({"socket_fd": "stdin"}, {}),
    ({"stderr": "client"}, WAITING),
    ({"access": {"allow": ["::1"]}}, UNIX),
    ({"access": {"deny": ["::1"]}}, UNIX),
    ({"connections": {"per_source": 1}}, UNIX),
    ({"connections": {"max": 1, "per_source": 1}}, DATAGRAM),
)


@pytest.mark.parametrize(("default", "declared"), POINTLESS)
def test_default_without_meaning_is_left_out(default: Fields, declared: Fields) -> None:
    entry = entry_of(declared)
    result = fields(default, base=[entry])
    assert {name: value for name, value in result.items() if value != {}} == entry


@pytest.mark.parametrize(("default", "declared"), POINTLESS)
def test_declared_without_meaning_is_refused(default: Fields, declared: Fields) -> None:
    found = refusal(entry_of({**declared, **default}))
    assert found
    assert {path.split(".")[1] for path, _message in found} == set(default)


def test_default_with_meaning_stays_beside_one_without() -> None:
    result = fields({"connections": {"max": 9, "per_source": 1}}, base=[{**ECHO, **UNIX}])
    assert result["connections"] == {"max": 9}


def test_origins_name_the_layer_of_each_field() -> None:
    (service,) = merged(
        {"nice": 1, "access": {"deny": ["::2"]}},
        base=[ECHO],
        a=[{"name": "echo", "access": {"allow": ["::1"]}, "connections": {"max": 1}}],
        b=[{"name": "echo", "user": "b", "connections": {"per_source": 1}}],
    )
    assert [service.path(name) for name in ("name", "nice", "listen", "user", "umask")] == [
        f"{B}[0].name",
        "superserver_defaults.nice",
        f"{BASE}[0].listen",
        f"{B}[0].user",
        f"{B}[0].umask",
    ]
    inner = ("access.allow", "access.deny", "connections.max", "connections.per_source", "connections.rate")
    assert [service.path(name) for name in inner] == [
        f"{A}[0].access.allow",
        "superserver_defaults.access.deny",
        f"{A}[0].connections.max",
        f"{B}[0].connections.per_source",
        f"{B}[0].connections.rate",
    ]


# What is declared, and the path and the gist of each problem.
PROBLEMS: tuple[tuple[dict[str, t.Any], list[tuple[str, str]]], ...] = (
    ({BASE: {"echo": {}}}, [(BASE, "must be a list of services, not a mapping")]),
    ({BASE: None}, [(BASE, "must be a list of services, not nothing")]),
    ({A: "echo"}, [(A, "must be a list of services, not a string")]),
    ({A: ["echo"]}, [(f"{A}[0]", "must be a mapping, not a string")]),
    ({A: [{}]}, [(f"{A}[0].name", "is missing")]),
    ({A: [ECHO, {**ECHO, "listen": [{"tcp": "8"}]}]}, [(f"{A}[1].name", f"twice in this list, also at {A}[0]")]),
    ({BASE: [{**ECHO, "user": True}], A: [{**ECHO, "group": True}]}, [
        (f"{BASE}[0].user", "quotes"), (f"{A}[0].group", "quotes"),
    ]),
    # Each layer is right by itself, and the services are not.
    ({BASE: [ECHO], A: [{"name": "echo", "internal": "echo"}]}, [
        (f"{A}[0].internal", "here: exec and internal"), (f"{BASE}[0].user", "no meaning for an internal service"),
    ]),
    ({BASE: [ECHO], B: [{"name": "other", "listen": [{"tcp": "7"}], "internal": "echo"}]}, [
        (f"{B}[0].listen[0]", f'"echo" at {BASE}[0].listen[0]'),
    ]),
    ({BASE: [ECHO], A: [{"name": "echo", "listen": [{"udp": "7"}]}], B: [{"name": "echo", "accept": True}]}, [
        (f"{B}[0].accept", "datagram"),
    ]),
    ({BASE: [ECHO], A: [{"name": "ecko", "user": "b"}]}, [(f"{A}[0].listen", "is missing")]),
    # A broken entry is only told what is wrong with itself.
    ({BASE: [{**ECHO, "exec": "/bin/cat -u"}], A: [{"name": "echo", "user": "b"}]}, [(f"{BASE}[0].exec", "a list")]),
)  # fmt: skip


@pytest.mark.parametrize(("layers", "problems"), PROBLEMS)
def test_problem_names_its_variable(layers: dict[str, t.Any], problems: list[tuple[str, str]]) -> None:
    found = refusal(layers=layers)
    assert [path for path, _message in found] == [path for path, _gist in problems]
    for (_path, message), (_same, gist) in zip(found, problems):
        assert gist in message


# Wrong defaults, and the path below the variable.
WRONG_DEFAULTS: tuple[tuple[t.Any, str, str], ...] = (
    ([{"user": "a"}], "", "must be a mapping"),
    ("user", "", "must be a mapping"),
    ({"usr": "a"}, ".usr", 'did you mean "user"?'),
    ({"user": True}, ".user", "put the value in quotes"),
    ({"name": "x"}, ".name", "cannot be a default"),
    ({"listen": [{"tcp": "7"}]}, ".listen", "cannot be a default"),
    ({"exec": ["/bin/cat"]}, ".exec", "cannot be a default"),
    ({"argv0": "x"}, ".argv0", "cannot be a default"),
    ({"internal": "echo"}, ".internal", "cannot be a default"),
    ({"state": "absent"}, ".state", "cannot be a default"),
    ({"probe": {"expect": "("}}, ".probe.expect", "regular expression"),
    ({"access": {"allow": ["example.org"]}}, ".access.allow[0]", "host names"),
    ({"probe": {"expect": "x*"}}, ".probe.expect", "empty answer"),
)


@pytest.mark.parametrize(("defaults", "path", "gist"), WRONG_DEFAULTS)
def test_problem_of_defaults(defaults: t.Any, path: str, gist: str) -> None:
    found = refusal(ECHO, defaults=defaults)
    assert [entry for entry, _message in found] == [f"superserver_defaults{path}"]
    assert gist in found[0][1]


def test_removed_service_is_not_looked_at_more_closely() -> None:
    assert refusal({"name": "x", "state": "absent"}, {**ECHO, "name": "y", "state": "absent"}, ECHO) == []


def test_everything_wrong_is_said_at_once() -> None:
    found = refusal(
        {"name": "a", "listen": [{"tcp": "0"}], "exec": ["cat"], "user": True},
        {"name": "b", "listen": [{"tcp": "7"}, {"tcp": "127.0.0.1:7"}], "exec": ["/bin/cat"]},
        {"name": "c", "listen": [{"tcp": "8"}], "exec": ["/bin/cat"], "internal": "echo"},
        {"name": "d", "listen": [{"tcp": "8"}], "internal": "echo", "user": "d"},
        layers={A: [{"name": "e", "stat": "absent"}]},
    )
    assert [path for path, _message in found] == [
        f"{BASE}[0].listen[0].tcp",
        f"{BASE}[0].exec[0]",
        f"{BASE}[0].user",
        f"{A}[0].stat",
        f"{BASE}[1].user",
        f"{BASE}[2].internal",
        f"{BASE}[3].user",
        f"{BASE}[1].listen[1]",
        f"{BASE}[3].listen[0]",
    ]


def test_services_under_wrong_defaults_are_checked_one_field_at_a_time() -> None:
    found = refusal(
        {**ECHO, "user": True},
        {"name": "b", "listen": [{"tcp": "8"}], "exec": ["/bin/cat"], "socket_fd": "stdin"},
        defaults={"accept": "no"},
    )
    assert [path for path, _message in found] == ["superserver_defaults.accept", f"{BASE}[0].user"]
