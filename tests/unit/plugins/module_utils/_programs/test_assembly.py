# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs as they are installed: one file each, with the shared parts in it, and a mask of their own."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from types import ModuleType

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.assembly import PARTS, program
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import (
    attendant as _helper_attendant,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import binder as _helper_binder
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import logger as _helper_logger
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import proxy as _helper_proxy
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard import guard as _helper_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard import rules as _helper_rules
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    environment as _helper_environment,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import gate as _helper_gate
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    internal as _helper_internal,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import record as _helper_record
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import stderr as _helper_stderr

SHARING = (
    _helper_attendant,
    _helper_binder,
    _helper_environment,
    _helper_guard,
    _helper_logger,
    _helper_record,
)
ALONE = (_helper_internal, _helper_proxy, _helper_rules)


def defined(text: str) -> list[str]:
    """Every name that the text gives a meaning to at its top, as often as it does."""
    names = []
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names


@pytest.mark.parametrize("module", [*SHARING, *ALONE], ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_program_needs_nothing_beside_it(module: ModuleType) -> None:
    text = program(module)
    assert "ansible_collections" not in text
    assert text.startswith("# Managed by ondemand.superserver\n")
    # Before 3.10 Python cannot tell.
    standard = getattr(sys, "stdlib_module_names", {module.partition(".")[0] for module in sys.modules})
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert {name.partition(".")[0] for name in names} <= standard


@pytest.mark.parametrize("module", SHARING, ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_shared_parts_are_there_once_and_whole(module: ModuleType) -> None:
    names = defined(program(module))
    for part in PARTS:
        assert set(defined(inspect.getsource(part))) <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("module", ALONE, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_program_without_the_parts_is_its_source(module: ModuleType) -> None:
    assert program(module) == inspect.getsource(module)


def test_what_starts_for_each_connection_has_a_mask_of_its_own() -> None:
    assert "\numask 077\n" in _helper_gate.PROGRAM
    assert "os.umask(0o077)" in program(_helper_record)


def test_what_is_a_part_of_a_script_has_one_for_what_it_makes() -> None:
    assert re.search(r"mkfifo -m \d{4} ", _helper_stderr.PROGRAM)
    assert re.search(r"\(umask 077; [^)]*>>", _helper_stderr.PROGRAM)


def test_what_stays_has_a_mask_of_its_own() -> None:
    assert "os.umask(0o077)" in program(_helper_guard)
    assert "os.umask(0o077)" in program(_helper_logger)
