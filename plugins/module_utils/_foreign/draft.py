# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided about services of others, one after the other, and what that makes of files."""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Holder
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import foreign_services
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.edits import Edits
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.loosening import losses
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import Adoption, Decision, Takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.wishes import VARIABLE, Wish
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.origin import not_its_own, serves
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener, collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

_NOTHING_WANTED = "no declared service uses its listeners any more"


@dataclass(frozen=True)
class Holdings:
    """What each owner has open now, and the processes that it has it by."""

    listeners: Mapping[tuple[str, str], Sequence[Listener]] = field(default_factory=dict)
    holders: Mapping[tuple[str, str], Sequence[Holder]] = field(default_factory=dict)


class Draft:
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
        links = {path: seen for record in records.values() for path, seen in record.before.items() if seen}
        self._edits = Edits(links)
        self._decisions: list[Decision] = []
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
        files = self._edits.changed
        kinds = {path: self._edits.kinds[path] for path in files}
        reread = frozenset(kind for kind in kinds.values() if foreign_services()[kind].entries)
        return Takeover(
            self._decisions,
            files,
            replace(self._others, reread=reread),
            {name: record.to_json() for name, record in sorted(self._records.items())},
            problems,
            self._warnings,
            frozenset(self._adopted),
            frozenset(self._refused),
            kinds=kinds,
        )

    def _wanted(self, listeners: Iterable[Listener]) -> bool:
        return any(collide(one, other) for one in listeners for other in self._declared)

    def _note(self, foreign: Foreign, action: str, reason: str = "") -> None:
        self._decisions.append(Decision(foreign.name, foreign.kind, action, reason, foreign.members))

    def _adopt(self, foreign: Foreign, kept: Adoption | None, held: Sequence[Listener]) -> None:
        self._edits.note(foreign)
        files = foreign_services()[foreign.kind].switched_off(foreign, self._edits.at)
        before = {**(kept.before if kept else {}), **self._edits.replaced(files)}
        self._edits.put(foreign.kind, files)
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

    def warn_of(self, competing_sockets: Mapping[str, Sequence[Listener]], names: Collection[str]) -> None:
        """Warn of foreign services that do not hold a declared listener now, but may hold it after a boot."""
        for name, claims in competing_sockets.items():
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
        kind = foreign_services()[foreign.kind]
        self._edits.put(foreign.kind, kind.switched_on(foreign.name, kept.before, self._edits.at))
        self._add(start=kept.running, owners=foreign.owners, opening=kept.held)

    def _add(self, **more: t.Any) -> None:
        joined: dict[str, t.Any] = {
            name: getattr(self._others, name) | value
            if isinstance(value, frozenset)
            else _union(getattr(self._others, name), value)
            for name, value in more.items()
        }
        self._others = replace(self._others, **joined)


def _takes_ipv6(listener: Listener) -> bool:
    return listener.family in ("dual", "ipv6")


def _union(one: Iterable[t.Any], other: Iterable[t.Any]) -> tuple[t.Any, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _list(listeners: Iterable[Listener]) -> str:
    return ", ".join(str(listener) for listener in listeners)
