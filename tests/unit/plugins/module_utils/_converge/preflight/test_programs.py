# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs and daemons that the host does not have."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.programs import (
    daemon_problems,
    program_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import load, service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.machine import machine


@pytest.fixture
def noexec(tmp_path: Path) -> Iterator[Path]:
    """A program on a file system that starts none."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", tmp_path], check=True)
    try:
        yield Path(shutil.copy("/bin/true", tmp_path))
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a file system")
def test_a_program_on_a_file_system_that_starts_none(noexec: Path) -> None:
    host = machine()
    (problem,) = program_problems(service(**ECHO, exec=[str(noexec)]), host)
    assert problem.path == "superserver_services[0].exec[0]"
    assert problem.message == (
        f'"{noexec}" is on a file system that is mounted with noexec; install it on another file system'
    )


@pytest.mark.parametrize(
    ("program", "reason"), [("/nonesuch", "does not exist"), ("/etc/passwd", "is not an executable")]
)
def test_what_is_no_program(program: str, reason: str) -> None:
    (problem,) = program_problems(service(**ECHO, exec=[program]), machine())
    assert problem.message.startswith(f'"{program}" {reason}')


ECHO = {"listen": [{"tcp": "7"}]}


class Systemctl(FakeHost):
    """A host with these units; it answers in systemctl's words."""

    def __init__(self, states: dict[str, str]) -> None:
        super().__init__()
        self.states = states

    def answer(self, argv: Sequence[str]) -> Result:
        blocks = [f"LoadState={self.states.get(unit, 'not-found')}\n" for unit in argv[argv.index("--") + 1 :]]
        return Result(0, "\n".join(blocks), "")


def proxied(*units: str) -> list[Service]:
    return load(
        *(
            {"name": f"s{number}", "listen": [{"tcp": str(number)}], "proxy": {"to": "/run/b", "unit": unit}}
            for number, unit in enumerate(units, 1)
        )
    )


def test_daemons_that_cannot_be_started_are_told_with_one_command() -> None:
    host = Systemctl({"a.service": "loaded", "b.service": "masked", "d.service": "bad-setting"})
    services = [service(), *proxied("d", "c", "b.service", "a")]
    problems = daemon_problems(services, Platform(), host)
    told = [(problem.path.rpartition("].")[2], problem.message.split(",", maxsplit=1)[0]) for problem in problems]
    assert told == [
        ("proxy.unit", '"d.service" cannot be loaded by systemd; repair the unit first'),
        ("proxy.unit", '"c.service" does not exist on the host; install it first'),
        ("proxy.unit", '"b.service" is masked'),
    ]
    assert len(host.argvs) == 1
    assert daemon_problems([service()], Platform(), host) == []
    assert len(host.argvs) == 1


def test_daemons_under_s6_are_directories(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run").touch()
    platform = Platform(init="s6", scan_directory=str(tmp_path))

    problems = daemon_problems(proxied("a", "b"), platform, machine())
    assert [problem.message for problem in problems] == [f'"{tmp_path}/b" does not exist on the host; install it first']
