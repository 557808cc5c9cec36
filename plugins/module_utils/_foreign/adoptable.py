# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which holders of ports can be taken over, and what to do about the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign, ForeignServices
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Holder, Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS, foreign_services
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.origin import (
    not_its_own,
    origin,
    remedy,
    serves,
)

INETD_CONFIG = "/etc/inetd.conf"
_INETD = ("inetd", "inetutils-inetd", "openbsd-inetd", "rlinetd")
_GENERAL = "stop and disable it"


def nameable(owner: Owner) -> bool:
    """Whether an owner of sockets is of a kind that can be taken over."""
    kind = foreign_services().get(owner.kind)
    return kind is not None and bool(owner.name) and kind.nameable(owner.name)


def objections(held_by: Mapping[Owner, Sequence[Holder]], own: Collection[str], host: LocalHost) -> dict[Owner, str]:
    """Why owners of sockets cannot be named, and what can be done instead; empty where one can. As many commands as for
    a single one, whatever their number."""
    found: dict[tuple[str, str], Foreign] = {}
    for kind, services in foreign_services().items():
        names = [owner.name for owner in held_by if owner.kind == kind and nameable(owner)]
        looked = services.look(names, own, host) if names else {}
        found.update({(kind, name): each for name, each in looked.items()})
    return {
        owner: _objection(owner, holders, found.get((owner.kind, owner.name))) for owner, holders in held_by.items()
    }


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
    return _of_service(owner, held_by, found, foreign_services()[owner.kind])


def _of_service(owner: Owner, held_by: Sequence[Holder], found: Foreign, services: ForeignServices) -> str:
    text = services.objection(found)
    if text:
        return f'"{owner.name}" {text}'
    holder = next((each for each in held_by if each.pid == owner.pid), Holder(owner.pid, owner.program, "", ""))
    pids = [owner.pid, *(each.pid for each in held_by)]
    if owner.name in found.mains and not serves(found.mains[owner.name], pids):
        return f'"{owner.name}" {not_its_own(owner.name, found.mains[owner.name], holder)}'
    return ""


def _of_program(owner: Owner) -> str:
    """Remedy for a program that no service started."""
    words = str(origin(owner.pid)) if owner.pid else ""
    return f"{_GENERAL}: it is {words}, so {remedy(owner.pid)}" if words else _GENERAL
