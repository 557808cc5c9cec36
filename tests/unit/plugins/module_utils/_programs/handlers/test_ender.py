# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of those that a handler leaves: the program that ends them, and what each super-server does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import ender as _helper_ender
from ansible_collections.ondemand.superserver.tests.unit import own_host
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.own_host import on_own_host
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

PATIENCE = 10.0
# Ways to leave a process, which writes its id into the file $0 first.
LEAVING = {
    "in the background": 'sh -c \'echo $$ >"$0"; exec sleep 300\' "$0" &',
    "in a session of its own": 'setsid sh -c \'echo $$ >"$0"; exec sleep 300\' "$0" &',
    "by a parent that ends first": '(setsid sh -c \'echo $$ >"$0"; exec sleep 300\' "$0" &) &',
    "deaf to being told": 'setsid sh -c \'trap "" TERM; echo $$ >"$0"; sleep 300; sleep 300\' "$0" &',
    "stopped": 'setsid sh -c \'echo $$ >"$0"; kill -STOP $$; exec sleep 300\' "$0" &',
}
AWAIT = 'while [ ! -s "$0" ]; do sleep 0.01; done;'


def ender(*command: str) -> list[str]:
    return [sys.executable, "-IS", installed(_helper_ender), *command]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("way", LEAVING)
def test_whatever_is_left_ends(way: str, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    command = ["/bin/sh", "-c", f"{LEAVING[way]} {AWAIT} exit 7", str(note)]
    begin = time.monotonic()
    assert subprocess.run(ender(*command), check=False).returncode == 7
    assert not lives(int(note.read_text(encoding="ascii")))
    deaf = way == "deaf to being told"
    assert (time.monotonic() - begin > _helper_ender.GRACE) is deaf


def test_nothing_left_costs_no_time() -> None:
    begin = time.monotonic()
    assert subprocess.run(ender("/bin/true"), check=False).returncode == 0
    assert time.monotonic() - begin < 2


def test_a_signal_is_reported_as_a_shell_does() -> None:
    assert subprocess.run(ender("/bin/sh", "-c", "kill -KILL $$"), check=False).returncode == 137
    assert subprocess.run(ender("/no/such/program"), check=False).returncode == 127


def test_signals_reach_the_command_and_none_is_ignored_there() -> None:
    script = "trap 'echo caught; exit 3' TERM; grep SigIgn /proc/self/status; while :; do sleep 0.05; done"
    # What Python ignores by itself; whoever started the tests may ignore others.
    ours = sum(1 << number - 1 for number in (signal.SIGPIPE, signal.SIGXFSZ))
    with subprocess.Popen(ender("/bin/sh", "-c", script), stdout=subprocess.PIPE) as process:
        assert process.stdout
        ignored = int(process.stdout.readline().split()[1], 16)
        process.send_signal(signal.SIGTERM)
        assert ignored & ours == 0
        assert process.stdout.read() == b"caught\n"
        assert process.wait() == 3


def test_the_connection_ends_with_the_command() -> None:
    """Not when what it leaves has ended."""
    mine, theirs = socket.socketpair()
    leaving = "trap '' TERM; sleep 300 </dev/null >/dev/null 2>&1"
    command = ["/bin/sh", "-c", f"setsid sh -c '{leaving}' </dev/null >/dev/null 2>&1 & sleep 0.3; echo answer"]
    number = theirs.fileno()
    with mine, theirs, subprocess.Popen(ender(*command), stdin=number, stdout=number, stderr=number) as process:
        theirs.close()
        mine.settimeout(_helper_ender.GRACE / 2)
        assert mine.recv(100) == b"answer\n"
        assert mine.recv(100) == b""
        assert process.poll() is None


def test_what_counts_sockets_is_for_the_command() -> None:
    script = '[ "$LISTEN_PID" = $$ ] && echo own'
    for environment, told in (({"LISTEN_PID": "1"}, b"own\n"), ({}, b"")):
        done = subprocess.run(ender("/bin/sh", "-c", script), env=environment, stdout=subprocess.PIPE, check=False)
        assert done.stdout == told


# What has to be there for a super-server to run.
PROGRAMS = {"xinetd": "xinetd", "s6": "s6-svscan"}
BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed"))
    for name, program in PROGRAMS.items()
]
SCRIPT = "setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $!; echo said >&2"
# Roundabout ways to a handler.
WAYS: dict[str, Fields] = {
    "plain": {"user": "nobody"},
    "client": {"user": "nobody", "stderr": "client"},
    "logged": {"user": "nobody", "log": {"what": ["pid", "exit"]}, "resources": {"connection_time": 30}},
    "variables": {"user": "nobody", "environment_file": "/etc/ender-variables", "sandbox": "basic"},
}
VARIABLES = File("/etc/ender-variables", "A=b\n")


def left(namespace: int) -> list[int]:
    """The sleepers in a namespace of processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            own = os.stat(folder / "ns/pid").st_ino == namespace
            if own and (folder / "cmdline").read_bytes() == b"sleep\x00300\x00":
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def eventually(namespace: int, some: bool) -> bool:
    deadline = time.monotonic() + PATIENCE
    while bool(left(namespace)) != some and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(left(namespace)) == some


@on_own_host
@pytest.mark.parametrize("ends", [False, True], ids=["they go on", "they end"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_handler_leaves_on_a_host(backend: str, way: str, ends: bool) -> None:
    # s6 has a server of its own for this option, and needs no package of others.
    more: Fields = {"tcp": {"no_delay": True}} if backend == "s6" else {}
    more.update(WAYS[way], end_children=ends, exec=["/bin/sh", "-c", f"read -r line; {SCRIPT}"])
    made = service(backend=backend, listen=[{"tcp": f"127.0.0.1:{own_host.free_port()}"}], **more)
    with own_host.served(made, VARIABLES) as client:
        holder = own_host.first_holder(client)
        namespace = os.stat(f"/proc/{holder}/ns/pid").st_ino
        root = os.open(f"/proc/{holder}/root", os.O_PATH)
        client.sendall(b"\n")
        answer = b""
        while True:
            part = client.recv(4096)
            if not part:
                break
            answer += part
        assert re.fullmatch(rb"\d+\n(said\n)?", answer)
        # What is left may just be about to become what is looked for.
        time.sleep(0.5)
        assert eventually(namespace, not ends)
        if way != "client":
            log = {"xinetd": "var/log/superserver/echo.log", "s6": "var/log/superserver/echo/current"}[backend]
            deadline = time.monotonic() + PATIENCE
            while b"said" not in read_at(root, log) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert b"said" in read_at(root, log)
        os.close(root)


def read_at(folder: int, path: str) -> bytes:
    with open(os.open(path, os.O_RDONLY, dir_fd=folder), "rb") as file:
        return file.read()
