# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people write to have something taken over."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.wishes import Wish, restrictions, wishes_of


def test_names_and_what_may_get_lost() -> None:
    wishes, problems = wishes_of(["check_mk", {"name": "a.socket", "without": ["IPAddressDeny", "address"]}, 5])
    assert problems == []
    assert wishes == [
        Wish("superserver_adopt[0]", "check_mk"),
        Wish("superserver_adopt[1]", "a.socket", frozenset({"IPAddressDeny", "address"})),
        Wish("superserver_adopt[2]", "5"),
    ]


@pytest.mark.parametrize(
    ("entry", "path", "words"),
    [
        (None, "", "must be a name, or a mapping such as"),
        (True, "", "must be a name"),
        (["a"], "", "must be a name"),
        ({"without": ["cps"]}, ".name", "must be a name"),
        ({"name": ["a"]}, ".name", "must be a name"),
        ({"name": "a", "with": []}, ".with", "is not a known key"),
        ({"name": "a", "without": "cps"}, ".without", "must be a list"),
        ({"name": "a", "without": ["only_form"]}, ".without[0]", '"only_form" is not a known restriction'),
        ({"name": "a", "without": [["cps"]]}, ".without[0]", "is not a known restriction"),
    ],
)
def test_what_is_neither(entry: t.Any, path: str, words: str) -> None:
    wishes, (problem,) = wishes_of(["one", entry, "two"])
    assert [(wish.path, wish.name) for wish in wishes] == [
        ("superserver_adopt[0]", "one"),
        ("superserver_adopt[2]", "two"),
    ]
    assert problem.path == f"superserver_adopt[1]{path}"
    assert words in problem.message


def test_a_name_that_is_there_twice() -> None:
    wishes, (problem,) = wishes_of(["a", {"name": "a", "without": ["cps"]}])
    assert [wish.without for wish in wishes] == [frozenset()]
    assert (problem.path, problem.message) == ("superserver_adopt[1]", '"a" is named twice; name it once')


def test_restrictions_are_those_of_every_kind() -> None:
    """In the order that messages name them in."""
    assert restrictions() == (
        *("only_from", "no_access", "access_times", "instances", "per_source", "cps", "max_load", "libwrap"),
        *("IPAddressDeny", "MaxConnections", "MaxConnectionsPerSource", "BindToDevice", "SocketMode"),
        *("address", "family", "interface"),
    )
