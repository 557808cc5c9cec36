# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend is named in its own package: where other code names one all the same, exactly, and why.

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

# How often, and why. There are no more such places than these.
NAMED = {
    "module_utils/_model/names.py": (7, "the one list of names that declarations may have"),
    "module_utils/_model/platform.py": (2, "what PID 1 is, which is no backend's name although it reads like one"),
    "module_utils/_programs/daemons/attendant.py": (2, "a program alone on its host, which is told what PID 1 is"),
}
MOST = 5


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
    assert elsewhere() == {source: count for source, (count, _reason) in NAMED.items()}
    assert len(NAMED) <= MOST


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
