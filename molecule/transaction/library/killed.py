# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves services of this host to another backend, and dies on the way: again and again, by SIGKILL, one step later each
time, until a run comes to its end. After each death every port must answer within DEADLINE without another run, and the
services must be as they were.

The collection's own code runs in a child, as the module ``services`` runs it; its steps are counted where it changes
the host: commands, files, journal, signals. With ``seconds`` the child is killed from outside at such moments.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import typing as t
from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ondemand.superserver.plugins.module_utils._converge import _journal, _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._read import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge._run import converge
from ansible_collections.ondemand.superserver.plugins.module_utils._host import _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host._local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model_layers import BASE, Layer

DEADLINE = 5.0  # seconds
# Where a run can be killed: everything that changes the host, and what stands between.
STEPS = (
    (LocalHost, "run"),
    (LocalHost, "signal"),
    (LocalHost, "control"),
    (_files, "install"),
    (_files, "remove"),
    (_journal, "write"),
    (_journal, "clear"),
    (_manifest, "save"),
)


def answers(port: int, family: int) -> bool:
    """Whether what is sent comes back."""
    address = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family) as client:
        client.settimeout(1)
        try:
            client.connect((address, port))
            client.sendall(b"alive\n")
            return client.recv(6) == b"alive\n"
        except OSError:
            return False


class Death:
    """Kills this process before its step number ``at``; without, every step is only counted."""

    def __init__(self, at: int) -> None:
        self.count, self._at = 0, at
        for owner, name in STEPS:
            setattr(owner, name, self._counted(getattr(owner, name), name))

    def _counted(self, function: Callable[..., t.Any], name: str) -> Callable[..., t.Any]:
        def step(*arguments: t.Any, **options: t.Any) -> t.Any:
            # Before there is a journal nothing is changed.
            if name == "write" or os.path.exists(_journal.PATH):
                if self.count == self._at:
                    with open("/run/transaction-step", "w", encoding="utf-8") as file:
                        file.write(f"{name} {arguments[1:] if name == 'run' else arguments}"[:160])
                    os.kill(os.getpid(), signal.SIGKILL)
                self.count += 1
            return function(*arguments, **options)

        return step


def run_in_child(request: Request, module: AnsibleModule, at: int, seconds: float | None) -> str:
    """How the run ended: ``killed``, ``done``, or what went wrong."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if seconds is None:
            Death(at)
        try:
            result = converge(request, LocalHost(module))
            code = 0 if result["changed"] and not result["missing"] else 3
        except BaseException as exc:  # whatever it is, the parent tells of it
            with open("/run/transaction-step", "w", encoding="utf-8") as file:
                file.write(f"{type(exc).__name__}: {exc}")
            code = 4
        os._exit(code)
    if seconds is not None:
        deadline = time.monotonic() + 30
        while not os.path.exists(_journal.PATH) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    return "done" if os.WEXITSTATUS(status) == 0 else f"ended with {os.WEXITSTATUS(status)}"


def mend(ports: list[tuple[int, int]]) -> tuple[float, str]:
    """Seconds until every port answers and the journal is gone, and what is wrong after DEADLINE."""
    start = time.monotonic()
    while True:
        silent = [port for port, family in ports if not answers(port, family)]
        passed = time.monotonic() - start
        if not silent and not os.path.exists(_journal.PATH):
            return passed, ""
        if passed > DEADLINE:
            return passed, f"silent: {silent}, journal: {os.path.exists(_journal.PATH)}"
        time.sleep(0.05)


def told_step() -> str:
    with open("/run/transaction-step", encoding="utf-8") as file:
        return file.read()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True},
            "defaults": {"type": "dict"},
            "backend": {"required": True},
            "ports": {"type": "list", "elements": "int", "required": True},
            "every": {"type": "int", "default": 1},
            "first": {"type": "int", "default": 0},
            "adopt": {"type": "list", "elements": "str", "default": []},
            "seconds": {"type": "list", "elements": "float"},
        }
    )
    options = module.params
    request = Request(
        [Layer(BASE, options["services"])], options["defaults"], options["backend"], adopt=options["adopt"]
    )
    ports = [(port, family) for port in options["ports"] for family in (socket.AF_INET, socket.AF_INET6)]
    before = json.dumps(_manifest.load().to_json()["services"], sort_keys=True)
    rows, problems = [], []
    moments = options["seconds"]
    for number in range(len(moments) if moments else 1000):
        at = options["first"] + number * options["every"]
        ended = run_in_child(request, module, at, moments[number] if moments else None)
        passed, problem = mend(ports)
        step = "" if moments else told_step() if ended != "done" else ""
        after = json.dumps(_manifest.load().to_json()["services"], sort_keys=True)
        rows.append(
            {"at": moments[number] if moments else at, "ended": ended, "step": step, "seconds": round(passed, 2)}
        )
        if ended == "killed" and not moments and after != before:
            # Nothing is left to undo once the journal is gone.
            rows[-1]["kept"] = True
            break
        if problem or ended not in ("killed", "done"):
            problems.append({**rows[-1], "problem": problem})
            break
        if ended == "done":
            break
    result = {"rows": rows, "problems": problems, "slowest": max(row["seconds"] for row in rows)}
    if problems:
        module.fail_json(msg=f"a killed run was not undone: {problems}", **result)
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
