# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases. A case names fields and what must be seen; it knows of no backend, except where it is about one backend's
own directives."""

from __future__ import annotations

import datetime
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import (
    ROWS,
    Row,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import resolve_ports
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

CASES = Path(__file__).with_name("cases")
LATER = f"{BASE}__later"

# What every host of the suite has by default; one case proves it.
DEFAULTS: Mapping[str, t.Any] = {"umask": "026"}

KEYS = {"case", "field", "what", "service", "services", "later", "client", "refused", "ports", "let"}

# The cases whose services host/drift and the module lives do something to, by their names.
HANDLED = frozenset(
    {
        "exec-blanks",
        "exec-dollar",
        "exec-empty",
        "exec-no-arguments",
        "exec-percent",
        "exec-plain",
        "exec-quotes",
        "state-disabled",
        "tcp-dual",
        "tcp-ipv4-address",
    }
)


@dataclass(frozen=True)
class Refused:
    """A problem that must be reported: of which of the case's services, where, and in words (a regular expression).
    ``only`` names the columns of the capability table where it is, and is empty for everywhere."""

    path: str
    words: str
    service: int = 0
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One entry of the files, complete. ``later`` is what a later layer says of the first service."""

    name: str
    fields: tuple[str, ...]
    what: str
    services: tuple[Mapping[str, t.Any], ...]
    later: Mapping[str, t.Any] = field(default_factory=dict)
    client: tuple[Mapping[str, t.Any], ...] = ()
    refused: tuple[Refused, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)

    def layers(self) -> list[Layer]:
        later = [{"name": self.services[0]["name"], **self.later}] if self.later else []
        return [Layer(BASE, list(self.services)), Layer(LATER, later)]

    def load(self, backend: str) -> list[Service]:
        """The services that are left after merging. Raises InvalidDeclaration where the model refuses them."""
        loaded = load_services(self.layers(), DEFAULTS, backend)
        return loaded if self.ports == {} else resolve_ports(loaded, lambda name, _transport: self.ports.get(name))

    def rows(self) -> list[Row]:
        """The rows of the capability table that the case is about."""
        try:
            services = self.load("systemd")
        except InvalidDeclaration:
            return []
        return [row for row in ROWS if row.field in self.fields and any(row.used(service) for service in services)]


def load_cases(folder: Path = CASES) -> list[Case]:
    """Every case of every file, in order. Raises ValueError for a name that stands twice."""
    found = [case for path in sorted(folder.glob("*.yml")) for case in _read(path)]
    names = [case.name for case in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"cases with the same name: {', '.join(sorted(twice))}")
    return found


def _read(path: Path) -> Iterator[Case]:
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        for index, variant in enumerate(entry.pop("variants", [{}])):
            yield _case({**entry, **_variant(entry, variant, index)})


def _variant(entry: Mapping[str, t.Any], variant: Mapping[str, t.Any], index: int) -> dict[str, t.Any]:
    """A case for a field, which adds to the service that its siblings share, on the next port."""
    if not variant:
        return {}
    added = {key: value for key, value in variant.items() if key != "field"}
    name = f"{entry['case']}-{variant['field'].replace('.', '-').replace('_', '-')}"
    port = str(int(entry["service"]["listen"][0]["tcp"]) + index)
    return {
        "case": name,
        "field": variant["field"],
        "service": {**entry["service"], "listen": [{"tcp": port}], **added},
    }


def _case(entry: Mapping[str, t.Any]) -> Case:
    unknown = entry.keys() - KEYS
    if unknown:
        raise ValueError(f"{entry['case']}: unknown {', '.join(sorted(unknown))}")
    entry = _substituted(entry, entry.get("let", {}))
    fields = entry["field"]
    services = entry.get("services") or [entry["service"]]
    return Case(
        entry["case"],
        (fields,) if isinstance(fields, str) else tuple(fields),
        entry["what"],
        tuple({"name": entry["case"], **service} for service in services),
        entry.get("later", {}),
        tuple(entry.get("client", ())),
        tuple(Refused(**{**each, "only": tuple(each.get("only", ()))}) for each in entry.get("refused", ())),
        entry.get("ports", {}),
    )


def _substituted(value: t.Any, replaced: Mapping[str, Mapping[str, t.Any]]) -> t.Any:
    """The value with long texts in the place of the words that stand for them."""
    if isinstance(value, Mapping):
        return {key: _substituted(entry, replaced) for key, entry in value.items() if key != "let"}
    if isinstance(value, list):
        return [word for entry in value for word in _words(entry, replaced)]
    if isinstance(value, str):
        for name, text in replaced.items():
            if "text" in text:
                value = value.replace(name, text["text"] * text.get("times", 1))
            elif "days_from_now" in text:
                value = value.replace(name, _weekday(text["days_from_now"]))
    return value


def _weekday(days: int) -> str:
    """The day of the week, as the schema calls it, so many days from now."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days)).strftime("%a").lower()


def _words(entry: t.Any, replaced: Mapping[str, Mapping[str, t.Any]]) -> list[t.Any]:
    many = replaced.get(entry, {}) if isinstance(entry, str) else {}
    return [many["words"]] * many["times"] if "words" in many else [_substituted(entry, replaced)]
