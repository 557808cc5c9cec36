# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who starts and stops the guard's keeper, by what PID 1 is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.guard import apply_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import UNIT
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import OTHER, S6, SYSTEMD, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.guard import NOBODY
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import TABLE
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.watcher import Commands

SYSTEMCTL = [f"--job-mode=ignore-dependencies stop {UNIT}", f"reset-failed {UNIT}", f"start {UNIT}"]


class Watched(LocalHost):
    """Notes what is done, and answers for a keeper that runs or not, and for a table that there is or not."""

    def __init__(self, running: bool, loaded: bool = False) -> None:
        super().__init__(Commands())
        self.done: list[str] = []
        self.running, self.loaded = running, loaded

    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Result:
        if "apply" in argv:
            self.done.append(f"apply {argv[-1]}")
            return Result(0 if self.running else NOBODY, "", "")
        if argv[1:3] == ["list", "tables"]:
            return Result(0, f"table inet {TABLE}\n" if self.loaded else "", "")
        self.done.append(" ".join(argv[1:]))
        return Result(int(argv[1] == "delete"), "", "busy")

    def control(self, fifo: str, data: bytes) -> bool:
        self.done.append(f"{fifo.rpartition('/')[0]} {data.decode()}")
        return True

    def read(self, path: str) -> str | None:
        return None


@pytest.mark.parametrize("init", [SYSTEMD, S6, OTHER])
def test_keeper_that_answers_goes_on(init: str) -> None:
    host = Watched(running=True)
    apply_guard(True, Platform(init=init), host)
    assert host.done == ["apply 0", "apply 10"]


@pytest.mark.parametrize(
    ("init", "started"),
    [
        (SYSTEMD, SYSTEMCTL),
        (S6, ["/etc/superserver/s6/.s6-svscan a", "/etc/superserver/s6-services/_guard/supervise u"]),
        (OTHER, []),
    ],
)
def test_keeper_is_started_by_what_is_the_first_process(init: str, started: list[str]) -> None:
    host = Watched(running=False)
    apply_guard(True, Platform(init=init), host)
    assert host.done[0] == "apply 0"
    assert host.done[-1] == "apply 10"
    assert host.done[1:-1] == started


def test_table_that_stays_is_a_failure() -> None:
    host = Watched(running=True, loaded=True)
    with pytest.raises(SwitchFailed, match=f"nft cannot delete the table inet {TABLE}: busy"):
        apply_guard(False, Platform(init=SYSTEMD), host)
    assert host.done[0] == SYSTEMCTL[0]
