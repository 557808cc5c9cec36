# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is stored on a host, by whichever version of this collection.

Each file carries the version of its format. An older one is upgraded step by step, a newer one stops the run. What is
not understood is as if it were not there, until a run sets it aside.
"""

from __future__ import annotations

import datetime
import json
import os
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import read
from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import NotUnderstood

Record = t.Dict[str, t.Any]
T = t.TypeVar("T")

# What a file is of that has no version: 1.0.0 wrote most without.
FIRST = 1

# Exceptions that show an unexpected structure.
WRONG = (TypeError, ValueError, KeyError, AttributeError)


@dataclass(frozen=True)
class Format:
    """How one kind of file is stored. ``steps``: by version, what makes a value of the next one of it."""

    version: int
    steps: Mapping[int, t.Callable[[t.Any], t.Any]] = field(default_factory=dict)


def load(path: str, stored: Format, build: t.Callable[[Record], T]) -> T | None:
    """What is stored at ``path``, None where nothing is. Raises NotUnderstood, and RunFailed where a newer version of
    the collection has written it."""
    text = _text(path)
    if text is None:
        return None
    try:
        return build(_upgraded(path, stored, _parsed(text)))
    except NotUnderstood:
        raise
    except WRONG as exc:
        raise NotUnderstood(f"it has an unexpected structure: {type(exc).__name__}: {exc}") from exc


def understood(path: str, stored: Format, build: t.Callable[[Record], T]) -> T | None:
    """The same, and None where it is not understood."""
    try:
        return load(path, stored, build)
    except NotUnderstood:
        return None


def _text(path: str) -> str | None:
    try:
        content = read(path)
        return None if content is None else content.decode("utf-8")
    except ValueError as exc:
        raise NotUnderstood("it is not text") from exc
    except OSError as exc:
        raise NotUnderstood(f"it cannot be read: {exc.strerror}") from exc


def _parsed(text: str) -> t.Any:
    if not text.strip():
        raise NotUnderstood("it is empty")
    try:
        return json.loads(text)
    except ValueError as exc:
        raise NotUnderstood(f"it is not JSON: {exc}") from exc


def _upgraded(path: str, stored: Format, value: t.Any) -> Record:
    version = _version(value)
    if version > stored.version:
        raise RunFailed(
            f"{path} was written by a newer version of this collection: it has format {version}, and this version "
            f"knows formats up to {stored.version}; use the version of the collection that wrote it, or a later "
            "one\nnothing was changed"
        )
    for number in range(version, stored.version):
        value = stored.steps[number](value)
    if not isinstance(value, dict):
        raise NotUnderstood("it is not a record")
    return value


def _version(value: t.Any) -> int:
    version = value.get("version", FIRST) if isinstance(value, dict) else FIRST
    if not isinstance(version, int) or version < FIRST:
        raise NotUnderstood(f"{version!r} is not a version")
    return version


def mapping(value: t.Any) -> Mapping[str, t.Any]:
    """A value that has to be a record."""
    if not isinstance(value, Mapping):
        raise NotUnderstood(f"{type(value).__name__} instead of a record")
    return value


def rest(value: Mapping[str, t.Any], known: Iterable[str]) -> Record:
    """What of a record is not known here, to be kept."""
    return {name: entry for name, entry in value.items() if name not in known}


def set_aside(path: str) -> str:
    """Move a file out of the way; its new path, which has the date."""
    aside = aside_of(path)
    store.move(path, os.path.basename(aside))
    return aside


def keep_aside(path: str) -> str:
    """Copy a file; the path of the copy, which has the date."""
    aside = aside_of(path)
    seen = store.look(path)
    if seen is not None:
        store.restore(aside, seen)
    return aside


def aside_of(path: str) -> str:
    """Where a file is set aside now."""
    return f"{path}.{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%S}Z"
