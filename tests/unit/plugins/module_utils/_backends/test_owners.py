# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owners, found by processes that look like the ones that super-servers start.

The real super-servers are put to the test in containers, where all of them can run.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import typing as t
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner, holders, owners
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets import table as _sockets
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket

# Python code. A server listens, says its port, and runs until its input is closed.
LISTEN = "import socket, subprocess, sys; s = socket.create_server(('127.0.0.1', 0)); port = str(s.getsockname()[1])"
SERVER = f"{LISTEN}; print(port, flush=True); sys.stdin.read()"
# A parent that listens, and starts a server that has the socket from it.
SERVED = "import sys; print(sys.argv[1], flush=True); sys.stdin.read()"
PARENT = f"{LISTEN}; subprocess.run([sys.executable, '-c', {SERVED!r}, port], pass_fds=[s.fileno()])"

# Aliases for annotations only: the oldest Python of managed hosts cannot evaluate them.
if t.TYPE_CHECKING:
    Start = Callable[..., tuple[int, int]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program of a given name that runs Python code; returns its process id and the number it printed."""
    with ExitStack() as stack:

        def started(name: str, code: str, *arguments: str) -> tuple[int, int]:
            path = tmp_path / name
            path.write_text(f"#!{sys.executable}\n{code}\n")
            path.chmod(0o755)
            process = stack.enter_context(
                subprocess.Popen([path, *arguments], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            assert process.stdin is not None
            assert process.stdout is not None
            stack.callback(process.stdin.close)
            return process.pid, int(process.stdout.readline())

        yield started


def no_command(argv: Sequence[str]) -> tuple[int, str, str]:
    raise AssertionError(f"nothing should have been run: {argv}")


def entry_at(port: int) -> Socket:
    (found,) = [row for row in _sockets.listening() if row.transport == "tcp" and row.port == port]
    return found


def owner_at(port: int) -> Owner | None:
    entry = entry_at(port)
    return owners([entry], no_command).get(entry.inode)


def test_a_program(start: Start) -> None:
    pid, port = start("daemon", SERVER)
    owner = owner_at(port)
    assert owner is not None
    assert (owner.pid, owner.program) == (pid, "daemon")
    # Where systemd runs the tests, the unit that they run in comes before the program.
    assert owner.kind in ("program", "systemd")


def test_an_s6_service_directory(start: Start, tmp_path: Path) -> None:
    """The server may be the supervisor's child or further down, as binders and wrappers make it."""
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SERVER!r}])"
    _pid, port = start("s6-supervise", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    owner = owner_at(port)
    assert owner is not None
    assert (owner.kind, owner.name) == ("s6", str(tmp_path))


def test_nobody_can_tell_for_which_service_a_keeper_keeps_something(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s6-fdholderd").write_text(f"#!{sys.executable}\n{SERVER}\n")
    (tmp_path / "s6-fdholderd").chmod(0o755)
    keeper = str(tmp_path / "s6-fdholderd")
    _pid, port = start("s6-supervise", f"import subprocess; subprocess.run([{keeper!r}])")
    owner = owner_at(port)
    assert owner is not None
    assert (owner.kind, owner.name, owner.program) == ("s6", "", "s6-fdholderd")


# What each of the services here has besides.
REST = "type = UNLISTED\nbind = 127.0.0.1\nwait = yes\nuser = root\nserver = /bin/sh"


def test_an_xinetd_service_by_its_configuration(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "xinetd.conf"
    pid, port = start("xinetd", SERVER, "-stayalive", "-f", str(config))
    config.write_text(
        f"service first\n{{\nid = mine\nprotocol = tcp\nport = {port}\n{REST}\n}}\n"
        f"service other\n{{\nprotocol = udp\nport = {port}\n{REST}\n}}\n"
    )
    assert owner_at(port) == Owner("xinetd", "mine", pid, "xinetd")
    config.write_text("")
    assert owner_at(port) == Owner("xinetd", "", pid, "xinetd")


def test_xinetd_comes_before_the_server_that_it_started(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "xinetd.conf"
    pid, port = start("xinetd", PARENT, "-f", str(config))
    config.write_text(f"service wait\n{{\nprotocol = tcp\nport = {port}\n{REST}\n}}\n")
    assert owner_at(port) == Owner("xinetd", "wait", pid, "xinetd")


def test_a_keeper_of_descriptors_owns_only_what_nobody_serves(start: Start) -> None:
    keeper, port = start("s6-fdholderd", SERVER)
    owner = owner_at(port)
    assert owner is not None
    assert owner.pid == keeper
    _keeper, port = start("s6-fdholderd", PARENT)
    owner = owner_at(port)
    assert owner is not None
    assert owner.program != "s6-fdholderd"


def test_many_sockets_in_one_go() -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _attempt in range(100)]
        inodes = {os.fstat(entry.fileno()).st_ino for entry in opened}
        sockets = [row for row in _sockets.listening() if row.inode in inodes]
        found = owners(sockets, no_command, holders(inodes))
    assert found.keys() == inodes
    assert {owner.pid for owner in found.values()} == {os.getpid()}


def test_nobody_owns_what_nobody_holds() -> None:
    gone = Socket("tcp", "ipv4", "0.0.0.0", 7, False, "stream", 1, 0, 9, "")
    assert owners([gone], no_command) == {}


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        (Owner("systemd", "echo.socket", 1, "systemd"), "systemd unit echo.socket (systemd, pid 1)"),
        (Owner("xinetd", "", 7, "xinetd"), "an unknown xinetd service (xinetd, pid 7)"),
        (Owner("s6", "/run/service/echo", 8, "tcpserver"), "s6 service directory /run/service/echo (tcpserver, pid 8)"),
        (Owner("program", "sshd", 9, "sshd"), "program sshd (pid 9)"),
    ],
)
def test_an_owner_in_words(owner: Owner, text: str) -> None:
    assert str(owner) == text
