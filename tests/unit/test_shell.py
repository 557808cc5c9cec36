# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs in shell that stand in Python, where shellcheck does not look, are checked like all others.

They are found: constants that begin like a script or that call a shell, what is given to a shell as its argument, and
the scripts that are written for services.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import typing as t
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import pytest
from _cases import Host, load_cases, plan, sample

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import render_all
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import boot as _boot
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers.stderr import PROGRAM as PART
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import STDERR

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
PACKAGE = "ansible_collections.ondemand.superserver"
HOSTS = (
    Host("systemd"),
    Host("xinetd"),
    Host("s6"),
    Host("s6", "s6-networking"),
    Host("s6", init="s6"),
)
# Scripts that functions make for ``sh -c``, each with what it is called with here.
MADE: dict[str, Callable[[t.Any], str]] = {"handing_on": lambda function: str(function(("REMOTE_ADDR", "A")))}
# Functions whose first argument is a script for a shell that another script starts.
RUNNERS = ("_shell",)

INTERPRETER = re.compile(r"#!\s*(?:/usr/bin/env )?(\S+)")
OTHERS = ("python", "python3", "execlineb")
SHELLS = {"sh": "sh", "bash": "bash", "openrc-run": "sh"}
ARGUMENT = re.compile(r"\bsh -c ")
QUOTED = re.compile(r"/sh -c '([^']*)'")
Function = ast.FunctionDef
# Traps call functions, which shellcheck takes for ones that nobody calls.
UNREACHABLE = ("SC2317", "SC2329")
# What a service declares stands in quotes, whatever it looks like.
DECLARED = ("SC2016", "SC1003")


class Script(t.NamedTuple):
    """A program, where it stands, and the shell that runs it."""

    where: str
    text: str
    shell: str


def interpreter(text: str) -> str:
    found = INTERPRETER.match(text)
    return found.group(1).rpartition("/")[2] if found else ""


def script(where: str, text: str) -> Script | None:
    """None for what another program than a shell runs; whatever is not known is a shell that is missing here."""
    name = interpreter(text)
    return Script(where, text, SHELLS[name]) if name and name not in OTHERS else None


def modules() -> Iterator[tuple[Path, ModuleType]]:
    for path in sorted(PLUGINS.rglob("*.py")):
        relative = path.relative_to(ROOT).with_suffix("")
        yield path, importlib.import_module(".".join((PACKAGE, *relative.parts)))


def constants() -> Iterator[Script]:
    """Texts of modules that begin like a script, or in which a shell is given one."""
    for path, module in modules():
        for name, value in vars(module).items():
            where = f"{path.stem}.{name}"
            if not isinstance(value, str) or name.startswith("__") or not _belongs(path, name):
                continue
            found = script(where, value)
            if found:
                yield found
            elif ARGUMENT.search(value):
                words = shlex.split(value)
                # A unit doubles dollars.
                yield Script(where, words[words.index("-c") + 1].replace("$$", "$"), "sh")


@lru_cache(maxsize=None)
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _belongs(path: Path, name: str) -> bool:
    """Whether the file itself has a constant of that name, and does not import it."""
    targets = (
        target
        for node in tree(path).body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def arguments() -> Iterator[Script]:
    """What stands behind a shell and ``-c`` in lists of arguments."""
    for path, module in modules():
        for function, after in _behind_options(path):
            for text in _texts(after, function, module, tree(path)):
                yield Script(f"{path.stem}:{after.lineno}", text, "sh")


def _behind_options(path: Path) -> Iterator[tuple[Function, ast.expr]]:
    """With the function that it stands in."""
    for function in ast.walk(tree(path)):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                for after in (*_after_options(node, function), *_run_by_others(node)):
                    yield function, after


def _run_by_others(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RUNNERS:
        yield node.args[0]


def _after_options(node: ast.AST, function: Function) -> Iterator[ast.expr]:
    """What follows a shell and ``-c`` among the elements of a list or a tuple, or the arguments of a call."""
    elements = node.elts if isinstance(node, (ast.List, ast.Tuple)) else node.args if isinstance(node, ast.Call) else []
    words = [_word(element, function) for element in elements]
    for index in range(len(words) - 2):
        if words[index].rpartition("/")[2] in SHELLS and words[index + 1] == "-c":
            yield elements[index + 2]


def _word(node: ast.expr, function: Function) -> str:
    """A constant, also as the name of a program that is looked up; empty for others."""
    if isinstance(node, ast.Name):
        node = next(iter(_assigned(node.id, function)), node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "program":
        node = node.args[0]
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _assigned(name: str, function: Function) -> list[ast.expr]:
    """What a name of a function stands for."""
    return [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def _passed(name: str, function: Function, source: ast.Module) -> list[ast.expr]:
    """What a function of the same file is called with."""
    place = [argument.arg for argument in function.args.args].index(name)
    return [
        node.args[place]
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function.name
    ]


def _texts(node: ast.expr, function: Function, module: ModuleType, source: ast.Module) -> list[str]:
    """The scripts that an expression may be; a word for each part that is known only when it runs."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(_part(part, module) for part in node.values)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return [MADE[node.func.id](getattr(module, node.func.id))]
    if isinstance(node, ast.IfExp):
        return [text for each in (node.body, node.orelse) for text in _texts(each, function, module, source)]
    if isinstance(node, ast.Starred):
        return _texts(node.value, function, module, source)
    if isinstance(node, ast.Tuple):
        return _texts(node.elts[0], function, module, source)
    assert isinstance(node, ast.Name), f"line {node.lineno}: cannot tell what script this is"
    if hasattr(module, node.id):
        return [str(getattr(module, node.id))]
    found = _assigned(node.id, function) or _passed(node.id, function, source)
    return [text for each in found for text in _texts(each, function, module, source)]


def _part(part: ast.expr, module: ModuleType) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    known = isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id
    return str(getattr(module, known, "word")) if known else "word"


def written() -> Iterator[Script]:
    """Scripts that are written for services that have every field."""
    cases = load_cases()
    for host in HOSTS:
        for case in sample(plan(cases, host)).tried:
            for file in render_all(case.load(host.backend), host.platform):
                found = script(f"{case.name} on {host.column}: {file.path}", with_part(file.content))
                if found:
                    yield found
                # What a service declares is not the collection's.
                elif not file.service:
                    yield from (
                        Script(file.path, text.replace("$$", "$"), "sh") for text in QUOTED.findall(file.content)
                    )


def with_part(text: str) -> str:
    """A script with the text of the part that it reads from a file."""
    return text.replace(f"command . {STDERR}\n", PART)


def once(scripts: Iterator[Script]) -> list[Script]:
    """Each text once."""
    return list({each.text: each for each in scripts}.values())


def complaints(scripts: list[Script], folder: Path, excluded: tuple[str, ...] = UNREACHABLE) -> list[str]:
    """What shellcheck says of them, one process for each kind of shell."""
    result = []
    for shell in sorted({each.shell for each in scripts}):
        paths = {}
        for number, each in enumerate(scripts):
            if each.shell == shell:
                path = folder / str(number)
                path.write_text(each.text, encoding="utf-8")
                paths[str(path)] = each.where
        options = [f"--shell={shell}", "--format=gcc", f"--exclude={','.join(excluded)}"]
        command = ["shellcheck", *options, *paths]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        for line in done.stdout.splitlines():
            name, _colon, rest = line.partition(":")
            result.append(f"{paths.get(name, name)}:{rest}")
    return result


def test_scripts_that_are_constants(tmp_path: Path) -> None:
    at_boot = (script(file.path, file.content) for means in _boot.every() for file in means.files)
    found = once(iter([*constants(), *filter(None, at_boot)]))
    assert len(found) >= 12
    assert complaints(found, tmp_path) == []


def test_scripts_that_are_arguments(tmp_path: Path) -> None:
    found = once(arguments())
    assert len(found) >= 5
    assert complaints(found, tmp_path) == []


def test_scripts_that_are_written_for_services(tmp_path: Path) -> None:
    found = once(written())
    assert len(found) >= 30
    assert any(PART in each.text for each in found)
    assert any(not INTERPRETER.match(each.text) for each in found)
    assert complaints(found, tmp_path, (*UNREACHABLE, *DECLARED)) == []


def test_every_maker_is_needed() -> None:
    called = {
        value.func.id
        for path, _module in modules()
        for function, after in _behind_options(path)
        for value in (_assigned(after.id, function) if isinstance(after, ast.Name) else [after])
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
    }
    assert called == set(MADE)


@pytest.mark.parametrize(
    ("text", "shell"),
    [
        ("#!/bin/sh\n", "sh"),
        ("#! /bin/bash -p\n", "bash"),
        ("#!/usr/bin/env bash\n", "bash"),
        ("#!/sbin/openrc-run\n", "sh"),
        ("#!/usr/bin/python3 -I\n", ""),
        ("#!/usr/bin/execlineb -P\n", ""),
        ("echo\n", ""),
    ],
)
def test_a_script_is_known_by_its_first_line(text: str, shell: str) -> None:
    found = script("here", text)
    assert (found.shell if found else "") == shell


def test_what_is_wrong_is_reported(tmp_path: Path) -> None:
    """Or else nothing would ever be."""
    (complaint,) = complaints([Script("here", "#!/bin/sh\nrm -- $1\n", "sh")], tmp_path)
    assert complaint.startswith("here:2:7: note: Double quote")
