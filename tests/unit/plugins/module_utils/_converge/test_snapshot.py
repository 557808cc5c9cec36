# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declaration and host side by side: this machine's sockets and files, commands and processes as they are given."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request, Snapshot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.snapshot import read
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest, secrets
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

WRONG: tuple[Fields, ...] = (
    {**ECHO, "listen": [{"tcp": "127.0.0.1:1"}], "exec": ["/nowhere"]},
    {**ECHO, "name": "other", "listen": [{"tcp": "127.0.0.1:2"}], "user": "nobody-at-all"},
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host where nothing is recorded yet."""
    monkeypatch.setattr(manifest, "PATH", str(tmp_path / "manifest.json"))
    monkeypatch.setattr(secrets, "PATH", str(tmp_path / "key"))
    return tmp_path


def host(*programs: str) -> FakeHost:
    running = [Process(pid, 0, program, (program,), 0) for pid, program in enumerate(programs or ("init",), 1)]
    return FakeHost(*running, files={"/bin/cat": ""})


def snapshot(*entries: Fields, on: FakeHost | None = None, **options: t.Any) -> Snapshot:
    request = Request([Layer(BASE, list(entries))], **{"backend": "xinetd", "guard": "never", "check": True, **options})
    return read(request, on or host())


def echo(number: int = 1) -> Fields:
    return {**ECHO, "name": f"echo-{number}", "listen": [{"tcp": f"127.0.0.1:{number}"}]}


def test_a_new_host_has_nothing_of_what_is_wanted() -> None:
    found = snapshot(echo())
    assert (set(found.want), found.have, found.obsolete) == ({"echo-1"}, {}, [])
    assert {file.path for file in found.files} == {file.path for file in found.dirty}
    assert {file.service for file in found.dirty} == {"", "echo-1"}
    (condition,) = found.conditions().values()
    assert (condition.listeners, condition.health) == ("", "")


def test_what_is_held_and_not_wanted_is_obsolete(state: Path) -> None:
    kept, gone = state / "kept", state / "gone"
    kept.write_text("")
    files = [File(str(path), service="old", backend="xinetd") for path in (kept, gone)]
    folder = File(str(state), kind="directory", service="old", backend="xinetd")
    old = service(name="old", backend="xinetd", listen=[{"tcp": "127.0.0.1:9"}])
    manifest.save(manifest_of([old], [*files, folder], {}))
    found = snapshot()
    assert (set(found.want), set(found.have)) == (set(), {"old"})
    # Neither what is gone already nor what may have others' files in it.
    assert found.obsolete == [str(kept)]


def test_everything_that_speaks_against_a_declaration_is_said_at_once() -> None:
    with pytest.raises(InvalidDeclaration) as raised:
        snapshot(*WRONG, check=False)
    assert [problem.path for problem in raised.value.problems] == [
        "superserver_services[0].exec[0]",
        "superserver_services[1].user",
    ]


def test_check_mode_warns_of_what_may_be_there_by_then() -> None:
    warnings = [text for text in snapshot(*WRONG).warnings if "superserver_services[" in text]
    assert len(warnings) == 2


@pytest.mark.parametrize(
    ("running", "backend"), [(["systemd"], "systemd"), (["init", "s6-svscan"], "s6"), (["init"], "xinetd")]
)
def test_what_runs_says_which_backend_is_meant(running: list[str], backend: str) -> None:
    found = snapshot(echo(), on=host(*running), backend="auto")
    assert [each.backend for each in found.want.values()] == [backend]


def test_what_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_place: False)
    assert set(snapshot(echo()).missing) == {"xinetd"}
    assert snapshot().missing == {}


def test_the_number_of_commands_does_not_grow() -> None:
    one, many = host(), host()
    snapshot(echo(), on=one)
    snapshot(*map(echo, range(1, 31)), on=many)
    assert len(one.done) == len(many.done)
