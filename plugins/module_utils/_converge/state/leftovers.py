# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that was killed has left that nobody reads: files that it was writing, and those that it had checked.

Only who has the lock may remove them: nobody else is writing then.
"""

from __future__ import annotations

from contextlib import suppress

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME, STATE

# Configurations for the checkers of the backends to look at.
STAGES = f"{STATE}/stages"

FOLDERS = (STATE, generations.DIRECTORY, RUNTIME)


def remove_leftovers() -> None:
    """Remove all of it. What cannot be removed is not read, and stays."""
    with suppress(OSError):
        for folder in FOLDERS:
            store.discard_halves(folder)
    store.remove_tree(STAGES)
