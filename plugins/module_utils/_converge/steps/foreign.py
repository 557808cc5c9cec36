# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that take over foreign services and give them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site, listed
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import (
    Others,
    come_back,
    give_way,
    put_masks,
    read_entries_again,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen


@dataclass(frozen=True)
class Edit(Operation):
    """Change foreign files before any listener is closed."""

    files: Mapping[str, Seen]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of these files."""
        return tuple(self.files)

    @property
    def line(self) -> str:
        return f"change the foreign files {listed(list(self.files))}"

    def run(self, site: Site) -> None:
        for path, seen in self.files.items():
            store.restore(path, seen)


@dataclass(frozen=True)
class StopUnits(Operation):
    """Stop foreign units that hold listeners of declared services."""

    others: Others

    @property
    def line(self) -> str:
        stopped = f"stop the foreign {listed(self.others.stop)}" if self.others.stop else ""
        failed = [unit for unit in self.others.failed if unit not in self.others.stop]
        forgotten = f"reset the failed state of {listed(failed)}" if failed else ""
        return " and ".join(filter(None, (stopped, forgotten)))

    def run(self, site: Site) -> None:
        give_way(self.others, site.host)


@dataclass(frozen=True)
class ReadEntries(Operation):
    """Have xinetd read its files, if only foreign services change in them."""

    others: Others

    @property
    def line(self) -> str:
        return "let xinetd read its files for foreign services"

    def run(self, site: Site) -> None:
        read_entries_again(self.others, site.platform, site.host)


@dataclass(frozen=True)
class Mask(Operation):
    """Mask the foreign units that were stopped."""

    others: Others

    @property
    def line(self) -> str:
        return f"mask the foreign units by {listed(self.others.masks)}"

    def run(self, site: Site) -> None:
        put_masks(self.others)


@dataclass(frozen=True)
class StartUnits(Operation):
    """Start the foreign units that are given back, and wait for the listeners of all foreign services given back."""

    others: Others

    @property
    def line(self) -> str:
        started = f"start the foreign {listed(self.others.start)}" if self.others.start else ""
        opened = f"wait for {listed(list(map(str, self.others.opening)))}" if self.others.opening else ""
        return "; ".join(filter(None, (started, opened)))

    def run(self, site: Site) -> None:
        come_back(self.others, site.host)
