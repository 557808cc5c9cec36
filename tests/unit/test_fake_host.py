# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of other tests never reaches the machine, and behaves like one."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    Host,
    Process,
    Result,
    SwitchFailed,
)
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

METHODS = sorted(name for kind in (Host, LocalHost) for name, value in vars(kind).items() if callable(value))


@pytest.mark.parametrize("name", sorted({name for name in METHODS if not name.startswith("_")}))
def test_nothing_reaches_the_machine(name: str) -> None:
    assert name in vars(FakeHost)


def test_commands_answer_and_have_effects() -> None:
    host = FakeHost(answers={"a b": Result(3, "", "no")})
    host.effects["c"] = lambda: host.files.update(made="")
    assert host.run(["a", "b"], check=False) == Result(3, "", "no")
    assert host.run_plain(["c"]) == (0, "", "")
    assert host.exists("made")
    with pytest.raises(SwitchFailed, match="a b ended with 3: no"):
        host.run(["a", "b"])
    assert host.done == ["a b", "c", "a b"]


def test_files_are_below_directories() -> None:
    host = FakeHost(files={"/a/b/c": "text", "/a/d": ""})
    assert host.names("/a") == ["b", "d"]
    assert (host.exists("/a/b"), host.exists("/a/b/x")) == (True, False)
    assert (host.read("/a/b/c"), host.read("/a/b")) == ("text", None)
    host.remove_tree("/a/b")
    assert host.names("/a") == ["d"]


def test_processes_get_signals_and_commands() -> None:
    one, gone = (Process(pid, 1, "a", ("a",), 0) for pid in (7, 8))
    host = FakeHost(one, files={"/fifo": ""})
    assert (host.lives(one), host.lives(gone)) == (True, False)
    host.signal(one, 15)
    assert (host.control("/fifo", b"u"), host.control("/none", b"d")) == (True, False)
    assert host.done == ["signal 15 to 7", "u to /fifo", "d to /none"]
