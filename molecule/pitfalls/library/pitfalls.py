# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells stories of one backend on this host: what is declared, what clients do meanwhile, and what must come of it.

Each story is about pitfalls of super-servers, by their numbers in ``tests/pitfalls.yml``. The collection's own code
runs as the module ``services`` runs it, only that it is not started anew for each declaration.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import typing as t
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.echo_clients import Session, Wrong, eventually, refused, require, serves

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import Settings, detect
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import converge
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import resolve_ports
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration

Fields = dict[str, t.Any]

ONE = b"one\n"
GREETING = b"listen_fds 1, fd 0 is null\n"
XINETD_CONFIG = "/etc/xinetd.conf"
STARTS = "/run/pitfalls-starts"

CAT: Fields = {
    "name": "cat",
    "listen": [{"tcp": "24001"}],
    "exec": ["/bin/sh", "-c", "echo one; exec cat"],
    "user": "nobody",
}
GOES: Fields = {"name": "goes", "listen": [{"tcp": "24002"}], "exec": ["/bin/cat"], "user": "nobody"}
WAITS: Fields = {
    "name": "waits",
    "listen": [{"tcp": "24003"}],
    "accept": False,
    "exec": ["/usr/local/lib/conformance/daemon", "listen_fds"],
    "user": "nobody",
}
FAILS: Fields = {
    "name": "fails",
    "listen": [{"tcp": "24005"}],
    "exec": ["/bin/sh", "-c", f"echo >>{STARTS}; exit 1"],
    "user": "root",
}
UNIX: Fields = {"name": "unix", "listen": [{"unix": "/run/pitfalls.sock"}], "exec": ["/bin/cat"], "user": "root"}

RESTARTS = {
    "systemd": "systemctl daemon-reexec; systemctl restart cat.socket",
    "xinetd": "systemctl restart xinetd.service",
    "s6": "systemctl restart superserver-s6.service",
}


def shell(script: str) -> str:
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@contextmanager
def changed(path: str, change: Callable[[str], str]) -> Iterator[None]:
    """The file with another text, for a while."""
    shutil.copy2(path, f"{path}~")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(change(text))
        yield
    finally:
        os.replace(f"{path}~", path)


@contextmanager
def written(path: str, text: str) -> Iterator[None]:
    """A file that was not there, for a while."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        yield
    finally:
        os.unlink(path)


class Trial:
    """One backend of this host, and what is declared there."""

    def __init__(self, backend: str, base: list[Fields], module: AnsibleModule) -> None:
        self.backend = backend
        self._base = base
        self._module = module

    def declare(self, *services: Fields, drain_timeout: int = 0) -> dict[str, t.Any]:
        """Make the host serve these, on this backend unless they say otherwise, and what keeps the backends running."""
        return converge(Request(self._layers(services), drain_timeout=drain_timeout), LocalHost(self._module))

    def refusal(self, *services: Fields) -> str:
        """Why this cannot be declared."""
        try:
            self.declare(*services)
        except (RunFailed, InvalidDeclaration) as problem:
            return str(problem)
        raise Wrong(f"it was accepted: {services}")

    def _layers(self, services: t.Iterable[Fields]) -> list[Layer]:
        return [Layer(BASE, [*self._base, *({"backend": self.backend, **service} for service in services)])]

    def check(self, service: Fields, path: str, old: str, new: str) -> list[str]:
        """What the backend's checker says of a service's files where one has another text."""
        host = LocalHost(self._module)
        loaded = load_services(self._layers([service])[-1:], None, self.backend)
        wanted = resolve_ports([one for one in loaded if one.name == service["name"]], lambda _name, _transport: None)
        platform = detect(wanted, host.processes(), Settings(), host)
        files = BACKENDS[self.backend].render(wanted, platform)
        broken = [_broken(file, old, new) if file.path.endswith(path) else file for file in files]
        require(broken != files, f"no file {path} has {old!r}")
        stages = tempfile.mkdtemp(prefix="pitfalls-")
        try:
            return BACKENDS[self.backend].check(_files.stage(broken, stages), broken, platform, host)
        finally:
            shutil.rmtree(stages)


def _broken(file: File, old: str, new: str) -> File:
    return replace(file, content=file.content.replace(old, new))


def sessions_outlive_changes(trial: Trial) -> None:
    """Pitfalls 10, 41: a change reaches new connections, and ends no session of this or of another service; only that
    of a service which is taken from xinetd ends."""
    trial.declare(CAT, GOES)
    stays, goes = Session(24001, ONE), Session(24002)
    require(stays.alive and goes.alive, "the services do not serve")
    trial.declare({**CAT, "exec": ["/bin/sh", "-c", "echo two; exec cat"]})
    require(stays.alive, "the session of a service ended when its handler was changed")
    require(
        goes.alive == (trial.backend != "xinetd"), "what becomes of the session of a removed service is not as told"
    )
    require(serves(24001, b"two\n"), "new connections do not get the new handler")
    require(refused(24002), "somebody still listens for the removed service")


def clients_may_finish(trial: Trial) -> None:
    """Pitfall 10: a run waits for clients that it is about to cut off, but not for ever, and tells what became of
    them."""
    cut_off = trial.backend == "xinetd"
    trial.declare(CAT, GOES)
    goes = Session(24002)
    alive: list[bool] = []

    def finish() -> None:
        alive.append(goes.alive)
        goes.close()

    client = threading.Timer(1.5, finish)
    client.start()
    trial.declare(CAT, drain_timeout=8)
    client.join()
    require(alive == [True], "a client was cut off before its time was over")
    trial.declare(CAT, GOES)
    goes = Session(24002)
    result = trial.declare(CAT, drain_timeout=1)
    (row,) = [row for row in result["services"] if row["name"] == "goes"]
    require(goes.alive != cut_off, "what becomes of the session of a removed service is not as told")
    require((row["sessions"], row["sessions_ended"]) == (1, int(cut_off)), f"what is told of it: {row}")


def listeners_move(trial: Trial) -> None:
    """Pitfalls 23, 24, 25: the kernel has each new port at once, though a daemon runs on the old one, and however often
    it changes in a short time."""
    ports = (24003, 24004)
    for number in range(7):
        port, other = ports[number % 2], ports[(number + 1) % 2]
        trial.declare({**WAITS, "listen": [{"tcp": str(port)}]})
        # Its daemon goes on running.
        session = Session(port, GREETING)
        require(session.alive, f"change {number + 1}: port {port} is not served")
        require(refused(other), f"change {number + 1}: port {other} is still open")


def wait_servers_let_go(trial: Trial) -> None:
    """Pitfall 49: a running daemon that has the listening socket gives it back when its service passes to another
    super-server, or goes away."""
    others = {"systemd": "s6", "s6": "xinetd", "xinetd": "systemd"}
    trial.declare(WAITS)
    session = Session(24003, GREETING)
    require(session.alive, "the daemon does not serve")
    trial.declare({**WAITS, "backend": others[trial.backend]})
    second = Session(24003, GREETING)
    require(second.alive, "the daemon of the next super-server does not serve")
    trial.declare()
    require(refused(24003), "the port of the removed service is still open")


def failures_stay_small(trial: Trial) -> None:
    """Pitfalls 31, 32: a handler that fails is not started again, leaves nothing behind, and closes no port."""
    with suppress(FileNotFoundError):
        os.unlink(STARTS)
    trial.declare(FAILS)
    for _client in range(10):
        session = Session(24005)
        require(not session.alive, "the handler does not fail")
    time.sleep(1)
    with open(STARTS, encoding="ascii") as file:
        starts = len(file.read())
    require(starts == 10, f"10 clients, {starts} starts of the handler")
    left = shell("systemctl list-units --all --plain --no-legend 'fails@*' | grep -v inactive; systemctl --failed -q")
    require("fails" not in left, f"failed units are left: {left}")
    require(not refused(24005), "the port is closed")


def restarts_are_survived(trial: Trial) -> None:
    """Pitfalls 9, 45: when the super-server is restarted, sessions go on, and its services come back."""
    trial.declare(CAT)
    session = Session(24001, ONE)
    require(session.alive, "the service does not serve")
    shell(RESTARTS[trial.backend])
    eventually(lambda: serves(24001, ONE), "the service does not come back")
    require(session.alive, "the session ended")


def holders_may_die(trial: Trial) -> None:
    """Pitfall 44: when what holds the sockets has lost them, servers go on, and start again."""
    if trial.backend != "s6":
        return
    trial.declare(UNIX)
    shell("pkill -9 s6-fdholderd")
    require(serves("/run/pitfalls.sock"), "the path is not served any more")
    shell("for service in /etc/superserver/s6-services/unix*; do s6-svc -wR -T 8000 -r $service; done")
    eventually(lambda: serves("/run/pitfalls.sock"), "the server does not start again")


def unix_paths_pass_over(trial: Trial) -> None:
    """Pitfall 48: the old super-server does not remove the path that the new one has bound."""
    if trial.backend == "xinetd":
        return
    trial.declare(UNIX)
    require(serves("/run/pitfalls.sock"), "the path is not served")
    trial.declare({**UNIX, "backend": {"systemd": "s6", "s6": "systemd"}[trial.backend]})
    time.sleep(0.5)
    require(serves("/run/pitfalls.sock"), "the path is not served by the next super-server")


def defaults_do_no_harm(trial: Trial) -> None:
    """Pitfalls 6, 7: a wrong value in xinetd's defaults is found before xinetd reads it and ends, and nobody's defaults
    change what was declared, wherever they stand."""
    if trial.backend != "xinetd":
        return
    trial.declare(CAT)
    before = shell("pidof xinetd")
    for line in ("instances = many", "only_from = 192.0.2.1"):
        with changed(XINETD_CONFIG, defaults_with(line)):
            require(line.split()[0] in trial.refusal(GOES), f"{line!r} in {XINETD_CONFIG} is not named")
    for path in ("/etc/xinetd.d/00-pitfalls", "/etc/xinetd.d/zz-pitfalls"):
        with written(path, "defaults\n{\n\tonly_from = 192.0.2.1\n}\n"):
            require(path in trial.refusal(GOES), f"the defaults in {path} are not named")
    require(shell("pidof xinetd") == before and serves(24001, ONE), "xinetd has ended, or was restarted")


def defaults_with(line: str) -> Callable[[str], str]:
    return lambda text: re.sub(r"^defaults\s*\{", f"defaults\n{{\n\t{line}", text, flags=re.MULTILINE)


# What a checker must find: the pitfall's number, fields of the service, the end of the file's path, and what stands
# there in the place of what.
DISABLED: Fields = {"state": "disabled"}
BROKEN: dict[str, tuple[tuple[str, Fields, str, str, str], ...]] = {
    "systemd": (
        ("21", {}, "cat.socket", "Accept=", "Acept="),
        ("21", {}, "cat.socket", "Accept=yes", "Accept=maybe"),
        ("21", {}, "cat@.service", "User=", "Usr="),
        ("28", {}, "cat.socket", "ListenStream=", "ListenDatagram="),
    ),
    "xinetd": (
        ("3", {}, "superserver-cat", "per_source ", "per_sorce "),
        ("2", {}, "superserver-cat", "nice           = 0", "nice           = 0 # none"),
        ("14", {}, "superserver-cat", "\tdisable", "\taccess_times = 22:00-06:00\n\tdisable"),
        ("14", {}, "superserver-cat", "\tdisable", "\taccess_times = 12:00-24:00\n\tdisable"),
        ("20", DISABLED, "superserver-cat", "umask          = 0022", "umask          = 9"),
        ("3", {}, "superserver-cat", "}", ""),
        ("17", {}, "superserver-cat", "UNLISTED", "UNLISTD"),
    ),
    "s6": (
        ("43", {}, "cat/run", "fdmove -c 2 1", 'fdmove -c 2 "1'),
        ("43", {}, "cat/run", "fdmove -c 2 1", "fdmove -c 2 1 }"),
    ),
}


def checkers_find_it(trial: Trial) -> None:
    """Pitfalls 2, 3, 14, 17, 19, 20, 21, 28, 43: what the super-server itself would ignore, or find too late, is found
    before anything is touched, without a terminal and without opening a port."""
    for number, fields, path, old, new in BROKEN[trial.backend]:
        said = trial.check({**CAT, **fields}, path, old, new)
        require(bool(said), f"pitfall {number}: nothing is said about {new!r} in {path}")


def windows_over_midnight_are_refused(trial: Trial) -> None:
    """Pitfall 14: raw times that would disable the service are refused, and the host goes on as it was."""
    if trial.backend != "xinetd":
        return
    trial.declare(CAT)
    for times in ("22:00-06:00", "12:00-24:00"):
        said = trial.refusal({**CAT, "native": {"xinetd": {"access_times": times}}})
        require("access_times" in said, f"the attribute is not named: {said}")
    require(serves(24001, ONE), "the service ended")


STORIES: tuple[Callable[[Trial], None], ...] = (
    sessions_outlive_changes,
    clients_may_finish,
    listeners_move,
    wait_servers_let_go,
    failures_stay_small,
    restarts_are_survived,
    holders_may_die,
    unix_paths_pass_over,
    defaults_do_no_harm,
    checkers_find_it,
    windows_over_midnight_are_refused,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "backend": {"type": "str", "required": True},
            "base": {"type": "list", "elements": "dict", "required": True},
        }
    )
    trial = Trial(module.params["backend"], module.params["base"], module)
    failures = []
    checks = []
    for story in STORIES:
        started = time.monotonic()
        try:
            story(trial)
        except (Wrong, RunFailed, InvalidDeclaration, OSError) as problem:
            failures.append(f"{story.__name__} ({(story.__doc__ or '').partition(':')[0]}): {problem}")
        took = round(time.monotonic() - started, 1)
        checks.append({"name": f"{story.__name__}, {trial.backend}", "seconds": took})
    trial.declare()
    if failures:
        module.fail_json(msg=f"{trial.backend}: {len(failures)} of {len(STORIES)} went wrong:\n" + "\n".join(failures))
    module.exit_json(msg=f"{trial.backend}: {len(STORIES)} stories", checks=checks)


if __name__ == "__main__":
    main()
