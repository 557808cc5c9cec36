# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is asked for, and what it knows: declaration and host side by side."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable, listener_problem
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import Condition
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import Takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import Findings
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


@dataclass(frozen=True)
class Request:
    """What the caller wants: the layers as declared, and the policies of this run."""

    layers: Sequence[Layer]
    defaults: t.Any = None
    backend: str = "auto"
    on_unsupported: str = "fail"
    guard: str = "auto"
    policy: t.Any = None
    handover: str = "auto"
    drain_timeout: int = 0
    verify: bool = True
    bin_directory: str = ""
    s6_rc: Rc | None = None
    installed: Sequence[str] = ()
    makes_account: bool = False
    installs_nftables: bool = False
    adopt: Sequence[t.Any] = ()
    check: bool = False
    confirm: str = "never"
    confirm_timeout: int = 0
    generations: int = 5


@dataclass(frozen=True)
class Snapshot:
    """Declaration and host side by side. ``want`` and ``have`` are services by name; ``files`` what is wanted on the
    host and ``seen`` what is there; ``missing`` what of each needed runtime is not installed. ``unknown`` are numbers
    of accounts that the host has not, ``collisions`` those that only its links show."""

    want: Mapping[str, Service]
    have: Mapping[str, Service]
    platform: Platform
    manifest: Manifest
    files: Sequence[File]
    seen: Mapping[str, Seen | None]
    live: SocketTable
    health: Mapping[str, str]
    missing: Mapping[str, str]
    warnings: Sequence[str]
    guard: Findings = field(default_factory=Findings)
    takeover: Takeover = field(default_factory=Takeover)
    unknown: Sequence[Problem] = ()
    collisions: Sequence[Problem] = ()

    @property
    def dirty(self) -> list[File]:
        """Files that are not as wanted."""
        return [file for file in self.files if not store.matches(file, self.seen[file.path])]

    @property
    def obsolete(self) -> list[str]:
        """Paths of files that this collection wrote and that nothing wants any more. Directories and seeds hold
        somebody else's data."""
        wanted = {file.path for file in self.files}
        return [
            path
            for path, entry in self.manifest.files.items()
            if path not in wanted and entry["kind"] in ("file", "link") and self.seen.get(path) is not None
        ]

    def conditions(self) -> dict[str, Condition]:
        """How each declared service is found."""
        dirty: dict[str, list[str]] = {}
        for file in self.dirty:
            dirty.setdefault(file.service, []).append(file.path)
        return {
            name: Condition(
                tuple(dirty.get(name, ())),
                listener_problem(service, self.live, BACKENDS[service.backend], self.platform)
                if name in self.have
                else "",
                self.health.get(name, ""),
            )
            for name, service in self.want.items()
        }
