# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a port is that a service wants."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.foreign import EntryStrangers
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import XinetdService
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.problems import (
    daemon_problems,
    holder_problems,
    manager_problems,
    program_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import (
    from_json,
    manifest_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import Takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load, service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.hostile import STRANGER, as_root, place
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


INODE = 4
SOCKET = Socket("tcp", "ipv6", "::", 7, True, "stream", INODE, 0, 64, "")
ECHO = {"listen": [{"tcp": "7"}]}

# Kind and name of the owner of port 7, what the host had before, whether the port can be had by a service on xinetd.
HOLDERS: tuple[tuple[str, str, Fields | None, bool], ...] = (
    ("xinetd", "echo", None, True),
    ("xinetd", "other", None, False),
    ("systemd", "echo.socket", {"backend": "systemd"}, True),
    ("systemd", "inetd.socket", {"backend": "systemd"}, False),
    # xinetd goes on to serve what has lost its file.
    ("xinetd", "", {"backend": "xinetd"}, True),
    ("xinetd", "", {"backend": "xinetd", "listen": [{"tcp": "8"}]}, False),
    ("xinetd", "", {"backend": "systemd"}, False),
    ("xinetd", "", None, False),
)


def test_a_daemon_that_outlived_its_super_server_is_ours() -> None:
    declared = service(**ECHO, backend="xinetd")
    live = Live({("tcp", 7): [SOCKET]}, {INODE: Owner("systemd", "xinetd.service", 99, "p")})
    assert holder_problems([declared], {"echo": declared}, live, BACKENDS, Platform())
    mine = replace(live, orphans={INODE: "echo"})
    assert not holder_problems([declared], {"echo": declared}, mine, BACKENDS, Platform())


@pytest.mark.parametrize(("kind", "name", "held", "ours"), HOLDERS)
def test_whose_a_port_is(kind: str, name: str, held: Fields | None, ours: bool) -> None:
    declared = service(**ECHO, backend="xinetd")
    have = {"echo": service(**{**ECHO, **held})} if held is not None else {}
    live = Live({("tcp", 7): [SOCKET]}, {INODE: Owner(kind, name, 99, "p")})
    problems = holder_problems([declared], have, live, BACKENDS, Platform())
    assert [problem.path for problem in problems] == ([] if ours else [f"{declared.path('listen')}[0]"])


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("xinetd", "check_mk", 'name "check_mk" in superserver_adopt'),
        ("systemd", "a.socket", 'name "a.socket" in superserver_adopt'),
        ("systemd", "a.scope", "stop and disable it"),
        ("xinetd", "", "stop and disable it"),
        ("s6", "/run/service/a", "stop and disable it"),
        ("program", "nc", "stop and disable it"),
    ],
)
def test_the_way_out_is_told(kind: str, name: str, words: str) -> None:
    live = Live({("tcp", 7): [SOCKET]}, {INODE: Owner(kind, name, 99, "p")})
    (problem,) = holder_problems([service(**ECHO)], {}, live, BACKENDS, Platform())
    assert words in problem.message


def test_what_must_not_be_taken_over_is_not_offered() -> None:
    owner = Owner("systemd", "user@1000.service", 99, "nc")
    live = Live({("tcp", 7): [SOCKET]}, {INODE: owner})
    asked: list[t.Any] = []

    def objections(owners: t.Mapping[Owner, Socket]) -> dict[Owner, str]:
        asked.append(owners)
        return dict.fromkeys(owners, "it is not that; end it")

    declared = service(**ECHO)
    others = service(name="other", listen=[{"tcp": "7", "family": "ipv4"}])
    (one, _other) = holder_problems(
        [declared, others], {}, live, BACKENDS, Platform(), lambda _socket, _owner: None, objections
    )
    assert "systemd unit user@1000.service (nc, pid 99)" in one.message
    assert one.message.endswith("it is not that; end it, or choose another port")
    assert asked == [{owner: SOCKET}]


@pytest.mark.parametrize(
    ("adopted", "stranger", "ours"), [(True, True, True), (False, True, False), (False, False, True)]
)
def test_an_entry_of_others_may_have_the_same_id(adopted: bool, stranger: bool, ours: bool) -> None:
    declared = service(**ECHO, backend="xinetd")
    live = Live({("tcp", 7): [SOCKET]}, {INODE: Owner("xinetd", "echo", 99, "xinetd")})
    entries = [XinetdService("echo", "tcp", 7 if stranger else 8, "", "any")]
    takeover = Takeover(
        adopted=frozenset({("xinetd", "echo")} if adopted else ()), strangers={"xinetd": EntryStrangers(entries)}
    )
    problems = holder_problems([declared], {}, live, BACKENDS, Platform(), takeover.standing)
    assert bool(problems) != ours


def test_a_name_that_is_refused_is_told_once() -> None:
    """Not with the advice to name what is named."""
    live = Live({("tcp", 7): [SOCKET]}, {INODE: Owner("systemd", "a.socket", 1, "systemd")})
    for refused, problems in ((frozenset({("systemd", "a.socket")}), 0), (frozenset({("systemd", "b.socket")}), 1)):
        takeover = Takeover(refused=refused)
        found = holder_problems([service(**ECHO)], {}, live, BACKENDS, Platform(), takeover.standing)
        assert len(found) == problems


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


RC = Rc(("/etc/s6-rc/source",), "/etc/s6-rc/source/default")


@pytest.mark.parametrize(
    ("backends", "before", "after", "told"),
    [
        (["s6"], None, None, []),
        (["s6"], RC, replace(RC, live="/run/other"), []),
        ([], None, RC, []),
        (["systemd"], RC, None, []),
        (["systemd", "s6"], None, RC, ["are managed by a scan directory"]),
        (["s6"], RC, None, ["are managed by s6-rc"]),
    ],
)
def test_services_keep_their_manager(backends: list[str], before: Rc | None, after: Rc | None, told: list[str]) -> None:
    services = [service(name=name, backend=name) for name in backends]
    manifest = from_json(manifest_of(services, [], {}, "", before).to_json())
    problems = manager_problems(manifest, Platform(s6_rc=after))
    assert [gist in problem.message for gist, problem in zip(told, problems)] == [True] * len(told)
    assert len(problems) == len(told)
    assert manifest.manager(after) == (before if "s6" in backends else after)


class Programs(FakeHost):
    """A host that has every program."""

    def executable(self, path: str) -> bool:
        return bool(path)


PATHS = (
    ("listen[0].unix", lambda path: {"listen": [{"unix": path}]}),
    ("log.file", lambda path: {"log": {"what": ["host"], "where": "file", "file": path}}),
    ("banner.file", lambda path: {"banner": {"file": path, "on": "connect"}}),
)


@as_root
@pytest.mark.parametrize(("field", "fields"), PATHS, ids=[field for field, _fields in PATHS])
@pytest.mark.parametrize("where", ["theirs", "theirs/below", "link", "below/link"])
def test_a_path_that_others_can_lead_elsewhere_is_refused(
    field: str, fields: t.Callable[[str], Fields], where: str
) -> None:
    with place() as top:
        (top / "theirs/below").mkdir(parents=True)
        (top / "below").mkdir()
        os.chown(top / "theirs", STRANGER, STRANGER)
        for link in (top / "link", top / "below/link"):
            link.symlink_to(top / "below")
            os.lchown(link, STRANGER, STRANGER)
        path = str(top / where / "x")
        if field == "banner.file":
            Path(path).write_text("hello")
        (problem,) = program_problems(service(**fields(path)), Programs())
        assert problem.path.endswith(f".{field}")
        culprit = str(top / where.partition("/below")[0])
        for words in (f'"{path}"', f'"{culprit}"', '"nobody"', "Let only root own"):
            assert words in problem.message
        # The same in a directory of root's.
        (top / "below/x").write_text("hello") if field == "banner.file" else None
        assert program_problems(service(**fields(str(top / "below/x"))), Programs()) == []


@as_root
@pytest.mark.parametrize(
    ("mode", "owner", "kind", "refused"),
    [
        (0o1777, STRANGER, "link", True),
        (0o1777, STRANGER, "file", True),
        (0o1777, 0, "file", False),
        (0o1777, 0, "link", False),
        (0o755, STRANGER, "file", False),
        (0o755, STRANGER, "link", True),
        (0o755, 0, "link to theirs", True),
    ],
)
def test_a_text_that_others_choose_is_not_shown_to_clients(mode: int, owner: int, kind: str, refused: bool) -> None:
    with place() as top:
        (top / "folder").mkdir()
        (top / "folder").chmod(mode)
        (top / "secret").write_text("root's own")
        (top / "theirs").symlink_to(top / "secret")
        os.lchown(top / "theirs", STRANGER, STRANGER)
        path = top / "folder/text"
        if kind == "file":
            path.write_text("hello")
        else:
            path.symlink_to("../theirs" if kind.endswith("theirs") else "../secret")
        os.lchown(path, owner, owner)
        problems = program_problems(service(banner={"file": str(path), "on": "connect"}), Programs())
        assert [problem.path.rpartition("].")[2] for problem in problems] == (["banner.file"] if refused else [])


@as_root
def test_a_log_that_somebody_else_has_made_is_refused() -> None:
    with place() as top:
        (top / "log").write_text("")
        os.chown(top / "log", STRANGER, STRANGER)
        declared = service(log={"what": ["host"], "where": "file", "file": str(top / "log")})
        (problem,) = program_problems(declared, Programs())
        assert problem.message == f'"{top}/log" belongs to "nobody"; remove it, or choose another file'
