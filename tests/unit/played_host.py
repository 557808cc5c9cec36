# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is played: its files are real, below a directory; its super-servers, listeners, rules and the units of
others are kept in memory. It can die in front of whatever changes it.

It insists on what a host insists on: a super-server opens what it has read, on a port that is free, and what the guard
protects only with its rules loaded.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import GUARD
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# What says of a service that the guard protects it.
GUARDED = "guarded"


class DiedError(BaseException):
    """The run is gone; nothing of it catches this."""


@dataclass(frozen=True)
class Opened:
    """One listening socket: whose it is, and with what declaration it was opened."""

    kind: str
    name: str
    port: int
    text: str
    inode: int = field(compare=False)

    @property
    def socket(self) -> Socket:
        return Socket("tcp", "ipv6", "::", self.port, True, "stream", self.inode, 0, None, "")


class Machine:
    """``last``: the number of the change in front of which it dies."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.read: dict[str, dict[str, str]] = {"systemd": {}, "s6": {}, "xinetd": {}}
        self.running = {"systemd"}
        self.listeners: list[Opened] = []
        self.rules: str | None = None
        # Units of others, and the port of each; those of them that systemd does not start.
        self.units: dict[str, int] = {}
        self.masked: set[str] = set()
        self.done: list[str] = []
        self.last: int | None = None
        self._inodes = count(1)
        self.backends: dict[str, Backend] = {
            "systemd": PlayedSystemd(self),
            "xinetd": PlayedXinetd(self),
            "s6": PlayedS6(self),
        }

    def happens(self, what: str) -> None:
        """Something changes the host, or would."""
        if self.last is not None and len(self.done) >= self.last:
            raise DiedError(what)
        self.done.append(what)

    def path(self, backend: str, name: str) -> str:
        return str(self.tree / backend / f"{name}.conf")

    @property
    def guard(self) -> str:
        return str(self.tree / "guard.nft")

    def files(self, services: Iterable[Service]) -> list[File]:
        """What the collection has on the host for these services."""
        found = list(services)
        files = [
            File(self.path(each.backend, each.name), text_of(each), service=each.name, backend=each.backend)
            for each in found
        ]
        guarded = sorted(each.name for each in found if each.description == GUARDED)
        return [*files, *([File(self.guard, " ".join(guarded), backend=GUARD)] if guarded else [])]

    def on_disk(self, backend: str) -> dict[str, str]:
        return {path.stem: path.read_text() for path in sorted((self.tree / backend).glob("*.conf"))}

    def open(self, kind: str, name: str, port: int, text: str) -> None:
        if GUARDED in text and kind != "unit" and name not in (self.rules or "").split():
            raise AssertionError(f"{name} opens without its rules")
        self.listeners.append(Opened(kind, name, port, text, next(self._inodes)))

    def close(self, kind: str, name: str) -> None:
        self.listeners = [each for each in self.listeners if (each.kind, each.name) != (kind, name)]

    def at(self, port: int) -> list[Opened]:
        return [each for each in self.listeners if each.port == port]

    def bound(self, listeners: Iterable[Listener]) -> dict[Listener, list[Socket]]:
        """As the kernel's table has it."""
        return {each: [opened.socket for opened in self.at(each.port)] for each in listeners}

    def look(self, *_arguments: object) -> SocketTable:
        sockets: dict[tuple[str, int | str], list[Socket]] = {}
        for each in self.listeners:
            sockets.setdefault(("tcp", each.port), []).append(each.socket)
        return SocketTable(
            sockets,
            {
                each.inode: Owner("systemd" if each.kind == "unit" else each.kind, each.name, 1, each.kind)
                for each in self.listeners
            },
        )

    def apply_guard(self, wanted: bool, *_arguments: object) -> None:
        self.happens(f"rules {'loaded' if wanted else 'removed'}")
        self.rules = Path(self.guard).read_text() if wanted else None

    def run_command(
        self, args: Sequence[str], environ_update: Mapping[str, str], handle_exceptions: bool = False
    ) -> tuple[int, str, str]:
        """Only systemctl does something, with units of others."""
        self.happens(" ".join(args))
        _program, verb, *units = args
        for unit in units if verb in ("start", "stop") else ():
            self.close("unit", unit)
            if verb == "start" and unit in self.masked:
                return 1, "", f"{unit} is masked"
            if verb == "start" and unit in self.units:
                self.open("unit", unit, self.units[unit], unit)
        return 0, "", ""

    def state(self) -> dict[str, t.Any]:
        """Everything that a client or an administrator may notice."""
        return {
            "files": {str(path.relative_to(self.tree)): _content(path) for path in sorted(self.tree.rglob("*.*"))},
            "listeners": sorted(self.listeners, key=str),
            "rules": self.rules,
            "masked": self.masked,
        }


def _content(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else path.read_text()


def text_of(service: Service) -> str:
    return json.dumps(service.to_json(), sort_keys=True)


def ports(service: Service) -> list[int]:
    return [int(end.port) for end in service.listen]


class Played:
    """What the super-servers have in common."""

    name: str

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def service_of(self, owner: tuple[str, str]) -> str:
        return owner[1] if owner[0] == self.name else ""

    def start_runtime(self, *_arguments: t.Any) -> None:
        self._machine.happens(f"{self.name} woken")
        self._machine.running.add(self.name)

    def prepare(self, *_arguments: t.Any) -> None:
        self._machine.happens(f"{self.name} prepared")

    def after_activate(self, *_arguments: t.Any) -> None:
        self._machine.happens(f"{self.name} settled")

    def interrupted_services(self, *_arguments: t.Any) -> list[Service]:
        return []

    def reopens(self, *_arguments: t.Any) -> list[Service]:
        return []


class Separate(Played):
    """Reads its files without a change of listeners, and closes and opens these one by one."""

    def reload(self, *_arguments: t.Any) -> None:
        self._machine.happens(f"{self.name} reads")
        self._machine.read[self.name] = self._machine.on_disk(self.name)
        if self.name == "systemd":
            self._machine.masked = {path.name for path in self._machine.tree.glob("systemd/*.socket")}

    def release(self, change: Change, *_arguments: t.Any) -> None:
        for service in change.stop:
            self._machine.happens(f"{self.name} closes {service.name}")
            self._machine.close(self.name, service.name)

    def activate(self, change: Change, *_arguments: t.Any) -> None:
        for service in (*change.start, *(new for _old, new in change.refresh)):
            self._machine.happens(f"{self.name} opens {service.name}")
            self._machine.close(self.name, service.name)
            text = self._machine.read[self.name].get(service.name)
            if text != text_of(service):
                raise SwitchFailed(f"{self.name} has not read {service.name} as it is declared, but {text}")
            for port in ports(service):
                if self._machine.at(port):
                    raise SwitchFailed(f"port {port} of {service.name} is taken: {self._machine.at(port)}")
                self._machine.open(self.name, service.name, port, text)


class PlayedSystemd(Separate, Systemd):
    pass


class PlayedS6(Separate, S6):
    pass


class PlayedXinetd(Played, Xinetd):
    """Opens and closes whatever its files say, in one go, and gives up a port that is taken."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        # Of the class, as for every super-server: one host is there at a time.
        type(self).entries = str(machine.tree / "xinetd")

    def reload(self, *_arguments: t.Any) -> None:
        return

    def release(self, *_arguments: t.Any) -> None:
        return

    def activate(self, *_arguments: t.Any) -> None:
        machine = self._machine
        machine.happens("xinetd reads")
        machine.running.add("xinetd")
        texts = machine.on_disk("xinetd")
        for opened in [each for each in machine.listeners if each.kind == "xinetd"]:
            if texts.get(opened.name) != opened.text:
                machine.close("xinetd", opened.name)
        for name, text in texts.items():
            if not any((each.kind, each.name) == ("xinetd", name) for each in machine.listeners):
                for end in json.loads(text)["listen"]:
                    if not machine.at(int(end["tcp"])):
                        machine.open("xinetd", name, int(end["tcp"]), text)
