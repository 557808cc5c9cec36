# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on hosts whose stored state another version wrote, or nobody can read: they go on, and remove nothing."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge import run as a_run
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import converge
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import (
    generations,
    journal,
    lock,
    manifest,
    progress,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.status import status
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

HOST = LocalHost(watcher.Commands())
NOTHING = [Layer(BASE, [])]

JOURNAL: dict[str, t.Any] = {
    "files": {},
    "backends": {},
    "changes": {},
    "manifest": {"version": 1, "services": {}, "files": {}, "runtimes": {}},
    "guarded": False,
    "policy": "auto",
    "bin_directory": "",
    "s6_rc": None,
    "others": {
        **{key: [] for key in ("stop", "start", "failed", "masks", "owners", "closing", "opening")},
        "xinetd": False,
    },
    "confirmation": None,
    "steps": ["write a file"],
}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of its own."""
    for module, name, file in (
        (journal, "PATH", "journal.json"),
        (journal, "TOLD", "watcher.json"),
        (manifest, "PATH", "manifest.json"),
        (generations, "DIRECTORY", "generations"),
        (lock, "LOCK", "run/lock"),
        (progress, "PATH", "run/step"),
    ):
        monkeypatch.setattr(module, name, str(tmp_path / file))
    monkeypatch.setattr(a_run, "STAGES", str(tmp_path / "stages"))
    (tmp_path / "generations").mkdir()
    return tmp_path


def run(check: bool = False) -> dict[str, t.Any]:
    """A run with an empty declaration."""
    return converge(Request(NOTHING, check=check), HOST)


def held(**fields: t.Any) -> str:
    """A manifest with one service, in which such fields stand."""
    value = manifest_of([service()], [], {}).to_json()
    value["services"]["echo"].update(fields)
    return json.dumps(value)


def test_a_field_that_the_schema_does_not_have_any_more(state: Path) -> None:
    (state / "manifest.json").write_text(held(colour="red", connections={"per_moon": 3}))
    (row,) = run(check=True)["services"]
    assert (row["name"], row["action"]) == ("echo", "remove")


NOT_UNDERSTOOD = {
    "empty": "",
    "blank": "\n",
    "half": '{"version": 1, "serv',
    "another format": "<xml/>",
    "a list": "[]",
    "a number": "1",
    "no version": '{"version": "new"}',
    "binary": "\udcff\udcfe",
}
FILES = ("manifest.json", "journal.json", "watcher.json", "generations/3.json")
CASES = [(file, name) for file in FILES for name in NOT_UNDERSTOOD if (file, name) != ("watcher.json", "a list")]
SHAPES: tuple[tuple[str, dict[str, t.Any]], ...] = (
    ("manifest.json", {"version": 1, "services": []}),
    ("manifest.json", {"version": 1, "files": 3}),
    ("manifest.json", {"version": 1, "s6_rc": {"sources": 3}}),
    ("journal.json", {}),
    ("journal.json", {**JOURNAL, "files": []}),
    ("journal.json", {**JOURNAL, "files": {"/a": None}}),
    ("journal.json", {**JOURNAL, "files": {"/a": {"kind": "file"}}, "backends": {"/a": "xinetd"}}),
    ("journal.json", {**JOURNAL, "manifest": []}),
    ("journal.json", {**JOURNAL, "others": {"closing": 3}}),
    ("journal.json", {**JOURNAL, "confirmation": "soon"}),
    ("journal.json", {**JOURNAL, "steps": 3}),
    ("watcher.json", {"version": 2, "texts": 3}),
    ("generations/3.json", {"number": 3}),
    ("generations/3.json", {"number": 3, "services": [3]}),
)


def set_aside(state: Path, file: str, content: str) -> None:
    """Have a run meet a file that nobody understands."""
    path = state / file
    path.write_text(content, errors="surrogateescape")
    (warning,) = run()["warnings"]
    assert f"{path} cannot be understood" in warning
    (aside,) = path.parent.glob(f"{path.name}.2*Z")
    assert aside.read_text(errors="surrogateescape") == content
    assert str(aside) in warning
    assert not path.exists() or path.name == "manifest.json"


@pytest.mark.parametrize("file", FILES)
def test_it_is_only_told_until_a_run_sets_it_aside(state: Path, file: str) -> None:
    path = state / file
    path.write_text("")
    assert f"{path} cannot be understood: it is empty" in " ".join(run(check=True)["warnings"])
    assert any(str(path) in problem for problem in status(Request(NOTHING), False, False, HOST)["problems"])
    assert path.read_text() == ""
    run()
    assert run()["warnings"] == []


@pytest.mark.parametrize(("file", "name"), CASES)
def test_what_nobody_can_read_is_set_aside(state: Path, file: str, name: str) -> None:
    set_aside(state, file, NOT_UNDERSTOOD[name])


@pytest.mark.parametrize(("file", "value"), SHAPES)
def test_what_is_of_another_shape_is_set_aside(state: Path, file: str, value: dict[str, t.Any]) -> None:
    set_aside(state, file, json.dumps(value))


@pytest.mark.parametrize("field", [field for field in JOURNAL if field not in ("files", "backends")])
def test_a_journal_that_lacks_a_field_is_undone(state: Path, field: str) -> None:
    (state / "changed").write_text("new")
    value = {**JOURNAL, "files": {str(state / "changed"): None}, "backends": {str(state / "changed"): "xinetd"}}
    del value[field]
    (state / "manifest.json").write_text(json.dumps(JOURNAL["manifest"]))
    (state / "journal.json").write_text(json.dumps(value))
    assert run()["warnings"] == ["a run was interrupted; 1 files were restored to their previous state"]
    assert not (state / "changed").exists()
    assert not (state / "journal.json").exists()


def test_services_of_what_is_set_aside_are_nobodys(state: Path) -> None:
    """Of two services in a manifest one is understood; the files of the other are left alone."""
    value = manifest_of([service(), service(name="other", listen=[{"tcp": "8"}])], [], {}).to_json()
    value["services"]["other"]["listen"] = "everywhere"
    for name in ("echo", "other"):
        (state / name).write_text(name)
        entry = {"service": name, "backend": "systemd", "kind": "file", "digest": ""}
        value["files"][str(state / name)] = entry
    (state / "manifest.json").write_text(json.dumps(value))
    result = run(check=True)
    assert [row["name"] for row in result["services"]] == ["echo"]
    steps, *files = result["diff"]
    assert [entry["before_header"] for entry in files] == [str(state / "echo")]
    assert f"remove 1 file of systemd: {state / 'echo'}" in steps["after"]
    assert "services: other" in " ".join(result["warnings"])


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("check", [False, True])
def test_a_newer_version_is_left_alone(state: Path, file: str, check: bool) -> None:
    (state / file).write_text('{"version": 99}')
    before = {path: path.read_bytes() for path in state.rglob("*.json*")}
    with pytest.raises(RunFailed, match=r"newer version of this collection: it has format 99, .*\nnothing was changed"):
        run(check)
    with pytest.raises(RunFailed, match="newer version"):
        status(Request(NOTHING), False, False, HOST)
    assert {path: path.read_bytes() for path in state.rglob("*.json*")} == before


def test_what_1_0_0_told_is_told(state: Path) -> None:
    (state / "watcher.json").write_text('["put back"]')
    assert run()["warnings"] == ["put back"]
    assert not (state / "watcher.json").exists()


def test_what_another_version_stored_beside_is_kept(state: Path) -> None:
    value = {**JOURNAL["manifest"], "colours": {"echo": "red"}, "runtimes": {"inetd": "active"}}
    (state / "manifest.json").write_text(json.dumps(value))
    run()
    kept = json.loads((state / "manifest.json").read_text())
    assert (kept["colours"], kept["runtimes"]) == (value["colours"], value["runtimes"])
