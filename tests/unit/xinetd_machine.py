# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with an xinetd that is only said to be there."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

UNDER_SYSTEMD = Platform(init="systemd", programs={"xinetd": "/usr/sbin/xinetd"})
WITHOUT = replace(UNDER_SYSTEMD, init="other")

MAIN = Process(100, 1, "xinetd", ("/usr/sbin/xinetd", "-stayalive"), 5)
CONFIG = "defaults\n{\n}\nincludedir /etc/xinetd.d\n"


NOT_ENABLED = {"systemctl is-enabled xinetd.service": Result(1, "disabled\n", "")}


def made(name: str = "echo", **fields: t.Any) -> Service:
    return replace(service(name=name, user="nobody", **fields), backend="xinetd")


DAEMON = made("daemon", accept=False, exec=["/srv/run.py", "a b", ""])


def status(
    process: Process, namespaces: str = "", state: str = "S", pauses: int = 7, caught: str = "0000000000014003"
) -> str:
    return (
        f"Name:\t{process.program}\nState:\t{state} (sleeping)\nNSpid:\t{process.pid}{namespaces}\nSigCgt:\t{caught}\n"
        f"voluntary_ctxt_switches:\t{pauses}\nnonvoluntary_ctxt_switches:\t0\n"
    )


class Machine(FakeHost):
    """An xinetd that sleeps, as long as nothing else is said of it."""

    def __init__(self, *processes: Process) -> None:
        super().__init__(
            *processes,
            files={"/etc/xinetd.conf": CONFIG},
            answers={"systemctl is-enabled xinetd.service": Result(0, "enabled\n", "")},
        )
        self.states = {process.pid: status(process) for process in processes}
        self.sleep: dict[str, str | None] = {"wchan": "do_poll.constprop.0", "syscall": "7 0x55d0 0x15 0xffffffff"}

    def read(self, path: str) -> str | None:
        if path.startswith("/proc/"):
            pid, name = path.split("/")[2:]
            if name == "status":
                return self.states.get(int(pid))
            if self.sleep[name] is None:
                raise PermissionError(path)
            return self.sleep[name]
        return super().read(path)

    # What may happen.

    def starts(self) -> None:
        self.running.append(MAIN)
        self.states[MAIN.pid] = status(MAIN)

    def ends(self) -> None:
        self.running = [process for process in self.running if process.pid != MAIN.pid]
        del self.states[MAIN.pid]

    def reads(self) -> None:
        self.states[MAIN.pid] = status(MAIN, pauses=8)

    def effects_of(self, **effects: Callable[[], None]) -> Machine:
        names = {
            "restart": "systemctl restart xinetd.service",
            "stop": "systemctl stop xinetd.service",
            "script": "/usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
            "/etc/init.d/xinetd start",
            "program": "/usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
            "/usr/sbin/xinetd -stayalive -pidfile /run/xinetd.pid",
            "hangup": "signal 1 to 100",
            "quit": "signal 3 to 100",
            "terminate": "signal 15 to 100",
        }
        self.effects = {names[name]: effect for name, effect in effects.items()}
        return self


class Shared(Machine):
    """With a service of somebody else's in xinetd's configuration."""

    def __init__(self, *processes: Process, enabled: bool) -> None:
        super().__init__(*processes)
        self.files["/etc/xinetd.d/other"] = f"service other\n{{\ndisable = {'no' if enabled else 'yes'}\n}}\n"
