# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the s6 backend tells a supervision tree, and what it sees of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import control as _s6_control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import SOCKET
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, SwitchFailed
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import (
    AS_PID_1,
    HOST,
    NETWORKING,
    Tree,
    named,
    told,
)

BACKEND = S6()


def test_release_brings_down_whatever_the_service_had() -> None:
    tree = Tree("a.tcp4-7", "a.tcp6-7", "b", "ab")
    BACKEND.release(Change(stop=(named("a"), named("c"))), HOST, tree)
    assert told(tree, b"d") == ["a.tcp4-7", "a.tcp6-7"]
    assert len(tree.told) == 2
    assert tree.argvs == []


def test_activate_starts_what_is_new_and_what_was_down() -> None:
    tree = Tree("a")
    tree.add("b")
    BACKEND.activate(Change(start=(named("a"), named("b"))), HOST, tree)
    assert tree.told == [("", b"a"), ("a", b"u"), ("b", b"u")]
    assert "b" in tree.pids
    assert tree.argvs == []


def test_holder_is_started_where_it_is_needed() -> None:
    tree = Tree("a.tcp4-7", "a.tcp6-7", HOLDER)
    BACKEND.activate(Change(start=(named("a"),)), NETWORKING, tree)
    assert told(tree, b"u")[0] == HOLDER
    tree = Tree("a")
    BACKEND.activate(Change(start=(named("a"),)), HOST, tree)
    assert told(tree, b"u") == ["a"]


def test_release_takes_sockets_from_the_holder() -> None:
    tree = Tree("a.tcp4-7", "b", HOLDER)
    tree.files[SOCKET] = ""
    tree.held = ["a.tcp4-7:tcp:0.0.0.0:7", "b:unix:/a.tcp4-7:x y", "a.tcp6-7:tcp:[::]:7", "ab:tcp:*:7"]
    BACKEND.release(Change(stop=(named("a"),)), NETWORKING, tree)
    assert told(tree, b"d") == ["a.tcp4-7"]
    # Also what is kept for a server that is not there any more.
    assert tree.held == ["b:unix:/a.tcp4-7:x y", "ab:tcp:*:7"]
    assert len(tree.argvs) == 2


def test_release_leaves_the_sockets_of_a_server_that_is_started_meanwhile() -> None:
    """Its supervisor was not there yet when servers were told to end, so that it goes on with what it has."""
    tree = Tree("a.tcp4-7", "a.tcp6-7", HOLDER)
    tree.files[SOCKET] = ""
    tree.held = ["a.tcp4-7:tcp:0.0.0.0:7", "a.tcp6-7:tcp:[::]:7"]
    tree.running = [each for each in tree.running if each.argv[1:] != ("a.tcp6-7",)]
    BACKEND.release(Change(stop=(named("a"),)), NETWORKING, tree)
    assert told(tree, b"d") == ["a.tcp4-7"]
    assert tree.held == ["a.tcp6-7:tcp:[::]:7"]


def test_sockets_of_what_is_gone_are_not_kept() -> None:
    tree = Tree("a", "b", HOLDER)
    tree.files[SOCKET] = ""
    tree.held = ["a:tcp:*:7", "b:tcp:*:8"]
    tree.delete("a")
    BACKEND.reload(HOST, tree)
    assert tree.held == ["b:tcp:*:8"]


def test_sockets_of_servers_that_a_service_has_no_more_are_not_kept() -> None:
    tree = Tree("a.tcp4-7", "a.tcp6-7", HOLDER)
    tree.files[SOCKET] = ""
    tree.held = ["a:tcp:*:7", "a.tcp4-7:tcp:0.0.0.0:7", "b:tcp:*:8"]
    BACKEND.activate(Change(refresh=((named("a"), named("a")),)), NETWORKING, tree)
    assert tree.held == ["a.tcp4-7:tcp:0.0.0.0:7", "b:tcp:*:8"]


def storing(pid: int, name: str) -> Process:
    return Process(pid, 1, "python3", ("python3", "binder", "bind", "s6-fdholder-store", SOCKET, name), 0)


class Storing(Tree):
    """Somebody stores a socket, and has while it is waited for."""

    late = storing(99, "b:unix:/b")

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.files[SOCKET] = ""
        self.running += [self.late, storing(98, "c:unix:/c")]
        self.asked: list[bool] = []

    def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        self.asked.append(happened())
        self.running.remove(self.late)
        self.held.append("b:unix:/b")
        return happened()


def test_release_waits_for_a_server_that_was_about_to_store_its_socket() -> None:
    tree = Storing("b", HOLDER)
    _s6_control.forget("b".__eq__, 1, HOST, tree)
    assert tree.asked == [False]
    assert tree.held == []


def test_servers_of_another_provider_are_stopped_first() -> None:
    tree = Tree("a")
    tree.add("a.tcp4-7")
    tree.add("a.tcp6-7")
    BACKEND.activate(Change(refresh=((named("a"), named("a")),)), NETWORKING, tree)
    assert tree.told == [("a", b"d"), ("", b"a")]


def test_server_that_does_not_get_ready_fails_with_its_log() -> None:
    tree = Tree()
    tree.broken.add("a")
    tree.add("a")
    tree.files["/var/log/superserver/a/current"] = "".join(f"line {number}\n" for number in range(30))
    with pytest.raises(SwitchFailed, match="not listening after 8 s: a\nline 10\n") as failure:
        BACKEND.activate(Change(start=(named("a"),)), HOST, tree)
    assert str(failure.value).endswith("line 29")


def test_supervisor_that_has_outlived_its_scanner_is_controlled_directly() -> None:
    tree = Tree("a", "b")
    tree.orphan()
    tree.delete("a")
    BACKEND.reload(HOST, tree)
    assert sorted(told(tree, b"dx")) == ["a", "a/log"]
    assert "b" in tree.pids


def test_foreign_services_are_left_alone() -> None:
    tree = Tree("a")
    tree.running.append(Process(70, 1, "s6-supervise", ("s6-supervise", "getty"), 0))
    BACKEND.reload(AS_PID_1, tree)
    BACKEND.release(Change(stop=(named("getty"),)), AS_PID_1, tree)
    assert tree.told == []


def test_names_in_the_scan_directory_of_the_host() -> None:
    tree = Tree("a", "b")
    tree.running = [
        replace(process, argv=("s6-supervise", f"superserver-{process.argv[-1]}"))
        if process.argv[-1].startswith("a")
        else process
        for process in tree.running
    ]
    assert _s6_control.supervised(AS_PID_1, tree) == {"a": True, "a/log": True}
    BACKEND.release(Change(stop=(named("a"), named("b"))), AS_PID_1, tree)
    assert told(tree, b"d") == ["a"]


def test_what_somebody_keeps_down_is_started_again() -> None:
    tree = Tree("a", "b")
    tree.files[f"{DIRECTORIES}/a/down"] = ""
    change = Change(start=(named("a"),), refresh=((named("b"), named("b")),))
    BACKEND.activate(change, HOST, tree)
    assert ["rm", "-f", "--", f"{DIRECTORIES}/a/down"] in tree.argvs


# What s6-supervise wrote: release 2.11 (Debian 12) while up and ready; 2.13 (Debian 13) likewise, and while down.
UP = "400000006b012a6c20fc10da400000006b012a6c2168ffbe0000000000000e5500000c"
UP_13 = "400000006b0134fa353992ce400000006b0134fa35ea2de000000000000003f100000000000003f100000c"
DOWN_13 = "400000006b0134fb2df03098400000006b0134fb2df3e65d00000000000000000000000000000000000008"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (UP, _s6_control.Status(3669, True)),
        (UP[:-2] + "04", _s6_control.Status(3669, False)),
        (UP_13, _s6_control.Status(1009, True)),
        (DOWN_13, _s6_control.Status(0, False)),
        ("", _s6_control.Status()),
    ],
)
def test_status(data: str, expected: _s6_control.Status) -> None:
    tree = Tree()
    tree.files["/d/supervise/status"] = bytes.fromhex(data).decode("utf-8", "surrogateescape")
    assert _s6_control.status("/d", tree) == expected


class Slow(Tree):
    """Patience is over each time that one more server has become ready."""

    next = min

    def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        if self.broken:
            self.get_ready(type(self).next(self.broken))
        return happened()


class Backwards(Slow):
    """What was asked for first comes last."""

    next = max


@pytest.mark.parametrize("kind", [Slow, Backwards])
def test_slow_host_is_waited_for_while_it_gets_on(kind: type[Slow]) -> None:
    names = [f"late{number:02}" for number in range(30)]
    tree = kind(*names)
    tree.broken.update(names)
    BACKEND.activate(Change(start=tuple(map(named, names))), HOST, tree)
    assert not tree.broken
