# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many service directories there is room for, as the s6-svscan of this machine has it, too."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.limit import Limit, limit_of
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import AS_PID_1, HOST, Tree

PREFIX = os.environ.get("SUPERSERVER_TEST_S6_PREFIX", "")
SVSCAN = shutil.which("s6-svscan", path=os.pathsep.join(([f"{PREFIX}/bin"] if PREFIX else []) + [os.environ["PATH"]]))
OLD_USAGE = "s6-svscan: usage: s6-svscan [ -c maxservices ] [ -t timeout ] [ dir ]\n"


class Scanned(Tree):
    """A tree whose scan directory has service directories of others."""

    def __init__(self, command: str, others: int = 0, pid: int = 1, directory: str = "/run/service", old: bool = False):
        super().__init__()
        self.usage = OLD_USAGE if old else "s6-svscan: fatal: unrecognized short option: z\n"
        self.running = [Process(pid, 0, "s6-svscan", tuple(command.split()), 0)]
        for number in range(others):
            self.files[f"{directory}/other-{number}/run"] = ""
            self.files[f"{directory}/other-{number}/log/run"] = ""

    def answer(self, argv: t.Sequence[str]) -> Result:
        return Result(100, "", self.usage)


def said(tree: Scanned, number: int, platform: Platform = AS_PID_1) -> list[str]:
    services = [service(name=f"s{port}", backend="s6", listen=[{"tcp": str(port)}]) for port in range(1, number + 1)]
    files = S6().render(services, platform)
    problems, warnings = S6().disturbed(services, files, platform, tree)
    assert not warnings
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("command", "old", "expected"),
    [
        ("s6-svscan /run/service", True, Limit(500, False, "-c %d")),
        ("s6-svscan -c 700 /run/service", True, Limit(700, False, "-c %d")),
        ("s6-svscan -t0 -c30", True, Limit(30, False, "-c %d")),
        ("s6-svscan", False, Limit(1000, True, "-C %d")),
        ("s6-svscan -X3 -- /run/service", False, Limit(1000, True, "-C %d")),
        ("s6-svscan -c 700 /run/service", False, Limit(1400, True, "-C %d")),
        ("s6-svscan -C 700 /run/service", False, Limit(700, True, "-C %d")),
        ("s6-svscan --services-max=8 /run/service", False, Limit(8, True, "-C %d")),
        ("s6-svscan -t0 -C8 /run/service", False, Limit(8, True, "-C %d")),
    ],
    ids=str,
)
def test_the_limit_stands_in_the_command(command: str, old: bool, expected: Limit) -> None:
    assert limit_of(command.split(), old) == expected


def test_as_many_as_there_is_room_for_are_taken() -> None:
    # The server, its logger, and one server with a logger of others.
    assert not said(Scanned("s6-svscan -C 22 /run/service", others=1), 10)
    assert said(Scanned("s6-svscan -C 22 /run/service", others=2), 10) == [
        "superserver_services: need 24 service directories, loggers included, in /run/service, with those of others "
        "there, and its s6-svscan takes 22; start it with -C 48, or give some services another backend"
    ]


def test_an_old_one_does_not_count_loggers() -> None:
    assert not said(Scanned("s6-svscan -c 11 /run/service", others=1, old=True), 10)
    assert "need 11 service directories in" in said(Scanned("s6-svscan -c 10 /run/service", others=1, old=True), 10)[0]


def test_what_goes_makes_room_for_what_comes() -> None:
    tree = Scanned("s6-svscan -C 20 /run/service")
    tree.files["/run/service/superserver-gone/log/run"] = ""
    assert not said(tree, 10)


def test_s6_rc_has_old_and_new_ones_at_a_time() -> None:
    platform = replace(AS_PID_1, s6_rc=Rc(("/etc/s6-rc/source",), "/etc/s6-rc/source/default"))
    tree = Scanned("s6-svscan -C 22 /run/service")
    tree.files["/run/service/superserver-gone/run"] = ""
    assert not said(tree, 10, platform)
    tree.files.update({"/run/service/superserver-gone.log/run": "", "/run/service/superserver-s1/run": ""})
    assert not said(tree, 10, platform)
    tree.files["/run/service/s6rc-oneshot-runner/run"] = ""
    assert "need 23 service directories" in said(tree, 10, platform)[0]


def test_no_command_is_run_where_there_is_room_in_any_case() -> None:
    tree = Scanned("s6-svscan /run/service")
    assert not said(tree, 3)
    assert not tree.argvs


def test_the_tree_of_the_collection_counts_its_own_alone() -> None:
    directory = "/etc/superserver/s6"
    assert not said(Scanned(f"s6-svscan -C 20 {directory}", others=3, pid=50, directory=directory), 10, HOST)
    assert said(Scanned(f"s6-svscan -C 18 {directory}", pid=50, directory=directory), 10, HOST)


def test_another_tree_sets_no_limit() -> None:
    assert not said(Scanned("s6-svscan -C 4 /var/other", pid=50), 10, HOST)


@pytest.mark.skipif(SVSCAN is None, reason="needs s6")
@pytest.mark.parametrize("extra", [0, 1], ids=["as many", "one more"])
def test_the_real_one_takes_as_many(extra: int, tmp_path: Path) -> None:
    assert SVSCAN
    old = "maxservices" in subprocess.run([SVSCAN, "-z"], check=False, capture_output=True, text=True).stderr
    command = [SVSCAN, "-c" if old else "-C", "6", str(tmp_path)]
    limit = limit_of(command, old)
    fitting = limit.number // 2 if limit.loggers else limit.number
    for number in range(fitting + extra):
        _service_directory(tmp_path / str(number))
    expected = fitting if old or not extra else 0
    search = {"PATH": os.pathsep.join([os.path.dirname(SVSCAN), os.environ["PATH"]])}
    scanner = subprocess.Popen(command, env=search, stderr=subprocess.DEVNULL)

    def supervised() -> int:
        return len(list(tmp_path.glob("*/log/supervise/control")))

    try:
        deadline = time.monotonic() + 10
        while supervised() < expected and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)  # for one that would come too many
        assert supervised() == expected
    finally:
        scanner.terminate()
        scanner.wait(10)


def _service_directory(path: Path) -> None:
    """A server with a logger, neither of which is started."""
    for folder in (path, path / "log"):
        folder.mkdir()
        (folder / "run").write_text("#!/bin/sh\nexec sleep 60\n")
        (folder / "run").chmod(0o755)
        (folder / "down").touch()
