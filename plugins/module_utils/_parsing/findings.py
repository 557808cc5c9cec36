# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of configuration that others wrote: services as a declaration has them, and findings, which say what of it
is not in them, or not as it stands there."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

# What is written is not what runs.
DIFFERS = "differs"
# Some backends cannot honour it; the declaration has it.
UNSUPPORTED = "unsupported"
# A person must decide, because the configuration alone does not tell.
ASK = "ask"
# It has no effect, or none that a declaration could have.
DROPPED = "dropped"
# It cannot be read, or is no declaration.
ERROR = "error"
KINDS = (DIFFERS, UNSUPPORTED, ASK, DROPPED, ERROR)


@dataclass(frozen=True)
class Place:
    """Where something is: in a file, in the line of this number; 0 for the file as a whole."""

    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True)
class Finding:
    """One thing to know about what was read.

    ``service`` is the name of the service that it is about, empty where there is none. Of the last fields each kind has
    its own: ``differs`` what is ``written`` and what ``runs``, ``ask`` the ``choices``, ``unsupported`` the
    ``backends`` that refuse it.
    """

    kind: str
    place: Place
    message: str
    service: str = ""
    written: str = ""
    runs: str = ""
    choices: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()

    def to_json(self) -> dict[str, t.Any]:
        """The finding as the filter gives it: what its kind does not have is left out."""
        own = {
            "service": self.service,
            "written": self.written,
            "runs": self.runs,
            "choices": list(self.choices),
            "backends": list(self.backends),
        }
        place = {"file": self.place.path, "line": self.place.line}
        return {"kind": self.kind, **place, "message": self.message, **{key: own[key] for key in own if own[key]}}


@dataclass(frozen=True)
class ParsedService:
    """One service: its fields as an entry of ``superserver_services``, and where it is written. ``places`` are those of
    single fields, such as ``access.allow``; the others are at ``place``."""

    fields: Mapping[str, t.Any]
    place: Place = Place()
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.fields.get("name", ""))

    def at(self, path: str) -> Place:
        """Where a field is written, or else what it is a part of."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition(".")[0]
        return self.place


@dataclass(frozen=True)
class Parsed:
    """All that was read, in the order of the files."""

    services: tuple[ParsedService, ...] = ()
    findings: tuple[Finding, ...] = ()
