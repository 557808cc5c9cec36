# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of value that a schema is made of."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (
    Field,
    Listing,
    Record,
    Table,
    leaves,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import (
    Choice,
    Flag,
    Kind,
    Number,
    OneOf,
    Text,
    collector,
)


def lower(text: str) -> None:
    if text != text.lower():
        raise ValueError("must be lower case")


PAIR = Record((Field("one", Text(), "the first", required=True), Field("two", Number(1, 9), "the second", 3)))


def checked(kind: Kind, value: t.Any) -> tuple[t.Any, list[str]]:
    problems: list[Problem] = []
    return kind.check(value, "x", collector(problems)), [str(problem) for problem in problems]


# Kind, value, and what is kept of it.
KEPT: tuple[tuple[Kind, t.Any, t.Any], ...] = (
    (Text(), "a", "a"),
    (Text(), "a\tb", "a\tb"),
    (Text(), "ü€😀", "ü€😀"),
    (Text(empty=True), "", ""),
    (Text(multiline=True), "a\nb\r", "a\nb\r"),
    (Text(numbers=True), 7, "7"),
    (Text(pattern="[ab]+"), "abba", "abba"),
    (Text(checker=lower), "abc", "abc"),
    (Number(1, 9), 1, 1),
    (Number(1, 9), 9, 9),
    (Number(1, 9, fractions=True), 2.5, 2.5),
    (Flag(), True, True),
    (Choice(("a", "b")), "b", "b"),
    (Listing(Text()), [], []),
    (Listing(Text(numbers=True)), ["a", 7], ["a", "7"]),
    (Table(Text(), Flag()), {"a": True}, {"a": True}),
    (OneOf(), "a", "a"),
    (OneOf(), "", ""),
    (OneOf(), True, "yes"),
    (OneOf(), False, "no"),
    (OneOf(), 0.5, "0.5"),
    (OneOf(), ["a", 1, True], ["a", "1", "yes"]),
    (PAIR, {"one": "a"}, {"one": "a"}),
    (PAIR, {"two": 4, "one": "a"}, {"one": "a", "two": 4}),
)

# Kind, value, and the problems.
REFUSED: tuple[tuple[Kind, t.Any, list[str]], ...] = (
    (Text(), None, ["x: must be a string, not nothing"]),
    (Text(), 18, ["x: must be a string, not a number; put the value in quotes"]),
    (Text(), 1.5, ["x: must be a string, not a number; put the value in quotes"]),
    (Text(), True, ["x: must be a string, not a boolean; put the value in quotes"]),
    (Text(numbers=True), True, ["x: must be a string, not a boolean; put the value in quotes"]),
    (Text(), ["a"], ["x: must be a string, not a list"]),
    (Text(), {"a": 1}, ["x: must be a string, not a mapping"]),
    (Text(), "", ["x: must not be empty"]),
    (Text(), "a\nb", ["x: must be one line, without line breaks"]),
    (Text(), "a\rb", ["x: must be one line, without line breaks"]),
    (Text(pattern="[ab]+"), "abc", ["x: must match [ab]+"]),
    (Text(pattern="[ab]+"), "ab\n", ["x: must be one line, without line breaks"]),
    (Text(multiline=True, pattern="[ab]+"), "ab\n", ["x: must match [ab]+"]),
    (Text(pattern="[ab]+", hint="must be a or b"), "c", ["x: must be a or b"]),
    (Text(checker=lower), "A", ["x: must be lower case"]),
    (Number(1, 9), 0, ["x: must be from 1 to 9, not 0"]),
    (Number(1, 9), 10, ["x: must be from 1 to 9, not 10"]),
    (Number(1, 9), 2.5, ["x: must be a whole number from 1 to 9, not 2.5"]),
    (Number(1, 9), "2", ["x: must be a whole number from 1 to 9, not a string; write 2 without quotes"]),
    (Number(0, 1), True, ["x: must be a whole number from 0 to 1, not a boolean"]),
    (Number(1, 9, fractions=True), float("nan"), ["x: must be from 1 to 9, not nan"]),
    (Number(1, 9, fractions=True), float("inf"), ["x: must be from 1 to 9, not inf"]),
    (Flag(), "yes", ["x: must be true or false, not a string; write true without quotes"]),
    (Flag(), "maybe", ["x: must be true or false, not a string"]),
    (Flag(), 1, ["x: must be true or false, not a number"]),
    (Flag(), None, ["x: must be true or false, not nothing"]),
    (Choice(("a", "b")), "c", ['x: must be one of a, b, not "c"']),
    (Choice(("a", "b")), False, ["x: must be one of a, b, not a boolean"]),
    (Choice(("a", "b")), ["a"], ["x: must be one of a, b, not a list"]),
    (Listing(Text()), 1, ["x: must be a list, not a number"]),
    (Listing(Text(), least=1), [], ["x: must not be empty"]),
    (Listing(Flag()), [True, 1, 0], [
        "x[1]: must be true or false, not a number", "x[2]: must be true or false, not a number",
    ]),
    (Table(Text(), Flag()), [], ["x: must be a mapping, not a list"]),
    (Table(Text(), Flag()), {"a": 1}, ["x.a: must be true or false, not a number"]),
    (Table(Text(pattern="[a-z]"), Flag()), {"A": True}, ["x.A: must match [a-z]"]),
    (Table(Text(), Flag()), {1: True}, ["x.1: must be a string, not a number; put the value in quotes"]),
    (OneOf(), None, ["x: must be a string, not nothing"]),
    (OneOf(), {"a": 1}, ["x: must be a string, not a mapping"]),
    (OneOf(), ["a", ["b"]], ["x[1]: must be a string, not a list"]),
    (OneOf(), "a\nb", ["x: must be one line, without line breaks"]),
    (PAIR, "a", ["x: must be a mapping, not a string"]),
    (PAIR, {}, ["x.one: is missing: the first"]),
    (PAIR, {"one": "a", "tow": 1}, ['x.tow: is not a field of this schema; did you mean "two"?']),
    (PAIR, {"one": "a", "zzz": 1}, ["x.zzz: is not a field of this schema; known are one, two"]),
    (PAIR, {"one": "a", True: 1}, ["x.True: is not a field of this schema; known are one, two"]),
    (PAIR, {"one": 1, "two": 0}, [
        "x.one: must be a string, not a number; put the value in quotes",
        "x.two: must be from 1 to 9, not 0",
    ]),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "kept"), KEPT)
def test_value_is_kept(kind: Kind, value: t.Any, kept: t.Any) -> None:
    result, problems = checked(kind, value)
    assert problems == []
    assert result == kept
    assert type(result) is type(kept)


@pytest.mark.parametrize(("kind", "value", "problems"), REFUSED)
def test_value_is_refused(kind: Kind, value: t.Any, problems: list[str]) -> None:
    assert checked(kind, value)[1] == problems


@pytest.mark.parametrize("text", ["\0", "\x01", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f"])
def test_control_characters_are_refused(text: str) -> None:
    assert "control characters" in checked(Text(multiline=True), f"a{text}b")[1][0]


@pytest.mark.parametrize("code", [0xD800, 0xDFFF, 0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFE, 0xFFFFF, 0x10FFFF])
def test_what_is_no_character_is_refused(code: int) -> None:
    assert "UTF-8" in checked(Text(multiline=True), f"a{chr(code)}b")[1][0]


@pytest.mark.parametrize("code", [0x80, 0x85, 0xA0, 0x2028, 0xD7FF, 0xE000, 0xFDCF, 0xFDF0, 0xFEFF, 0xFFFD, 0x10FFFD])
def test_neighbours_of_those_are_kept(code: int) -> None:
    assert checked(Text(), f"a{chr(code)}b") == (f"a{chr(code)}b", [])


def test_partial_record_may_lack_what_is_required() -> None:
    problems: list[Problem] = []
    assert PAIR.check({"two": 1}, "x", collector(problems), partial=True) == {"two": 1}
    assert problems == []


def test_leaves_are_named_by_their_path() -> None:
    outer = Record((Field("pair", PAIR, ""), Field("pairs", Listing(PAIR), ""), Field("words", Listing(Text()), "")))
    assert [path for path, _field in leaves(outer)] == ["pair.one", "pair.two", "pairs.one", "pairs.two", "words"]
