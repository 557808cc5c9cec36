# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Super-servers that run what is rendered for them, as it is, in a place of their own: /etc, /run, /usr/local and
/var/log are as the machine has them, and what is written there is seen by nobody else and gone in the end.

The account of the collection's own is there. systemd, which cannot be had like this, is played: a unit's command line
is started with the sockets, the account and the rights that the unit says.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import find_programs
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax

# Some number that no account of the machine has.
NUMBER = 59871
PATIENCE = 20.0

# $1: a directory with what is to be there, as "etc", "run" and so on; the rest is the command.
_SETUP = f"""
set -e
umask 022
new=$1; shift
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$new/own"
for place in etc run usr/local var/log; do
    upper=$new/own/upper/$place
    mkdir -p "$upper" "$new/own/overlay/$place"
    [ ! -d "$new/$place" ] || cp -a "$new/$place/." "$upper/"
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=$upper,workdir=$new/own/overlay/$place" "/$place"
done
grep -v '^{OWN_ACCOUNT}:' /etc/passwd >"$new/own/passwd"
grep -v '^{OWN_ACCOUNT}:' /etc/group >"$new/own/group"
echo '{OWN_ACCOUNT}:x:{NUMBER}:{NUMBER}::/nonexistent:/bin/false' >>"$new/own/passwd"
echo '{OWN_ACCOUNT}:x:{NUMBER}:' >>"$new/own/group"
cat "$new/own/passwd" >/etc/passwd
cat "$new/own/group" >/etc/group
exec "$@"
"""
_NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _SETUP, "own-host"]


@lru_cache(maxsize=None)
def _usable() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "own").mkdir()
        return subprocess.run([*_NAMESPACES, folder, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


on_own_host = pytest.mark.skipif(not _usable(), reason="takes root, and the right to mount file systems")


def platform() -> Platform:
    """This machine, as far as its programs go."""
    return Platform(programs=find_programs(""), primary_groups={OWN_ACCOUNT: OWN_ACCOUNT, "nobody": "nogroup"})


@contextmanager
def running(
    files: Sequence[File], command: Sequence[str], passed: Sequence[int] = (), connection: socket.socket | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A command among these files; it and all that it started ends in the end."""
    # Whoever runs as another account must be able to enter it.
    folder = tempfile.mkdtemp(prefix="superserver-host-")
    os.chmod(folder, 0o755)
    try:
        for file in files:
            _write(file, folder)
        os.mkdir(f"{folder}/own")
        standard = connection.fileno() if connection else subprocess.DEVNULL
        process = subprocess.Popen(
            [*_NAMESPACES, folder, *command],
            stdin=standard,
            stdout=standard,
            pass_fds=passed,
        )
        try:
            yield process
        finally:
            # With the first process of its namespace everything else goes, whatever account that has taken.
            for first in children(process.pid):
                os.kill(first, signal.SIGKILL)
            process.wait()
    finally:
        shutil.rmtree(folder)


def _write(file: File, root: str) -> None:
    path = Path(root + file.path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    if file.kind == "directory":
        path.mkdir(exist_ok=True)
    elif file.kind == "link":
        path.symlink_to(file.content)
        return
    else:
        path.write_text(file.content, encoding="utf-8")
    path.chmod(file.mode)
    shutil.chown(path, NUMBER if file.owner == OWN_ACCOUNT else file.owner, file.group)


@contextmanager
def served(service: Service, *more: File) -> Iterator[socket.socket]:
    """The connection of a client of a service with one TCP endpoint, which some super-server serves."""
    on = {"systemd": _by_systemd, "xinetd": _by_xinetd, "s6": _by_s6}
    files = [*BACKENDS[service.backend].render([service], platform()), *more]
    with on[service.backend](service, files) as connection:
        connection.settimeout(PATIENCE)
        yield connection


def free_port() -> int:
    """None of those that the kernel gives to clients: one of them could take it before the service does."""
    while True:
        port = random.randrange(20001, 30000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def address(service: Service) -> tuple[str, int]:
    """Where its first endpoint is."""
    endpoint = service.listen[0]
    assert endpoint.address
    assert isinstance(endpoint.port, int)
    return endpoint.address, endpoint.port


@contextmanager
def _by_systemd(service: Service, files: list[File]) -> Iterator[socket.socket]:
    """What systemd(1) does for a socket unit."""
    units = (f"/{service.name}@.service", f"/{service.name}.service")
    (unit,) = (file for file in files if file.path.endswith(units))
    settings = dict(systemd_syntax.read_unit(unit.content)["Service"])
    command = [*_collected(service, files), *_rights(settings), *_words(settings["ExecStart"])]
    with socket.create_server(address(service)) as listener, socket.create_connection(address(service)) as client:
        if unit.path.endswith("@.service"):
            with listener.accept()[0] as connection, running(files, command, connection=connection):
                connection.close()
                yield client
        else:
            wanted = os.dup2(listener.fileno(), _free_descriptor())
            listening = ["bash", "-c", f'exec 3<&{wanted} {wanted}<&-; exec "$@"', "bash", *command]
            with running(files, listening, passed=[wanted]):
                os.close(wanted)
                yield client


def _collected(service: Service, files: list[File]) -> list[str]:
    """What reads the handler's standard error starts before the handler, and has a file for the journal."""
    texts = [file.content for file in files if file.path.endswith(f"/{service.name}.stderr.service")]
    if not texts:
        return []
    settings = dict(systemd_syntax.read_unit(texts[0])["Service"])
    prepare, copy = (systemd_syntax.words(settings[name]) for name in ("ExecStartPre", "ExecStart"))
    stdout = "" if service.accept else ">&2"
    script = (
        f"mkdir -p -m 0700 /run/superserver /run/superserver/stderr /var/log/superserver && {shlex.join(prepare)} && "
        f"{{ {shlex.join(copy)} </dev/null >/var/log/superserver/{service.name}.journal & }} && "
        f'exec "$@" 2>{shlex.quote(prepare[-1])} {stdout}'
    )
    return ["sh", "-c", script, "sh"]


def _free_descriptor() -> int:
    number = os.open("/dev/null", os.O_RDONLY)
    os.close(number)
    return number


def _words(text: str) -> list[str]:
    values = {"${LISTEN_FDS}": "1", "${LISTEN_PID}": "1", "${REMOTE_ADDR}": "127.0.0.1", "${REMOTE_PORT}": "1"}
    words = systemd_syntax.words(text)
    for name, value in values.items():
        words = [word.replace(name, value) for word in words]
    return [word.replace("$$", "$") for word in words]


def _rights(settings: dict[str, str]) -> list[str]:
    if "User" not in settings:
        return []
    confined = ["--no-new-privs"] if settings.get("NoNewPrivileges") == "yes" else []
    confined += ["--bounding-set=-all"] if settings.get("CapabilityBoundingSet") == "" else []
    user = settings["User"]
    group = platform().primary_groups.get(user, user)
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", *confined, "--"]


@contextmanager
def _by_xinetd(service: Service, files: list[File]) -> Iterator[socket.socket]:
    main = File("/etc/superserver-xinetd.conf", "defaults\n{\n}\nincludedir /etc/superserver-xinetd.d\n")
    moved = [
        File(file.path.replace("/etc/xinetd.d", "/etc/superserver-xinetd.d"), file.content, file.mode)
        for file in files
        if file.path.startswith("/etc/xinetd.d/")
    ]
    command = ["xinetd", "-dontfork", "-f", main.path, "-pidfile", "/run/superserver-xinetd.pid"]
    with running([*files, main, *moved], command), _client(address(service)) as client:
        yield client


@contextmanager
def _by_s6(service: Service, files: list[File]) -> Iterator[socket.socket]:
    with running(files, ["s6-svscan", platform().scan_directory]), _client(address(service)) as client:
        yield client


def _client(place: tuple[str, int]) -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(place)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def holders(connection: socket.socket) -> list[int]:
    """The processes that have the other end of a TCP connection, but for what has started the host."""
    inode = _inode(connection.getpeername(), connection.getsockname())
    pids = sorted(map(int, filter(str.isdigit, os.listdir("/proc"))))
    return [pid for pid in pids if f"socket:[{inode}]" in _open(pid) and status(pid).get("Name") != "unshare"]


def first_holder(connection: socket.socket) -> int:
    """One of those, as soon as there is one."""
    deadline = time.monotonic() + PATIENCE
    found = holders(connection)
    while not found and time.monotonic() < deadline:
        time.sleep(0.02)
        found = holders(connection)
    return found[0]


def _inode(here: tuple[str, int], there: tuple[str, int]) -> str:
    wanted = [_in_kernels_words(place) for place in (here, there)]
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == wanted:
            return fields[9]
    raise LookupError(f"nobody has the connection of {here} and {there}")


def _in_kernels_words(place: tuple[str, int]) -> str:
    return f"{int.from_bytes(socket.inet_aton(place[0]), 'little'):08X}:{place[1]:04X}"


def _open(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    try:
        return [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that have not ended."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()))


def status(pid: int) -> dict[str, str]:
    """What the kernel says of a process; nothing of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name: " ".join(value.split()) for name, _colon, value in (line.partition(":") for line in lines)}
