# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins of others: which of them systemd reads, and what is said about them."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd import dropins as _systemd_dropins
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.dropins import (
    LOAD_PATH,
    drop_ins,
    folders_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import UNITS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.reuseport import sharing_files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

SYSTEMD, HOST = Systemd(), Platform()


class Disk(FakeHost):
    """A host whose files are below a directory."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def names(self, path: str) -> list[str]:
        return LocalHost.names(self, f"{self.root}{path}")

    def read(self, path: str) -> str | None:
        return LocalHost.read(self, f"{self.root}{path}")

    def put(self, path: str, text: str | None) -> None:
        """A file; None: a link to /dev/null."""
        place = Path(f"{self.root}{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            place.symlink_to("/dev/null")
        else:
            place.write_text(text)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def said(disk: Disk, *declared: Fields, init: str = "systemd") -> tuple[list[str], list[str]]:
    services = [service(**fields) for fields in declared or ({},)]
    files = SYSTEMD.render(services, HOST)
    problems, warnings = SYSTEMD.disturbed(services, files, Platform(init=init), t.cast("t.Any", disk))
    return [str(problem) for problem in problems], warnings


@pytest.mark.parametrize(
    ("unit", "special", "general"),
    [
        ("echo.socket", ["echo.socket.d"], "socket.d"),
        ("a-b-c.socket", ["a-b-c.socket.d", "a-b-.socket.d", "a-.socket.d"], "socket.d"),
        ("a-b@.service", ["a-b@.service.d", "a-.service.d", "a-@.service.d"], "service.d"),
        ("superserver-a\\x2db.slice", ["superserver-a\\x2db.slice.d", "superserver-.slice.d"], "slice.d"),
        ("a.udp.socket", ["a.udp.socket.d"], "socket.d"),
    ],
)
def test_where_drop_ins_are(unit: str, special: list[str], general: str) -> None:
    assert folders_of(unit) == (special, general)


# Of the service a-b: the folder of a drop-in, what it sets, and what is said: words of a problem, or of a warning.
REFUSED = (
    ("service.d", "[Service]\nStandardError=null\n", "StandardError (the field stderr) of a-b@.service"),
    ("service.d", "[Service]\nUser=root\nNice=5\n", "User (the field user), Nice (the field nice) of a-b@.service"),
    ("socket.d", "[Socket]\nMaxConnections=5\n", "MaxConnections (the field connections.max) of a-b.socket"),
    ("a-.socket.d", "[Socket]\nBacklog=5\n", "Backlog (the field listen.backlog) of a-b.socket"),
    ("a-.service.d", "[Service]\nUser=root\n", "User (the field user) of a-b@.service"),
    ("service.d", "[Service]\nRestart=no\n", "Restart of a-b.stderr.service"),
    ("a-b.stderr.service.d", "[Service]\nStandardOutput=null\n", "StandardOutput of a-b.stderr.service"),
    ("a-@.service.d", "[Service]\nExecStart=\nExecStart=/bin/false\n", "ExecStart (the field exec)"),
    ("a-b.socket.d", "[Socket]\nListenStream=9\n", "ListenStream (the field listen) of a-b.socket"),
    ("socket.d", "[Unit]\nStartLimitIntervalSec=9\n", "StartLimitIntervalSec of a-b.socket"),
    ("service.d", "[Service]\nNoNewPrivileges=yes\n", "NoNewPrivileges (the field sandbox)"),
    ("service.d", "# first\n[Service]\n ; second\nRestart = \\\n always\n", "Restart (the field accept)"),
)
ADDED = (
    ("service.d", "[Service]\nPrivateTmp=yes\n", "PrivateTmp of a-b@.service"),
    ("service.d", "[Service]\nLimitNOFILE=9\n", "LimitNOFILE of a-b@.service"),
    ("socket.d", "[Unit]\nConditionPathExists=/a\n", "ConditionPathExists of a-b.socket"),
    ("a-b@.service.d", "[Service]\nExecStartPre=/bin/true\n", "ExecStartPre of a-b@.service"),
)
SILENT = (
    ("a-b@.service.d", "[Service]\nRestart=no\n"),
    ("service.d", "[Service]\nKillMode=process\n"),
    ("service.d", "[Service]\nEnvironment=A=b\nTimeoutStopFailureMode=abort\n"),
    ("service.d", "[Service]\nLimitNOFILE=\n"),
    ("service.d", "# nothing\n"),
    ("service.d", "[Socket]\nMark=7\n[Install]\nWantedBy=a.target\n"),
    ("mount.d", "[Service]\nUser=root\n"),
    ("a-b.service.d", "[Service]\nUser=root\n"),
    ("a-bc.socket.d", "[Socket]\nBacklog=5\n"),
)
NAMED: Fields = {"name": "a-b", "user": "nobody"}


@pytest.mark.parametrize("place", LOAD_PATH)
def test_every_place_is_looked_at(disk: Disk, place: str) -> None:
    disk.put(f"{place}/service.d/x.conf", "[Service]\nUser=root\n")
    assert len(said(disk, NAMED)[0]) == 1


@pytest.mark.parametrize(("folder", "text", "words"), REFUSED)
def test_what_goes_before_a_declaration_is_refused(disk: Disk, folder: str, text: str, words: str) -> None:
    path = f"/usr/lib/systemd/system/{folder}/x.conf"
    disk.put(path, text)
    (problem,), warnings = said(disk, NAMED)
    assert warnings == []
    assert problem.startswith(f'superserver_services[0].name: "{path}" sets ')
    assert words in problem
    assert "to /dev/null" in problem


@pytest.mark.parametrize(("folder", "text", "words"), ADDED)
def test_what_is_added_is_reported(disk: Disk, folder: str, text: str, words: str) -> None:
    path = f"{UNITS}/{folder}/x.conf"
    disk.put(path, text)
    assert said(disk, NAMED) == ([], [f"{path} sets {words}, in addition to the declaration"])


@pytest.mark.parametrize(("folder", "text"), SILENT)
def test_what_changes_nothing_is_not_told(disk: Disk, folder: str, text: str) -> None:
    disk.put(f"{UNITS}/{folder}/x.conf", text)
    assert said(disk, NAMED) == ([], [])


def test_the_way_out_leads_out(disk: Disk) -> None:
    disk.put("/etc/systemd/system/service.d/x.conf", "[Service]\nUser=root\n")
    ((problem,), _warnings) = said(disk, NAMED)
    links = problem.partition("links ")[2].partition(" to /dev/null")[0].split(" and ")
    assert [str(Path(link).parent.name) for link in links] == ["a-b@.service.d", "a-b.stderr.service.d"]
    for link in links:
        disk.put(link, None)
    assert said(disk, NAMED) == ([], [])
    assert not {*links, *(str(Path(link).parent) for link in links)} & set(
        SYSTEMD.reserved_paths(service(**NAMED), HOST)
    )


def test_one_unit_needs_one_link(disk: Disk) -> None:
    disk.put("/etc/systemd/system/socket.d/x.conf", "[Socket]\nBacklog=5\n")
    ((problem,), _warnings) = said(disk, NAMED)
    assert problem.endswith("for this unit with a link /etc/systemd/system/a-b.socket.d/x.conf to /dev/null")


def test_one_of_its_own_can_only_be_removed(disk: Disk) -> None:
    disk.put(f"{UNITS}/a-b.socket.d/x.conf", "[Socket]\nBacklog=5\n")
    ((problem,), _warnings) = said(disk, NAMED)
    assert problem.endswith("; remove it")


def test_a_file_is_reported_once_however_many_services_there_are(disk: Disk) -> None:
    disk.put(f"{UNITS}/service.d/x.conf", "[Service]\nPrivateTmp=yes\n")
    declared = [{"name": f"s{number}", "listen": [{"tcp": str(number)}]} for number in range(1, 6)]
    problems, (warning,) = said(disk, *declared)
    assert problems == []
    assert warning.endswith("of s1@.service, s2@.service, s3@.service and 2 more, in addition to the declaration")


def test_what_the_collection_writes_for_a_moment_is_its_own(disk: Disk) -> None:
    for file in sharing_files([service(**NAMED)], HOST):
        disk.put(file.path, file.content)
    assert said(disk, NAMED) == ([], [])


def test_where_systemd_does_not_run_nothing_is_read(disk: Disk) -> None:
    disk.put(f"{UNITS}/service.d/x.conf", "[Service]\nUser=root\n")
    assert said(disk, NAMED, init="s6") == ([], [])


# By layout: drop-ins of one name, and whether what takes ExecStart= away is among those that systemd reads for x-y@i.
RESET, OTHER = "[Service]\nExecStart=\n", "[Service]\nNice=1\n"
LAYOUTS: dict[str, dict[str, str | None]] = {
    "type": {"etc/service.d": RESET},
    "type behind": {"run/service.d": RESET},
    "type hidden": {"etc/service.d": RESET, "etc/x-y@.service.d": None},
    "type replaced from behind": {"etc/service.d": RESET, "run/x-y@.service.d": OTHER},
    "type replaced by a prefix": {"etc/service.d": RESET, "run/x-@.service.d": OTHER},
    "type replaced by its own": {"etc/service.d": OTHER, "run/service.d": RESET},
    "prefix": {"run/x-@.service.d": RESET},
    "prefix of services": {"etc/x-.service.d": RESET},
    "both prefixes": {"etc/x-@.service.d": RESET, "run/x-.service.d": OTHER},
    "both prefixes in one place": {"etc/x-@.service.d": RESET, "etc/x-.service.d": OTHER},
    "template's name": {"etc/x-y.service.d": RESET},
    "own behind prefix": {"etc/x-@.service.d": RESET, "run/x-y@.service.d": OTHER},
    "own before prefix": {"etc/x-y@.service.d": OTHER, "run/x-@.service.d": RESET},
    "both in one place": {"etc/x-@.service.d": RESET, "etc/x-y@.service.d": OTHER},
    "other type": {"etc/socket.d": RESET},
}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_systemd_reads_the_same(disk: Disk, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    """A unit without ExecStart= is refused by name, so that it can be told from others that read the same."""
    disk.put("/etc/x-y@.service", "[Service]\nExecStart=/bin/true\n")
    for folder, text in LAYOUTS[layout].items():
        disk.put(f"/{folder}/m.conf", text)
    monkeypatch.setattr(_systemd_dropins, "LOAD_PATH", ("/etc", "/run"))
    found = drop_ins(["x-y@.service"], t.cast("t.Any", disk)).get("x-y@.service", [])
    reset = any(entry.settings.get("Service", {}).get("ExecStart") == [""] for entry in found)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"{disk.root}/etc/x-y@i.service"],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{disk.root}/etc:{disk.root}/run"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("x-y@i.service: Service has no ExecStart=" in done.stderr) is reset
