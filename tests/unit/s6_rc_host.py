# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real s6-rc that manages stand-ins for servers, all below a directory of its own. SUPERSERVER_TEST_S6_PREFIX may say
where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import rc as _s6_rc
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rc import PROGRAMS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.files import render_services
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    SOURCES,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

PREFIX = os.environ.get("SUPERSERVER_TEST_S6_PREFIX", "")
SEARCH = os.pathsep.join(([f"{PREFIX}/bin"] if PREFIX else []) + [os.environ["PATH"]])

RC = Rc(("/etc/s6-rc/source",), "/etc/s6-rc/source/default")
HOST = Platform(
    s6="s6-networking",
    init="s6",
    scan_directory="/run/service",
    s6_rc=RC,
    programs={name: f"/usr/bin/{name}" for name in ("s6-svscan", "execlineb", "s6-tcpserver", *PROGRAMS)},
    primary_groups={"root": "root", "nobody": "nogroup"},
)


def made(name: str, **fields: t.Any) -> Service:
    return service(name=name, backend="s6", **fields)


def rendered(*services: Service) -> dict[str, File]:
    return {file.path: file for file in render_services(services, HOST)}


class Place(LocalHost):
    """A host whose directories are all below one of its own; its programs are real."""

    def __init__(self, root: Path) -> None:
        super().__init__(_helper_watcher.Commands())
        self.root = root
        self.platform = replace(HOST, programs=dict.fromkeys((*PROGRAMS, "sh"), ""), s6_path=f"{PREFIX}/bin")
        programs = {name: shutil.which(name, path=SEARCH) or "" for name in self.platform.programs}
        rc = Rc((f"{root}/host",), f"{root}/host/default", f"{root}/live", f"{root}/boot")
        self.platform = replace(self.platform, programs=programs, s6_rc=rc)
        self.rc = rc
        self.define("host/foreign", "exec sleep 1000")
        self.write("host/default/type", "bundle\n")
        self.write("host/default/contents.d/foreign", "")

    def here(self, text: str) -> str:
        """Paths of the collection's own, as they are called here."""
        return text.replace("/etc/superserver", f"{self.root}/own").replace("/run/superserver", f"{self.root}/run")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def define(self, path: str, command: str) -> None:
        self.write(f"{path}/type", "longrun\n")
        self.write(f"{path}/run", f"#!/bin/sh\n{command}\n", 0o755)

    def install(self, *services: Service, below: str = "") -> None:
        """Definitions of services; what stands for a server listens as soon as it says so."""
        for path, file in rendered(*services).items():
            if path.startswith(SOURCES):
                content = file.content if not path.endswith("/run") else self.stand_in(path)
                self.write(f"{below}own{path[len('/etc/superserver') :]}", content, file.mode)

    @staticmethod
    def stand_in(path: str) -> str:
        return "#!/bin/sh\nexec cat\n" if path.endswith(".log/run") else "#!/bin/sh\necho >&3\nexec sleep 1000\n"

    def remove(self, name: str) -> None:
        for path in (self.root / "own/s6-rc/sources").glob(f"superserver-{name}*"):
            shutil.rmtree(path)
        for path in (self.root / "own/s6-rc/sources/superserver/contents.d").glob(f"superserver-{name}*"):
            path.unlink()

    # What backends ask of a host.
    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Result:
        return super().run([self.here(word) for word in argv], check, environment, descriptors)

    def exists(self, path: str) -> bool:
        return super().exists(self.here(path))

    def read(self, path: str) -> str | None:
        return super().read(self.here(path))

    def names(self, path: str) -> list[str]:
        return super().names(self.here(path))

    def control(self, fifo: str, data: bytes) -> bool:
        return super().control(self.here(fifo), data)

    def remove_tree(self, path: str) -> None:
        super().remove_tree(self.here(path))

    def update(self) -> None:
        _s6_rc.update(self.rc, 10, self.platform, self)

    def change(self, direction: str, *names: str) -> None:
        _s6_rc.change(direction, names, 5, self.platform, self)

    def tool(self, *argv: str) -> str:
        return subprocess.run(
            argv, env={**os.environ, "PATH": SEARCH}, text=True, capture_output=True, check=True, timeout=30
        ).stdout.strip()

    def up(self) -> set[str]:
        return set(self.tool("s6-rc", "-l", self.rc.live, "-a", "list").split())

    def pid(self, name: str) -> str:
        return self.tool("s6-svstat", "-o", "pid", f"{self.rc.live}/servicedirs/{name}")

    def command(self, name: str) -> str:
        """What a server is at this moment; nothing between two of its lives."""
        return (self.read(f"/proc/{self.pid(name)}/cmdline") or "").replace("\0", " ")

    @contextmanager
    def running(self) -> Iterator[None]:
        """As after a boot: the host's own services are up."""
        scan = self.root / "scan"
        scan.mkdir()
        self.tool("s6-rc-compile", f"{self.root}/before", f"{self.root}/host")
        os.symlink("before", self.rc.compiled)
        with subprocess.Popen(["s6-svscan", str(scan)], env={**os.environ, "PATH": SEARCH}) as process:
            try:
                eventually((scan / ".s6-svscan/control").exists)
                self.tool("s6-rc-init", "-c", self.rc.compiled, "-l", self.rc.live, str(scan))
                self.tool("s6-rc", "-l", self.rc.live, "-u", "change", "default")
                yield
            finally:
                self.tool("s6-svscanctl", "-t", str(scan))
                process.wait(timeout=20)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
