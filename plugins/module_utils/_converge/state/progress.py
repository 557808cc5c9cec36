# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run has come, for whoever undoes it to tell. A host that has booted does not know any more."""

from __future__ import annotations

import os
from contextlib import suppress

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import private
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME

# The number of the step that was begun last.
PATH = f"{RUNTIME}/step"


def begin(number: int) -> None:
    """A step begins. Nothing depends on it that this is known."""
    folder, name = os.path.split(PATH)
    with suppress(OSError), private(folder) as here:
        descriptor = here.file(name, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(str(number))


def begun() -> int:
    """The number of the step that was begun last, 0 where none is known."""
    try:
        with open(PATH, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def end() -> None:
    """There is no run any more."""
    with suppress(OSError):
        os.unlink(PATH)
