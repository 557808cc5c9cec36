# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs on a host of their own, with its real super-servers; see :mod:`own_host`.

Started as a program there, this reads what is to be done, in JSON, and tells what came of it: a list of ``converge``,
``status``, ``ask`` (what comes back from a port) and ``shell``, each with what it takes.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import typing as t

from _checks import CACHE

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import converge
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.status import status
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.tests.unit.machine import machine
from ansible_collections.ondemand.superserver.tests.unit.own_host import running

Step = t.Tuple[str, t.Any]
# A network of its own, so that ports are free, and no state but that of this host: tests of others leave some.
_PREPARE = 'rm -rf /run/superserver && mount -t tmpfs tmpfs /var/lib && ip link set lo up && exec "$@"'
_NAME = "ansible_collections.ondemand.superserver.tests.unit.own_runs"
_SHORT = 3.0  # seconds for an answer


def outcomes(*steps: Step) -> list[t.Any]:
    """What came of each step on a host that is new."""
    program = ["env", f"PYTHONPATH={CACHE}:{CACHE.parent / 'tests/quality'}", sys.executable, "-m", _NAME]
    command = ["unshare", "--net", "sh", "-c", _PREPARE, "sh", *program]
    here, there = socket.socketpair()
    with here, there, running([], command, connection=there):
        there.close()
        with here.makefile("rw", encoding="utf-8") as channel:
            channel.write(json.dumps(steps) + "\n")
            channel.flush()
            found: list[t.Any] = [json.loads(channel.readline() or "null") for _step in steps]
    return found


def _converge(options: dict[str, t.Any]) -> t.Any:
    """The result, or what the run failed with."""
    try:
        return converge(_request(**options), machine())
    except (RunFailed, InvalidDeclaration) as exc:
        return {"failed": str(exc)}


def _status(options: dict[str, t.Any]) -> t.Any:
    declared = options.pop("declared", True)
    return status(_request(**options), declared, True, machine())


def _request(services: list[dict[str, t.Any]], **options: t.Any) -> Request:
    return Request([Layer(BASE, services)], **{"guard": "never", **options})


def _ask(port: int) -> str:
    """What a client gets that says something; empty where nobody takes the connection."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), _SHORT) as client:
        client.sendall(b"hello\n")
        client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").read().decode()
    return ""


def _shell(script: str) -> str:
    return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=False).stdout


ACTIONS: dict[str, t.Callable[[t.Any], t.Any]] = {
    "converge": _converge,
    "status": _status,
    "ask": _ask,
    "shell": _shell,
}


def main() -> None:
    # Nothing that is started may hold on to the way back.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    steps = json.loads(sys.stdin.readline())
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    for action, options in steps:
        print(json.dumps(ACTIONS[action](options), default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
