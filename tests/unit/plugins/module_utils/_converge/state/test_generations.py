# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host had before is kept, and can be declared again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import (
    Manifest,
    from_json,
    manifest_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.tests.unit.declarations import load, service
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(generations, "DIRECTORY", str(tmp_path / "generations"))
    return tmp_path / "generations"


def state(port: int) -> Manifest:
    return manifest_of([service(listen=[{"tcp": str(port)}])], [], {})


def kept() -> dict[int, str]:
    """The port that each generation listened on."""
    return {entry["number"]: entry["services"][0]["listen"][0]["tcp"] for entry in generations.listed()}


def test_a_new_host_has_none() -> None:
    generations.keep(Manifest(), state(1), 5)
    assert generations.listed() == []


def test_only_other_services_make_one() -> None:
    generations.keep(state(1), replace(state(1), runtimes={"xinetd": "idle"}), 5)
    assert kept() == {}
    generations.keep(state(1), state(2), 5)
    generations.keep(state(1), state(3), 5)  # after a change that did not stand
    assert kept() == {1: "1"}


def test_the_last_ones_are_kept(directory: Path) -> None:
    for port in range(1, 8):
        generations.keep(state(port), state(port + 1), 3)
        assert len(kept()) == min(port, 3)
    assert kept() == {5: "5", 6: "6", 7: "7"}
    assert [path.stat().st_mode & 0o777 for path in (directory, *directory.iterdir())] == [0o700, 0o600, 0o600, 0o600]
    generations.keep(state(8), state(9), 0)
    assert kept() == {}


def test_an_account_that_was_not_named_makes_no_other_service() -> None:
    """Up to 1.0.0 it was root's; a declaration says so today."""
    today = manifest_of([service(user="root")], [], {})
    stored = today.to_json()
    stored["services"] = {"echo": {name: value for name, value in today.services["echo"].items() if name != "user"}}
    before = from_json(stored)
    assert before == today
    generations.keep(before, today, 5)
    assert generations.listed() == []


def test_an_account_that_was_not_named_is_named_when_one_goes_back(directory: Path) -> None:
    directory.mkdir()
    fields = {name: value for name, value in service(user="root").to_json().items() if name != "user"}
    (directory / "1.json").write_text(json.dumps({"number": 1, "services": [fields]}), encoding="utf-8")
    (entry,) = generations.listed()
    assert load_services([Layer(BASE, entry["services"])], None, "systemd") == [service(user="root")]


@pytest.mark.parametrize("name", COMMON)
@pytest.mark.parametrize("backend", ["systemd", "xinetd", "s6"])
def test_what_is_kept_can_be_declared_again(name: str, backend: str) -> None:
    """Without the defaults and the backend that it was declared with."""
    was = service(name=name, backend=backend, **COMMON[name])
    generations.keep(manifest_of([was], [], {}), Manifest(), 5)
    (entry,) = generations.listed()
    assert load(*entry["services"], backend="systemd") == [was]
