# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign files that systemd reads together with the collection's units: drop-ins of a unit's own name, of its
prefixes, and of all units of a type (systemd.unit(5)). They override the unit."""

from __future__ import annotations

import posixpath
import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.collector import reads_messages
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.directives import OWNED
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import UNITS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, File, Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# Where systemd looks for units, what goes before the rest first (systemd.unit(5), "Unit File Load Path").
LOAD_PATH = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    UNITS,
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)

Settings = t.Mapping[str, t.Mapping[str, t.Sequence[str]]]

# Of [Unit], what decides about a port that stays open.
_OF_UNIT = frozenset(
    {"CollectMode", "StartLimitAction", "StartLimitBurst", "StartLimitInterval", "StartLimitIntervalSec"}
)
# Changes nothing that a client or a handler could see: handlers get no variable but those that are declared.
_HARMLESS = frozenset(
    {"Description", "Documentation", "Environment", "PassEnvironment", "TimeoutStopFailureMode", "UnsetEnvironment"}
)
# What is the same as nothing, for what is not written.
_NEUTRAL = frozenset({"", "no", "false", "off", "0"})
# Fields that say nothing where they are not declared, so that whatever the host has for all of its services is right.
_UNSTATED = "resources"


@dataclass(frozen=True)
class DropIn:
    """One file, and what it sets, by section and directive."""

    path: str
    settings: Settings


def folders_of(unit: str) -> tuple[list[str], str]:
    """The directories of drop-ins for a unit or a template: of its own name and of its prefixes, those that go before
    others first; and that of its type, which is for what has no such file elsewhere."""
    stem, _dot, kind = unit.rpartition(".")
    name, sign, _instance = stem.partition("@")
    prefixes = []
    while "-" in name.rstrip("-"):
        name = name.rstrip("-").rpartition("-")[0] + "-"
        prefixes.append(name)
    signs = dict.fromkeys(("", sign))
    return [f"{unit}.d", *(f"{prefix}{sign}.{kind}.d" for sign in signs for prefix in prefixes)], f"{kind}.d"


def settings_by_section(text: str) -> dict[str, dict[str, list[str]]]:
    """What a unit file or a drop-in sets."""
    found: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").split("\n"):
        words = line.strip()
        if words.startswith("[") and words.endswith("]"):
            section = found.setdefault(words[1:-1], {})
        elif words and not words.startswith(("#", ";")):
            key, sign, value = words.partition("=")
            if sign:
                section.setdefault(key.strip(), []).append(value.strip())
    return found


def drop_ins(units: Iterable[str], host: Host) -> dict[str, list[DropIn]]:
    """The drop-ins that systemd reads for each of these units, but for the collection's own. A directory is looked at
    once, and so is a file."""
    there = {place: set(host.names(place)) for place in LOAD_PATH}
    read: dict[str, DropIn | None] = {}
    found: dict[str, list[DropIn]] = {}
    for unit in units:
        chosen: dict[str, str] = {}
        for folder in _folders(unit, there):
            for name in host.names(folder):
                if name.endswith(".conf") and not name.startswith("."):
                    chosen.setdefault(name, f"{folder}/{name}")
        for _name, path in sorted(chosen.items()):
            if path not in read:
                read[path] = _drop_in(path, host)
            entry = read[path]
            if entry:
                found.setdefault(unit, []).append(entry)
    return found


def _folders(unit: str, there: Mapping[str, set[str]]) -> Iterator[str]:
    special, general = folders_of(unit)
    for place, names in there.items():
        yield from (f"{place}/{folder}" for folder in special if folder in names)
    yield from (f"{place}/{general}" for place, names in there.items() if general in names)


def _drop_in(path: str, host: Host) -> DropIn | None:
    """None for one that says nothing, such as a link to /dev/null."""
    text = host.read(path) or ""
    settings = settings_by_section(text) if HEADER not in text else {}
    return DropIn(path, settings) if settings else None


def disturbances(services: Sequence[Service], files: Sequence[File], host: Host) -> tuple[list[Problem], list[str]]:
    """What of others goes before what ``files`` say: problems where that has been declared, is a stated default, or is
    what messages are read by, and warnings for the rest. One problem for each file and service, whatever its units."""
    by_name = {service.name: service for service in services}
    units = {
        posixpath.basename(file.path): file
        for file in files
        if file.kind == "file" and file.service in by_name and posixpath.dirname(file.path) == UNITS
    }
    before: dict[tuple[str, str], dict[str, list[str]]] = {}
    added: dict[tuple[str, str], list[str]] = {}
    for unit, found in drop_ins(units, host).items():
        ours = settings_by_section(units[unit].content)
        for entry in found:
            winning, other = _sorted_out(entry.settings, ours, not reads_messages(unit))
            if winning:
                before.setdefault((units[unit].service, entry.path), {})[unit] = winning
            if other and not reads_messages(unit):
                added.setdefault((entry.path, ", ".join(other)), []).append(unit)
    problems = [Problem(by_name[name].path("name"), _refusal(path, keys)) for (name, path), keys in before.items()]
    return problems, [_warning(path, keys, found) for (path, keys), found in added.items()]


def _sorted_out(settings: Settings, ours: Settings, declared: bool) -> tuple[list[str], list[str]]:
    """The directives that go before what is written, and those that are added to it. What is ``declared`` is told with
    its field."""
    winning: list[str] = []
    added: list[str] = []
    for section in sorted((settings.keys() & ours.keys()) - {"Install"}):
        for key, values in settings[section].items():
            written = ours[section].get(key)
            field = OWNED.get(section.lower(), {}).get(key, "")
            if key in _HARMLESS or list(values) == written or (written is None and _NEUTRAL.issuperset(values)):
                continue
            if section == "Unit":
                (winning if key in _OF_UNIT else added).append(key)
            elif written is not None or (field and not field.startswith(_UNSTATED)):
                winning.append(f"{key} (the field {field})" if field and declared else key)
            else:
                added.append(key)
    return winning, added


def _refusal(path: str, found: Mapping[str, Sequence[str]]) -> str:
    """``found`` are the directives of each unit."""
    overridden = "; ".join(f"{', '.join(keys)} of {unit}" for unit, keys in found.items())
    way_out = "remove it"
    links = [f"{UNITS}/{unit}.d/{posixpath.basename(path)}" for unit in found]
    if path not in links:
        units, them = ("this unit", "a link") if len(links) == 1 else ("these units", "links")
        way_out += f", or mask it for {units} with {them} {' and '.join(links)} to /dev/null"
    return f'"{path}" sets {overridden}, which would override the declaration; {way_out}'


def _warning(path: str, keys: str, units: Sequence[str]) -> str:
    more = f" and {len(units) - 3} more" if len(units) > 3 else ""
    return f"{path} sets {keys} of {', '.join(units[:3])}{more}, in addition to the declaration"
