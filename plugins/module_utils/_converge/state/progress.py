# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that a run has reached, for the report of a rollback. It is not known any more after a boot."""

from __future__ import annotations

import os
from contextlib import suppress

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME

# The number of the last step that was begun.
PATH = f"{RUNTIME}/step"


def begin(number: int) -> None:
    """Note that a step begins. A run goes on if that fails."""
    with suppress(OSError):
        store.restore(PATH, store.Seen("file", os.fsencode(str(number)), 0o600, "root", "root"))


def begun() -> int:
    """The number of the last step that was begun, 0 if it is not known."""
    text = store.text(PATH)
    return int(text) if text.isdigit() else 0


def end() -> None:
    """Note that the run has ended."""
    with suppress(OSError):
        store.remove(PATH, ())
