# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of s6 that start before their ports are free."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import control as _s6_control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import HOST, Tree, named, told

BACKEND = S6()


def waiting(tree: Tree) -> set[str]:
    """Those that run and do not say that they are ready."""
    found = {name: _s6_control.status(f"{DIRECTORIES}/{name}", tree) for name in tree.pids}
    return {name for name, status in found.items() if status.pid and not status.ready}


def test_what_is_new_is_supervised_before_it_is_started() -> None:
    tree = Tree("a")
    for name in "bc":
        tree.add(name)
    change = Change(start=(named("a"), named("b"), named("c")))
    BACKEND.prepare(change, HOST, tree)
    downs = [f"{DIRECTORIES}/{name}/down" for name in "bc"]
    assert tree.argvs == [["touch", "--", *downs]]
    assert tree.told == [("", b"a")]
    assert {name for name, pid in tree.pids.items() if pid} == {"a", "a/log", "b/log", "c/log"}
    BACKEND.activate(change, HOST, tree)
    assert tree.argvs[1:] == [["rm", "-f", "--", *downs]]
    assert told(tree, b"u") == ["a", "b", "c"]
    assert all(tree.pids[name] for name in "bc")


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
            self.seen.append(len(told(self, b"u")))
            if late:
                self.get_ready(late[0])
        return False


def test_few_servers_are_brought_up_at_a_time() -> None:
    names = "bcdefg"
    tree = Taking(*names)
    change = Change(start=tuple(map(named, names)))
    BACKEND.prepare(change, HOST, tree)
    BACKEND.activate(change, HOST, tree)
    assert tree.seen[:3] == [4, 5, 6]
    assert told(tree, b"u") == list(names)
    assert waiting(tree) == set()


@pytest.mark.parametrize(("services", "scanned"), [((), True), (("a",), True), (("b",), False)])
def test_nothing_is_prepared_without_need_or_tree(services: tuple[str, ...], scanned: bool) -> None:
    tree = Tree("a", scanned=scanned)
    tree.add("b")
    BACKEND.prepare(Change(start=tuple(map(named, services))), HOST, tree)
    assert tree.told == []
    assert tree.argvs == []
