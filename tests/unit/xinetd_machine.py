# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with an xinetd that is only said to be there."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    Host,
    Process,
    Result,
    SwitchFailed,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

UNDER_SYSTEMD = Platform(init="systemd", programs={"xinetd": "/usr/sbin/xinetd"})
WITHOUT = replace(UNDER_SYSTEMD, init="other")

MAIN = Process(100, 1, "xinetd", ("/usr/sbin/xinetd", "-stayalive"), 5)
CONFIG = "defaults\n{\n}\nincludedir /etc/xinetd.d\n"


def made(name: str = "echo", **fields: t.Any) -> Service:
    return replace(service(name=name, user="nobody", **fields), backend="xinetd")


def status(
    process: Process, namespaces: str = "", state: str = "S", pauses: int = 7, caught: str = "0000000000014003"
) -> str:
    return (
        f"Name:\t{process.program}\nState:\t{state} (sleeping)\nNSpid:\t{process.pid}{namespaces}\nSigCgt:\t{caught}\n"
        f"voluntary_ctxt_switches:\t{pauses}\nnonvoluntary_ctxt_switches:\t0\n"
    )


class Machine:
    """Processes and files as they are said to be; commands and signals are noted, and have the effects given."""

    def __init__(self, *processes: Process) -> None:
        self.running = list(processes)
        self.files: dict[str, str] = {"/etc/xinetd.conf": CONFIG}
        self.states = {process.pid: status(process) for process in processes}
        self.sleep: dict[str, str | None] = {"wchan": "do_poll.constprop.0", "syscall": "7 0x55d0 0x15 0xffffffff"}
        self.done: list[str] = []
        self.effects: dict[str, Callable[[], None]] = {}
        self.answers = {"systemctl is-enabled xinetd.service": Result(0, "enabled\n", "")}

    def run(self, argv: Sequence[str], check: bool = True, environment: Mapping[str, str] | None = None) -> Result:
        return self._happens(" ".join(argv), check)

    def signal(self, process: Process, number: int) -> None:
        self._happens(f"signal {number} to {process.pid}", False)

    def _happens(self, what: str, check: bool) -> Result:
        self.done.append(what)
        self.effects.get(what, lambda: None)()
        answer = self.answers.get(what, Result(0, "", ""))
        if check and answer.code:
            raise SwitchFailed(what)
        return answer

    def read(self, path: str) -> str | None:
        if path.startswith("/proc/"):
            pid, name = path.split("/")[2:]
            if name == "status":
                return self.states.get(int(pid))
            if self.sleep[name] is None:
                raise PermissionError(path)
            return self.sleep[name]
        return self.files.get(path)

    def exists(self, path: str) -> bool:
        return path in self.files

    def processes(self) -> list[Process]:
        return self.running

    def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        return happened()

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


def host_of(machine: Machine) -> Host:
    return t.cast("Host", machine)
