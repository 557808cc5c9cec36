# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations as _generations
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import SwitchFailed


@dataclass(frozen=True)
class Record(Operation):
    """Store the state that was reached, unless it is stored already, and keep what was stored before as a generation.
    What is stored must not be on the disk before what was done to these ``paths``."""

    old: Manifest
    new: Manifest
    generations: int
    paths: Sequence[str] = ()

    @property
    def line(self) -> str:
        return "record the services and their files"

    def run(self, site: Site) -> None:
        _files.sync_folders_of(self.paths)
        if self.new.to_json() != self.old.to_json():
            _generations.keep(self.old, self.new, self.generations)
            _manifest.save(self.new)


@dataclass(frozen=True)
class PutBack(Operation):
    """Put back every file as it was before a run, and what was recorded of the host. Those that were not there are
    removed later: somebody may still use them."""

    journal: Journal

    @property
    def line(self) -> str:
        return f"put back {len(self.journal.files)} files"

    def run(self, site: Site) -> None:
        self.journal.restore()


@dataclass(frozen=True)
class Retire(Operation):
    """Stop and disable a super-server that was installed for this collection and holds nothing any more."""

    backend: str

    @property
    def line(self) -> str:
        return f"stop {self.backend}, which has no services any more"

    def run(self, site: Site) -> None:
        try:
            site.backends[self.backend].retire(site.platform, site.host)
        except SwitchFailed as exc:
            raise SwitchFailed(f"{self.backend} has no services any more but could not be stopped: {exc}") from exc
        _manifest.save(_manifest.load().retired(self.backend))
