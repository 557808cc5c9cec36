# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan, as check mode shows them and a run carries them out."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.course import course_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request, Snapshot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import Plan, _leave
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.record import Record
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.actions import Action
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.watcher import Commands
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

HOST = LocalHost(Commands())
PLATFORM = Platform(programs={"nft": "/usr/sbin/nft"})
OLD, NEW = service(backend="systemd"), service(backend="xinetd")


def snapshot(
    want: Sequence[Service], have: Sequence[Service], files: Sequence[File], runtimes: t.Mapping[str, str]
) -> Snapshot:
    wanted, held = ({each.name: each for each in group} for group in (want, have))
    seen = dict.fromkeys((file.path for file in files), None)
    return Snapshot(
        wanted, held, PLATFORM, manifest_of(have, [], runtimes), files, seen, SocketTable({}, {}), {}, {}, []
    )


def plan(**fields: t.Any) -> Plan:
    """The service goes from systemd to xinetd."""
    files = [File("/etc/xinetd.d/superserver-echo", "new", service="echo", backend="xinetd")]
    actions = [Action("echo", "move", "", OLD, NEW)]
    changes = {"systemd": Change(stop=(OLD,)), "xinetd": Change(start=(NEW,))}
    found = Plan(snapshot([NEW], [OLD], files, {}), actions, changes, files, [], None)
    return replace(found, **fields)


def still(runtimes: t.Mapping[str, str], have: Sequence[Service] = ()) -> Plan:
    """Nothing changes."""
    return Plan(snapshot([], have, [], runtimes), [], {}, [], [], None)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often nftables was asked whether it can hold ports."""
    found: list[str] = []

    def obstacle(*_arguments: object) -> str:
        found.append("asked")
        return ""

    monkeypatch.setattr(hold, "obstacle", obstacle)
    return found


STEPS = [
    "start xinetd unless it runs",
    "write 1 file of echo for xinetd: /etc/xinetd.d/superserver-echo",
    "prepare echo (xinetd) while the old listeners are open",
    "hold new clients of tcp:*:7 (nftables)",
    "close the listeners of echo (systemd)",
    "open those of echo (xinetd, in one reload)",
    "lift the hold",
    "complete the change of echo (systemd) while the new listeners are open",
    "complete the change of echo (xinetd) while the new listeners are open",
    "record the services and their files",
]


@pytest.mark.parametrize("check", [False, True])
def test_check_mode_shows_what_a_run_does(check: bool, asked: list[str]) -> None:
    course = course_of(plan(), Request([], check=check), HOST)
    assert course.lines[:-1] == [*course.journal.steps] == STEPS
    assert course.lines[-1] == "start systemd unless it runs"
    assert asked == ([] if check else ["asked"])


@pytest.mark.parametrize("nftables", [True, False])
@pytest.mark.parametrize(("missing", "held"), [("xinetd", False), ("hold", True), ("guard", True)])
def test_what_is_not_installed_yet_is_taken_as_installed(
    missing: str, held: bool, nftables: bool, asked: list[str]
) -> None:
    platform = PLATFORM if nftables else Platform(programs={})
    lacking = replace(plan().snapshot, missing={missing: "a package"}, platform=platform)
    assert (STEPS[3] in course_of(plan(snapshot=lacking), Request([]), HOST).lines) == (held or nftables)
    assert asked == []


def test_nothing_to_change_is_no_step() -> None:
    course = course_of(still({}), Request([]), HOST)
    assert course.lines == []
    assert [step.line for step in course.recording] == ["record the services and their files"]


@pytest.mark.parametrize(
    ("runtimes", "have", "lines"),
    [
        ({"xinetd": "active"}, [], ["stop xinetd, which has no services any more"]),
        ({"xinetd": "idle", "inetd": "active"}, [], []),
        ({}, [NEW], ["start xinetd unless it runs"]),
    ],
)
def test_a_runtime_without_services_stops_if_it_was_installed_for_them(
    runtimes: dict[str, str], have: list[Service], lines: list[str]
) -> None:
    assert course_of(still(runtimes, have), Request([]), HOST).lines == lines


def test_a_runtime_that_does_not_stop_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "PATH", str(tmp_path / "manifest.json"))
    course = course_of(still({"xinetd": "active", "s6": "active"}), Request([]), HOST)
    stopped: list[str] = []

    def stop_runtime(self: Backend, *_arguments: object) -> None:
        if self.name == "xinetd":
            raise SwitchFailed("busy")
        stopped.append(self.name)

    for backend in BACKENDS.values():
        monkeypatch.setattr(type(backend), "stop_runtime", stop_runtime)
    record = course.recording[0].operation
    assert isinstance(record, Record)
    manifest.save(record.new)
    assert _leave(course, Site(BACKENDS, PLATFORM, HOST)) == [
        "xinetd has no services any more but could not be stopped: busy"
    ]
    assert stopped == ["s6"]
    assert manifest.load().runtimes == {"xinetd": "active", "s6": "idle"}
