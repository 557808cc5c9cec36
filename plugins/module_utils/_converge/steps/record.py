# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of a host."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._converge._journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site, Step


@dataclass(frozen=True)
class PutBack(Step):
    """Put back every file as it was before a run, and what was recorded of the host."""

    journal: Journal

    @property
    def line(self) -> str:
        return f"put back {len(self.journal.files)} files"

    def do(self, site: Site) -> None:
        self.journal.restore()
