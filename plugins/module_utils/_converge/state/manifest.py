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

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import stored
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import STATE, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Rc, rc_from_json
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import (
    NotUnderstood,
    complete,
    stored_service,
)

PATH = f"{STATE}/manifest.json"
FORMAT = stored.Format(1)


@dataclass(frozen=True)
class Manifest:
    """``services``: by name, in the schema's own shape. ``files``: by path, with ``service``, ``backend``, ``kind`` and
    ``digest``. ``runtimes``: backends whose packages this collection installed. ``s6_bin_dir``: where s6's programs
    are, where no usual PATH has them. ``s6_rc``: how s6-rc manages the services, where it does. ``adopted``: services
    of others that were taken over, by name, see :class:`record.Adoption`. ``unknown``: what another version stored
    beside these. ``lost``: what is stored and was not understood, so that it is nobody's."""

    services: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    runtimes: Mapping[str, str] = field(default_factory=dict)
    s6_bin_dir: str = ""
    s6_rc: Rc | None = None
    adopted: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)
    unknown: Mapping[str, t.Any] = field(default_factory=dict)
    lost: tuple[str, ...] = field(default=(), compare=False)

    def built(self) -> dict[str, Service]:
        """The services, by name."""
        return {name: stored_service(value) for name, value in self.services.items()}

    @property
    def managed(self) -> bool:
        """Whether there are services of a backend whose services s6-rc may manage."""
        return any(BACKENDS[name].by_rc for name in {each["backend"] for each in self.services.values()} & {*BACKENDS})

    def manager(self, wanted: Rc | None) -> Rc | None:
        """What manages the services of s6; where there are none, what is to."""
        return self.s6_rc if self.managed else wanted

    def retired(self, runtime: str) -> Manifest:
        """The same with one runtime stopped."""
        return replace(self, runtimes={**self.runtimes, runtime: "idle"})

    def to_json(self) -> dict[str, t.Any]:
        """As it is stored."""
        return {
            **self.unknown,
            "version": FORMAT.version,
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
    *,
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
                "digest": store.Seen("", os.fsencode(file.content), 0, "", "").digest,
            }
            for file in files
        },
        dict(runtimes),
        s6_bin_dir,
        s6_rc,
        dict(adopted or {}),
    )


def from_json(value: Mapping[str, t.Any]) -> Manifest:
    """Read what :meth:`Manifest.to_json` gave, in this version of the format. Raises NotUnderstood."""
    lost: list[str] = []
    services = {name: complete(entry) for name, entry in _those(value, "services", _is_service, lost).items()}
    return Manifest(
        services,
        _those(value, "files", lambda _path, entry: _is_file(entry, services), lost),
        _those(value, "runtimes", lambda _name, state: isinstance(state, str), lost),
        str(value.get("s6_bin_dir") or ""),
        rc_from_json(value.get("s6_rc")),
        _those(value, "adopted", _is_adoption, lost),
        stored.rest(value, _FIELDS),
        tuple(lost),
    )


_FIELDS = ("version", "services", "files", "runtimes", "s6_bin_dir", "s6_rc", "adopted")


def _those(
    value: Mapping[str, t.Any], name: str, right: t.Callable[[str, t.Any], bool], lost: list[str]
) -> dict[str, t.Any]:
    """The entries of a table that are understood."""
    entries = stored.mapping(value.get(name, {}))
    sound = {key: entry for key, entry in entries.items() if right(key, entry)}
    lost += [f"{name}: {key}" for key in entries if key not in sound]
    return sound


def _is_service(name: str, value: t.Any) -> bool:
    try:
        return stored_service(value).name == name
    except NotUnderstood:
        return False


def _is_file(entry: t.Any, services: Mapping[str, t.Any]) -> bool:
    """Whether an entry is complete, and not of a service that is lost."""
    if not isinstance(entry, Mapping) or not all(isinstance(entry.get(key), str) for key in _FILE):
        return False
    return not entry["service"] or entry["service"] in services


_FILE = ("service", "backend", "kind", "digest")


def _is_adoption(_name: str, value: t.Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        return False
    return all(isinstance(value.get(key, shape()), shape) for key, shape in _ADOPTION.items())


_ADOPTION = {"held": list, "claims": list, "before": dict, "running": list}


def load() -> Manifest:
    """The manifest of this host; an empty one where there is none, or none that is understood. Raises RunFailed where a
    newer version of the collection has written it."""
    return stored.understood(PATH, FORMAT, from_json) or Manifest()


def save(manifest: Manifest) -> None:
    """Replace the manifest, atomically, unless it is the same. It is on the disk when this returns."""
    file = File(PATH, json.dumps(manifest.to_json(), indent=1, sort_keys=True) + "\n", 0o600)
    if not store.matches(file, store.look(PATH)):
        store.install(file)
