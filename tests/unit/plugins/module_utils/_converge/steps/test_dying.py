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
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import rollback
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import (
    generations,
    manifest,
    progress,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps import (
    guard,
    handover,
    listeners,
    stock,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import change
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold, reuseport
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.played_host import GUARDED, Machine
from ansible_collections.ondemand.superserver.tests.unit.played_runs import PLATFORM, Run, back_from_disk, undo

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


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[], Machine]:
    """Makes one host after the other, of which the last one is there."""
    current: list[Machine] = []
    played = ((listeners, "bound"), (change, "bound"), (handover, "bound"), (stock, "look"), (guard, "apply_guard"))
    for module, name in played:
        monkeypatch.setattr(module, name, lambda *arguments, name=name: getattr(current[-1], name)(*arguments))
    for name in ("OPENING", "PATIENCE"):
        monkeypatch.setattr(listeners, name, 0.0)
    monkeypatch.setattr(change, "PATIENCE", 0.0)
    monkeypatch.setattr(handover, "unserved", lambda *_arguments: [])
    monkeypatch.setattr(reuseport, "step_forward", lambda _host: None)
    for name in ("install", "remove", "restore"):
        monkeypatch.setattr(store, name, _counted(getattr(store, name), name, current))
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
        monkeypatch.setattr(rollback, "BACKENDS", machine.backends)
        monkeypatch.setattr(rollback, "RULES", machine.guard)
        for module, name, file in (
            (_journal, "PATH", "state/journal.json"),
            (manifest, "PATH", "state/manifest.json"),
            (generations, "DIRECTORY", "state/generations"),
            (progress, "PATH", "state/step"),
            (hold, "RULES", "state/hold.nft"),
            (hold, "DRAFT", "state/hold-draft.nft"),
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
    manifest.save(manifest_of(old, machine.files(old), {}))
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
    assert progress.begun() == len(run.journal.steps)
    assert machine.state()["files"] == {
        str(Path(file.path).relative_to(machine.tree)): file.content for file in machine.files(new)
    }
    assert undo(machine, run.steps)
    assert machine.state() == before
    assert manifest.load() == run.journal.manifest


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
        assert manifest.load() == run.journal.manifest
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
            assert store.look(others.masks[0]) == MASK
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
    monkeypatch.setattr(progress, "PATH", str(tmp_path / "step"))
    journal = replace(Journal({}, {}, {}, manifest.Manifest(), False), steps=("first", "second"))
    assert rollback._reached(journal) == ""
    (tmp_path / "step").write_text(number)
    assert rollback._reached(journal) == told
    progress.end()
    assert rollback._reached(journal) == ""
