# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over listeners of foreign xinetd services and systemd units, and gives them back.

A foreign service in ``superserver_adopt`` is switched off while a declared service needs one of its listeners, and
switched on again afterwards.
"""

from __future__ import annotations

import os
import typing as t
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import (
    ADOPTS_ENTRIES,
    ADOPTS_UNITS,
    Foreign,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Holder, holders, owners
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS, adopter
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.units import (
    MASK,
    is_unit,
    look_at_units,
    rivals,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import foreign as _foreign_xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.foreign import (
    foreign_services,
    look_at_services,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.loosening import losses
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import (
    UNIT_FOLDERS,
    Adoption,
    Decision,
    Takeover,
    adoption_from_json,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.wishes import VARIABLE, Wish, wishes_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.origin import not_its_own, serves
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import listening
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener, collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import SYSTEMD
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

_NO_UNITS = "is a unit, and systemd does not run on this host"
_NOTHING_WANTED = "no declared service uses its listeners any more"


def plan_takeover(
    adopt: Sequence[t.Any],
    recorded: Mapping[str, Mapping[str, t.Any]],
    own: Collection[str],
    declared: Sequence[Listener],
    live: Live,
    init: str,
    host: LocalHost,
    services: Sequence[Service] = (),
) -> Takeover:
    """Decide about everything that is named, or was. ``own`` are the files of this collection, ``declared`` what its
    services are to listen on."""
    records = {name: adoption_from_json(value) for name, value in recorded.items()}
    wishes, wrong = wishes_of(adopt)
    strangers = foreign_services(own)
    if not (wishes or records or wrong):
        return Takeover(strangers=strangers)
    wished = {wish.name: wish for wish in wishes}
    found = _look([*dict.fromkeys((*wished, *records))], own, init, host)
    holdings = _holdings(found.values(), host) if any(each.in_force for each in found.values()) else Holdings()
    takeover = _Draft(found, declared, services, holdings, records)
    for name, foreign in sorted(found.items()):
        takeover.decide(foreign, wished.get(name))
    known = {*wished, *(unit for each in found.values() for unit in each.members)}
    takeover.warn_of(rivals(own, host) if init == SYSTEMD else {}, known)
    takeover.warn_of({each.id: (_foreign_xinetd.claim_of(each),) for each in strangers}, known)
    problems = [
        *wrong,
        *(
            Problem(wished[name].path if name in wished else VARIABLE, f'"{name}" {text}')
            for name, texts in takeover.problems.items()
            for text in ([_kind_problem(name, live)] if _kind_problem(name, live) else texts)
        ),
    ]
    return replace(takeover.finished(problems), strangers=strangers)


def _look(names: Sequence[str], own: Collection[str], init: str, host: LocalHost) -> dict[str, Foreign]:
    units = [name for name in names if is_unit(name)]
    services = look_at_services([name for name in names if not is_unit(name)], own)
    if init == SYSTEMD:
        return {**services, **look_at_units(units, own, host)}
    return {**services, **{name: Foreign(name, adopter(ADOPTS_UNITS), problem=_NO_UNITS) for name in units}}


@dataclass(frozen=True)
class Holdings:
    """What each owner has open now, and the processes that it has it by."""

    listeners: Mapping[tuple[str, str], Sequence[Listener]] = field(default_factory=dict)
    holders: Mapping[tuple[str, str], Sequence[Holder]] = field(default_factory=dict)


def _holdings(found: Iterable[Foreign], host: LocalHost) -> Holdings:
    """By one look at every socket."""
    wanted = {owner for foreign in found for owner in foreign.owners}
    sockets = listening()
    held = holders(socket.inode for socket in sockets)
    known = owners(sockets, host.run_plain, held)
    listeners: dict[tuple[str, str], list[Listener]] = {}
    processes: dict[tuple[str, str], list[Holder]] = {}
    for socket in sockets:
        owner = known.get(socket.inode)
        if owner and (owner.kind, owner.name) in wanted:
            listeners.setdefault((owner.kind, owner.name), []).append(socket.listener)
            processes.setdefault((owner.kind, owner.name), []).extend(held.get(socket.inode, ()))
    return Holdings(listeners, processes)


def _kind_problem(name: str, live: Live) -> str:
    """Whether a name is that of something that cannot be taken over."""
    for owner in live.owners.values():
        if owner.kind == "program" and name in (owner.program, os.path.basename(owner.program)):
            return (
                f"is a program (pid {owner.pid}) that neither a unit nor xinetd started, so that nothing could "
                "start it again; stop it by hand"
            )
        why = BACKENDS[owner.kind].not_adoptable(owner.name) if owner.kind in BACKENDS else ""
        if why and name in (owner.name, os.path.basename(owner.name)):
            return why
    return ""


class _Draft:
    """A takeover that is being put together, one name after the other: several may have their entries in one file."""

    def __init__(
        self,
        found: Mapping[str, Foreign],
        declared: Sequence[Listener],
        services: Sequence[Service],
        holdings: Holdings,
        records: Mapping[str, Adoption],
    ) -> None:
        self._found = found
        self._declared = declared
        self._services = services
        self._holdings = holdings
        self._recorded = records
        # Links that files have taken the place of.
        self._replaced = {path: seen for record in records.values() for path, seen in record.before.items() if seen}
        self._decisions: list[Decision] = []
        self._now: dict[str, Seen | None] = {}
        self._then: dict[str, Seen | None] = {}
        self._others = Others()
        self._records: dict[str, Adoption] = {}
        self._adopted: set[tuple[str, str]] = set()
        self._refused: set[tuple[str, str]] = set()
        self._warnings: list[str] = []
        self.problems: dict[str, list[str]] = {}

    def decide(self, foreign: Foreign, wish: Wish | None) -> None:
        """What happens to one of them."""
        record = self._recorded.get(foreign.name)
        kept = record if record and not record.given_back else None
        held = self._held(foreign)
        wanted = self._wanted(self._reasons(foreign))
        if wish is None:
            if kept and wanted and foreign.exists:
                self._refuse(
                    foreign,
                    "was taken over for a service that is still declared; name it here, or remove that service",
                )
            elif kept:
                self._give_back(foreign, kept, f"no longer named in {VARIABLE}")
            return
        if record is None and foreign.problem:
            self._refuse(foreign, foreign.problem)
        elif wanted and foreign.in_force:
            objections = list(self._objections(foreign, wish, kept, held))
            if objections:
                self._refuse(foreign, *objections)
            else:
                self._adopt(foreign, kept, held)
        elif kept and not wanted:
            self._give_back(foreign, kept, _NOTHING_WANTED)
            self._records[foreign.name] = replace(kept, before={}, running=(), given_back=True)
        elif foreign.in_force and record is None:
            self._refuse(
                foreign,
                f"holds no listener that a declared service needs; it holds {_list(held) or 'none'}; leave it out",
            )
        else:
            self._note(foreign, "none")
            self._adopted |= foreign.owners if kept else set()
            if record:
                self._records[foreign.name] = record

    def _refuse(self, foreign: Foreign, *texts: str) -> None:
        self.problems[foreign.name] = list(texts)
        self._refused |= foreign.owners

    def _held(self, foreign: Foreign) -> list[Listener]:
        return [each for owner in sorted(foreign.owners) for each in self._holdings.listeners.get(owner, ())]

    def _reasons(self, foreign: Foreign) -> list[Listener]:
        """The listeners that one is taken over for: its own, and those of the others that it belongs to."""
        found: list[Listener] = []
        for name in (foreign.name, *sorted(foreign.companions)):
            record = self._recorded.get(name)
            found += [*self._held(self._found[name]), *self._found[name].claims, *(record.claims if record else ())]
        return found

    def _objections(
        self, foreign: Foreign, wish: Wish, kept: Adoption | None, held: Sequence[Listener]
    ) -> Iterator[str]:
        """Reasons not to take a foreign service over."""
        if foreign.problem:
            yield foreign.problem
            return
        yield from foreign.obstacles
        yield from self._bystander(foreign)
        if kept is None:
            lost = losses(foreign, held, self._services, any(_takes_ipv6(each) for each in self._declared))
            words = sorted({each.word for each in lost} | wish.without)
            for each in lost:
                if each.word not in wish.without:
                    yield (
                        f'{each.text} ({each.word}), but "{each.service}" does not; {each.remedy}, or accept the '
                        f"loss with {{name: {foreign.name}, without: [{', '.join(words)}]}}"
                    )

    def _bystander(self, foreign: Foreign) -> Iterator[str]:
        """A service may have started programs that are not its own: jobs, sessions, containers."""
        for owner in sorted(foreign.owners):
            processes = self._holdings.holders.get(owner, ())
            wanted = self._wanted(self._holdings.listeners.get(owner, ()))
            main = foreign.mains.get(owner[1])
            if wanted and main is not None and not serves(main, [process.pid for process in processes], lenient=True):
                yield not_its_own(owner[1], main, processes[0])

    def finished(self, problems: Sequence[Problem]) -> Takeover:
        """All of it."""
        files = {path: (self._now[path], then) for path, then in self._then.items() if not _same(self._now[path], then)}
        return Takeover(
            self._decisions,
            files,
            replace(self._others, xinetd=any(not path.startswith(UNIT_FOLDERS) for path in files)),
            {name: record.to_json() for name, record in sorted(self._records.items())},
            problems,
            self._warnings,
            frozenset(self._adopted),
            frozenset(self._refused),
        )

    def _wanted(self, listeners: Iterable[Listener]) -> bool:
        return any(collide(one, other) for one in listeners for other in self._declared)

    def _note(self, foreign: Foreign, action: str, reason: str = "") -> None:
        self._decisions.append(Decision(foreign.name, foreign.kind, action, reason, foreign.members))

    def _seen(self, path: str) -> Seen | None:
        """What is at a path, with what was decided before."""
        if path not in self._now:
            self._now[path] = self._then[path] = _files.look(path)
        return self._then[path]

    def _adopt(self, foreign: Foreign, kept: Adoption | None, held: Sequence[Listener]) -> None:
        before: dict[str, Seen | None] = dict(kept.before) if kept else {}
        for path in foreign.entries:
            seen = self._seen(path)
            if seen is not None and seen.kind == "link":
                self._replaced[path], seen = seen, _behind(path, seen)
            if seen is not None:
                self._then[path] = _foreign_xinetd.off(seen, foreign.name)
            if path in self._replaced:
                before[path] = self._replaced[path]
        for path, link in foreign.links.items():
            before[path], self._then[path], self._now[path] = link, None, link
        for mask in foreign.masks:
            before[mask], self._now[mask], self._then[mask] = None, None, MASK
        self._records[foreign.name] = Adoption(
            foreign.kind,
            _union(kept.held if kept else (), held),
            _union(kept.claims if kept else (), self._reasons(foreign)),
            before,
            _union(kept.running if kept else (), foreign.running),
        )
        self._adopted |= foreign.owners
        self._add(
            stop=foreign.running,
            failed=(*foreign.running, *foreign.failed),
            masks=foreign.masks,
            owners=foreign.owners,
            closing=tuple(held),
        )
        self._note(foreign, "repair" if kept else "adopt", foreign.in_force)
        self._warn(foreign, bool(kept), held)

    def warn_of(self, rivals: Mapping[str, Sequence[Listener]], names: Collection[str]) -> None:
        """Warn of foreign services that do not hold a declared listener now, but may hold it after a boot."""
        for name, claims in rivals.items():
            wanted = [listener for listener in claims if self._wanted([listener])]
            if wanted and name not in names:
                self._warnings.append(
                    f'"{name}" also listens on {_list(wanted)} once it is started; name it in {VARIABLE} as well'
                )

    def _warn(self, foreign: Foreign, again: bool, held: Sequence[Listener]) -> None:
        if again:
            self._warnings.append(
                f"{foreign.name} was taken over before and had become active again: {foreign.in_force}"
            )
        surplus = [listener for listener in held if not self._wanted([listener])]
        if surplus:
            self._warnings.append(f"{foreign.name} also held {_list(surplus)}; nothing listens there any more")

    def _give_back(self, foreign: Foreign, kept: Adoption, reason: str) -> None:
        self._note(foreign, "give back", reason)
        if not foreign.exists:
            return
        if foreign.kind == adopter(ADOPTS_ENTRIES):
            self._switch_on(foreign.name, kept)
        else:
            self._put_links(kept)
        self._add(start=kept.running, owners=foreign.owners, opening=kept.held)

    def _switch_on(self, name: str, kept: Adoption) -> None:
        for path in self._entry_files:
            seen = self._seen(path)
            if seen is None or seen.kind != "file":
                continue
            cleared = _foreign_xinetd.on(seen, name)
            link = kept.before.get(path)
            target = _behind(path, link) if link else None
            self._then[path] = link if target and target.content == cleared.content else cleared

    @cached_property
    def _entry_files(self) -> set[str]:
        """Every file of xinetd's configuration that has entries."""
        return {entry.path for entry in _foreign_xinetd.foreign_entries(())[0]}

    def _put_links(self, kept: Adoption) -> None:
        """Files that somebody has changed meanwhile stay."""
        for path, before in kept.before.items():
            after = MASK if before is None else None
            if _same(self._seen(path), after):
                self._then[path] = before

    def _add(self, **more: t.Any) -> None:
        joined: dict[str, t.Any] = {
            name: getattr(self._others, name) | value
            if isinstance(value, frozenset)
            else _union(getattr(self._others, name), value)
            for name, value in more.items()
        }
        self._others = replace(self._others, **joined)


def _behind(path: str, link: Seen) -> Seen | None:
    """What a link that is or was at a path leads to."""
    return _files.look(os.path.realpath(os.path.join(os.path.dirname(path), os.fsdecode(link.content))))


def _takes_ipv6(listener: Listener) -> bool:
    return listener.family in ("dual", "ipv6")


def _union(one: Iterable[t.Any], other: Iterable[t.Any]) -> tuple[t.Any, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _same(one: Seen | None, other: Seen | None) -> bool:
    if one is None or other is None or one.kind != "link":
        return one == other
    return (one.kind, one.content) == (other.kind, other.content)


def _list(listeners: Iterable[Listener]) -> str:
    return ", ".join(str(listener) for listener in listeners)
