# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios run modules of the collection from their sources: what these import must come along."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from _checks import COLLECTION, ROOT

RUNNER = ROOT / "molecule" / "_shared" / "module_utils" / "as_is.py"
SHARED = f"ansible_collections.{COLLECTION}.plugins.module_utils"


def imported(source: Path) -> set[str]:
    """Names of modules of the collection that a file imports, or imports from."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(SHARED):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return {
        name for name in found if (ROOT / "plugins" / f"{name.split('.plugins.')[1].replace('.', '/')}.py").is_file()
    }


def test_what_modules_import_comes_along() -> None:
    needed = set().union(*map(imported, (ROOT / "plugins" / "modules").glob("*.py")))
    names = sorted(imported(RUNNER))
    program = f"import sys; {'; '.join(f'import {name}' for name in names)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT / ".cache"
    )
    assert needed
    assert not needed - set(done.stdout.split())
