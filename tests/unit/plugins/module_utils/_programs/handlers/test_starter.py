# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that starts what is behind TLS, with something else in the place of stunnel."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import starter as _helper_starter
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

STARTER = [sys.executable, "-IS", installed(_helper_starter)]
PATIENCE = 10.0

# Says who its client is, what it has open, and what it hears.
HANDLER = r"""#!/bin/sh
[ -S /proc/self/fd/0 ] || exit
echo "$REMOTE_HOST $REMOTE_PORT"
ls /proc/self/fd | tr "\n" " "
cat
"""

# In the place of stunnel: hands over one end of a pair, as "ask" does, and then does as it is told.
STAND_IN = """
import os, socket, subprocess, sys
mine, theirs = socket.socketpair()
subprocess.run(sys.argv[2:], stdin=theirs, pass_fds=[4], check=True)
theirs.close()
os.close(4)
mine.sendall(b"from the client")
mine.shutdown(socket.SHUT_WR)
sys.stdout.buffer.write(b"".join(iter(lambda: mine.recv(4096), b"")))
"""
# Hands over what it should not, and goes.
ROGUE = """
import array, socket, sys
asking = socket.socket(fileno=4)
numbers = {"none": [], "two": [0, 1]}[sys.argv[1]]
about = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", numbers))] if numbers else []
asking.sendmsg([b"x" * 100], about)
"""


@pytest.fixture
def handler(tmp_path: Path) -> Path:
    path = tmp_path / "handler"
    path.write_text(HANDLER)
    path.chmod(0o755)
    return path


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client, and what a super-server has of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client, accepted = socket.create_connection(listener.getsockname()), listener.accept()[0]
    with client, accepted:
        yield client, accepted


def waiting(handler: Path, *command: str) -> list[str]:
    return [*STARTER, "wait", str(handler), "--", *command]


def test_the_handler_gets_what_is_handed_over(handler: Path, connection: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = connection
    address = "{} {}".format(*client.getsockname())
    command = waiting(handler, sys.executable, "-c", STAND_IN, "x", *STARTER, "ask")
    done = subprocess.run(command, stdin=accepted.fileno(), stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    first, second = done.stdout.decode().split("\n")
    assert first == address
    # Nothing but the three, and what "ls" looks at.
    assert second == "0 1 2 3 from the client"


def test_a_client_without_an_address_is_reported_as_none(handler: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = waiting(handler, sys.executable, "-c", STAND_IN, "x", *STARTER, "ask")
        done = subprocess.run(command, stdin=theirs.fileno(), stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    assert done.stdout.startswith(b" \n")


@pytest.mark.parametrize("what", ["none", "two"])
def test_nothing_else_starts_a_handler(handler: Path, what: str, tmp_path: Path) -> None:
    handler.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    read, write = os.pipe()
    subprocess.run(waiting(handler, sys.executable, "-c", ROGUE, what), pass_fds=[write], check=True)
    os.close(write)
    # It ends when the child has, too.
    assert os.read(read, 1) == b""
    os.close(read)
    assert not (tmp_path / "started").exists()


def test_who_waits_has_nothing_of_the_client_and_goes_with_stunnel(
    handler: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    client, accepted = connection
    client.settimeout(PATIENCE)
    process = subprocess.Popen(waiting(handler, "/bin/sleep", "60"), stdin=accepted.fileno(), stdout=accepted.fileno())
    accepted.close()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (children.read_text() and "sleep" in Path(f"/proc/{process.pid}/comm").read_text()):
        assert process.poll() is None
    (child,) = children.read_text().split()
    process.kill()
    process.wait()
    # The connection was stunnel's alone.
    assert client.recv(1) == b""
    for _try in range(1000):
        if not Path(f"/proc/{child}").exists():
            break
        subprocess.run(["sleep", "0.01"], check=True)
    assert not Path(f"/proc/{child}").exists()
