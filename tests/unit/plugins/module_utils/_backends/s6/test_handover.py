# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets servers of s6 can go on with, and that a real holder gets them; s6-networking and what it makes of them
is for the scenarios. SUPERSERVER_TEST_S6_PREFIX may say where s6 is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.handover import (
    STORE,
    kept_sockets,
    obstacle,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.serving import BACKLOG
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

HOST = Platform(s6="s6-networking")
FOLDERS = [f"{os.environ.get('SUPERSERVER_TEST_S6_PREFIX', '')}/bin", os.environ["PATH"], "/usr/lib/execline/bin"]
SEARCH = os.pathsep.join(FOLDERS)


@pytest.mark.parametrize("backend", ["systemd", "xinetd"])
def test_plain_service_keeps_its_socket(backend: str) -> None:
    assert obstacle(service(backend=backend), service(backend="s6"), HOST) == ""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ({}, {"accept": False, "socket_fd": "stdin"}, "accept: true"),
        ({"accept": False, "socket_fd": "stdin"}, {}, "accept: true"),
        ({"tcp": {"no_delay": True}}, {}, "options of the socket"),
        ({"native": {"systemd": {"socket": {"FreeBind": "yes"}}}}, {}, "native directives"),
    ],
)
def test_other_socket(old: dict[str, t.Any], new: dict[str, t.Any], why: str) -> None:
    assert why in obstacle(service(**old), service(**{"backend": "s6", **new}), HOST)


def test_server_of_another_provider_binds_by_itself() -> None:
    old, new = service(listen=[{"tcp": "7", "family": "ipv6"}]), service(listen=[{"tcp": "7", "family": "ipv6"}])
    assert "binds" in obstacle(old, new, Platform(s6="ucspi"))


def test_each_socket_has_its_name_and_backlog() -> None:
    new = service(listen=[{"tcp": "7"}, {"tcp": "127.0.0.1:8", "backlog": 5}], backend="s6")
    four, six = Listener("tcp", "ipv4", "0.0.0.0", 7), Listener("tcp", "ipv6", "::", 7)
    local = Listener("tcp", "ipv4", "127.0.0.1", 8)
    assert kept_sockets(new, HOST) == [
        (f"echo.tcp4-7:{four}", four, BACKLOG),
        (f"echo.tcp6-7:{six}", six, BACKLOG),
        (f"echo.tcp-127.0.0.1-8:{local}", local, 5),
    ]


@pytest.mark.skipif(
    not (shutil.which("s6-fdholderd", path=SEARCH) and shutil.which("fdmove", path=SEARCH)) or os.geteuid() != 0,
    reason="needs root, s6 and execline",
)
def test_holder_gets_every_socket(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": SEARCH}
    for name, text in (("STORE_REGEX", "."), ("RETRIEVE_REGEX", "."), ("LIST", "1")):
        rule = tmp_path / "rules/uid/0/env" / f"S6_FDHOLDER_{name}"
        rule.parent.mkdir(parents=True, exist_ok=True)
        rule.write_text(f"{text}\n")
    (tmp_path / "rules/uid/0/allow").touch()
    place = str(tmp_path / "socket")
    serve = ["s6-ipcserver-socketbinder", "-a", "0600", place, "s6-fdholderd", "-1", "-i", str(tmp_path / "rules")]
    # More than a shell has names for.
    sockets = [socket.create_server(("127.0.0.1", 0)) for _number in range(12)]
    words = [word for number, entry in enumerate(sockets) for word in (str(entry.fileno()), f"a{number}:tcp:x y")]
    with subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == b"\n"
            subprocess.run(
                ["sh", "-c", STORE, "fdmove", "s6-fdholder-store", place, *words],
                env=environment,
                pass_fds=[entry.fileno() for entry in sockets],
                check=True,
                timeout=30,
            )
            code = "import os; print(os.fstat(0).st_ino)"
            for number, entry in enumerate(sockets):
                retrieve = ["s6-fdholder-retrieve", place, f"a{number}:tcp:x y", sys.executable, "-c", code]
                done = subprocess.run(retrieve, env=environment, text=True, capture_output=True, check=True, timeout=30)
                assert int(done.stdout) == os.fstat(entry.fileno()).st_ino
        finally:
            holder.kill()
            for entry in sockets:
                entry.close()
