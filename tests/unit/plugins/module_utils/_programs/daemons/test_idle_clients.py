# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client costs that connects and says nothing: the processes that each super-server's command line comes to, by
the programs themselves. The documentation has a table of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import typing as t
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import CONFIG, LIBRARY, LOGS, RUNTIME
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.hostile import place

# Not every machine has the collection's own account.
HOST = Platform(primary_groups={"nobody": "nogroup", OWN_ACCOUNT: "nogroup"})
PROGRAMS = ("stunnel", "openssl", "execlineb")
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)), reason=f"needs root, {', '.join(PROGRAMS)}"
)

# What each super-server tells what it starts.
CLIENT = {
    "systemd": {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "9"},
    "xinetd": {"REMOTE_HOST": "192.0.2.1"},
    "s6": {"TCPREMOTEIP": "192.0.2.1", "TCPREMOTEPORT": "9"},
}
# How long processes may take to start, and for how long nothing changes then, in seconds.
PATIENCE, STILL = 15.0, 0.3
SEARCH = "/usr/lib/execline/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def unit_line(files: dict[str, str]) -> list[str]:
    unit = systemd_syntax.read_unit(files["/etc/systemd/system/echo@.service"])
    (line,) = systemd_syntax.values(unit, "Service", "ExecStart")
    words = systemd_syntax.command(line)
    return [word.replace("${REMOTE_ADDR}", "192.0.2.1").replace("${REMOTE_PORT}", "9") for word in words]


# What a super-server starts for a connection.
STARTED: dict[str, Callable[[dict[str, str]], list[str]]] = {
    "systemd": unit_line,
    "xinetd": lambda _files: [f"{LIBRARY}/handlers/echo"],
    "s6": lambda _files: [f"{CONFIG}/s6-services/echo/handler"],
}


@dataclass(frozen=True)
class Cost:
    """Processes under systemd, xinetd and s6, for a service with these fields."""

    fields: Fields
    systemd: int
    xinetd: int
    s6: int


LOG = {"log": {"what": ["host", "exit"], "where": "syslog"}}
TIME = {"resources": {"connection_time": 60}}
SECRETS = {"secrets": {"A": "b"}}
COSTS = {
    "handler": Cost({}, 1, 1, 1),
    "small service": Cost({"exec": None, "internal": "echo", "user": None}, 1, 1, 1),
    "account": Cost({"supplementary_groups": [], "nice": 5, "resources": {"open_files": 64}}, 1, 1, 1),
    "secrets": Cost(SECRETS, 1, 1, 1),
    "time": Cost(TIME, 2, 2, 2),
    "children end": Cost({"end_children": True}, 1, 2, 2),
    "log": Cost(LOG, 2, 2, 2),
    "log and time": Cost({**LOG, **TIME}, 3, 3, 3),
}
# Until there is a key, and then.
ENCRYPTED = {
    "tls": (Cost({}, 3, 3, 3), Cost({}, 4, 4, 4)),
    "tls, log": (Cost(LOG, 3, 3, 3), Cost(LOG, 4, 4, 4)),
    "tls, time": (Cost(TIME, 4, 4, 4), Cost(TIME, 6, 6, 6)),
}


@pytest.fixture
def folder() -> t.Iterator[Path]:
    """Where stunnel, too, can reach what it starts."""
    with place() as found:
        yield found


@contextmanager
def connected(backend: str, fields: Fields, folder: Path) -> t.Iterator[tuple[int, socket.socket]]:
    """A client, and the session of the processes that serve it, which end then; all files are below ``folder``."""
    made = service(**fields, backend=backend)
    files = {file.path: file for file in BACKENDS[backend].render([made], HOST)}

    def moved(text: str) -> str:
        for top in (LIBRARY, CONFIG, LOGS, RUNTIME):
            text = text.replace(top, f"{folder}{top}")
        # What writes the log is not to stay for long.
        text = text.replace("IDLE, PAUSE = 60.0, 0.5", "IDLE, PAUSE = 0.3, 0.1")
        return text.replace(f" = {OWN_ACCOUNT}\n", " = nobody\n").replace(f"reuid={OWN_ACCOUNT}", "reuid=nobody")

    for file in files.values():
        if file.kind == "file" and moved(file.path) != file.path:
            path = Path(moved(file.path))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(moved(file.content), encoding="utf-8")
            path.chmod(file.mode)
    argv = list(map(moved, STARTED[backend]({path: file.content for path, file in files.items()})))
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname())
    connection, _peer = listening.accept()
    options: dict[str, t.Any] = {"stdin": connection, "stdout": connection, "start_new_session": True}
    with listening, client, subprocess.Popen(argv, env={"PATH": SEARCH, **CLIENT[backend]}, **options) as process:
        connection.close()
        try:
            yield process.pid, client
        finally:
            for pid in members(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def members(session: int) -> list[int]:
    """The processes of a session."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            state, _parent, _group, own = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(own) == session and state != "Z":
            found.append(pid)
    return found


def settled(session: int, expected: int) -> int:
    """How many there are once that does not change any more; it may take a while until all have started."""
    deadline, since, before = time.monotonic() + PATIENCE, time.monotonic(), -1
    while time.monotonic() < deadline:
        now = len(members(session))
        if now != before:
            before, since = now, time.monotonic()
        elif now == expected and time.monotonic() - since > STILL:
            break
        time.sleep(0.02)
    return before


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("pair")
    names = {name: str(folder / name) for name in ("certificate", "key")}
    words = ["-subj", "/CN=x", "-days", "2", "-keyout", names["key"], "-out", names["certificate"]]
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *words]
    subprocess.run(argv, check=True, stderr=subprocess.DEVNULL)
    return names


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", COSTS)
def test_cost_of_a_client_that_says_nothing(kind: str, backend: str, folder: Path) -> None:
    expected: int = getattr(COSTS[kind], backend)
    with connected(backend, COSTS[kind].fields, folder) as (session, _client):
        assert settled(session, expected) == expected


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ENCRYPTED)
def test_cost_of_a_client_with_tls(kind: str, backend: str, pair: dict[str, str], folder: Path) -> None:
    before, after = ENCRYPTED[kind]
    first, then = getattr(before, backend), getattr(after, backend)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connected(backend, {**before.fields, "tls": pair}, folder) as (session, client):
        assert settled(session, first) == first
        with context.wrap_socket(client):
            assert settled(session, then) == then


@pytest.mark.parametrize("backend", ["xinetd", "s6"])
def test_cost_of_a_client_that_does_not_read_a_banner(backend: str, folder: Path) -> None:
    """For a minute at most, or for its time; for systemd the gate is a command of its own, one less."""
    banner = folder / "banner"
    with banner.open("wb") as file:
        file.truncate(1 << 26)
    with connected(backend, {"banner": {"file": str(banner)}}, folder) as (session, _client):
        assert settled(session, 4) == 4
