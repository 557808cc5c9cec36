# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that die in front of whatever changes a host, in each of their steps and between them: undone from the last step
to the first, everything is as it was."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import MASK
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import changes_of, plan_actions
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import rollback as _rollback
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations as _generations
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress as _progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps import (
    guard,
    handover,
    listeners,
    stock,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site, Step, lines_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import writes
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import recording, switching
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.record import Record
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.switch import carry_out, undo_all
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import change as _others
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold as _hold
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import reuseport as _sharing
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.played_host import GUARDED, DiedError, Machine

PLATFORM = Platform(ipv6=True, programs={"nft": "/usr/sbin/nft"})
UNIT = "old.socket"


def echo(backend: str, name: str = "echo", port: int = 7, **fields: t.Any) -> Service:
    return service(name=name, listen=[{"tcp": str(port)}], backend=backend, **fields)


def two(backend: str, **fields: t.Any) -> list[Service]:
    return [echo(backend, **fields), echo(backend, "discard", 9)]


# What there is before, and what there is to be.
RUNS: dict[str, tuple[list[Service], list[Service]]] = {
    **{
        f"from {old} to {new}": (two(old), two(new))
        for old in ("systemd", "xinetd", "s6")
        for new in ("systemd", "xinetd", "s6")
        if old != new
    },
    "one of two moves": (two("systemd"), [echo("s6"), echo("systemd", "discard", 9)]),
    "crosswise": ([echo("systemd"), echo("s6", "discard", 9)], [echo("s6"), echo("systemd", "discard", 9)]),
    "ports change hands": (
        [echo("systemd"), echo("xinetd", "discard", 9)],
        [echo("systemd", port=9), echo("xinetd", "discard", 7)],
    ),
    **{f"created on {name}": ([], two(name)) for name in ("systemd", "xinetd", "s6")},
    **{f"removed from {name}": (two(name), []) for name in ("systemd", "xinetd", "s6")},
    **{f"changed on {name}": (two(name), two(name, umask="077")) for name in ("systemd", "xinetd", "s6")},
    **{f"moved on {name}": (two(name), [echo(name, port=8)]) for name in ("systemd", "xinetd", "s6")},
    "guarded": ([echo("xinetd")], [echo("systemd", description=GUARDED), echo("xinetd", "discard", 9)]),
    "not guarded any more": ([echo("xinetd", description=GUARDED)], [echo("systemd")]),
    "guarded on both ways": (
        [echo("xinetd", description=GUARDED)],
        [echo("s6"), echo("xinetd", "discard", 9, description=GUARDED)],
    ),
}


class Run:
    """One run on a host that is played: what it does, and how it is undone."""

    def __init__(self, machine: Machine, old: Sequence[Service], new: Sequence[Service], others: Others) -> None:
        self.machine = machine
        self.site = Site(machine.backends, PLATFORM, LocalHost(machine))
        have, want = ({each.name: each for each in services} for services in (old, new))
        actions = plan_actions(want, have, {}, machine.backends, PLATFORM)
        changes = changes_of(actions, want)
        wanted, there = ({file.path: file for file in machine.files(each)} for each in (new, old))
        install = [file for path, file in wanted.items() if path not in there or there[path].content != file.content]
        gone = [file for path, file in there.items() if path not in wanted]
        manifest = manifest_of(old, there.values(), {})
        paths = {file.path: file.backend for file in (*install, *gone)}
        paths.update(dict.fromkeys(others.masks, "systemd"))
        guarded = machine.guard in there
        journal = _journal.journal_of(paths, changes, manifest, guarded, "auto", "", None, others)
        rules = any(path == machine.guard for path in paths)
        obsolete: dict[str, list[str]] = {}
        for file in gone:
            obsolete.setdefault(file.backend, []).append(file.path)
        way = Transition(
            changes,
            writes(install),
            written=frozenset(file.backend for file in install),
            obsolete=obsolete,
            guard=machine.guard in wanted if rules else None,
            others=others,
            held=[listener for each in new for listener in each.listeners(True) if have.get(each.name)],
            record=Record(manifest, manifest_of(new, wanted.values(), {}), 0, list(paths)),
        )
        back = _rollback.way_back(journal, have, PLATFORM)
        self.steps = switching(way, back, machine.backends, PLATFORM)
        self.steps += recording(way, back, have, machine.backends)
        self.journal = replace(journal, steps=tuple(lines_of(self.steps)))
        self.site.closing = listeners.sockets_of(old, PLATFORM)
        self.site.staying = others.sockets(machine.look())
        _journal.write(self.journal)

    def go(self, last: int | None = None) -> bool:
        """Whether it comes to its end; else it dies in front of this change."""
        self.machine.done, self.machine.last = [], last
        try:
            carry_out(self.steps, self.site)
        except DiedError:
            return False
        finally:
            self.machine.last = None
        return True


def back_from_disk(machine: Machine) -> list[Step]:
    """As whoever finds the journal undoes it, who knows nothing else."""
    journal = _journal.read()
    assert journal
    return _rollback.steps_back(journal, journal.manifest.built(), PLATFORM)


def undo(machine: Machine, steps: Sequence[Step], last: int | None = None) -> bool:
    machine.done, machine.last = [], last
    try:
        undo_all(steps, Site(machine.backends, PLATFORM, LocalHost(machine)))
    except DiedError:
        return False
    finally:
        machine.last = None
    return True


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[], Machine]:
    """Makes one host after the other, of which the last one is there."""
    current: list[Machine] = []
    played = ((listeners, "bound"), (_others, "bound"), (handover, "bound"), (stock, "look"), (guard, "apply_guard"))
    for module, name in played:
        monkeypatch.setattr(module, name, lambda *arguments, name=name: getattr(current[-1], name)(*arguments))
    for name in ("OPENING", "PATIENCE"):
        monkeypatch.setattr(listeners, name, 0.0)
    monkeypatch.setattr(_others, "PATIENCE", 0.0)
    monkeypatch.setattr(handover, "unserved", lambda *_arguments: [])
    monkeypatch.setattr(_sharing, "step_forward", lambda _host: None)
    for name in ("install", "remove", "restore"):
        monkeypatch.setattr(_files, name, _counted(getattr(_files, name), name, current))
    # What is on the disk when the power fails is told by others, and takes its time.
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    numbers = iter(range(10000))

    def made() -> Machine:
        root = tmp_path / str(next(numbers))
        machine = Machine(root / "tree")
        for folder in machine.backends:
            (machine.tree / folder).mkdir(parents=True)
        (root / "state").mkdir()
        current.append(machine)
        monkeypatch.setattr(_rollback, "BACKENDS", machine.backends)
        monkeypatch.setattr(_rollback, "RULES", machine.guard)
        for module, name, file in (
            (_journal, "PATH", "state/journal.json"),
            (_manifest, "PATH", "state/manifest.json"),
            (_generations, "DIRECTORY", "state/generations"),
            (_progress, "PATH", "state/step"),
            (_hold, "RULES", "state/hold.nft"),
            (_hold, "DRAFT", "state/hold-draft.nft"),
        ):
            monkeypatch.setattr(module, name, str(root / file))
        return machine

    return made


def _counted(function: t.Callable[..., t.Any], name: str, current: list[Machine]) -> t.Callable[..., t.Any]:
    def call(*arguments: t.Any) -> t.Any:
        current[-1].happens(f"{name} {arguments[0]}")
        return function(*arguments)

    return call


def begun(machine: Machine, old: Sequence[Service], new: Sequence[Service], others: Others | None = None) -> Run:
    """A host that has the old services, and a run to the new ones that has written its journal."""
    for file in machine.files(old):
        Path(file.path).write_text(file.content)
    if Path(machine.guard).exists():
        machine.apply_guard(True)
    site = Site(machine.backends, PLATFORM, LocalHost(machine))
    _manifest.save(manifest_of(old, machine.files(old), {}))
    for name, backend in machine.backends.items():
        backend.reload(PLATFORM, site.host)
        started = tuple(each for each in old if each.backend == name)
        if started:
            listeners.Open(name, Change(start=started)).run(site)
    return Run(machine, old, new, others or Others())


def served(machine: Machine, services: Sequence[Service]) -> None:
    """Every port is served by whom it should be, and nobody else."""
    found = sorted((each.kind, each.name, each.port) for each in machine.listeners if each.kind != "unit")
    assert found == sorted((each.backend, each.name, port) for each in services for port in [each.listen[0].port])


@pytest.mark.parametrize("name", RUNS)
def test_a_run_comes_to_its_end_and_can_be_undone(place: t.Callable[[], Machine], name: str) -> None:
    old, new = RUNS[name]
    machine = place()
    run = begun(machine, old, new)
    before = machine.state()
    assert run.go()
    served(machine, new)
    assert _progress.begun() == len(run.journal.steps)
    assert machine.state()["files"] == {
        str(Path(file.path).relative_to(machine.tree)): file.content for file in machine.files(new)
    }
    assert undo(machine, run.steps)
    assert machine.state() == before
    assert _manifest.load() == run.journal.manifest


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_dies_anywhere_is_undone(place: t.Callable[[], Machine], name: str) -> None:
    """By whoever finds the journal."""
    old, new = RUNS[name]
    deaths, over = 0, False
    while not over:
        machine = place()
        run = begun(machine, old, new)
        before = machine.state()
        over = run.go(deaths)
        assert undo(machine, back_from_disk(machine)), machine.done
        assert machine.state() == before, f"died {deaths}"
        assert _manifest.load() == run.journal.manifest
        deaths += 1
        # Not in front of each step alone.
        assert not over or deaths > len(run.journal.steps)


@pytest.mark.parametrize("name", ["from xinetd to systemd", "ports change hands", "guarded", "moved on s6"])
def test_whoever_undoes_a_run_may_die_as_well(place: t.Callable[[], Machine], name: str) -> None:
    old, new = RUNS[name]
    deaths, over = 0, False
    while not over:
        machine = place()
        run = begun(machine, old, new)
        before = machine.state()
        run.go(12)
        over = undo(machine, back_from_disk(machine), deaths)
        assert undo(machine, back_from_disk(machine))
        assert machine.state() == before, f"died {deaths}"
        deaths += 1


def taking_over(machine: Machine) -> Others:
    """A unit of others has the port of a service."""
    machine.units[UNIT] = 7
    machine.open("unit", UNIT, 7, UNIT)
    return Others(
        stop=(UNIT,),
        failed=(UNIT,),
        masks=(str(machine.tree / "systemd" / UNIT),),
        owners=frozenset({("systemd", UNIT)}),
        closing=tuple(echo("systemd").listeners(True)),
    )


def test_what_was_taken_over_is_given_back_wherever_a_run_dies(place: t.Callable[[], Machine]) -> None:
    deaths, over = 0, False
    while not over:
        machine = place()
        others = taking_over(machine)
        run = begun(machine, [], [echo("systemd")], others)
        before = machine.state()
        over = run.go(deaths)
        if over:
            served(machine, [echo("systemd")])
            assert _files.look(others.masks[0]) == MASK
        assert undo(machine, back_from_disk(machine))
        assert machine.state() == before, f"died {deaths}"
        deaths += 1


def test_a_journal_without_steps_is_undone(place: t.Callable[[], Machine]) -> None:
    """As earlier versions have written it."""
    old, new = RUNS["from xinetd to systemd"]
    machine = place()
    run = begun(machine, old, new)
    before = machine.state()
    run.go(9)
    _journal.write(replace(run.journal, steps=()))
    assert undo(machine, back_from_disk(machine))
    assert machine.state() == before


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("1", "; the run had reached step 1 of 2: first"),
        ("2", "; the run had reached step 2 of 2: second"),
        *((number, "") for number in ("", "0", "3", "-1", "x")),
    ],
)
def test_how_far_a_run_had_come_is_told_where_that_is_known(
    number: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_progress, "PATH", str(tmp_path / "step"))
    journal = replace(Journal({}, {}, {}, _manifest.Manifest(), False), steps=("first", "second"))
    assert _rollback._reached(journal) == ""
    (tmp_path / "step").write_text(number)
    assert _rollback._reached(journal) == told
    _progress.end()
    assert _rollback._reached(journal) == ""
