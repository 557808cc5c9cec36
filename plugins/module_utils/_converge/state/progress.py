# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run has come, for whoever undoes it to tell. A host that has booted does not know any more."""

from __future__ import annotations

import os
from contextlib import suppress

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME

# The number of the step that was begun last.
PATH = f"{RUNTIME}/step"


def begin(number: int) -> None:
    """A step begins. Nothing depends on it that this is known."""
    with suppress(OSError):
        store.restore(PATH, store.Seen("file", os.fsencode(str(number)), 0o600, "root", "root"))


def begun() -> int:
    """The number of the step that was begun last, 0 where none is known."""
    text = store.text(PATH)
    return int(text) if text.isdigit() else 0


def end() -> None:
    """There is no run any more."""
    with suppress(OSError):
        store.remove(PATH, ())
