# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A life of services on the fourth backend, with the real programs: created, proven, changed, moved to another port,
killed, disabled and removed. Run by itself, in namespaces where it is alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import (
    apply_capabilities,
    render_all,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS, register
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import Settings, detect
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import (
    Condition,
    changes_of,
    plan_actions,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.prove import (
    prove_answers,
    prove_listeners,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import writes
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.listeners import sockets_of
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import switching
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.switch import carry_out
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.watcher import Commands
from ansible_collections.ondemand.superserver.tests.unit.contract.runit import Runit
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service

ECHO: Fields = {
    "name": "echo",
    "backend": "runit",
    "listen": [{"tcp": "127.0.0.1:7007"}],
    "exec": ["/bin/sh", "-c", 'read line; echo "$GREETING $line, $REMOTE_ADDR"'],
    "environment": {"GREETING": 'it\'s "fine"'},
    "resources": {"open_files": 64},
    "probe": {"send": "hello\n", "expect": '^it\'s "fine" hello, 127.0.0.1\n$'},
}
OTHER: Fields = {**ECHO, "name": "other", "listen": [{"tcp": "127.0.0.1:7008"}]}


class Life:
    """A host on which the collection has so many services, and files."""

    def __init__(self, top: str) -> None:
        self.host = LocalHost(Commands())
        self.backend = Runit(f"{top}/services", f"{top}/logs")
        register(self.backend)
        progress.PATH = f"{top}/step"
        self.have: Mapping[str, Service] = {}
        self.files: list[File] = []

    def declare(self, *entries: Fields) -> dict[str, str]:
        """Have these services and no others, as a run does; what happened to each."""
        wanted = [service(**entry) for entry in entries]
        every = [*wanted, *self.have.values()]
        platform = self._detected(every)
        missing = self.backend.missing(platform, self.host)
        assert not missing, missing
        honoured, _warnings = apply_capabilities(wanted, platform, "fail")
        want = {each.name: each for each in honoured}
        files = _files.with_folders(render_all(honoured, platform))
        dirty = [file for file in files if not _files.matches(file, _files.look(file.path))]
        health = self.backend.health(honoured, platform, self.host)
        conditions = {
            name: Condition(tuple(file.path for file in dirty if file.service == name), "", health.get(name, ""))
            for name in want
        }
        actions = plan_actions(want, self.have, conditions, BACKENDS, platform)
        paths = {file.path for file in files}
        gone = [file.path for file in self.files if file.path not in paths and file.kind == "file"]

        changes = changes_of(actions, want)
        written = frozenset(file.backend for file in dirty)
        there = Transition(changes, writes(dirty), written=written, obsolete={self.backend.name: gone})
        stopped = [each for change in changes.values() for each in change.stop]
        site = Site(BACKENDS, platform, self.host, sockets_of(stopped, platform))
        carry_out(switching(there, Transition({}), BACKENDS, platform), site)
        self.have, self.files = want, files
        failures = [*prove_listeners(honoured, BACKENDS, platform, self.host), *prove_answers(honoured, platform)]
        assert not failures, f"{[str(failure) for failure in failures]}\n{self.said(honoured)}"
        return {action.name: action.kind for action in actions}

    def said(self, services: Iterable[Service]) -> str:
        platform = self._detected([])
        return self.backend.log(list(services), platform, self.host)

    def _detected(self, services: Sequence[Service]) -> Platform:
        return detect(services, self.host.processes(), Settings(), self.host)

    def processes(self, program: str) -> list[int]:
        return [process.pid for process in self.host.processes() if process.program == program]


def closed(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def live(top: str) -> list[object]:
    """What came of each step."""
    life = Life(top)
    told: list[object] = [life.declare(ECHO), life.declare(ECHO)]

    first = life.processes("tcpserver")
    changed = {**ECHO, "environment": {"GREETING": "welcome"}, "probe": {"send": "x\n", "expect": "^welcome x"}}
    told.append(life.declare(changed, OTHER))
    assert set(first) < set(life.processes("tcpserver")), "a change of the handler must not touch the server"

    moved = {**changed, "listen": [{"tcp": "127.0.0.1:7009"}]}
    told += [life.declare(moved, OTHER), closed(7007)]

    for program in ("runsv", "tcpserver"):
        for pid in life.processes(program):
            os.kill(pid, signal.SIGKILL)
    assert life.host.wait(lambda: not life.processes("tcpserver"), 5)
    told.append(sorted(set(life.declare(moved, OTHER).values())))

    told += [life.declare({**moved, "state": "disabled"}, OTHER), closed(7009)]
    told += [life.declare(moved), closed(7008), life.declare(), closed(7009)]
    assert life.host.wait(lambda: not life.processes("runsv"), 5)
    told.append(life.host.names(life.backend.home))
    return told


if __name__ == "__main__":
    print(json.dumps(live(sys.argv[1])))
