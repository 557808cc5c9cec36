# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rules in the kernel."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.guard import apply_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site


@dataclass(frozen=True)
class Rules(Operation):
    """Load the rules that are in their file, or remove those that are loaded."""

    wanted: bool

    @property
    def line(self) -> str:
        return "load the rules of the guard" if self.wanted else "remove the rules of the guard"

    def run(self, site: Site) -> None:
        apply_guard(self.wanted, site.platform, site.host)
