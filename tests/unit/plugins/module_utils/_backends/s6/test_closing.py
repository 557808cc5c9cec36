# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What s6 keeps of servers whose files are gone, and how long that may take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6, START
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.control import PATIENCE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SOURCES
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Rc
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import AS_PID_1, HOST, Tree, told

BACKEND = S6()


def test_reload_forgets_what_is_gone_and_starts_nothing() -> None:
    tree = Tree("a", "b")
    tree.add("c")
    BACKEND.reload(HOST, tree)
    assert tree.told == []
    assert tree.removed == []
    tree.delete("a")
    BACKEND.reload(HOST, tree)
    assert told(tree, b"an") == [""]
    assert sorted(tree.removed) == [f"{DIRECTORIES}/a", f"{DIRECTORIES}/a/log"]
    assert {"a", "a/log"} & tree.pids.keys() == set()


@pytest.mark.parametrize("left", ["down", "supervise/lock", "event/a"])
def test_reload_removes_what_a_run_that_died_had_made_for_a_server(left: str) -> None:
    """Its files are gone, and its supervisor has not begun yet, or has ended."""
    tree = Tree("b")
    tree.files[f"{DIRECTORIES}/a/{left}"] = ""
    BACKEND.reload(HOST, tree)
    assert told(tree, b"an") == [""]
    assert tree.removed == [f"{DIRECTORIES}/a"]


def test_reload_leaves_what_others_have_among_its_directories() -> None:
    tree = Tree("b")
    tree.files[f"{DIRECTORIES}/a/notes"] = ""
    BACKEND.reload(HOST, tree)
    assert tree.removed == []


def test_s6_rc_has_time_for_what_is_new() -> None:
    """A host that gets hundreds of services at once waits for as many supervisors."""
    rc = Rc(("/etc/s6-rc/source",), "/etc/s6-rc/source/default")
    platform = replace(AS_PID_1, s6_rc=rc)
    seconds = []
    for number in (2, 302):
        tree = Tree()
        tree.files[f"{rc.live}/servicedirs/superserver-known"] = ""
        names = ["known", *(f"new{each}" for each in range(number - 1))]
        tree.files.update({f"{SOURCES}/superserver-{name}/run": "#!" for name in names})
        BACKEND.reload(platform, tree)
        (command,) = tree.argvs
        seconds.append(int(command[command.index(rc.compiled) + 1]) / 1000)
    assert seconds == [PATIENCE + START, PATIENCE + 301 * START]
