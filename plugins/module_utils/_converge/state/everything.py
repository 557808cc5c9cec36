# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks everything that is stored on a host before a run relies on it.

A file that cannot be understood is set aside under a name with the date, and reported. Its services are then foreign:
none of their files is removed, and declared services are created as if they were new.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations, journal, manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import stored as _stored
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.stored import Format
from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import NotUnderstood


@dataclass(frozen=True)
class _File:
    """One file, how it is read, and what follows where it is not understood."""

    path: str
    stored: Format
    build: t.Callable[[dict[str, t.Any]], t.Any]
    follows: str


@dataclass(frozen=True)
class _Finding:
    """A file that is not understood, or of which only parts are (``rest``)."""

    file: _File
    reason: str
    rest: manifest.Manifest | None = None

    def __str__(self) -> str:
        return f"{self.file.path} cannot be understood: {self.reason}; {self.file.follows}"


def problems() -> list[str]:
    """What is not understood, and what the next run does about it. Raises RunFailed where something was written by a
    newer version of the collection."""
    return [f"{finding}; the next run sets it aside" for finding in _findings()]


def tidy() -> list[str]:
    """Set aside what is not understood; what there is to tell of it. Raises RunFailed where something was written by a
    newer version of the collection: then nothing is touched."""
    return [f"{finding}; it was set aside as {_settle(finding)}" for finding in list(_findings())]


def _settle(finding: _Finding) -> str:
    if finding.rest is None:
        return _stored.set_aside(finding.file.path)
    aside = _stored.keep_aside(finding.file.path)
    manifest.save(finding.rest)
    return aside


def _findings() -> Iterator[_Finding]:
    for file in _files():
        try:
            value = _stored.load(file.path, file.stored, file.build)
        except NotUnderstood as exc:
            yield _Finding(file, str(exc))
            continue
        if isinstance(value, manifest.Manifest) and value.lost:
            yield _Finding(file, ", ".join(value.lost), value)


def _files() -> Iterator[_File]:
    nobody = "the services that it recorded are treated as foreign, and none of them is removed"
    yield _File(manifest.PATH, manifest.FORMAT, manifest.from_json, nobody)
    yield _File(
        journal.PATH,
        journal.FORMAT,
        journal.from_json,
        "the run that wrote it was interrupted, and its changes were not rolled back",
    )
    yield _File(journal.TOLD, journal.TOLD_FORMAT, journal.texts_from_json, "its content is lost")
    for number, path in generations.paths().items():
        yield _File(path, generations.FORMAT, generations.read_as(number), f"generation {number} cannot be restored")
