# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user sees of the services of a host: one that is healthy, and what may be wrong with others."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import status
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import generations, journal, manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest, manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Process, Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

INIT = Process(1, 0, "systemd", ("systemd",), 0)
SHOW = "systemctl show --property=Id,LoadState,NeedDaemonReload,UnitFileState echo.socket"
SHOWN = {"Id": "echo.socket", "LoadState": "loaded", "NeedDaemonReload": "no", "UnitFileState": "enabled"}
INODE = 42
SEVEN = Socket("tcp", "ipv4", "127.0.0.1", 7, False, "stream", INODE, 0, 64, "")
OWN = Owner("systemd", "echo.socket", 1, "systemd")
CLOSED = "tcp:127.0.0.1:7 is not open"

Status = t.Dict[str, t.Any]
Look = t.Callable[..., Status]


def echo(**fields: t.Any) -> Service:
    return service(**{"name": "echo", "listen": [{"tcp": "127.0.0.1:7"}], "backend": "systemd", **fields})


@pytest.fixture
def look(state: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Looks at a host on which the socket is held by an owner, and systemd says this of its unit."""
    monkeypatch.setattr(generations, "DIRECTORY", str(state / "generations"))

    def looked(owner: Owner | None = OWN, **said: str) -> Status:
        live = SocketTable({("tcp", 7): [SEVEN]}, {INODE: owner}) if owner else SocketTable({}, {})
        monkeypatch.setattr(status, "look", lambda *_arguments: live)
        text = "\n".join(f"{key}={value}" for key, value in {**SHOWN, **said}.items())
        host = FakeHost(INIT, answers={SHOW: Result(0, f"{text}\n", "")})
        return status.status(Request((), {}), declared=False, probe=False, host=host)

    return looked


def test_a_host_with_nothing_has_nothing_wrong(look: Look, state: Path) -> None:
    everything = ("services", "endpoints", "answers", "files", "adopted", "generations", "problems", "warnings")
    assert look() == {**{name: [] for name in everything}, "backend": "systemd"}
    assert list(state.iterdir()) == []


def test_a_healthy_service(look: Look) -> None:
    manifest.save(manifest_of([echo()], [], {}))
    found = look()
    assert (found["problems"], found["warnings"]) == ([], [])
    assert [each["name"] for each in found["services"]] == ["echo"]
    assert found["endpoints"] == [
        {
            "service": "echo",
            "backend": "systemd",
            "state": "present",
            "endpoint": "tcp:127.0.0.1:7",
            "owner": "systemd echo.socket",
            "inodes": [INODE],
            "waits_for": "",
            "problem": "",
        }
    ]


def test_a_port_that_is_closed(look: Look) -> None:
    manifest.save(manifest_of([echo()], [], {}))
    found = look(owner=None)
    assert found["problems"] == [f"echo: {CLOSED}"]
    (row,) = found["endpoints"]
    assert (row["owner"], row["inodes"], row["problem"]) == ("", [], CLOSED)


def test_a_port_that_a_disabled_service_should_not_have(look: Look) -> None:
    manifest.save(manifest_of([echo(state="disabled")], [], {}))
    assert look(owner=None, UnitFileState="disabled")["problems"] == []
    (problem,) = look(UnitFileState="disabled")["problems"]
    assert problem.startswith("echo: tcp:127.0.0.1:7 ")


def test_an_owner_that_is_another_one(look: Look) -> None:
    manifest.save(manifest_of([echo()], [], {}))
    found = look(owner=Owner("program", "nc", 99, "nc"))
    (row,) = found["endpoints"]
    assert row["owner"] == "program nc"
    assert "nc" in row["problem"]
    assert found["problems"] == [f"echo: {row['problem']}"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"LoadState": "masked"}, "echo.socket is masked"),
        ({"NeedDaemonReload": "yes"}, "systemd has not read the current file of echo.socket"),
        ({"UnitFileState": "disabled"}, "echo.socket is not enabled at boot"),
    ],
)
def test_what_the_super_server_says_is_told(look: Look, said: dict[str, str], problem: str) -> None:
    manifest.save(manifest_of([echo()], [], {}))
    assert look(**said)["problems"] == [f"echo: {problem}"]


def test_a_super_server_that_is_gone(look: Look) -> None:
    manifest.save(manifest_of([echo(backend="s6")], [], {}))
    assert look(owner=None)["problems"] == [f"echo: {CLOSED}", "echo: no s6-svscan runs on /etc/superserver/s6"]


def test_a_backend_that_this_version_does_not_have(look: Look, state: Path) -> None:
    """Its service is nobody's, and the others are as they are."""
    value = manifest_of([echo(), echo(name="gone", listen=[{"tcp": "127.0.0.1:9"}])], [], {}).to_json()
    value["services"]["gone"]["backend"] = "inetd"
    text = json.dumps(value)
    (state / "manifest.json").write_text(text)
    found = look()
    assert [each["name"] for each in found["services"]] == ["echo"]
    (problem,) = found["problems"]
    assert problem.startswith(f"{state}/manifest.json cannot be understood: services: gone; ")
    assert problem.endswith("; the next run sets it aside")
    # It is only looked at.
    assert (state / "manifest.json").read_text() == text


def test_files_that_are_not_as_they_were_made(look: Look, state: Path) -> None:
    files = [File(str(state / name), "text", service="echo", backend="systemd") for name in ("a", "b", "c")]
    (state / "a").write_text("text")
    (state / "b").write_text("another")
    manifest.save(manifest_of([echo()], files, {}))
    found = look()
    assert found["files"] == [
        {"path": str(state / name), "service": "echo", "problem": problem}
        for name, problem in (("a", ""), ("b", "changed"), ("c", "missing"))
    ]
    assert found["problems"] == [f"{state}/b: changed", f"{state}/c: missing"]


def test_services_that_were_taken_over(look: Look) -> None:
    adopted: dict[str, dict[str, t.Any]] = {
        "b.socket": {"kind": "systemd"},
        "a": {"kind": "xinetd"},
        "back": {"kind": "xinetd", "given_back": True},
    }
    manifest.save(manifest_of([], [], {}, adopted=adopted))
    assert look()["adopted"] == [{"name": "a", "kind": "xinetd"}, {"name": "b.socket", "kind": "systemd"}]


@pytest.mark.parametrize(
    ("within", "problem"),
    [
        (0, "a run was interrupted; the next run first restores the previous state"),
        (60, r"a change waits for its confirmation; it is rolled back in [56]\d s"),
    ],
)
def test_a_run_that_has_not_come_to_its_end(look: Look, within: int, problem: str) -> None:
    confirmation = journal.confirmation(within, "", {}) if within else None
    journal.write(Journal({}, {}, {}, Manifest(), False, confirmation=confirmation))
    (found,) = look()["problems"]
    assert re.fullmatch(problem, found)


def test_what_was_there_before_is_listed(look: Look) -> None:
    generations.keep(manifest_of([echo()], [], {}), Manifest(), 5)
    (entry,) = look()["generations"]
    assert (entry["number"], [each["name"] for each in entry["services"]]) == (1, ["echo"])
