# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of s6 that start before their ports are free."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import _s6_control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_servers import (
    SERVICES as DIRECTORIES,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import S6
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import HOST, Tree, host, named, told

BACKEND = S6()


def waiting(tree: Tree) -> set[str]:
    """Those that run and do not say that they are ready."""
    found = {name: _s6_control.status(f"{DIRECTORIES}/{name}", host(tree)) for name in tree.pids}
    return {name for name, status in found.items() if status.pid and not status.ready}


def prepared() -> tuple[Tree, Change]:
    tree = Tree("a")
    for name in "bc":
        tree.add(name)
    change = Change(start=(named("a"), named("b"), named("c")))
    BACKEND.prepare(change, HOST, host(tree))
    return tree, change


def test_what_is_new_starts_and_waits_until_ports_are_free() -> None:
    tree, change = prepared()
    assert tree.told == [("", b"a")]
    assert waiting(tree) == {"b", "c"}
    BACKEND.activate(change, HOST, host(tree))
    assert told(tree, b"u") == ["a", "b", "c"]
    assert waiting(tree) == set()
    assert tree.commands == []


class Full(Tree):
    """Lets nobody lock more than one file."""

    def lock(self, path: str) -> None:
        if self.locked:
            raise OSError
        super().lock(path)


def test_what_cannot_be_kept_waiting_is_not_started_early() -> None:
    tree = Full("a")
    for name in "bc":
        tree.add(name)
    BACKEND.prepare(Change(start=(named("b"), named("c"))), HOST, host(tree))
    assert tree.told == []
    assert tree.locked == set()


class Taking(Tree):
    """Servers get ready one after the other, while somebody looks."""

    def __init__(self, *names: str) -> None:
        super().__init__("a")
        self.seen: list[int] = []
        for name in names:
            self.add(name)
        self.broken = set(names)

    def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        for _look in range(20):
            if happened():
                return True
            late = sorted(waiting(self))
            self.seen.append(len(self.locked))
            if late:
                self.get_ready(late[0])
        return False


def test_few_servers_get_ready_at_a_time() -> None:
    names = "bcdefg"
    tree = Taking(*names)
    change = Change(start=tuple(map(named, names)))
    BACKEND.prepare(change, HOST, host(tree))
    BACKEND.activate(change, HOST, host(tree))
    assert tree.seen[:3] == [2, 1, 0]
    assert waiting(tree) == set()


def test_servers_that_wait_for_others_keep_none_of_these_out() -> None:
    names = "bcdefgz"
    tree = Taking(*names)
    change = Change(start=tuple(named(name, **({} if name == "z" else {"after": ["z"]})) for name in names))
    BACKEND.prepare(change, HOST, host(tree))
    assert len(tree.locked) == len(names)
    BACKEND.activate(change, HOST, host(tree))
    assert tree.seen[0] == 0


def test_what_waits_can_be_released() -> None:
    tree, change = prepared()
    BACKEND.release(Change(stop=change.start), HOST, host(tree))
    assert told(tree, b"d") == ["a", "b", "c"]
    assert tree.locked == set()


@pytest.mark.parametrize(("services", "scanned"), [((), True), (("a",), True), (("b",), False)])
def test_nothing_is_prepared_without_need_or_tree(services: tuple[str, ...], scanned: bool) -> None:
    tree = Tree("a", scanned=scanned)
    tree.add("b")
    BACKEND.prepare(Change(start=tuple(map(named, services))), HOST, host(tree))
    assert tree.told == []
    assert tree.locked == set()
