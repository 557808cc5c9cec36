# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that two super-servers share: what is left to be done, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import socket
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd import (
    reuseport,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.handover import (
    Migrate,
    RestoreMigration,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import switching
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import reuseport as _sharing
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

ONE, TWO = service(name="one"), service(name="two")


def test_every_socket_unit_shares_its_ports() -> None:
    both = service(name="both", exec=None, internal="discard", listen=[{"tcp": "7"}, {"udp": "7"}])
    files = reuseport.sharing_files([ONE, both], Platform())
    assert [file.path for file in files] == [
        f"/run/systemd/system/{unit}.socket.d/superserver-handover.conf" for unit in ("one", "both", "both.udp")
    ]
    assert {file.content.partition("[Socket]")[2] for file in files} == {"\nReusePort=yes\n"}


def test_what_is_left_to_be_opened() -> None:
    assert Change(start=(ONE, TWO), kept=(ONE, TWO)).without([ONE]) == Change(start=(TWO,), kept=(ONE, TWO))


@pytest.mark.parametrize(
    "left",
    [
        ["one.socket.d/superserver-handover.conf"],
        ["one.socket.d/.superserver.superserver-handover.conf"],
        ["one.socket.d"],
        ["one.socket.d/superserver-handover.conf", "one.socket.d/a", "other.socket.d"],
    ],
)
def test_drop_ins_go_and_those_of_others_stay(left: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is left by a run that was killed when it had made the directory, or half of the file."""
    monkeypatch.setattr(reuseport, "UNITS", str(tmp_path))
    for name in left:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch() if "/" in name else (tmp_path / name).mkdir()
    others = ["one.socket.d", "one.socket.d/a", "other.socket.d"] if "other.socket.d" in left else []
    _sharing.withdraw([ONE, TWO], Platform())
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == others


class Busy(Systemd):
    """Opens its socket a while before it has done, in which clients come; those that it gets it would keep waiting."""

    def __init__(self, port: int, meanwhile: list[str]) -> None:
        self.opened = socket.socket()
        self._port, self._meanwhile = port, meanwhile

    def activate(self, *_arguments: t.Any) -> None:
        self._meanwhile.append("activate")
        self.opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.opened.bind(("127.0.0.1", self._port))
        self.opened.listen()
        time.sleep(0.1)
        connect(self._port)

    def reload(self, *_arguments: t.Any) -> None:
        self._meanwhile.append("reload")
        connect(self._port)


def connect(port: int) -> None:
    for _number in range(20):
        socket.create_connection(("127.0.0.1", port)).close()


def waiting(listener: socket.socket) -> int:
    listener.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_old_socket_serves_while_systemd_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuseport, "UNITS", str(tmp_path))
    monkeypatch.setattr(_sharing, "DRAINING", 0.1)
    with socket.socket() as old:
        old.bind(("127.0.0.1", 0))
        old.listen(100)
        port: int = old.getsockname()[1]
        meanwhile: list[str] = []
        moved = service(name="moved", listen=[{"tcp": f"127.0.0.1:{port}"}])
        sharing = _sharing.Sharing([moved], [old.dup()])
        sharing.announce(Platform())
        systemd = Busy(port, meanwhile)
        with systemd.opened:
            sharing.take_over({"systemd": systemd}, Platform(), LocalHost(watcher.Commands()))
            assert (waiting(old), waiting(systemd.opened)) == (40, 0)
            connect(port)
            assert (waiting(old), waiting(systemd.opened)) == (0, 20)
    assert meanwhile == ["activate", "reload"]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_sharing, "MIGRATE", str(tmp_path / "sysctl"))
    monkeypatch.setattr(_sharing, "MIGRATED", str(tmp_path / "kept"))
    return tmp_path / "sysctl"


@pytest.mark.parametrize(("before", "during"), [("0\n", "1"), ("1\n", "1\n")])
def test_kernel_is_set_as_it_was(kernel: Path, before: str, during: str) -> None:
    kernel.write_text(before)
    _sharing.migrate()
    assert kernel.read_text() == during
    _sharing.restore_migration()
    assert kernel.read_text().strip() == before.strip()
    assert list(kernel.parent.iterdir()) == [kernel]


def test_kernel_is_set_as_it_was_after_a_death(kernel: Path) -> None:
    kernel.write_text("0\n")
    _sharing.migrate()
    _sharing.restore_migration()
    assert kernel.read_text() == "0"


def test_kernel_that_cannot_do_that(kernel: Path) -> None:
    _sharing.migrate()
    assert not kernel.exists()


def test_kernel_is_left_alone_where_nothing_is_shared() -> None:
    """Whatever else changes hands."""
    changes = {"xinetd": Change(stop=(ONE,)), "systemd": Change(start=(ONE,))}
    for sharing, wanted in ((_sharing.Sharing(), False), (_sharing.Sharing([ONE]), True)):
        steps = switching(Transition(changes, sharing=sharing), Transition({}), BACKENDS, Platform())
        operations = [step.operation for step in steps]
        assert (Migrate() in operations) == (RestoreMigration() in operations) == wanted
