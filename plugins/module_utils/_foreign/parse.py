# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration of others as a declaration: what one reader finds, checked against the schema and the capability table.
Pure."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import Refusal, refusals
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.meaning import (
    declares,
    inapplicable_fields,
    without_field,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import RAW
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import (
    DIFFERS,
    DROPPED,
    ERROR,
    UNSUPPORTED,
    Finding,
    Parsed,
    ParsedService,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.configuration import parse_inetd
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.dialects import (
    DIALECTS,
    USUAL,
    Dialect,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.minimal import minimal
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.names import Names, renamed
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts

Reader = t.Callable[[GivenTexts], Parsed]

# What reads configuration of super-servers that are no backend, with the dialect that it is written in.
_OTHERS: dict[str, Callable[[GivenTexts, Dialect], Parsed]] = {"inetd": parse_inetd}
_INDEX = re.compile(re.escape(BASE) + r"\[(?P<index>[0-9]+)\][.]?(?P<field>.*)")


class UnknownKind(Exception):
    """There is no reader for this kind of configuration; the text says which there are."""


def readers(dialect: str = USUAL) -> dict[str, Reader]:
    """What reads configuration, by its kind."""
    if dialect not in DIALECTS:
        raise UnknownKind(f"there is no dialect {dialect} of inetd.conf; there are {', '.join(DIALECTS)}")
    backends: dict[str, Reader] = {name: backend.parse for name, backend in BACKENDS.items() if backend.parses}
    return {**backends, **{name: _bound(read, DIALECTS[dialect]) for name, read in _OTHERS.items()}}


def _bound(read: Callable[[GivenTexts, Dialect], Parsed], dialect: Dialect) -> Reader:
    return lambda files: read(files, dialect)


def parse_files(files: Mapping[str, str], kind: str, platform: Platform, dialect: str = USUAL) -> Parsed:
    """The services of configuration of one kind, as minimal entries that are valid together, and the findings.

    What would be refused of a service under other backends on a host like this is found here, for every reader.
    """
    known = readers(dialect)
    if kind not in known:
        raise UnknownKind(f"{kind} cannot be read yet; these can: {', '.join(sorted(known))}")
    read = known[kind](GivenTexts(files))
    meant = [_meaningful(replace(each, fields=minimal(each.fields))) for each in read.services]
    named, told_apart = _told_apart([service for service, _without in meant])
    pointless = [finding for _service, without in meant for finding in without]
    services, wrong = _valid(named, kind)
    targets = [name for name in BACKENDS if name != kind]
    refused = _unsupported(services, targets, platform)
    return Parsed(tuple(services), (*read.findings, *pointless, *told_apart, *wrong, *refused))


def _meaningful(service: ParsedService) -> tuple[ParsedService, list[Finding]]:
    """The service without fields that mean nothing for it."""
    fields, findings = dict(service.fields), []
    for path, reason in list(inapplicable_fields(fields)):
        if declares(fields, path):
            findings.append(Finding(DROPPED, service.at(path), f"{path} {reason}", service.name))
        fields = without_field(fields, path)
    return replace(service, fields=minimal(fields)), findings


def _told_apart(services: Sequence[ParsedService]) -> tuple[list[ParsedService], list[Finding]]:
    """The services with a name for each: the first of several keeps it."""
    names, found, findings = Names(), [], []
    for service in services:
        old, new = service.name, names.free(service.name)
        found.append(service if new == old else replace(service, fields={**service.fields, "name": new}))
        if new != old:
            findings.append(Finding(DIFFERS, service.place, renamed(old, new), new, written=old, runs=new))
    return found, findings


def _valid(services: Sequence[ParsedService], kind: str) -> tuple[list[ParsedService], list[Finding]]:
    """Those that the schema takes, and what is wrong with the others: each by itself, and then together."""
    backend = kind if kind in BACKENDS else next(iter(BACKENDS))
    sound, findings = list(services), []
    if _problems(sound, backend):
        found = [(service, _problems([service], backend)) for service in services]
        findings = [_error(service, problem) for service, problems in found for problem in problems]
        sound = [service for service, problems in found if not problems]
    # Numbers of services in problems hold until one of them is left out.
    for problem in iter(lambda: next(iter(_problems(sound, backend)), None), None):
        match = _INDEX.match(problem.path)
        culprit = sound.pop(int(match["index"]) if match else -1)
        findings.append(_error(culprit, problem))
    return sound, findings


def _problems(services: Sequence[ParsedService], backend: str) -> list[Problem]:
    try:
        load_services([Layer(BASE, [dict(service.fields) for service in services])], None, backend)
    except InvalidDeclaration as exc:
        return exc.problems
    return []


def _error(service: ParsedService, problem: Problem) -> Finding:
    match = _INDEX.match(problem.path)
    field = match["field"] if match else problem.path
    message = f"left out, because a declaration takes no such {field or 'service'}: {problem.message}"
    return Finding(ERROR, service.at(re.sub(r"\[[0-9]+\]", "", field)), message, service.name)


def _unsupported(services: Sequence[ParsedService], targets: Sequence[str], platform: Platform) -> Iterator[Finding]:
    """A finding for each field that some of the backends refuse of a service, with all of those that do."""
    reasons: dict[str, dict[str, dict[str, str]]] = {service.name: {} for service in services}
    for target in targets:
        for name, field, reason in _refused(services, target, platform):
            reasons[name].setdefault(field, {})[target] = reason
    for service in services:
        for field, by_backend in reasons[service.name].items():
            message = f"{field}: {'; '.join(_grouped(by_backend))}"
            place = service.at(field.partition(" ")[0])
            yield Finding(UNSUPPORTED, place, message, service.name, backends=tuple(by_backend))


def _refused(services: Sequence[ParsedService], target: str, platform: Platform) -> Iterator[tuple[str, str, str]]:
    """Name of the service, field and reason."""
    moved = [{**service.fields, "backend": target} for service in services]
    try:
        built = load_services([Layer(BASE, moved)], None, target)
    except InvalidDeclaration as exc:
        named = [(match, problem) for problem in exc.problems for match in (_INDEX.match(problem.path),) if match]
        yield from ((services[int(match["index"])].name, match["field"], problem.message) for match, problem in named)
        culprits = {int(match["index"]) for match, _problem in named} or set(range(len(services)))
        rest = [service for index, service in enumerate(services) if index not in culprits]
        yield from _refused(rest, target, platform)
        return
    for refusal in refusals(built, platform):
        yield refusal.service.name, _field_of(refusal), refusal.reason
    for service in built:
        for raw in RAW:
            for name in service.native.of(raw.field) if raw.backend != target else ():
                yield service.name, f"native.{raw.field}.{name}", f"only {raw.backend} has it"


def _field_of(refusal: Refusal) -> str:
    return f"{refusal.row.field} ({refusal.row.case})" if refusal.row.case else refusal.row.field


def _grouped(by_backend: Mapping[str, str]) -> Iterable[str]:
    """Reasons, each with the backends that give it."""
    reasons: dict[str, list[str]] = {}
    for backend, reason in by_backend.items():
        reasons.setdefault(reason, []).append(backend)
    return [f"{', '.join(backends)}: {reason}" for reason, backends in reasons.items()]


def to_json(parsed: Parsed) -> dict[str, t.Any]:
    """The result of the filter."""
    return {
        "services": [dict(service.fields) for service in parsed.services],
        "findings": [finding.to_json() for finding in parsed.findings],
    }
