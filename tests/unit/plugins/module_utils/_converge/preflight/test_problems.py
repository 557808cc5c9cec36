# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a port is that a service wants."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.foreign import CompetingEntries
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import XinetdService
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.problems import (
    Possession,
    holder_problems,
    manager_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import (
    from_json,
    manifest_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import Takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service

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
    live = SocketTable({("tcp", 7): [SOCKET]}, {INODE: Owner("systemd", "xinetd.service", 99, "p")})
    assert holder_problems([declared], Possession({"echo": declared}, live, BACKENDS, Platform()))
    mine = replace(live, orphans={INODE: "echo"})
    assert not holder_problems([declared], Possession({"echo": declared}, mine, BACKENDS, Platform()))


@pytest.mark.parametrize(("kind", "name", "held", "ours"), HOLDERS)
def test_whose_a_port_is(kind: str, name: str, held: Fields | None, ours: bool) -> None:
    declared = service(**ECHO, backend="xinetd")
    have = {"echo": service(**{**ECHO, **held})} if held is not None else {}
    live = SocketTable({("tcp", 7): [SOCKET]}, {INODE: Owner(kind, name, 99, "p")})
    problems = holder_problems([declared], Possession(have, live, BACKENDS, Platform()))
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
    live = SocketTable({("tcp", 7): [SOCKET]}, {INODE: Owner(kind, name, 99, "p")})
    (problem,) = holder_problems([service(**ECHO)], Possession({}, live, BACKENDS, Platform()))
    assert words in problem.message


def test_what_must_not_be_taken_over_is_not_offered() -> None:
    owner = Owner("systemd", "user@1000.service", 99, "nc")
    live = SocketTable({("tcp", 7): [SOCKET]}, {INODE: owner})
    asked: list[t.Any] = []

    def objections(owners: t.Mapping[Owner, Socket]) -> dict[Owner, str]:
        asked.append(owners)
        return dict.fromkeys(owners, "it is not that; end it")

    declared = service(**ECHO)
    others = service(name="other", listen=[{"tcp": "7", "family": "ipv4"}])
    (one, _other) = holder_problems([declared, others], Possession({}, live, BACKENDS, Platform()), objections)
    assert "systemd unit user@1000.service (nc, pid 99)" in one.message
    assert one.message.endswith("it is not that; end it, or choose another port")
    assert asked == [{owner: SOCKET}]


@pytest.mark.parametrize(
    ("adopted", "stranger", "ours"), [(True, True, True), (False, True, False), (False, False, True)]
)
def test_an_entry_of_others_may_have_the_same_id(adopted: bool, stranger: bool, ours: bool) -> None:
    declared = service(**ECHO, backend="xinetd")
    live = SocketTable({("tcp", 7): [SOCKET]}, {INODE: Owner("xinetd", "echo", 99, "xinetd")})
    entries = [XinetdService("echo", "tcp", 7 if stranger else 8, "", "any")]
    takeover = Takeover(
        adopted=frozenset({("xinetd", "echo")} if adopted else ()), competing={"xinetd": CompetingEntries(entries)}
    )
    problems = holder_problems([declared], Possession({}, live, BACKENDS, Platform(), takeover.release_status))
    assert bool(problems) != ours


def test_a_name_that_is_refused_is_told_once() -> None:
    """Not with the advice to name what is named."""
    live = SocketTable({("tcp", 7): [SOCKET]}, {INODE: Owner("systemd", "a.socket", 1, "systemd")})
    for refused, problems in ((frozenset({("systemd", "a.socket")}), 0), (frozenset({("systemd", "b.socket")}), 1)):
        takeover = Takeover(refused=refused)
        found = holder_problems([service(**ECHO)], Possession({}, live, BACKENDS, Platform(), takeover.release_status))
        assert len(found) == problems


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
    manifest = from_json(manifest_of(services, [], {}, s6_rc=before).to_json())
    problems = manager_problems(manifest, Platform(s6_rc=after))
    assert [gist in problem.message for gist, problem in zip(told, problems)] == [True] * len(told)
    assert len(problems) == len(told)
    assert manifest.manager(after) == (before if "s6" in backends else after)
