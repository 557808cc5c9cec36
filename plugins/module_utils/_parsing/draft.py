# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that is being put together of what is read, with what is found on the way."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import (
    ASK,
    DIFFERS,
    DROPPED,
    ERROR,
    UNSUPPORTED,
    Finding,
    ParsedService,
    Place,
)


class Draft:
    """Fields by their paths, and findings. ``expressible`` is false once something was read that makes the service one
    that no declaration has; ``runs`` once it is known not to listen, or must not without somebody's decision."""

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        self.place = place
        self.findings: list[Finding] = []
        self.expressible = True
        self.runs = True
        self._fields: dict[str, t.Any] = {"name": name}
        self._places: dict[str, Place] = {}

    def set(self, path: str, value: t.Any, place: Place | None = None) -> None:
        """A field, such as ``connections.max``, and where it is from."""
        *outer, last = path.split(".")
        record = self._fields
        for step in outer:
            record = record.setdefault(step, {})
        record[last] = value
        if place:
            self._places[path] = place

    def unset(self, name: str) -> None:
        """Forget a field."""
        self._fields.pop(name, None)

    def get(self, path: str, default: t.Any = None) -> t.Any:
        """What a field has so far."""
        value: t.Any = self._fields
        for step in path.split("."):
            if not isinstance(value, dict) or step not in value:
                return default
            value = value[step]
        return value

    def differs(self, place: Place, message: str, written: str, runs: str) -> None:
        self.findings.append(Finding(DIFFERS, place, message, self.name, written=written, runs=runs))

    def dropped(self, place: Place, message: str) -> None:
        self.findings.append(Finding(DROPPED, place, message, self.name))

    def ask(self, place: Place, message: str, *choices: str) -> None:
        self.findings.append(Finding(ASK, place, message, self.name, choices=choices))

    def ask_closed(self, place: Place, message: str, *choices: str) -> None:
        """The same where the service must not listen before it is decided."""
        self.runs = False
        self.ask(place, f"{message}. Until that is decided the service is disabled", *choices)

    def impossible(self, place: Place, message: str) -> None:
        """No backend has it, and so there is no such service."""
        self.expressible = False
        self.findings.append(Finding(UNSUPPORTED, place, message, self.name, backends=tuple(BACKENDS)))

    def error(self, place: Place, message: str) -> None:
        self.expressible = False
        self.findings.append(Finding(ERROR, place, message, self.name))

    def services(self) -> Sequence[ParsedService]:
        """The service, if there is one."""
        if not self.expressible:
            return ()
        state = {} if self.runs else {"state": "disabled"}
        return (ParsedService({**self._fields, **state}, self.place, self._places),)
