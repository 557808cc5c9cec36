# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes and what they hold, seen while they run."""

from __future__ import annotations

import os
import pwd
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table

SLEEP = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as entry:
        yield entry


def inode(entry: socket.socket) -> int:
    return os.fstat(entry.fileno()).st_ino


def start(*argv: str, **options: object) -> subprocess.Popen[bytes]:
    """A process that says "up" and then runs until its input is closed."""
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]
    assert process.stdout.readline() == b"up\n"
    return process  # type: ignore[no-any-return]


def script(path: Path) -> str:
    path.write_text(f"#!{sys.executable}\n{SLEEP}\n")
    path.chmod(0o755)
    return str(path)


def test_this_process_holds_its_socket(listening: socket.socket) -> None:
    (holder,) = table.holders([inode(listening)])[inode(listening)]
    assert holder.pid == os.getpid()
    assert holder.user == pwd.getpwuid(os.geteuid()).pw_name
    assert holder.command.split() == Path("/proc/self/cmdline").read_text().replace("\0", " ").split()


def test_every_holder_is_named_in_order(listening: socket.socket) -> None:
    with start(sys.executable, "-c", SLEEP, pass_fds=[listening.fileno()]) as child:
        found = table.holders([inode(listening)])[inode(listening)]
        child.communicate()
    assert [holder.pid for holder in found] == sorted([os.getpid(), child.pid])


# Says who holds a socket, as a root user that may not look into other users' processes.
WITHOUT_PTRACE = """
import os, sys
sys.path[:0] = sys.argv[2:]
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table
effective = next(line for line in open("/proc/self/status") if line.startswith("CapEff")).split()[1]
assert not int(effective, 16) & 1 << 19
inode = int(sys.argv[1])
print([holder.pid for holder in table.holders([inode])[inode]], os.geteuid(), os.getegid())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to start a process as another user")
def test_holders_of_another_user_without_the_capability_to_look(listening: socket.socket) -> None:
    # The interpreter itself may lie where other users cannot go.
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with start(*nobody, "/bin/sh", "-c", "echo up; exec cat", pass_fds=[listening.fileno()]) as child:
        number = str(inode(listening))
        done = subprocess.run(
            ["setpriv", "--bounding-set=-sys_ptrace", sys.executable, "-c", WITHOUT_PTRACE, number, *sys.path],
            capture_output=True,
            text=True,
            check=False,
        )
        child.communicate()
    assert done.stdout == f"[{child.pid}] 0 0\n", done.stderr


def test_what_nobody_holds() -> None:
    assert table.holders([]) == {}
    assert table.holders([1]) == {1: []}


@pytest.mark.parametrize("name", ["short", "exactly-15-byte", "a-name-longer-than-the-kernel-keeps", "odd ) 3 (name"])
def test_program_names_are_whole(tmp_path: Path, name: str) -> None:
    with start(script(tmp_path / name)) as process:
        assert table.program(process.pid) == name
        assert next(iter(table.ancestors(process.pid))) == os.getpid()
        process.communicate()


def test_ancestors_end_at_the_first_process() -> None:
    line = list(table.ancestors(os.getpid()))
    assert line[0] == os.getppid()
    assert len(line) == len(set(line))
    assert list(table.ancestors(line[-1])) == []


def test_an_ended_process_tells_nothing() -> None:
    with start(sys.executable, "-c", SLEEP) as process:
        process.communicate()
    assert list(table.ancestors(process.pid)) == []
    assert table.cgroups(process.pid) == {}
    with pytest.raises(OSError, match="No such file"):
        table.program(process.pid)


def test_cgroups_are_those_that_the_kernel_names() -> None:
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    assert [line.split(":", 1)[1] for line in lines] == [
        f"{name}:{path}" for name, path in table.cgroups(os.getpid()).items()
    ]


def test_the_connection_of_a_process_is_that_of_its_parents() -> None:
    """sudo takes the variable away."""
    shell = f"env -u SSH_CONNECTION {sys.executable} -c {shlex.quote(SLEEP)}; :"
    told = "192.0.2.7 50022 192.0.2.1 22"
    with start("/bin/sh", "-c", shell, env={**os.environ, "SSH_CONNECTION": told}) as parent:
        (child,) = [pid for pid in table._pids() if parent.pid in [*table.ancestors(pid)][:1]]
        assert table.connection_of(child) == told
        parent.communicate()
