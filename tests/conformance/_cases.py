# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases, and what becomes of each on one kind of host: it is declared and tried, or its refusal is expected.

Which, is for the model and the capability table to say. A case names fields and what must be seen; it knows of no
backend, except where it is about one backend's own directives.
"""

from __future__ import annotations

import datetime
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import apply_capabilities
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import (
    ROWS,
    Row,
    column_of,
    refusals,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import resolve_ports
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
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


@dataclass(frozen=True)
class Host:
    """A kind of host: the backend of its services, and what decides what that can do."""

    backend: str
    provider: str = "ucspi"
    init: str = "systemd"
    mounts: bool = True

    @property
    def platform(self) -> Platform:
        return Platform(init=self.init, s6=self.provider, nft=True, mounts=self.mounts, syslog=self.init == "systemd")

    @property
    def column(self) -> str:
        return column_of(self.backend, self.platform).name


# Who says no: the model or the table in any case, or the host as it is, whose names of ports are read before all else.
STAGES = ("model", "names", "table", "host")


@dataclass(frozen=True)
class Refusal:
    """A case that must be refused, by whom, and with which problems."""

    case: Case
    stage: str
    problems: tuple[Refused, ...]
    droppable: bool = False


@dataclass(frozen=True)
class Plan:
    """What becomes of all cases on one kind of host."""

    host: Host
    tried: tuple[Case, ...]
    refused: tuple[Refusal, ...]


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


def plan(cases: Iterable[Case], host: Host) -> Plan:
    """Ask the model and the table about every case."""
    tried: list[Case] = []
    refused: list[Refusal] = []
    for case in cases:
        refusal = _refusal(case, host)
        if refusal is None:
            tried.append(case)
        else:
            refused.append(refusal)
    return Plan(host, tuple(tried), tuple(refused))


def sample(planned: Plan) -> Plan:
    """Of the cases that are tried the first one of each field, those of named backends and those in HANDLED; and all
    that are refused."""
    seen: set[str] = set()
    tried: list[Case] = []
    for case in planned.tried:
        if case.name in HANDLED or "backend" in case.fields or not seen.issuperset(case.fields):
            tried.append(case)
            seen.update(case.fields)
    return replace(planned, tried=tuple(tried))


def _refusal(case: Case, host: Host) -> Refusal | None:
    expected = tuple(each for each in case.refused if not each.only or host.column in each.only)
    try:
        services = case.load(host.backend)
    except InvalidDeclaration as problem:
        return Refusal(case, "model", _expected(case, expected, problem))
    if any(isinstance(endpoint.port, str) for service in services for endpoint in service.listen):
        return Refusal(case, "names", expected)
    if any(service.backend == "systemd" for service in services) and host.init != "systemd":
        return Refusal(case, "table", ())
    problems = refusals(services, host.platform)
    if problems:
        droppable = all(problem.row.droppable for problem in problems)
        special = (each for each in expected if each.only)
        return Refusal(case, "table", (*_of_table(case, problems), *special), droppable)
    try:
        apply_capabilities(services, host.platform, "fail")
    except InvalidDeclaration as problem:
        return Refusal(case, "table", _expected(case, expected, problem))
    return Refusal(case, "host", expected) if expected else None


def _expected(case: Case, expected: tuple[Refused, ...], problem: InvalidDeclaration) -> tuple[Refused, ...]:
    if not expected:
        raise ValueError(f"{case.name} is refused, which it does not say:\n{problem}")
    return expected


def _of_table(case: Case, found: Iterable[t.Any]) -> Iterator[Refused]:
    """What the table makes of it: the field, the backend, the reason and a way out must all be told."""
    names = [service["name"] for service in case.services]
    for refusal in found:
        problem: Problem = refusal.problem()
        words = f"^{refusal.service.backend} cannot honour this.*: .{{10,}}\\. (Give|Leave) "
        yield Refused(problem.path.split("].", 1)[1], words, names.index(refusal.service.name))
