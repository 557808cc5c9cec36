# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations: the services that this host had before, each set as it was when another took its place."""

from __future__ import annotations

import datetime
import json
import typing as t

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import stored
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.entries import names
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import STATE, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import complete

DIRECTORY = f"{STATE}/generations"
SUFFIX = ".json"
FORMAT = stored.Format(1)


def keep(old: Manifest, new: Manifest, most: int) -> None:
    """Keep what was before, and of what is kept only so many. A host that had nothing has nothing to go back to."""
    if old == Manifest() or old.services == new.services:
        return
    services, found = _listed_services(old), listed()
    if most and (not found or found[-1]["services"] != services):
        number = max(_numbers(), default=0) + 1
        entry: dict[str, t.Any] = {"number": number, "replaced": _now(), "services": services}
        store.install(File(DIRECTORY, mode=0o700, kind="directory"))
        store.install(File(_path(number), json.dumps({"version": FORMAT.version, **entry}), 0o600))
        found.append(entry)
    for entry in found[: max(0, len(found) - most)]:
        store.unlink(_path(int(entry["number"])))


def listed() -> list[dict[str, t.Any]]:
    """Every generation that is understood, the oldest first: ``number``, ``replaced`` (when) and ``services``."""
    found = (stored.understood(path, FORMAT, read_as(number)) for number, path in paths().items())
    return [entry for entry in found if entry is not None]


def paths() -> dict[int, str]:
    """Where each generation is, by its number."""
    return {number: _path(number) for number in sorted(_numbers())}


def read_as(number: int) -> t.Callable[[dict[str, t.Any]], dict[str, t.Any]]:
    """What makes a generation of what is stored under a number, which is also the name of its file."""

    def read(value: dict[str, t.Any]) -> dict[str, t.Any]:
        services = [complete(stored.mapping(each)) for each in value["services"]]
        return {"number": number, "replaced": str(value.get("replaced", "")), "services": services}

    return read


def _listed_services(manifest: Manifest) -> list[dict[str, t.Any]]:
    """In the schema's own shape and in order of name, as ``services_info`` tells what there is now."""
    built = manifest.built()
    return [built[name].to_json() for name in sorted(built)]


def _numbers() -> list[int]:
    stems = [name[: -len(SUFFIX)] for name in names(DIRECTORY) if name.endswith(SUFFIX)]
    return [int(stem) for stem in stems if stem.isdigit()]


def _path(number: int) -> str:
    return f"{DIRECTORY}/{number}{SUFFIX}"


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
