# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are installed on hosts, each as one file: what it imports of the collection stands in it. Pure."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import paths as _paths

# An import of what programs share, with the names in one line or in brackets.
_IMPORT = re.compile(rf"^from {re.escape(_paths.__name__)} import (?:\([^)]*\)|[^(\n]*)\n", re.MULTILINE)
_FUTURE = "from __future__ import annotations\n"


def program(module: ModuleType) -> str:
    """The text of a program."""
    text = inspect.getsource(module)
    return _IMPORT.sub(lambda _found: _shared(), text, count=1)


def _shared() -> str:
    head, future, body = inspect.getsource(_paths).partition(_FUTURE)
    if not future:
        raise ValueError(f"{head[:40]!r} begins in another way")
    return f"{body.strip()}\n\n"
