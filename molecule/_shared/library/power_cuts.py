# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves services of this host back and forth between two backends, each move with its confirmation, and keeps what is
on the disk at one random moment of each: what a host would find there whose power fails then.

The disk is a file, of which the kernel makes a block device. The run stands still while the file is copied, so that the
copy is of one moment.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.confirm import confirm
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import converge
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer

# How far a run is, by number, and which of both states the host must serve after its next boot.
PHASES = ("old", "either", "new")
CONFIRM_TIMEOUT = 60
AFTER = 0.5  # seconds after a confirmation in which the power may fail, too
FIRST = 3.0  # seconds that the first run is taken to last


class Moves:
    def __init__(self, module: AnsibleModule) -> None:
        self._module, self._options = module, module.params
        self._draw = random.Random(self._options["seed"])
        self._phase = mmap.mmap(-1, 1)
        self._lasts = FIRST

    def cut(self, number: int) -> dict[str, t.Any]:
        """One move, and what was on the disk at one moment of it."""
        here = {service["backend"] for service in _manifest.load().services.values()}
        (old,) = here
        new = next(name for name in self._options["backends"] if name != old)
        moment, begun = self._draw.uniform(0, self._lasts), time.monotonic()
        self._phase[0] = 0
        child = self._run(new)
        time.sleep(moment)
        os.killpg(child, signal.SIGSTOP)
        copy = f"{self._options['copies']}/{number}.img"
        phase = PHASES[self._phase[0]]
        stood = keep(self._options["disk"], copy)
        os.killpg(child, signal.SIGCONT)
        _pid, code = os.waitpid(child, 0)
        self._lasts = time.monotonic() - begun - stood
        if code:
            self._module.fail_json(msg=f"the move to {new} failed, see the host's log; code {code}")
        return {"image": copy, "old": old, "new": new, "serves": phase, "after": round(moment, 3)}

    def _run(self, backend: str) -> int:
        """In a group of processes of its own, the run and its confirmation."""
        child = os.fork()
        if child:
            while os.getpgid(child) != child:
                time.sleep(0.001)
            return child
        os.setpgid(0, 0)
        code = 1
        try:
            layers = [Layer(BASE, self._options["services"])]
            request = Request(
                layers, self._options["defaults"], backend, confirm="always", confirm_timeout=CONFIRM_TIMEOUT
            )
            converge(request, LocalHost(self._module))
            self._phase[0] = 1
            confirm(LocalHost(self._module))
            self._phase[0] = 2
            time.sleep(AFTER)
            code = 0
        finally:
            os._exit(code)


def keep(disk: str, copy: str) -> float:
    """Copy the disk as it is, once nothing is on its way there any more; seconds that this took."""
    begun = time.monotonic()
    before, now = b"", read(disk)
    while before != now:
        before, now = now, read(disk)
    with open(copy, "wb") as file:
        file.write(now)
    return time.monotonic() - begun


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True},
            "defaults": {"type": "dict"},
            "backends": {"type": "list", "elements": "str", "required": True},
            "disk": {"type": "str", "required": True},
            "copies": {"type": "str", "required": True},
            "count": {"type": "int", "required": True},
            "seed": {"type": "int", "default": 1},
        }
    )
    moves = Moves(module)
    module.exit_json(changed=True, cuts=[moves.cut(number) for number in range(module.params["count"])])


if __name__ == "__main__":
    main()
