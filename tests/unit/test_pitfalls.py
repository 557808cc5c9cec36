# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every known pitfall has a test that there is, and a test that names a pitfall stands beside it in the index."""

from __future__ import annotations

import ast
import re
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from _cases import load_cases
from _checks import ROOT

UNIT = ROOT / "tests" / "unit"
STORIES = ROOT / "molecule" / "pitfalls" / "library" / "pitfalls.py"
NUMBERS = range(1, 56)
NAMED = re.compile(r"\b[Pp]itfalls? (\d+(?:(?:, | and )\d+)*)")

INDEX: list[dict[str, t.Any]] = yaml.safe_load((ROOT / "tests" / "pitfalls.yml").read_text(encoding="utf-8"))
TESTS = {entry["number"]: [pair for test in entry["tests"] for pair in test.items()] for entry in INDEX}
CASES = {case.name: case for case in load_cases()}


def functions(path: Path) -> dict[str, str]:
    """The functions of a file with their documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}


def unit_exists(name: str) -> bool:
    path, _colons, function = name.partition("::")
    return (UNIT / path).is_file() and function in functions(UNIT / path)


EXISTS: dict[str, Callable[[str], bool]] = {
    "case": lambda name: name in CASES,
    "story": lambda name: name in functions(STORIES),
    "tasks": lambda name: (ROOT / name).is_file(),
    "unit": unit_exists,
}


def test_every_pitfall_is_there_once_and_in_order() -> None:
    assert [entry["number"] for entry in INDEX] == list(NUMBERS)
    assert len({entry["pitfall"] for entry in INDEX}) == len(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_its_tests_exist(number: int) -> None:
    assert TESTS[number]
    assert [(kind, name) for kind, name in TESTS[number] if not EXISTS[kind](name)] == []


def named() -> Iterator[tuple[int, tuple[str, str]]]:
    """Every number that a test names, with the test."""
    texts = {("case", name): case.what for name, case in CASES.items()}
    texts.update({("story", name): text for name, text in functions(STORIES).items()})
    for path in UNIT.rglob("test_*.py"):
        texts.update({("unit", f"{path.relative_to(UNIT)}::{name}"): text for name, text in functions(path).items()})
    for test, text in texts.items():
        for numbers in NAMED.findall(text):
            yield from ((int(number), test) for number in re.findall(r"\d+", numbers))


def test_who_names_a_pitfall_is_in_the_index() -> None:
    found = list(named())
    assert len(found) > 20
    assert [(number, test) for number, test in found if test not in TESTS[number]] == []


def test_every_story_names_its_pitfalls() -> None:
    told = {test for _number, test in named()}
    stories = re.search(r"^STORIES.*?^\)", STORIES.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert stories
    assert {
        name for name in re.findall(r"^    (\w+),$", stories[0], re.MULTILINE) if ("story", name) not in told
    } == set()
