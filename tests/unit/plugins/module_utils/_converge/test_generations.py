# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host had before is kept, and can be declared again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge import _generations
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._manifest import Manifest, manifest_of
from ansible_collections.ondemand.superserver.tests.unit.declarations import load, service
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_generations, "DIRECTORY", str(tmp_path / "generations"))
    return tmp_path / "generations"


def state(port: int) -> Manifest:
    return manifest_of([service(listen=[{"tcp": str(port)}])], [], {})


def kept() -> dict[int, str]:
    """The port that each generation listened on."""
    return {entry["number"]: entry["services"][0]["listen"][0]["tcp"] for entry in _generations.listed()}


def test_a_new_host_has_none() -> None:
    _generations.keep(Manifest(), state(1), 5)
    assert _generations.listed() == []


def test_only_other_services_make_one() -> None:
    _generations.keep(state(1), replace(state(1), runtimes={"xinetd": "idle"}), 5)
    assert kept() == {}
    _generations.keep(state(1), state(2), 5)
    _generations.keep(state(1), state(3), 5)  # after a change that did not stand
    assert kept() == {1: "1"}


def test_the_last_ones_are_kept(directory: Path) -> None:
    for port in range(1, 8):
        _generations.keep(state(port), state(port + 1), 3)
        assert len(kept()) == min(port, 3)
    assert kept() == {5: "5", 6: "6", 7: "7"}
    assert [path.stat().st_mode & 0o777 for path in (directory, *directory.iterdir())] == [0o700, 0o600, 0o600, 0o600]
    _generations.keep(state(8), state(9), 0)
    assert kept() == {}


@pytest.mark.parametrize("name", COMMON)
@pytest.mark.parametrize("backend", ["systemd", "xinetd", "s6"])
def test_what_is_kept_can_be_declared_again(name: str, backend: str) -> None:
    """Without the defaults and the backend that it was declared with."""
    was = service(name=name, backend=backend, **COMMON[name])
    _generations.keep(manifest_of([was], [], {}), Manifest(), 5)
    (entry,) = _generations.listed()
    assert load(*entry["services"], backend="systemd") == [was]
