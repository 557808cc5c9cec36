# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which holders of ports can be taken over, and what to do about the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import (
    ADOPTS_ENTRIES,
    ADOPTS_UNITS,
    Foreign,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Holder, Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS, adopter
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.units import (
    is_unit,
    look_at_units,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.foreign import (
    CONFIG,
    INETD_CONFIG,
    look_at_services,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.origin import (
    not_its_own,
    origin,
    remedy,
    serves,
)

_INETD = ("inetd", "inetutils-inetd", "openbsd-inetd", "rlinetd")
_GENERAL = "stop and disable it"


def objections(held_by: Mapping[Owner, Sequence[Holder]], own: Collection[str], host: LocalHost) -> dict[Owner, str]:
    """Why owners of sockets cannot be named, and what can be done instead; empty where one can. As many commands as for
    a single one, whatever their number."""
    units = [owner.name for owner in held_by if owner.kind == adopter(ADOPTS_UNITS) and is_unit(owner.name)]
    services = [owner.name for owner in held_by if owner.kind == adopter(ADOPTS_ENTRIES) and owner.name]
    found = {**look_at_units(units, own, host), **look_at_services(services, own)} if units or services else {}
    return {owner: _objection(owner, holders, found.get(owner.name)) for owner, holders in held_by.items()}


def _objection(owner: Owner, held_by: Sequence[Holder], found: Foreign | None) -> str:
    if owner.program in _INETD:
        return f"comment out its line in {INETD_CONFIG} and let {owner.program} read the file again"
    if not owner.name:
        return _GENERAL
    by_hand = BACKENDS[owner.kind].by_hand(owner.name) if owner.kind in BACKENDS else ""
    if by_hand:
        return f"{_GENERAL} by hand ({by_hand})"
    if found is None:
        return _of_program(owner)
    if owner.kind == adopter(ADOPTS_ENTRIES):
        return _of_entry(found)
    return _of_unit(owner, held_by, found)


def _of_entry(found: Foreign) -> str:
    """xinetd may have other files, and lines of inetd."""
    if found.exists or not found.problem:
        return ""
    elsewhere = f"is neither in {CONFIG} nor in a file that this includes; disable it where it is defined"
    return f'"{found.name}" {found.problem if INETD_CONFIG in found.problem else elsewhere}'


def _of_unit(owner: Owner, held_by: Sequence[Holder], found: Foreign) -> str:
    if found.problem:
        return f'"{owner.name}" {found.problem}'
    holder = next((each for each in held_by if each.pid == owner.pid), Holder(owner.pid, owner.program, "", ""))
    pids = [owner.pid, *(each.pid for each in held_by)]
    if owner.name in found.mains and not serves(found.mains[owner.name], pids):
        return f'"{owner.name}" {not_its_own(owner.name, found.mains[owner.name], holder)}'
    return ""


def _of_program(owner: Owner) -> str:
    """Remedy for a program that neither a unit nor xinetd started."""
    words = str(origin(owner.pid)) if owner.pid else ""
    return f"{_GENERAL}: it is {words}, so {remedy(owner.pid)}" if words else _GENERAL
