# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection holds on this host: services as last committed, files with their digests, runtimes it
installed."""

from __future__ import annotations

import json
import os
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import STATE, File
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._host import _files
from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service, service_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Rc, rc_from_json

PATH = f"{STATE}/manifest.json"
VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """``services``: by name, in the schema's own shape. ``files``: by path, with ``service``, ``backend``, ``kind`` and
    ``digest``. ``runtimes``: backends whose packages this collection installed. ``s6_bin_dir``: where s6's programs
    are, where no usual PATH has them. ``s6_rc``: how s6-rc manages the services, where it does. ``adopted``: services
    of others that were taken over, by name, see :class:`_adopt.Adoption`."""

    services: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    runtimes: Mapping[str, str] = field(default_factory=dict)
    s6_bin_dir: str = ""
    s6_rc: Rc | None = None
    adopted: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)

    def built(self) -> dict[str, Service]:
        """The services, by name."""
        return {name: service_from_json(value) for name, value in self.services.items()}

    def manager(self, wanted: Rc | None) -> Rc | None:
        """What manages the services of s6; where there are none, what is to."""
        return self.s6_rc if any(each["backend"] == "s6" for each in self.services.values()) else wanted

    def retired(self, runtime: str) -> Manifest:
        """The same with one runtime stopped."""
        return replace(self, runtimes={**self.runtimes, runtime: "idle"})

    def to_json(self) -> dict[str, t.Any]:
        """As it is stored."""
        return {
            "version": VERSION,
            "services": dict(self.services),
            "files": dict(self.files),
            "runtimes": dict(self.runtimes),
            "s6_bin_dir": self.s6_bin_dir,
            "s6_rc": asdict(self.s6_rc) if self.s6_rc else None,
            "adopted": dict(self.adopted),
        }


def manifest_of(
    services: Iterable[Service],
    files: Iterable[File],
    runtimes: Mapping[str, str],
    s6_bin_dir: str = "",
    s6_rc: Rc | None = None,
    adopted: Mapping[str, Mapping[str, t.Any]] | None = None,
) -> Manifest:
    """The manifest of a state that has been reached."""
    return Manifest(
        {service.name: service.to_json() for service in services},
        {
            file.path: {
                "service": file.service,
                "backend": file.backend,
                "kind": file.kind,
                "digest": _files.Seen("", os.fsencode(file.content), 0, "", "").digest,
            }
            for file in files
        },
        dict(runtimes),
        s6_bin_dir,
        s6_rc,
        dict(adopted or {}),
    )


def from_json(value: Mapping[str, t.Any]) -> Manifest:
    """Read what :meth:`Manifest.to_json` gave."""
    return Manifest(
        value["services"],
        value["files"],
        value["runtimes"],
        value.get("s6_bin_dir", ""),
        rc_from_json(value.get("s6_rc")),
        value.get("adopted", {}),
    )


def load() -> Manifest:
    """The manifest of this host; an empty one where there is none. Raises RunFailed when it cannot be understood."""
    try:
        with open(PATH, encoding="utf-8") as file:
            value = json.load(file)
    except FileNotFoundError:
        return Manifest()
    except ValueError as exc:
        raise RunFailed(f"{PATH} cannot be read: {exc}; nothing was changed") from exc
    if value.get("version") != VERSION:
        raise RunFailed(f"{PATH} is of version {value.get('version')}, this collection knows version {VERSION}")
    return from_json(value)


def save(manifest: Manifest) -> None:
    """Replace the manifest, atomically, unless it is the same."""
    file = File(PATH, json.dumps(manifest.to_json(), indent=1, sort_keys=True) + "\n", 0o600)
    if not _files.matches(file, _files.look(PATH)):
        _files.install(file)
