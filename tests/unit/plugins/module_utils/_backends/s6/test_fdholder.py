# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that servers use the holder with, and a real holder. SUPERSERVER_TEST_S6_PREFIX may say where s6 is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import (
    DIRECTORY,
    KEEP,
    holder_files,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import binder as _helper_binder
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

PREFIX = os.environ.get("SUPERSERVER_TEST_S6_PREFIX", "")
SEARCH = os.pathsep.join(([f"{PREFIX}/bin"] if PREFIX else []) + [os.environ["PATH"]])
ENVIRONMENT = {**os.environ, "PATH": SEARCH}
BINDER = installed(_helper_binder)
FILES = {file.path: file for file in holder_files(Platform())}

RULES = f"{DIRECTORY}/data/rules/"

with_holder = pytest.mark.skipif(
    not shutil.which("s6-fdholderd", path=SEARCH) or os.geteuid() != 0, reason="needs root and s6"
)


class Place:
    """Where a holder is tried, with the programs and the rights that are installed on hosts."""

    def __init__(self, root: Path) -> None:
        self.socket = str(root / "socket")
        self.rules = root / "rules"
        self.port = _free_port()
        self.keep_program = str(root / "keep")
        for path, file in FILES.items():
            if path == KEEP or path.startswith(RULES):
                target = root / "keep" if path == KEEP else self.rules / path[len(RULES) :]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(file.content, encoding="utf-8")
                target.chmod(file.mode)

    @contextmanager
    def holder(self) -> Iterator[None]:
        argv = ["s6-ipcserver-socketbinder", "-a", "0600", self.socket, "s6-fdholderd", "-1", "-i", str(self.rules)]
        process = subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.PIPE)
        assert process.stdout
        try:
            assert process.stdout.readline() == b"\n"
            yield
        finally:
            process.kill()
            process.communicate()

    def keep(self, name: str) -> subprocess.CompletedProcess[str]:
        binder = [sys.executable, "-IS", BINDER, "bind", "tcp", "dual", "::", str(self.port), "5", "--"]
        return self._run(self.keep_program, self.socket, name, *binder)

    def retrieved(self, name: str) -> str:
        """The inode of a socket that the holder has."""
        code = "import os; print(os.fstat(0).st_ino)"
        return self._run("s6-fdholder-retrieve", self.socket, name, sys.executable, "-c", code).stdout.strip()

    def names(self) -> list[str]:
        return self._run("s6-fdholder-list", self.socket).stdout.splitlines()

    def open(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except ConnectionRefusedError:
            return False
        return True

    def _run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, env=ENVIRONMENT, text=True, capture_output=True, check=False, timeout=30)


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def _free_port() -> int:
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


@with_holder
def test_server_finds_the_socket_that_the_last_one_had(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.holder():
        assert place.keep("a:tcp:*:7").returncode == 0
        assert place.names() == ["a:tcp:*:7"]
        first = place.retrieved("a:tcp:*:7")
        assert first
        assert place.open()
        assert place.keep("a:tcp:*:7").returncode == 0
        assert place.retrieved("a:tcp:*:7") == first


@with_holder
def test_server_binds_anew_what_the_holder_has_not(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.holder():
        place.keep("a:x y")
    assert not place.open()
    with place.holder():
        assert place.names() == []
        assert place.keep("a:x y").returncode == 0
        assert place.names() == ["a:x y"]
        assert place.open()


@with_holder
def test_server_waits_for_the_holder(tmp_path: Path) -> None:
    place = Place(tmp_path)
    argv = [place.keep_program, place.socket, "a", sys.executable, "-IS", BINDER, "bind"]
    argv += ["tcp", "dual", "::", str(place.port), "5", "--"]
    with subprocess.Popen(argv, env=ENVIRONMENT) as early:
        time.sleep(0.3)
        assert early.poll() is None
        with place.holder():
            assert early.wait(timeout=10) == 0
            assert place.names() == ["a"]


@with_holder
def test_socket_that_cannot_be_bound_is_not_kept(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.holder(), socket.create_server(("::", place.port), family=socket.AF_INET6):
        done = place.keep("a")
        assert done.returncode != 0
        assert "Address already in use" in done.stderr
        assert place.names() == []


@with_holder
def test_only_root_has_a_say() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        place = Place(Path(folder))
        with place.holder():
            assert place.keep("a").returncode == 0
            # Were the socket open to others, its rules would still not be.
            Path(place.socket).chmod(0o666)
            for program, arguments in (("list", []), ("delete", ["a"]), ("retrieve", ["a", "echo"])):
                argv = [f"s6-fdholder-{program}", place.socket, *arguments]
                done = subprocess.run(
                    argv, env=ENVIRONMENT, capture_output=True, check=False, timeout=10, preexec_fn=become_nobody
                )
                assert (done.returncode != 0, done.stdout) == (True, b"")
            assert place.names() == ["a"]
