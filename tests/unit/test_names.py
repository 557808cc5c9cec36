# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend is named in its own package: how often other code still names one, by file, exactly.

The numbers only go down: whoever adds such a name puts what depends on it into the backend's package instead, and
whoever removes one lowers the number.
"""

from __future__ import annotations

import ast

import pytest
from _checks import ROOT

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS

PLUGINS = ROOT / "plugins"
OWN = tuple(f"module_utils/_backends/{name}/" for name in BACKENDS)

NAMED = {
    "filter/render.py": 3,
    "module_utils/_backends/live.py": 1,
    "module_utils/_backends/process.py": 2,
    "module_utils/_converge/course.py": 2,
    "module_utils/_converge/preflight/problems.py": 3,
    "module_utils/_converge/run.py": 1,
    "module_utils/_converge/state/manifest.py": 1,
    "module_utils/_converge/steps/order.py": 2,
    "module_utils/_foreign/adoptable.py": 4,
    "module_utils/_foreign/change.py": 2,
    "module_utils/_foreign/plan.py": 5,
    "module_utils/_foreign/record.py": 3,
    "module_utils/_handover/methods.py": 3,
    "module_utils/_handover/plan.py": 1,
    "module_utils/_model/names.py": 7,
    "module_utils/_model/platform.py": 2,
    "module_utils/_programs/daemons/attendant.py": 2,
}


def names(text: str) -> list[str]:
    """Strings of a program that are the name of a backend."""
    nodes = ast.walk(ast.parse(text))
    return [str(node.value) for node in nodes if isinstance(node, ast.Constant) and node.value in BACKENDS]


def elsewhere() -> dict[str, int]:
    found = {}
    for path in sorted(PLUGINS.rglob("*.py")):
        source = path.relative_to(PLUGINS).as_posix()
        count = 0 if source.startswith(OWN) else len(names(path.read_text(encoding="utf-8")))
        if count:
            found[source] = count
    return found


def test_backends_are_named_in_their_own_packages() -> None:
    assert elsewhere() == NAMED


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"""Of systemd."""\nx = "systemd.socket"\ny = 6', []),
        ('if backend.name == "systemd":\n    do("s6")', ["systemd", "s6"]),
        ('x = {"xinetd": 1}', ["xinetd"]),
    ],
)
def test_name_is_found(text: str, found: list[str]) -> None:
    assert names(text) == found
