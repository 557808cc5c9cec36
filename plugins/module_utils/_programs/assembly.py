# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are installed on hosts, each as one file: what it imports of the collection stands in it. Pure."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import paths, trust

# What programs share; each imports only those behind it.
PARTS = (paths, trust)
_FUTURE = "from __future__ import annotations\n"


def program(module: ModuleType) -> str:
    """The text of a program."""
    text = inspect.getsource(module)
    for part in PARTS:
        text = _with(part, text)
    return text


def _with(part: ModuleType, text: str) -> str:
    """The text with a part in the place of its first import; what imports it after that finds it there."""
    # With the names in one line or in brackets.
    imported = re.compile(rf"^from {re.escape(part.__name__)} import (?:\([^)]*\)|[^(\n]*)\n", re.MULTILINE)
    found = imported.search(text)
    if not found:
        return text
    return text[: found.start()] + _body(part) + imported.sub("", text[found.end() :])


def _body(part: ModuleType) -> str:
    head, future, body = inspect.getsource(part).partition(_FUTURE)
    if not future:
        raise ValueError(f"{head[:40]!r} begins in another way")
    return f"{body.strip()}\n\n"
