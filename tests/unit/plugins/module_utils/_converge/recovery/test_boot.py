# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that boots with a journal puts its files back before anything reads them."""

from __future__ import annotations

import fcntl
import importlib
import subprocess
import sys
import syslog
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.boot import (
    INITTAB,
    OPENRC_RUNS,
    UPDATE_RC,
    Means,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import boot, watch
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher


class Commands(watcher.Commands):
    """Keeps what is to be run, and runs nothing."""

    def __init__(self) -> None:
        self.run: list[str] = []

    def run_command(
        self, args: Sequence[str], environ_update: Mapping[str, str], handle_exceptions: bool = False
    ) -> tuple[int, str, str]:
        self.run.append(" ".join(args))
        return 0, "", ""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of its own, and an init system whose files are in another one."""
    monkeypatch.setattr(_journal, "PATH", str(tmp_path / "journal.json"))
    monkeypatch.setattr(manifest, "PATH", str(tmp_path / "manifest.json"))
    monkeypatch.setattr(watcher, "LOCK", str(tmp_path / "run/lock"))
    script, link = tmp_path / "init/script", tmp_path / "init/on/script"
    init = Means(
        lambda _platform: True,
        (File(str(script), f"{boot.NOTE}\n", 0o755), File(str(link), str(script), kind="link")),
        (("enable", "it"),),
        (("disable", "it"),),
    )
    monkeypatch.setattr(boot, "every", lambda: [init])
    return tmp_path


def interrupted(state: Path) -> None:
    """A run has changed one file and made another when the power failed."""
    (state / "changed").write_text("old")
    paths = dict.fromkeys((str(state / "changed"), str(state / "made")), "xinetd")
    journal = _journal.Journal({path: store.look(path) for path in paths}, paths, {}, Manifest(), False)
    _journal.write(replace(journal, confirmation=replace(_journal.confirmation(60, "", {}), boot="the one before")))
    (state / "changed").write_text("new")
    (state / "made").write_text("new")
    manifest.save(Manifest(runtimes={"xinetd": "active"}))


def test_files_are_put_back_and_the_watcher_goes_on(state: Path) -> None:
    interrupted(state)
    commands = Commands()
    watch.boot(commands)
    assert (state / "changed").read_text() == "old"
    assert not (state / "made").exists()
    assert not (state / "manifest.json").exists()
    assert (state / "journal.json").exists()
    assert commands.run[-1].endswith(f"{sys.executable} -I {watch.PATH}")


def test_what_still_may_be_confirmed_is_left_alone(state: Path) -> None:
    interrupted(state)
    journal = _journal.read()
    assert journal is not None
    _journal.write(replace(journal, confirmation=_journal.confirmation(60, "", {})))
    commands = Commands()
    watch.boot(commands)
    assert (state / "changed").read_text() == "new"
    assert commands.run == []


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_a_host_without_a_journal_that_is_understood_just_boots(state: Path, content: str | None) -> None:
    if content is not None:
        (state / "journal.json").write_text(content)
    commands = Commands()
    watch.boot(commands)
    assert commands.run == []


def test_while_a_run_is_at_work_nothing_is_put_back(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(watcher, "complain", said.append)
    interrupted(state)
    with watcher.opened(watcher.LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watcher.boot()
    assert (state / "changed").read_text() == "new"
    assert "BlockingIOError" in said[0]


def test_what_acts_at_boot_is_there_for_as_long_as_the_journal(state: Path) -> None:
    commands = Commands()
    host = LocalHost(commands)
    boot.prepare(Platform(init="none"), host)
    assert (state / "init/on/script").resolve() == state / "init/script"
    (state / "journal.json").write_text("{}")
    boot.conclude(host)
    assert not [path for path in state.rglob("*") if not path.is_dir()]
    assert commands.run == ["enable it", "disable it"]
    boot.conclude(host)
    assert commands.run == ["enable it", "disable it"]


def test_what_registered_a_script_also_removes_it(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine,) = boot.every()
    absent = replace(mine, disable=(("other", "it"),), there=((str(state / "nonexistent"),),))
    monkeypatch.setattr(boot, "every", lambda: [absent, mine])
    commands = Commands()
    boot.prepare(Platform(init="none"), LocalHost(commands))
    boot.conclude(LocalHost(commands))
    assert commands.run == ["enable it", "disable it"]
    boot.prepare(Platform(init="none"), LocalHost(commands))
    monkeypatch.setattr(boot, "every", lambda: [absent])
    boot.conclude(LocalHost(commands))
    assert commands.run[2:] == ["enable it"]
    assert not [path for path in state.rglob("*") if not path.is_dir()]


def test_somebody_elses_file_of_that_name_stays(state: Path) -> None:
    (state / "init").mkdir()
    (state / "init/script").write_text("#!/bin/sh\n")
    boot.conclude(LocalHost(Commands()))
    assert (state / "init/script").exists()


@pytest.mark.parametrize(
    ("platform", "gap"),
    [
        (Platform(init="systemd"), ""),
        (Platform(init="s6", scan_directory="/run/service"), "only after the boot"),
        (Platform(init="s6", scan_directory="/etc/scan"), "the collection does not know"),
    ],
)
def test_what_a_host_cannot_do_is_told(platform: Platform, gap: str) -> None:
    told = boot.gaps(platform)
    assert len(told) == bool(gap)
    assert gap in " ".join(told)


@pytest.mark.parametrize(
    ("there", "command"),
    [
        ((UPDATE_RC, INITTAB), UPDATE_RC),
        ((UPDATE_RC, OPENRC_RUNS), UPDATE_RC),
        ((OPENRC_RUNS,), "rc-update"),
        ((OPENRC_RUNS, INITTAB), "rc-update"),
        ((UPDATE_RC,), ""),
        ((INITTAB,), ""),
    ],
)
def test_scripts_are_registered_by_what_the_host_has(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], command: str
) -> None:
    monkeypatch.setattr(boot, "exists", lambda path: path in there)
    means = boot.means_of(Platform(init="other"))
    assert [words[0] for words in (*means.enable, *means.disable)] == [command, command][: 2 * bool(command)]
    assert bool(means.files) == bool(command)
    assert bool(means.gap) != bool(command)


FILES = [(file.path, file.content) for means in boot.every() for file in means.files]
SCRIPTS = [(path, text) for path, text in FILES if text.startswith("#!/bin/sh\n")]


@pytest.mark.parametrize(("path", "text"), SCRIPTS, ids=["finish", "run", "lsb"])
def test_scripts_do_nothing_without_a_journal(path: str, text: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(text.replace(watcher.JOURNAL, str(tmp_path / "journal.json")))
    assert subprocess.call(["/bin/sh", str(script), "start"]) == (125 if path.endswith("/finish") else 0)


def test_errors_of_the_watcher_go_to_syslog(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda _priority, line: said.append(line))
    monkeypatch.setattr(watcher, "JOURNAL", str(state / "journal.json"))
    monkeypatch.setattr(watcher, "wait", lambda _seconds: None)
    (state / "journal.json").write_text("{}")
    outcomes: list[t.Any] = [ZeroDivisionError("of the watcher"), 0.0]

    def undo(_commands: object) -> float:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return float(outcome)

    monkeypatch.setattr(watch, "undo", undo)
    monkeypatch.setattr(importlib, "import_module", lambda _name: watch)
    watcher.watch()
    assert said[-1] == "ZeroDivisionError: of the watcher"
    assert outcomes == []  # it went on


def test_what_could_not_be_put_back_goes_to_syslog(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda _priority, line: said.append(line))
    monkeypatch.setattr(_journal, "TOLD", str(state / "watcher.json"))
    interrupted(state)
    (state / "changed").unlink()
    (state / "changed").mkdir()
    assert watch.undo(watcher.Commands()) == watch.PAUSE
    assert any(str(state / "changed") in line for line in said)
    assert store.look(str(state / "changed")) is not None
