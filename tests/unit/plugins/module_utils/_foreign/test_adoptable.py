# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which holders of ports are offered to be taken over, and what is said of the others."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Holder, Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign import (
    units as _foreign_units,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import foreign as _foreign_xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import read_entries
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import adoptable as _adoptable
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import origin as _origin
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table as _processes
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.origin import Origin, origin, serves
from ansible_collections.ondemand.superserver.tests.unit.systemctl import Systemctl, shown


@pytest.fixture(autouse=True)
def nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_foreign_units, "UNITS", str(tmp_path))
    monkeypatch.setattr(_foreign_units, "FOLDERS", (str(tmp_path),))
    return tmp_path


@pytest.fixture
def child() -> Iterator[int]:
    """A process that this one has started."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate(b"\n")


def objection(owner: Owner, *states: str) -> str:
    held = [Holder(owner.pid, owner.program, "", "root")]
    return _adoptable.objections({owner: held}, (), Systemctl(*states))[owner]


def test_a_socket_unit_is_offered() -> None:
    owner = Owner("systemd", "a.socket", 1, "systemd")
    assert objection(owner, shown("a.socket", listen=["[::]:7 (Stream)"])) == ""
    assert "has no unit file" in objection(owner, shown("a.socket", file="transient"))


def test_a_service_is_offered_for_its_main_process_alone(child: int) -> None:
    assert objection(Owner("systemd", "a.service", child, "nc"), shown("a.service", MainPID=str(child))) == ""
    mine = os.getpid()
    told = objection(Owner("systemd", "cron.service", child, "nc"), shown("cron.service", MainPID=str(mine)))
    assert told.startswith('"cron.service" does not hold the port itself: its main process is ')
    assert f"(pid {mine}), and nc (pid {child}), which holds it, is started by " in told
    assert f"(pid {mine})" in told.partition("started by")[2]
    assert "to take over cron.service would stop everything in it, so end it where it is started" in told


def test_any_holder_may_be_the_main_process(child: int) -> None:
    owner = Owner("systemd", "a.service", child, "worker")
    held = [Holder(child, "worker", "", "www"), Holder(os.getpid(), "master", "", "root")]
    state = shown("a.service", MainPID=str(os.getpid()))
    assert _adoptable.objections({owner: held}, (), Systemctl(state)) == {owner: ""}


@pytest.mark.parametrize(
    ("main", "parents", "program", "strict", "lenient"),
    [
        (5, {5: 1}, "nc", True, True),
        (4, {5: 4, 4: 1}, "cron", False, False),
        (4, {5: 4, 4: 1}, "sh", False, True),
        (4, {5: 3, 3: 4, 4: 1}, "sh", False, False),
        # systemd knows no main process of some scripts' daemons.
        (0, {5: 1}, "", True, True),
        (0, {5: 4, 4: 1}, "", False, False),
    ],
)
def test_what_a_service_is_there_for(
    monkeypatch: pytest.MonkeyPatch, main: int, parents: dict[int, int], program: str, strict: bool, lenient: bool
) -> None:
    def ancestors(pid: int) -> Iterator[int]:
        while pid in parents:
            pid = parents[pid]
            yield pid

    monkeypatch.setattr(_processes, "ancestors", ancestors)
    monkeypatch.setattr(_processes, "program", lambda _pid: program)
    assert (serves(main, [5]), serves(main, [5], lenient=True)) == (strict, lenient)


CONTAINER = "3f" * 32
USER = "/user.slice/user-1000.slice"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"/system.slice/docker-{CONTAINER}.scope", f"in container {CONTAINER} (docker)"),
        (f"/docker/{CONTAINER}", f"in container {CONTAINER} (docker)"),
        (f"/machine.slice/libpod-conmon-{CONTAINER}.scope", f"in container {CONTAINER} (libpod)"),
        (f"/libpod_parent/libpod-{CONTAINER}", f"in container {CONTAINER} (libpod_parent)"),
        (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{CONTAINER}.scope", f"{CONTAINER} (cri-containerd)"),
        ("/lxc.payload.web/system.slice", "in container web (lxc)"),
        ("/machine.slice/machine-web.scope/payload", "in container web (machine)"),
        (f"{USER}/user@1000.service/app.slice/web.service", "in unit web.service of user 1000"),
        (f"{USER}/user@1000.service/init.scope", "in a session of user 1000"),
        (f"{USER}/session-3.scope", "in a session of user 1000"),
        ("/system.slice/cron.service", ""),
    ],
)
def test_where_a_process_comes_from(monkeypatch: pytest.MonkeyPatch, path: str, words: str) -> None:
    monkeypatch.setattr(_processes, "cgroups", lambda _pid: {"": path})
    monkeypatch.setattr(_processes, "ancestors", lambda _pid: iter(()))
    assert words in str(origin(os.getpid()))
    assert bool(str(origin(os.getpid()))) == bool(words)


FORWARDER = [
    "docker-proxy",
    "-proto",
    "tcp",
    "-host-port",
    "80",
    "-container-ip",
    "172.17.0.2",
    "-container-port",
    "80",
]


def test_what_listens_for_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_processes, "cgroups", lambda _pid: {"": "/system.slice/docker.service"})
    monkeypatch.setattr(_processes, "ancestors", lambda _pid: iter((4, 1)))
    monkeypatch.setattr(_processes, "program", lambda pid: {4: "dockerd"}.get(pid, "docker-proxy"))
    monkeypatch.setattr(_processes, "arguments", lambda _pid: FORWARDER)
    assert origin(5) == Origin("172.17.0.2 (docker-proxy)", "", "", [(4, "dockerd")])
    told = objection(Owner("systemd", "docker.service", 5, "docker-proxy"), shown("docker.service", MainPID="4"))
    assert "in container 172.17.0.2 (docker-proxy), started by dockerd (pid 4)" in told
    assert "stop that container, or let it publish another port" in told


def test_programs_of_a_users_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{USER}/user@1000.service/app.slice/web.service"
    monkeypatch.setattr(_processes, "cgroups", lambda _pid: {"": path})
    monkeypatch.setattr(_processes, "ancestors", lambda _pid: iter((4, 1)))
    monkeypatch.setattr(_processes, "program", lambda _pid: "systemd")
    state = shown("user@1000.service", file="static", MainPID="4")
    told = objection(Owner("systemd", "user@1000.service", 5, "nc"), state)
    assert "in unit web.service of user 1000" in told
    assert "stop and disable web.service as user 1000 (systemctl --user)" in told


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (Owner("systemd", "inetd.service", 5, "inetd"), "comment out its line in /etc/inetd.conf"),
        (Owner("s6", "/run/service/a", 5, "s6-tcpserverd"), "stop and disable it by hand (s6-svc -d /run/service/a)"),
        (Owner("xinetd", "", 5, "xinetd"), "stop and disable it"),
        (Owner("program", "nc", 0, "nc"), "stop and disable it"),
    ],
)
def test_others(owner: Owner, words: str) -> None:
    assert objection(owner, shown("inetd.service", MainPID="5")).startswith(words)


def test_entries_of_xinetd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, inetd = tmp_path / "xinetd.conf", tmp_path / "inetd.conf"
    config.write_text("service a\n{\ntype = UNLISTED\nsocket_type = stream\nport = 7\n}\n")
    inetd.write_text("b stream tcp nowait root /bin/cat cat\n")
    monkeypatch.setattr(_foreign_xinetd, "read_entries", lambda _path: read_entries(str(config)))
    monkeypatch.setattr(_foreign_xinetd, "INETD_CONFIG", str(inetd))
    monkeypatch.setattr(_adoptable, "INETD_CONFIG", str(inetd))
    told = [objection(Owner("xinetd", name, 5, "xinetd")) for name in ("a", "b", "c")]
    assert told[0] == ""
    assert told[1] == f'"b" is a line of {inetd} and not a service of xinetd\'s own configuration; comment out the line'
    assert told[2].startswith('"c" is neither in /etc/xinetd.conf')


def test_any_number_of_owners_costs_as_much_as_one() -> None:
    held = {Owner("systemd", f"a{number}.service", number, "a"): () for number in range(2, 9)}
    systemctl = Systemctl(*(shown(f"a{number}.service", MainPID=str(number)) for number in range(2, 9)))
    assert set(_adoptable.objections(t.cast("t.Any", held), (), systemctl).values()) == {""}
    assert len(systemctl.argvs) == 1
    assert _origin.serves(1, [1])
