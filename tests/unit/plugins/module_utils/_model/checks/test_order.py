# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services want to have before them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import stored_service
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, load, refusal


def named(name: str, **fields: t.Any) -> dict[str, t.Any]:
    return {**ECHO, "name": name, "listen": [{"unix": f"/run/{name}"}], **fields}


def test_a_unit_has_a_dot() -> None:
    assert is_unit("a.service")
    assert not is_unit("a-service")


def test_services_and_units_are_taken() -> None:
    first, second = load(named("a", requires=["b", "x@1.service"], after=["b", "y.target"]), named("b"))
    assert (first.requires, first.after) == (("b", "x@1.service"), ("b", "y.target"))
    assert (second.requires, second.after) == ((), ())


def test_a_service_alone_is_made_again_from_its_record() -> None:
    first, _second = load(named("a", requires=["b"]), named("b"))
    assert stored_service(first.to_json()).requires == ("b",)


@pytest.mark.parametrize(
    "text", ["", "a b", "a.nothing", ".service", "a/b.service", "a%b.service", pytest.param("x" * 64, id="long")]
)
def test_names_of_nothing_are_refused(text: str) -> None:
    ((path, _message),) = refusal(named("a", after=[text]))
    assert path == "superserver_services[0].after[0]"


CIRCLES = (
    (["a"], "a -> a"),
    (["b", "a"], "a -> b -> a"),
    (["b", "c", "a"], "a -> b -> c -> a"),
)


@pytest.mark.parametrize(("others", "circle"), CIRCLES)
def test_a_circle_is_reported_once(others: list[str], circle: str) -> None:
    names = ["a", *others][: len(others)]
    entries = [named(name, after=[other]) for name, other in zip(names, others)]
    ((path, message),) = refusal(*entries)
    assert path == "superserver_services[0].after"
    assert message.endswith(circle)


def test_a_way_into_a_circle_is_no_circle() -> None:
    found = refusal(named("a", after=["b"]), named("b", requires=["c"]), named("c", after=["b"]))
    assert [(path, message.rpartition(": ")[2]) for path, message in found] == [
        ("superserver_services[1].requires", "b -> c -> b")
    ]


WRONG: tuple[tuple[dict[str, t.Any], list[t.Any], str], ...] = (
    ({}, [], "is not a service of this host"),
    ({}, [named("b", state="disabled")], "is disabled"),
    ({}, [named("b", state="absent")], "is absent"),
    ({"backend": "xinetd"}, [named("b", backend="s6")], "give both the same backend"),
    ({}, [named("b", backend="s6")], "is a service of s6"),
)


@pytest.mark.parametrize(("fields", "others", "words"), WRONG)
def test_what_is_required_must_be_had(fields: dict[str, t.Any], others: list[t.Any], words: str) -> None:
    ((path, message),) = refusal(named("a", requires=["b"], **fields), *others)
    assert path == "superserver_services[0].requires[0]"
    assert words in message


@pytest.mark.parametrize("state", ["disabled", "absent"])
def test_order_alone_needs_nobody(state: str) -> None:
    assert refusal(named("a", after=["b"]), named("b", state=state)) == []


def test_who_does_not_listen_needs_nobody_who_does() -> None:
    assert refusal(named("a", requires=["b"], state="disabled"), named("b", state="disabled")) == []


def test_other_problems_are_reported_as_well() -> None:
    found = refusal(named("a", requires=["c"]), named("b", umask="9"), named("d", requires=["b"]))
    assert [path for path, _message in found] == [
        "superserver_services[1].umask",
        "superserver_services[0].requires[0]",
    ]
