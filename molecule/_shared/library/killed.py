# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves services of this host to another backend, and dies on the way by SIGKILL: at one step after the other until a
run comes to its end, or at moments. After each death, without another run, every endpoint must answer within DEADLINE
and go on answering; once the journal is gone everything must be as it was, files and owners of listeners too.

The collection's own code runs in a child, as the module ``services`` runs it. It dies in front of the steps that its
journal lists, whatever they are, and inside of them in front of what changes the host: commands, files, signals. A run
that comes to its end must have begun every step of its list. Every handler sends back what it gets.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
import typing as t
from collections.abc import Callable, Iterator

from ansible.module_utils.answers import Endpoint, endpoints, silent_after
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import watch as _watch
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import converge
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import progress as _progress
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.status import status
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import duplication as _takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer

DEADLINE = 5.0  # seconds from the death until the last endpoint answers
PATIENCE = 30.0  # seconds until nothing is left to tidy up, which nobody waits for
TOLD = "/run/transaction-step"
# Where a run can be killed: in front of each step of its list, and of what changes the host inside of one.
MOMENTS = (
    (_progress, "begin"),
    (LocalHost, "run"),
    (LocalHost, "signal"),
    (LocalHost, "control"),
    (_files, "install"),
    (_files, "remove"),
    (_journal, "write"),
    (_journal, "clear"),
    (_manifest, "save"),
    (_takeover, "share"),
    (_takeover, "step_back"),
)
FILES = ("install", "remove")


def told(text: str) -> None:
    with open(TOLD, "w", encoding="utf-8") as file:
        file.write(text[:160])


def watchers() -> list[int]:
    """Processes of watchers."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                found += [int(pid)] if _watch.PATH in file.read() else []
        except OSError:
            continue
    return found


def die_at(last: int, every: int, alone: bool) -> None:
    """Have this process kill itself at its moment number ``last``; of the files, one after the other, only each so many
    is one. Before there is a journal nothing is changed, so that writing it is the first moment. ``alone``: with the
    watcher, as when the power fails."""
    count = files = 0

    def counted(function: Callable[..., t.Any], name: str) -> Callable[..., t.Any]:
        def moment(*arguments: t.Any, **options: t.Any) -> t.Any:
            nonlocal count, files
            files += name in FILES
            if name == "write" or (os.path.exists(_journal.PATH) and not (name in FILES and files % every)):
                if count == last:
                    told(f"{name} {[each for each in arguments if not isinstance(each, LocalHost)]}")
                    for pid in [*(watchers() if alone else []), os.getpid()]:
                        os.kill(pid, signal.SIGKILL)
                count += 1
            return function(*arguments, **options)

        return moment

    for owner, name in MOMENTS:
        setattr(owner, name, counted(getattr(owner, name), name))


class Begun:
    """Which steps this process begins, beside those that its journal lists."""

    def __init__(self) -> None:
        self._listed: tuple[str, ...] = ()
        self._numbers: list[int] = []
        self._begin = _progress.begin
        _progress.begin = self._note

    def _note(self, number: int) -> None:
        journal = None if self._listed else _journal.read()
        self._listed = journal.steps if journal else self._listed
        self._numbers.append(number)
        self._begin(number)

    @property
    def all(self) -> bool:
        """Whether each of them was begun, in their order."""
        return bool(self._listed) and self._numbers == [*range(1, len(self._listed) + 1)]

    def __str__(self) -> str:
        return f"{self._numbers} of {len(self._listed)}"


def run(request: Request, module: AnsibleModule, last: int | None, every: int = 1, alone: bool = False) -> int:
    """Run in a child of its own; its pid."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    begun = Begun()
    if last is not None:
        die_at(last, every, alone)
    try:
        result = converge(request, LocalHost(module))
        code = 0 if result["changed"] and not result["missing"] and begun.all else 3
        told(f"changed: {result['changed']}, missing: {result['missing']}, steps begun: {begun}")
    except BaseException as exc:  # whatever it is, the parent tells of it
        told(f"{type(exc).__name__}: {exc}")
        code = 4
    os._exit(code)


def kill_after(child: int, seconds: float) -> None:
    """Kill a run so many seconds after it began to change the host."""
    deadline = time.monotonic() + 30
    while not os.path.exists(_journal.PATH) and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)


def end_of(child: int) -> str:
    """How a run ended: ``killed``, ``done``, or what went wrong."""
    _pid, code = os.waitpid(child, 0)
    if os.WIFSIGNALED(code):
        return "killed"
    if os.WEXITSTATUS(code) == 0:
        return "done"
    with open(TOLD, encoding="utf-8") as file:
        return file.read()


def mend(wanted: list[Endpoint]) -> tuple[float, str]:
    """Seconds after which an endpoint was silent for the last time, and what is wrong: silence after DEADLINE, or a
    journal that stays."""
    start, last = time.monotonic(), 0.0
    while True:
        journal = os.path.exists(_journal.PATH)
        asked = time.monotonic() - start
        silent = [endpoint for endpoint in wanted if not endpoint.answers()]
        last = asked if silent else last
        if silent and asked > DEADLINE:
            return last, f"after {asked:.1f} s silent: {silent}, journal: {journal}"
        if not silent and not journal:
            return last, ""
        if asked > PATIENCE:
            return last, f"after {asked:.1f} s there still is a journal"
        time.sleep(0.1)


def held() -> str:
    """What the manifest says, but for digests of shared files."""
    return json.dumps(_manifest.load().to_json()["services"], sort_keys=True)


class Trial:
    """One killed run after the other, and what came of each."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module, options = module, module.params
        self._services, self._every = options["services"], options["every"]
        self._first, self._stride = options["first"], options["stride"]
        self._requests = {
            backend: Request(
                [Layer(BASE, self._services)],
                options["defaults"],
                backend,
                bin_directory=options["s6_bin_dir"],
                adopt=options["adopt"],
            )
            for backend in options["backends"]
        }
        self._wanted = endpoints(self._services)

    def power_failure(self, backend: str, at: int) -> Iterator[dict[str, t.Any]]:
        """The run and its watcher are gone; what becomes of the host is for others to see."""
        ended = end_of(run(self._requests[backend], self._module, at, self._every, alone=True))
        wrong = [] if ended == "killed" and os.path.exists(_journal.PATH) else ["there was no failure"]
        yield {"to": backend, "at": at, "ended": ended, "seconds": 0.0, "problems": wrong}

    def at_steps(self, backend: str) -> Iterator[dict[str, t.Any]]:
        """Killed at steps on the way to one backend, until a run comes to its end."""
        for at in range(self._first, 1000, self._stride):
            row = self._one(backend, at, None)
            yield row
            if row["ended"] != "killed":
                return

    def at_moments(self, count: int, longest: float, seed: int) -> Iterator[dict[str, t.Any]]:
        """Killed at random moments, back and forth. A run that was faster has come to its end."""
        draw = random.Random(seed)
        for _number in range(count):
            here = {service["backend"] for service in _manifest.load().services.values()}
            backend = min(name for name in self._requests if name not in here)
            yield self._one(backend, None, draw.uniform(0, longest))

    def _one(self, backend: str, at: int | None, seconds: float | None) -> dict[str, t.Any]:
        before = held()
        child = run(self._requests[backend], self._module, at, self._every)
        if seconds is not None:
            kill_after(child, seconds)
        ended = end_of(child)
        # A run that was killed after its end has moved everything.
        left = os.path.exists(_journal.PATH)
        passed, problem = mend(self._wanted)
        problems = [problem] if problem else self._wrong()
        if ended == "killed" and (left or at is not None) and held() != before:
            problems.append("the services are not those that there were before")
        if ended not in ("killed", "done"):
            problems.append(ended)
        where = {"at": at} if seconds is None else {"after": round(seconds, 3)}
        return {"to": backend, **where, "ended": ended, "seconds": round(passed, 2), "problems": problems}

    def _wrong(self) -> list[str]:
        request = next(iter(self._requests.values()))
        return list(status(request, False, False, LocalHost(self._module))["problems"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True},
            "defaults": {"type": "dict"},
            # To the first one at steps; between all of them at moments.
            "backends": {"type": "list", "elements": "str", "default": []},
            "every": {"type": "int", "default": 1},
            # Of the steps, the first at which a run is killed, and how many there are from one to the next.
            "first": {"type": "int", "default": 0},
            "stride": {"type": "int", "default": 1},
            "s6_bin_dir": {"type": "str", "default": ""},
            "adopt": {"type": "list", "elements": "raw", "default": []},
            # As when the power fails, at this step; and only the look at what answers after the next boot.
            "power_failure": {"type": "int"},
            "boot": {"type": "int"},
            "moments": {"type": "int", "default": 0},
            "longest": {"type": "float", "default": 1.0},
            "seed": {"type": "int", "default": 0},
        }
    )
    options = module.params
    if options["boot"] is not None:
        silent = silent_after(endpoints(options["services"]), options["boot"])
        if silent:
            module.fail_json(msg=f"silent: {silent}")
        module.exit_json(msg="silent: []")
    trial = Trial(module)
    start, rows = time.monotonic(), []
    if options["moments"]:
        trials = trial.at_moments(options["moments"], options["longest"], options["seed"])
    elif options["power_failure"] is not None:
        trials = trial.power_failure(options["backends"][0], options["power_failure"])
    else:
        trials = trial.at_steps(options["backends"][0])
    for row in trials:
        rows.append(row)
        if row["problems"]:
            with open(TOLD, encoding="utf-8") as file:
                before = file.read()
            said = " ".join(_journal.told()) or "nothing"
            module.fail_json(
                msg=f"a killed run was not undone: {row}, killed before: {before}, the watcher says: {said}", rows=rows
            )
    deaths = [row for row in rows if row["ended"] == "killed"]
    deadline = time.monotonic() + PATIENCE
    while watchers() and time.monotonic() < deadline:
        time.sleep(0.05)
    if not deaths or watchers():
        module.fail_json(msg=f"{len(deaths)} runs were killed, watchers that are left: {watchers()}", rows=rows)
    slowest = max(row["seconds"] for row in deaths)
    module.exit_json(changed=True, deaths=len(deaths), slowest=slowest, took=round(time.monotonic() - start), rows=rows)


if __name__ == "__main__":
    main()
