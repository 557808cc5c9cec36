# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that is not root, and what it may do to get what is root's."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import time
import traceback
import typing as t
from collections.abc import Callable, Iterable, Iterator

RUNTIME = "/run/superserver"
# What the collection makes, or has made for it.
TOPS = (
    RUNTIME,
    "/etc/superserver",
    "/etc/systemd/system",
    "/etc/xinetd.d",
    "/run/service",
    "/run/systemd/system",
    "/usr/local/lib/superserver",
    "/var/lib/superserver",
    "/var/log/superserver",
)
LOG, STICKY_LOG, STICKY_SOCKET = "/var/log/hostile-echo", "/tmp/hostile-sticky.log", "/tmp/hostile-sticky.sock"
# What somebody wants: a file that only root can read, and a directory that only root can write.
PREY, TARGET, SECRET = "/etc/hostile-prey", "/etc/hostile-target", "root's own\n"
THEIRS = "/srv/hostile"


class Wrong(Exception):
    """Something is not as it should be; the text says what was found."""


def require(right: bool, otherwise: t.Any) -> None:
    if not right:
        raise Wrong(otherwise if isinstance(otherwise, str) else json.dumps(otherwise, indent=1, default=str))


def quietly(act: Callable[..., object], *arguments: object) -> bool:
    """Whether something works that need not."""
    try:
        act(*arguments)
    except OSError:
        return False
    return True


class Stranger:
    """An account that is not root, and what is done with its rights."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entry = pwd.getpwnam(name)

    def does(self, work: Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        """What a function gives back that runs with these rights."""
        reader, writer = os.pipe()
        child = self._fork(lambda: os.write(writer, json.dumps(outcome(work, *arguments)).encode()))
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as pipe:
            said = json.loads(pipe.read() or '{"failed": "it said nothing"}')
        os.waitpid(child, 0)
        require("failed" not in said, f"{work.__name__} failed: {said.get('failed')}")
        return said["result"]

    @contextlib.contextmanager
    def beside(self, work: Callable[..., t.Any], *arguments: t.Any) -> Iterator[None]:
        """A function that runs with these rights until this ends; it says when it has begun."""
        reader, writer = os.pipe()
        child = self._fork(lambda: work(lambda: os.write(writer, b"."), *arguments))
        os.close(writer)
        begun = os.read(reader, 1)
        try:
            require(begun == b".", f"{work.__name__} did not begin")
            yield
        finally:
            os.close(reader)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def _fork(self, work: Callable[[], object]) -> int:
        child = os.fork()
        if not child:
            try:
                os.setgroups([])
                os.setgid(self.entry.pw_gid)
                os.setuid(self.entry.pw_uid)
                os.chdir("/")
                work()
            finally:
                os._exit(0)
        return child


def outcome(work: Callable[..., t.Any], *arguments: t.Any) -> dict[str, t.Any]:
    """What a function gives back, or how it failed, for another process to read."""
    try:
        return {"result": work(*arguments)}
    except Exception:
        return {"failed": traceback.format_exc()}


def status_of(path: str) -> os.stat_result | None:
    """That of what is at a path, where a look sees it: files and processes come and go between two looks."""
    try:
        return os.lstat(path)
    except OSError:
        return None


def entries(tops: Iterable[str]) -> Iterator[str]:
    for top in tops:
        yield top
        for folder, folders, files in os.walk(top):
            yield from (os.path.join(folder, name) for name in (*folders, *files))


def trespass() -> list[str]:
    """What works of everything that might be done to the collection's files, directories, FIFOs and sockets."""
    won = []
    for path in entries((*TOPS, LOG, STICKY_LOG, STICKY_SOCKET)):
        status = status_of(path)
        if status is None or status.st_uid == os.getuid() or stat.S_ISLNK(status.st_mode):
            continue
        won += [f"{what} {path}" for what, act in acts(path, status.st_mode).items() if quietly(act)]
    return won


def acts(path: str, mode: int) -> dict[str, Callable[[], object]]:
    other = f"{path}.hostile"
    found: dict[str, Callable[[], object]] = {
        "rename": lambda: os.rename(path, other),
        "chmod": lambda: os.chmod(path, 0o777),
        "remove": lambda: os.rmdir(path) if stat.S_ISDIR(mode) else os.unlink(path),
    }
    if stat.S_ISDIR(mode):
        found["make a file in"] = lambda: os.close(os.open(f"{path}/hostile", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        found["make a link in"] = lambda: os.symlink(PREY, f"{path}/hostile-link")
    elif stat.S_ISSOCK(mode):
        found["connect to"] = lambda: socket.socket(socket.AF_UNIX).connect(path)
    else:
        found["write"] = lambda: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    return found


def lock_everything(begun: Callable[[], object]) -> None:
    """Hold the lock of whatever can be opened, of directories, too."""
    for path in entries((*TOPS, "/run", "/tmp", "/var/log", "/var/lib", "/srv", LOG, STICKY_LOG)):
        status = status_of(path)
        if status is None or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
            continue
        with contextlib.suppress(OSError):
            fcntl.flock(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), fcntl.LOCK_EX | fcntl.LOCK_NB)
    begun()
    time.sleep(600)


def hold(begun: Callable[[], object], descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    begun()
    time.sleep(600)


def replace(begun: Callable[[], object], path: str, target: str) -> None:
    """Put a link, a hard link and a directory in the place of whatever is at a path, as often as possible."""
    begun()
    while True:
        for act in (
            lambda: os.unlink(path),
            lambda: os.symlink(target, path),
            lambda: os.unlink(path),
            lambda: os.link(target, path),
            lambda: os.mkdir(path),
            lambda: os.rmdir(path),
            lambda: os.mkfifo(path),
        ):
            quietly(act)


def swap(begun: Callable[[], object], folder: str, target: str) -> None:
    """Put a link in the place of a directory, and back."""
    begun()
    while True:
        quietly(os.rename, folder, f"{folder}.away")
        quietly(os.symlink, target, folder)
        quietly(os.unlink, folder)
        quietly(os.rename, f"{folder}.away", folder)


def kill_own() -> int:
    """Kill whatever runs as the same account."""
    killed = 0
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        mine = pid != os.getpid() and quietly(os.kill, pid, 0)
        killed += mine and quietly(os.kill, pid, signal.SIGKILL)
    return killed


def kill_others() -> list[int]:
    """Processes of others that a signal can be sent to."""
    status = {pid: status_of(f"/proc/{pid}") for pid in map(int, filter(str.isdigit, os.listdir("/proc")))}
    others = [pid for pid, found in status.items() if found and found.st_uid == 0]
    return [pid for pid in others if quietly(os.kill, pid, 0)]


def squat(kind: str, path: str) -> None:
    """Have something at a path before root has."""
    make: dict[str, Callable[[], object]] = {
        "link": lambda: os.symlink(PREY, path),
        "directory": lambda: os.mkdir(path),
        "fifo": lambda: os.mkfifo(path),
        "file": lambda: os.close(os.open(path, os.O_CREAT | os.O_WRONLY)),
    }
    make[kind]()


def give_up(path: str) -> None:
    quietly(os.unlink, path)
    quietly(os.rmdir, path)


def own_directory(name: str) -> str:
    path = f"{THEIRS}/{name}"
    os.makedirs(path, exist_ok=True)
    return path


def command(argv: list[str]) -> int:
    """The code of a command, that of a missing program, too."""
    try:
        return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
    except OSError:
        return 127
