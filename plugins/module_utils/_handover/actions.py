# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does to a service, in one word, and what that means for its listeners. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How an action changes listeners: whether the old ones close, the new ones open, or the process is told.
STOPS = ("remove", "disable", "move", "rebind", "repair listener")
STARTS = ("create", "enable", "move", "rebind", "repair listener")
REFRESHES = ("change", "repair file")


@dataclass(frozen=True)
class Action:
    """What happens to one service, and why. ``kind`` is ``none`` or one of :data:`STOPS`, :data:`STARTS`,
    :data:`REFRESHES`."""

    name: str
    kind: str
    reason: str = ""
    old: Service | None = None
    new: Service | None = None

    @property
    def backend(self) -> str:
        """The backend that holds the service afterwards, or held it."""
        service = self.new or self.old
        return service.backend if service else ""
