# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier versions have stored on hosts, as it was recorded then, is understood."""

from __future__ import annotations

import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from _checks import ROOT

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import everything as _state
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations as _generations
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest

RECORDED = ROOT / "tests/upgrade"
EVERY = sorted(path for path in RECORDED.glob("*/every-field/*") if path.is_dir())
HOSTS = sorted(RECORDED.glob("*/hosts/*.json"))
STATE = "/var/lib/superserver/"


def name_of(path: Path) -> str:
    return str(path.relative_to(RECORDED))


@pytest.fixture(params=[*EVERY, *HOSTS], ids=name_of)
def state(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory of a host as an earlier version left it."""
    recorded: Path = request.param
    for name, text in (stored(recorded) if recorded.is_file() else kept(recorded)).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(_manifest, "PATH", str(tmp_path / "manifest.json"))
    monkeypatch.setattr(_journal, "PATH", str(tmp_path / "journal.json"))
    monkeypatch.setattr(_journal, "TOLD", str(tmp_path / "watcher.json"))
    monkeypatch.setattr(_generations, "DIRECTORY", str(tmp_path / "generations"))
    return tmp_path


def stored(host: Path) -> dict[str, str]:
    """What the collection kept of a host."""
    files = json.loads(host.read_text(encoding="utf-8"))["files"]
    texts = {path: entry["text"] for path, entry in files.items() if "text" in entry}
    return {path[len(STATE) :]: text for path, text in texts.items() if path.startswith(STATE)}


def kept(folder: Path) -> dict[str, str]:
    prefix = "generations/" if folder.name == "generations" else ""
    return {f"{prefix}{path.name}": path.read_text(encoding="utf-8") for path in folder.iterdir()}


def value(path: Path) -> dict[str, t.Any]:
    read: dict[str, t.Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return read


def test_there_is_something_of_every_kind() -> None:
    """One per backend and manager, of hosts and of functions; the managers are told by what they store."""
    kinds = {path.name for path in EVERY}
    assert {"systemd", "xinetd", "s6-ucspi", "s6-networking", "s6-ucspi-init", "s6-rc", "journal-move"} <= kinds
    assert {"systemd", "xinetd", "s6", "s6-init", "interrupted"} <= {path.stem for path in HOSTS}


def test_nothing_is_set_aside(state: Path) -> None:
    assert _state.problems() == []


def test_every_service_and_file_is_known(state: Path) -> None:
    recorded = value(state / "manifest.json")
    manifest = _manifest.load()
    assert manifest.lost == ()
    built = manifest.built()
    assert built.keys() == recorded.get("services", {}).keys()
    assert manifest.files.keys() == recorded.get("files", {}).keys()
    for name, service in built.items():
        assert service.to_json().items() >= recorded["services"][name].items()
        assert service.listeners(ipv6=True)


def test_a_journal_undoes_all_that_it_did(state: Path) -> None:
    recorded, journal = value(state / "journal.json"), _journal.read()
    if not recorded:
        assert journal is None
        return
    assert journal is not None
    assert journal.files.keys() == recorded["files"].keys()
    for backend, change in recorded["changes"].items():
        for part in ("stop", "start", "refresh", "kept"):
            assert len(getattr(journal.changes[backend], part)) == len(change[part])
    assert journal.manifest.built().keys() == recorded["manifest"]["services"].keys()
    assert bool(journal.confirmation) == bool(recorded["confirmation"])


def test_generations_and_what_was_told(state: Path) -> None:
    recorded = [value(path) for path in sorted((state / "generations").glob("*.json"))]
    assert _generations.listed() == [{**each, "services": as_today(each["services"])} for each in recorded]
    if (state / "watcher.json").exists():
        assert _journal.told()


def test_what_named_no_account_was_roots(state: Path) -> None:
    """Its declaration has to name root today, and nothing changes by that."""
    recorded = value(state / "manifest.json").get("services", {})
    manifest = _manifest.load()
    assert manifest.services == dict(zip(recorded, as_today(recorded.values())))
    for name, service in manifest.built().items():
        assert service.user == ("superserver" if service.internal else recorded[name].get("user", "root"))
        assert service.to_json() == manifest.services[name]
    everything = [*manifest.services.values(), *(each for kept in _generations.listed() for each in kept["services"])]
    assert [each["name"] for each in everything if "exec" in each and "user" not in each] == []


def as_today(services: t.Iterable[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Services as 1.0.0 stored them, with the account that those had that named none."""
    return [each if "internal" in each else {"user": "root", **each} for each in services]


def test_nothing_of_it_was_edited() -> None:
    """Hosts have these bytes; a new version gets a directory of its own."""
    said = (RECORDED / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    found = {
        name_of(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(RECORDED.rglob("*"))
        if path.is_file() and (path.suffix == ".json" or path.name == "declared.yml")
    }
    assert {line.split("  ")[1]: line.split("  ")[0] for line in said} == found
