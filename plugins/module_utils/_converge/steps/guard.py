# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that loads or removes the rules of the guard."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.guard import apply_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site


@dataclass(frozen=True)
class Rules(Operation):
    """Load the rules from their file, or remove the loaded rules."""

    wanted: bool

    @property
    def line(self) -> str:
        return "load the rules of the guard" if self.wanted else "remove the rules of the guard"

    def run(self, site: Site) -> None:
        apply_guard(self.wanted, site.platform, site.host)
