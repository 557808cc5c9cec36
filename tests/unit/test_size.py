# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is larger than what can be read at once: files, functions, what they are called with, and folders.

The lists name what is over a limit. They are exact, so they can only shrink: what is split leaves them, and whatever is
new has to keep to the limits.
"""

from __future__ import annotations

import ast
import re
import typing as t
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from _checks import ROOT, project_files

LINES = 300  # of a file
LENGTH = 40  # lines of a function
ARGUMENTS = 5  # that are told apart by their place, beside self
FILES = 12  # of the collection in one folder

# By the way to the file.
LONG_FILES = frozenset({
    "molecule/_shared/library/hostile.py",
    "molecule/_shared/library/killed.py",
    "molecule/_shared/library/lives.py",
    "molecule/pitfalls/library/pitfalls.py",
    "plugins/module_utils/_programs/daemons/binder.py",
    "plugins/module_utils/_programs/daemons/proxy.py",
    "plugins/module_utils/_programs/guard/guard.py",
    # Their documentation is what is long: what they do is less than 70 lines.
    "plugins/modules/listener.py",
    "plugins/modules/services.py",
    "tests/benchmark/measure",
})  # fmt: skip
# The same with the name of the function behind it.
LONG_FUNCTIONS = frozenset({
    "molecule/_shared/library/killed.py main",
})  # fmt: skip
MANY_ARGUMENTS: frozenset[str] = frozenset({
})  # fmt: skip
FULL_FOLDERS: frozenset[str] = frozenset()

PYTHON = re.compile(r"#![^\n]*\bpython[0-9.]*\b")
# Each argument of a test has a name that pytest knows it by.
TEST = re.compile(r"test_")

Function = t.Union[ast.FunctionDef, ast.AsyncFunctionDef]


@lru_cache(maxsize=None)
def sources() -> dict[str, str]:
    """The text of every program in Python, also of those whose names do not tell that they are."""
    found = {}
    for path in project_files():
        if path.suffix == ".py" or (not path.suffix and not (ROOT / path).is_symlink()):
            text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
            if path.suffix == ".py" or PYTHON.match(text):
                found[path.as_posix()] = text
    return found


def functions(text: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def lines(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def arguments(function: Function) -> int:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_files_are_short() -> None:
    assert {path for path, text in sources().items() if len(text.splitlines()) > LINES} == LONG_FILES


def test_functions_are_short() -> None:
    assert {
        f"{path} {function.name}"
        for path, text in sources().items()
        for function in functions(text)
        if lines(function) > LENGTH
    } == LONG_FUNCTIONS


def test_functions_are_called_with_little() -> None:
    assert {
        f"{path} {function.name}"
        for path, text in sources().items()
        for function in functions(text)
        if arguments(function) > ARGUMENTS and not TEST.match(function.name)
    } == MANY_ARGUMENTS


def test_folders_of_the_collection_are_small() -> None:
    count = Counter(Path(path).parent.as_posix() for path in sources() if path.startswith("plugins/"))
    assert {folder for folder, files in count.items() if files > FILES} == FULL_FOLDERS


def test_programs_without_a_suffix_are_found() -> None:
    assert {"tests/quality/lint", "tests/conformance/host/client"} <= sources().keys()
    assert not any(path.startswith(".cache") for path in sources())


@pytest.mark.parametrize(
    ("text", "long", "many"),
    [
        ("def f(a, b):\n    return 1\n", 2, 2),
        ("class C:\n    def f(self, a, /, b, *more, c, **others):\n        return 1\n", 2, 2),
        ("class C:\n    @classmethod\n    def f(cls):\n        def g(a, b, c):\n            pass\n", 3, 3),
        ("async def f(*, a, b):\n\n\n    pass\n", 4, 0),
    ],
)
def test_what_is_measured(text: str, long: int, many: int) -> None:
    assert max(map(lines, functions(text))) == long
    assert max(map(arguments, functions(text))) == many
