# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that write and remove files of the collection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Operation, Site, listed
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import GUARD
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform


@dataclass(frozen=True)
class Write(Operation):
    """Write the files of one service, or those that the services of one super-server share."""

    files: tuple[File, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of these files."""
        return tuple(file.path for file in self.files)

    @property
    def line(self) -> str:
        first = self.files[0]
        of = f"of {first.service} for {first.backend}" if first.service else _shared(first.backend)
        return f"write {_counted(self.paths, of)}"

    def run(self, site: Site) -> None:
        for file in self.files:
            store.install(file)


def writes(files: Iterable[File]) -> list[Write]:
    """The operations that write these files. Shared files, such as programs, come before the files that use them: a
    client may connect at any time."""
    ordered = sorted(files, key=lambda file: bool(file.service))
    return [Write(tuple(group)) for _of, group in groupby(ordered, lambda file: (file.backend, file.service))]


@dataclass(frozen=True)
class Discard(Operation):
    """Remove files that did not exist before the run."""

    paths: tuple[str, ...]

    @property
    def line(self) -> str:
        return f"remove {listed(self.paths)}, which did not exist before the run"

    def run(self, site: Site) -> None:
        remove(self.paths, site.platform)


@dataclass(frozen=True)
class Remove(Operation):
    """Remove obsolete files of a super-server."""

    backend: str
    paths: tuple[str, ...]

    @property
    def line(self) -> str:
        return f"remove {_counted(self.paths, _whose(self.backend))}"

    def run(self, site: Site) -> None:
        remove(self.paths, site.platform)


def remove(paths: Iterable[str], platform: Platform) -> None:
    """Remove files, and directories of the collection that become empty."""
    for path in paths:
        store.remove(path, own_directories(platform))


def own_directories(platform: Platform) -> tuple[str, ...]:
    """The directories that are removed when they are empty."""
    return (*store.OWN_DIRECTORIES, platform.scan_directory)


def _counted(paths: Iterable[str], of: str) -> str:
    found = list(paths)
    return f"{len(found)} {'file' if len(found) == 1 else 'files'} {of}: {listed(found)}"


def _shared(backend: str) -> str:
    return _whose(backend) if backend == GUARD else f"that services of {backend} share"


def _whose(backend: str) -> str:
    return "of the guard" if backend == GUARD else f"of {backend}"
