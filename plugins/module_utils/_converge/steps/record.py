# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that record the state of a host, and stop what has become idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations as _generations
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import SwitchFailed


@dataclass(frozen=True)
class Record(Operation):
    """Write the manifest, unless it is the same, and keep the previous one as a generation. The changes of these
    ``paths`` are on the disk first."""

    old: Manifest
    new: Manifest
    generations: int
    paths: Sequence[str] = ()

    @property
    def line(self) -> str:
        return "record the services and their files"

    def run(self, site: Site) -> None:
        store.sync_folders_of(self.paths)
        if self.new.to_json() != self.old.to_json():
            _generations.keep(self.old, self.new, self.generations)
            manifest.save(self.new)


@dataclass(frozen=True)
class PutBack(Operation):
    """Restore every file and the manifest from the journal. Files that did not exist before the run are removed later:
    listeners of the new state may still use them."""

    journal: Journal

    @property
    def line(self) -> str:
        return f"restore {len(self.journal.files)} files"

    def run(self, site: Site) -> None:
        self.journal.restore()


@dataclass(frozen=True)
class Retire(Operation):
    """Stop and disable a super-server that this collection installed and that has no service any more."""

    backend: str

    @property
    def line(self) -> str:
        return f"stop {self.backend}, which has no services any more"

    def run(self, site: Site) -> None:
        try:
            site.backends[self.backend].stop_runtime(site.platform, site.host)
        except SwitchFailed as exc:
            raise SwitchFailed(f"{self.backend} has no services any more but could not be stopped: {exc}") from exc
        manifest.save(manifest.load().retired(self.backend))
