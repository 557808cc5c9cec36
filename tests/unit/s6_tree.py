# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervision tree that is only said to be there."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import SOCKET
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.runtime import UNIT_FILE, UNIT_LINK
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process, Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

PROGRAMS = {name: f"/usr/bin/{name}" for name in ("s6-svscan", "execlineb", "tcpserver")}
HOST = Platform(s6="ucspi", programs=PROGRAMS)
NETWORKING = replace(HOST, s6="s6-networking")
AS_PID_1 = replace(HOST, init="s6", scan_directory="/run/service")


class Tree(FakeHost):
    """A supervision tree as far as FIFOs, status files and processes show it; it does at once what it is told."""

    def __init__(self, *names: str, scanned: bool = True) -> None:
        super().__init__(Process(1, 0, "systemd", ("/sbin/init",), 0), files={UNIT_FILE: "", UNIT_LINK: ""})
        self.scanned = scanned
        self.pids: dict[str, int] = {}
        self.told: list[tuple[str, bytes]] = []
        self.broken: set[str] = set()
        self.held: list[str] = []
        self._next = 100
        if scanned:
            self.running.append(Process(50, 1, "s6-svscan", ("s6-svscan", "/etc/superserver/s6"), 0))
        for name in names:
            self.add(name)
            self._supervise(name)

    def add(self, name: str) -> None:
        self.files.update({f"{DIRECTORIES}/{name}/{script}": "#!" for script in ("run", "log/run")})

    def delete(self, name: str) -> None:
        for script in ("run", "log/run"):
            del self.files[f"{DIRECTORIES}/{name}/{script}"]

    def _supervise(self, name: str, parent: int = 50) -> None:
        for each in (name, f"{name}/log"):
            self._next += 1
            self.running.append(Process(self._next, parent, "s6-supervise", ("s6-supervise", each), 0))
            self.pids[each] = 0
            if f"{DIRECTORIES}/{each}/down" not in self.files:
                self._start(each)

    def _start(self, name: str) -> None:
        self._next += 1
        self.pids[name] = self._next
        flags = 4 if name in self.broken else 12
        data = bytes(24) + self._next.to_bytes(8, "big") + bytes(2) + bytes([flags])
        self.files[f"{DIRECTORIES}/{name}/supervise/status"] = data.decode("utf-8", "surrogateescape")

    def get_ready(self, name: str) -> None:
        """What did not work does."""
        self.broken.remove(name)
        self._start(name)

    def _stop(self, name: str) -> None:
        self.files[f"{DIRECTORIES}/{name}/supervise/status"] = bytes(35).decode()

    def orphan(self) -> None:
        self.running = [replace(each, parent=1) for each in self.running]

    def answer(self, argv: Sequence[str]) -> Result:
        if argv[0].endswith("/s6-fdholder-list"):
            return Result(0, "".join(f"{name}\n" for name in self.held), "")
        if SOCKET in argv:
            self.held = [name for name in self.held if name not in argv[argv.index(SOCKET) :]]
        if argv[0] == "touch":
            self.files.update(dict.fromkeys(argv[2:], ""))
        if argv[0] == "rm":
            self.files = {path: text for path, text in self.files.items() if path not in argv[3:]}
        if list(argv[:3]) == ["systemctl", "--root=/", "enable"]:
            self.files[UNIT_LINK] = ""
        if list(argv[:2]) == ["systemctl", "start"]:
            self.scanned = True
        return Result(0, "", "")

    def control(self, fifo: str, data: bytes) -> bool:
        if fifo.endswith("/.s6-svscan/control"):
            if self.scanned and data:
                self.told.append(("", data))
                self._scan(data)
            return self.scanned
        name = fifo[len(DIRECTORIES) + 1 : -len("/supervise/control")]
        if name not in self.pids:
            return False
        if data:
            self.told.append((name, data))
        if data in (b"u", b"ru"):
            self._start(name)
        if data == b"d":
            self._stop(name)
        if data == b"dx":
            self._end(name)
        return True

    def _scan(self, data: bytes) -> None:
        for name in {
            path.split("/")[4] for path in self.files if path.startswith(DIRECTORIES) and path.endswith("/run")
        }:
            if name not in self.pids:
                self._supervise(name)
        if b"n" in data:
            for process in list(self.running):
                name = process.argv[-1]
                if process.parent == 50 and f"{DIRECTORIES}/{name.split('/')[0]}/run" not in self.files:
                    self._end(name)

    def _end(self, name: str) -> None:
        self.pids.pop(name)
        self.running = [each for each in self.running if each.argv[-1] != name]

    def signal(self, process: Process, number: int) -> None:
        raise AssertionError("s6 is told by its FIFOs")


def named(name: str, **fields: t.Any) -> t.Any:
    """A service that is declared with little more than a name."""
    return service(name=name, **fields)


def told(tree: Tree, letters: bytes) -> list[str]:
    """Who was told this, in order."""
    return [name for name, data in tree.told if data == letters]
