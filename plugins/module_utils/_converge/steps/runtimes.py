# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that start super-servers and have them read their files."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site, named


@dataclass(frozen=True)
class Wake(Operation):
    """Start a super-server that takes over listeners."""

    backend: str

    @property
    def line(self) -> str:
        return f"start {self.backend} unless it runs"

    def run(self, site: Site) -> None:
        site.backends[self.backend].start_runtime(site.platform, site.host)


@dataclass(frozen=True)
class Read(Operation):
    """Have a super-server read its files, if that neither opens nor closes listeners."""

    backend: str

    @property
    def line(self) -> str:
        return f"let {self.backend} read its files"

    def run(self, site: Site) -> None:
        site.backends[self.backend].reload(site.platform, site.host)


@dataclass(frozen=True)
class Prepare(Operation):
    """Start what can run while the old listeners are open."""

    backend: str
    change: Change

    @property
    def line(self) -> str:
        new = [*self.change.start, *(new for _old, new in self.change.refresh)]
        return f"prepare {named(new)} ({self.backend}) while the old listeners are open"

    def run(self, site: Site) -> None:
        site.backends[self.backend].prepare(self.change, site.platform, site.host)


@dataclass(frozen=True)
class Settle(Operation):
    """Complete a change while the new listeners are open."""

    backend: str
    change: Change

    @property
    def line(self) -> str:
        return f"complete the change of {_changed(self.change)} ({self.backend}) while the new listeners are open"

    def run(self, site: Site) -> None:
        site.backends[self.backend].after_activate(self.change, site.platform, site.host)


def _changed(change: Change) -> str:
    return named([*change.stop, *change.start, *(new for _old, new in change.refresh)])
