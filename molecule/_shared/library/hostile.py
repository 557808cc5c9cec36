# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else on this host, who has processes, directories and services of its own, tries to get what is root's:
links, directories in the place of files, races, locks, FIFOs, control sockets, signals. Nothing is won, no run is
blocked and no service is lost.

The modules run as they are, from their sources; what is installed on the host runs as it is installed.
"""

from __future__ import annotations

import os
import runpy
import shutil
import socket
import stat
import subprocess
import time
import typing as t
from collections.abc import Callable, Iterator
from functools import partial

from ansible.module_utils.as_is import Result, run
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stranger import (
    LOG,
    PREY,
    RUNTIME,
    SECRET,
    STICKY_LOG,
    STICKY_SOCKET,
    TARGET,
    THEIRS,
    Stranger,
    Wrong,
    command,
    give_up,
    hold,
    kill_others,
    kill_own,
    lock_everything,
    own_directory,
    quietly,
    replace,
    require,
    squat,
    swap,
    trespass,
)

LIBRARY = "/usr/local/lib/superserver"
OWN_ACCOUNT = "superserver"
# A certificate and its key, which prepare has made.
TLS = "/etc/conformance-tls/known/server"
ROUNDS, RESTARTS = 1000, 60
# Seconds: until a service answers, and for a whole run.
PATIENCE, RUN = 10.0, 25.0

Services = list[dict[str, t.Any]]


def wait_for(what: Callable[[], t.Any], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        require(time.monotonic() < deadline, otherwise)
        time.sleep(0.1)


class Host:
    """This host, with its declaration."""

    def __init__(self, options: dict[str, t.Any]) -> None:
        self.sources, self.declared = options["sources"], options["declared"]
        self.backend: str = options["backend"]
        self.stranger = Stranger(options["account"])
        self.checks: list[dict[str, t.Any]] = []

    def check(self, name: str, story: Callable[[Host], None]) -> None:
        begun = time.monotonic()
        try:
            story(self)
            self.intact()
            self.serves()
        except Wrong as problem:
            raise Wrong(f"{name}: {problem}") from None
        self.checks.append({"name": name, "seconds": round(time.monotonic() - begun, 2)})

    def run(self, services: Services | None = None) -> Result:
        """A run of the module ``services``, with a further layer where there is one."""
        further = [{"name": "superserver_services__zz", "services": services}] if services else []
        begun = time.monotonic()
        done = run(self.sources["services"], {**self.declared, "layers": [*self.declared["layers"], *further]})
        require(time.monotonic() - begun < RUN, f"a run took more than {RUN} s: {done}")
        return done

    def again(self) -> None:
        """The host is as declared, and a run has nothing to do."""
        done = self.run()
        require(done.get("changed") is False, done)
        found = run(self.sources["services_info"], {})
        require(found.get("problems") == [], found)

    def changes(self) -> None:
        """A run that has something to do does it, and another one undoes that."""
        once = [{"name": "hostile-once", "listen": [{"tcp": "24390"}], "exec": ["/bin/cat"], "user": "nobody"}]
        for services in (once, None):
            done = self.run(services)
            require(done.get("changed") is True, done)

    def refuses(self, service: dict[str, t.Any], *words: str) -> None:
        """A run says what is wrong, and changes nothing."""
        done = self.run([{"name": "hostile-new", "exec": ["/bin/cat"], "user": "nobody", **service}])
        require(bool(done.get("failed")) and "nothing was changed" in done.get("msg", ""), done)
        require(all(word in done["msg"] for word in words), {"expected": words, "said": done["msg"]})

    @property
    def services(self) -> Services:
        return [service for layer in self.declared["layers"] for service in layer["services"]]

    def serves(self) -> None:
        """Every service answers."""
        for service in self.services:
            wait_for(partial(quietly, ask, service["listen"][0]), f"{service['name']} does not answer")

    def intact(self) -> None:
        """What is root's is as it was, and no place of root's has anything of the account's."""
        status = os.lstat(PREY)
        require((status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o600), f"{PREY} was won")
        with open(PREY, encoding="utf-8") as file:
            require(file.read() == SECRET, f"{PREY} was written")
        require(os.listdir(TARGET) == [], f"{TARGET} has {os.listdir(TARGET)}")
        for top in ("/etc", "/usr/local", "/var/lib/superserver", RUNTIME):
            argv = ["find", top, "-user", self.stranger.name]
            found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            require(not found, f"won: {found}")


def ask(endpoint: dict[str, str]) -> None:
    """Say something to a service, and hear something. Raises OSError."""
    unix = endpoint.get("unix")
    with socket.socket(socket.AF_UNIX) if unix else socket.socket() as client:
        client.settimeout(5)
        client.connect(unix or ("127.0.0.1", int(endpoint["tcp"])))
        client.sendall(b"hello\n")
        if not client.recv(99):
            raise ConnectionResetError("nothing came")
        client.shutdown(socket.SHUT_WR)
        while client.recv(9999):
            pass


def trespassing(host: Host) -> None:
    won = host.stranger.does(trespass)
    require(not won, {"won": won})
    require(not host.stranger.does(kill_others), "processes of root's can be told something")
    for argv in (
        ["systemctl", "stop", "hostile-echo.socket", "xinetd.service"],
        ["s6-svscanctl", "-t", "/run/service"],
    ):
        done = host.stranger.does(command, argv)
        require(done != 0, f"{argv} worked")


def taken_over(host: Host) -> None:
    """What the collection has in front of clients may fall to one of them: its account has no more than any other."""
    host.serves()
    taken = Stranger(OWN_ACCOUNT)
    # That one is open to everybody.
    won = [each for each in taken.does(trespass) if each != f"connect to {STICKY_SOCKET}"]
    require(not won, {"won": won})
    require(not taken.does(kill_others), "processes of root's can be told something")


def locking(host: Host) -> None:
    with host.stranger.beside(lock_everything):
        host.serves()
        host.changes()
        for _connection in range(4):
            host.serves()
    # What writes the log of a connection may end after the connection.
    wait_for(lambda: all(os.path.exists(f"{log}.1") for log in (LOG, STICKY_LOG)), "logs were not put aside")


def lock_of_before(host: Host) -> None:
    """Everybody could open the lock of version 1.0.0, and still have it open."""
    lock = f"{RUNTIME}/lock"
    os.chmod(RUNTIME, 0o755)
    os.chmod(lock, 0o644)
    # Whatever the collection starts for a connection may close the lock again, but not to those who have it open.
    had = os.open(lock, os.O_RDONLY)
    with host.stranger.beside(hold, had):
        os.close(had)
        host.changes()
    mode = stat.S_IMODE(os.stat(RUNTIME).st_mode)
    require(mode == 0o700, f"{RUNTIME} has mode {mode:o}")


def masks(host: Host) -> None:
    """Neither the mask of handlers nor that of a run is told by what is made."""
    for folder in (RUNTIME, f"{RUNTIME}/daemons"):
        mode = stat.S_IMODE(os.stat(folder).st_mode)
        require(mode == 0o700, f"{folder} has mode {mode:o}")
    own = [folder for folder in ("/etc/superserver", LIBRARY) if os.path.isdir(folder)]
    for folder in own:
        os.chmod(folder, 0o700)
    before = os.umask(0o077)
    try:
        host.changes()
    finally:
        os.umask(before)
    for folder in own:
        mode = stat.S_IMODE(os.stat(folder).st_mode)
        require(mode == 0o755, f"{folder} has mode {mode:o}")


def refused(host: Host) -> None:
    """Paths below a directory of somebody else's."""
    theirs = host.stranger.does(own_directory, "refused")
    host.stranger.does(squat, "file", f"{theirs}/text")
    whose = (f'"{THEIRS}"', f'"{host.stranger.name}"')
    port = {"listen": [{"tcp": "24391"}]}
    if host.backend != "xinetd":
        host.refuses({"listen": [{"unix": f"{theirs}/s"}]}, "listen[0].unix", *whose)
        host.refuses({"listen": [{"unix": f"{theirs}/new/s"}]}, "listen[0].unix", *whose)
    host.refuses({**port, "log": {"what": ["host"], "where": "file", "file": f"{theirs}/log"}}, "log.file", *whose)
    host.refuses({**port, "banner": {"file": f"{theirs}/text", "on": "connect"}}, "banner.file", *whose)
    shutil.copy(f"{TLS}.key", f"{theirs}/key")
    host.refuses({**port, "tls": {"certificate": f"{TLS}.pem", "key": f"{theirs}/key"}}, "tls.key", *whose)
    os.unlink(f"{theirs}/key")
    require(os.listdir(theirs) == ["text"], f"{theirs} has {os.listdir(theirs)}")


def squatting(host: Host) -> None:
    """In a directory for everybody, others are there first."""
    for kind in ("link", "directory", "fifo", "file"):
        path = f"/tmp/hostile-new-{kind}"
        host.stranger.does(squat, kind, path)
        log = {"log": {"what": ["host"], "where": "file", "file": path}}
        host.refuses({"listen": [{"tcp": "24391"}], **log}, "log.file", f'"{path}"')
        if kind in ("link", "file"):
            banner = {"banner": {"file": path, "on": "connect"}}
            host.refuses({"listen": [{"tcp": "24391"}], **banner}, "banner.file", f'"{path}"')
        if host.backend != "xinetd":
            host.refuses({"listen": [{"unix": path}]}, "listen[0].unix", f'"{path}"')
        host.stranger.does(give_up, path)
    # Names that old logs would get.
    give_up(f"{STICKY_LOG}.1")
    host.stranger.does(squat, "directory", f"{STICKY_LOG}.1")
    for _connection in range(4):
        host.serves()
    host.stranger.does(give_up, f"{STICKY_LOG}.1")


def racing(host: Host) -> None:
    """What is installed is told to write while somebody else is at the path."""
    theirs = host.stranger.does(own_directory, "raced")
    inner = host.stranger.does(own_directory, "raced/inner")
    attacks = (
        (f"{theirs}/x", replace, f"{theirs}/x", PREY),
        (f"{inner}/x", swap, inner, TARGET),
        ("/tmp/hostile-raced", replace, "/tmp/hostile-raced", PREY),
    )
    for write in writers(host):
        for path, attack, at, target in attacks:
            with host.stranger.beside(attack, at, target):
                for _round in range(ROUNDS):
                    quietly(write, path)
                    quietly(os.unlink, "/tmp/hostile-raced")
            host.intact()


def writers(host: Host) -> Iterator[Callable[[str], object]]:
    record = runpy.run_path(f"{LIBRARY}/record")["record"]
    yield lambda path: record(path, 30, 2, "a line")
    if os.path.exists(f"{LIBRARY}/binder"):
        bind = runpy.run_path(f"{LIBRARY}/binder")["bind_unix"]
        yield lambda path: bind("stream", path, host.stranger.name, host.stranger.name, "0666", "5").close()


def racing_systemd(host: Host) -> None:
    """systemd binds by itself, where only root can change what is there."""
    if host.backend != "systemd":
        return
    with host.stranger.beside(replace, STICKY_SOCKET, PREY):
        for _round in range(RESTARTS):
            command(["systemctl", "restart", "hostile-sticky-unix.socket"])
    host.stranger.does(give_up, STICKY_SOCKET)
    command(["systemctl", "reset-failed", "hostile-sticky-unix.socket"])
    require(command(["systemctl", "restart", "hostile-sticky-unix.socket"]) == 0, "the socket is not bound again")


def killing(host: Host) -> None:
    """Handlers, forwarders and daemons that run as the account."""
    killed = 0
    for _round in range(3):
        host.serves()
        killed += host.stranger.does(kill_own)
    require(killed > 0, "there was nothing to kill")


def stories() -> dict[str, Callable[[Host], None]]:
    """All of them by name."""
    return {
        "what the collection makes": trespassing,
        "what faces clients": taken_over,
        "locks": locking,
        "a lock from before": lock_of_before,
        "masks": masks,
        "directories of others": refused,
        "others were there first": squatting,
        "races": racing,
        "races with systemd": racing_systemd,
        "killed helpers": killing,
        "again": lambda host: host.again(),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "account": {"type": "str", "required": True},
            "backend": {"type": "str", "required": True},
            # Of the modules services and services_info, by name.
            "sources": {"type": "dict", "required": True},
            # Arguments of the module services.
            "declared": {"type": "dict", "required": True},
        }
    )
    host = Host(module.params)
    os.makedirs(TARGET, exist_ok=True)
    with open(os.open(PREY, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(SECRET)
    os.makedirs(THEIRS, exist_ok=True)
    os.chown(THEIRS, host.stranger.entry.pw_uid, host.stranger.entry.pw_gid)
    try:
        for name, story in stories().items():
            host.check(name, story)
    except Wrong as problem:
        module.fail_json(msg=str(problem), checks=host.checks)
    module.exit_json(changed=True, checks=host.checks)


if __name__ == "__main__":
    main()
