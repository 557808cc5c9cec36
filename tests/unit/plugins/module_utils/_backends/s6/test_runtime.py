# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of s6-svscan: how it is started and ended, and whether it has what each server needs."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.runtime import UNIT_LINK
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import SwitchFailed
from ansible_collections.ondemand.superserver.tests.unit.plugins.module_utils._backends.s6.test_control import BACKEND
from ansible_collections.ondemand.superserver.tests.unit.s6_tree import (
    AS_PID_1,
    HOST,
    Tree,
    named,
)


def test_health_of_the_holder_is_that_of_the_services_that_need_it() -> None:
    services = [named("a"), named("b", listen=[{"unix": "/b"}])]
    tree = Tree("a", "b", HOLDER)
    assert BACKEND.health(services, HOST, tree) == {}
    tree.broken.add(HOLDER)
    tree.control(f"{DIRECTORIES}/{HOLDER}/supervise/control", b"u")
    assert BACKEND.health(services, HOST, tree) == {"b": f"{DIRECTORIES}/{HOLDER} does not run"}
    tree.pids.pop(HOLDER)
    assert BACKEND.health(services, HOST, tree) == {"b": f"{DIRECTORIES}/{HOLDER} is not supervised"}
    tree.files[f"{DIRECTORIES}/{HOLDER}/down"] = ""
    down = f"{DIRECTORIES}/{HOLDER}/down"
    assert BACKEND.health(services, HOST, tree) == {"b": f"{down} prevents its start at boot"}
    BACKEND.activate(Change(start=(named("b", listen=[{"unix": "/b"}]),)), HOST, tree)
    assert ["rm", "-f", "--", down] in tree.argvs


def test_runtime_is_started_where_systemd_runs_it() -> None:
    tree = Tree(scanned=False)
    tree.add("a")
    BACKEND.activate(Change(start=(named("a"),)), HOST, tree)
    started = [["systemctl", *words, "superserver-s6.service"] for words in (("--root=/", "enable"), ("start",))]
    assert tree.argvs == started
    del tree.files[UNIT_LINK]
    BACKEND.activate(Change(start=(named("a"),)), HOST, tree)
    assert tree.argvs == started * 2
    with pytest.raises(SwitchFailed, match="no s6-svscan runs on /run/service"):
        BACKEND.activate(Change(start=(named("a"),)), AS_PID_1, Tree(scanned=False))


def test_health() -> None:
    services = [named("a"), named("b"), named("off", state="disabled")]
    tree = Tree("a", "b")
    assert BACKEND.health(services, HOST, tree) == {}
    tree.pids.pop("b/log")
    assert BACKEND.health(services, HOST, tree) == {"b": f"{DIRECTORIES}/b/log is not supervised"}
    tree.files[f"{DIRECTORIES}/a/down"] = ""
    assert BACKEND.health(services[:1], HOST, tree) == {"a": f"{DIRECTORIES}/a/down prevents its start at boot"}
    del tree.files[f"{DIRECTORIES}/a/down"]
    del tree.files[UNIT_LINK]
    ill = BACKEND.health(services, HOST, tree)
    assert ill == dict.fromkeys("ab", "superserver-s6.service is not enabled at boot")
    assert BACKEND.health([named("a")], AS_PID_1, tree) == {}
    assert BACKEND.health([named("a")], AS_PID_1, Tree(scanned=False)) == {"a": "no s6-svscan runs on /run/service"}
    assert tree.told == []
    assert tree.argvs == []


def test_retired_runtime_leaves_nothing() -> None:
    tree = Tree()
    BACKEND.stop_runtime(HOST, tree)
    assert tree.argvs == [
        ["systemctl", "stop", "superserver-s6.service"],
        ["systemctl", "--root=/", "disable", "superserver-s6.service"],
        ["systemctl", "reset-failed", "superserver-s6.service"],
    ]
    assert tree.removed == ["/etc/superserver/s6", DIRECTORIES]
    tree = Tree()
    BACKEND.stop_runtime(AS_PID_1, tree)
    assert (tree.argvs, tree.removed) == ([], [DIRECTORIES])
