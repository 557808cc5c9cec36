# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The binder as the program that it is, with real sockets and real clients."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import signal
import socket
import stat
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.tests.unit.socket_launcher import (
    ask,
    bind,
    datagrams,
    free_port,
    python,
    refused,
    running,
)

ME, MINE = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


REPORT = """
listener = socket.socket(fileno=3)
connection, _peer = listener.accept()
fds = {fd: os.readlink(f"/proc/self/fd/{fd}").split(":")[0] for fd in os.listdir("/proc/self/fd") if int(fd) < 6}
connection.sendall(json.dumps([int(os.environ["LISTEN_PID"]) == os.getpid(), fds, os.environ["A"]]).encode())
"""


def test_daemon_gets_every_socket(tmp_path: Path) -> None:
    port, path = free_port(), str(tmp_path / "s")
    words = ["tcp", "dual", "::", str(port), "5", "udp", "ipv4", "127.0.0.1", str(port)]
    words += ["unix", "stream", path, ME, MINE, "0600", "5"]
    with running("listen_fds", words, "env", "A=b c", *python(REPORT)):
        for host in ("127.0.0.1", "::1"):
            same, fds, variable = json.loads(ask(port, host))
            assert (same, variable) == (True, "b c")
            assert {fd: fds[fd] for fd in "0345"} == {"0": "/dev/null", "3": "socket", "4": "socket", "5": "socket"}


def test_one_socket_as_standard_input_and_output() -> None:
    port = free_port(socket.SOCK_DGRAM)
    code = "s = socket.socket(fileno=1); data, peer = s.recvfrom(9); s.sendto(data.upper(), peer); os.close(0)"
    with running("stdin", ["udp", "dual", "::", str(port)], *python(code)):
        with datagrams(port, b"a", b"b", b"c") as client:
            started = time.monotonic()
            assert sorted(client.recv(9) for _attempt in range(3)) == [b"A", b"B", b"C"]
            # Each is read by a process of its own, and none of them has to wait.
            assert time.monotonic() - started < 2
        with datagrams(port, b"d") as client:
            assert client.recv(9) == b"D"


def test_program_takes_the_place_of_a_binder_that_only_binds() -> None:
    port = free_port()
    code = (
        "s = socket.socket(fileno=0); print(s.getsockname()[1], s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))"
    )
    done = bind("tcp", "dual", "::", str(port), "5", program=python(code))
    assert (done.stdout, done.returncode) == (f"{port} 1\n", 0)
    done = bind("udp", "ipv4", "127.0.0.1", str(port), program=python("print(os.get_blocking(0))"))
    assert done.stdout == "False\n"
    done = bind("udp", "ipv4", "127.0.0.1", str(port), program=("grep", "SigIgn", "/proc/self/status"))
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ))


def test_sockets_do_not_reach_the_program_in_other_ways_too() -> None:
    port = free_port()
    code = "fds = os.listdir('/proc/self/fd'); c, _peer = socket.socket(fileno=0).accept()\n"
    code += "c.send(json.dumps(fds).encode())"
    with running("stdin", ["tcp", "dual", "::", str(port), "5"], *python(code)):
        # Descriptor 3 is the directory, opened before there was a connection.
        assert sorted(json.loads(ask(port))) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("family", ["ipv4", "ipv6", "dual"])
def test_family(family: str) -> None:
    port = free_port()
    address = "0.0.0.0" if family == "ipv4" else "::"
    code = "c, _peer = socket.socket(fileno=0).accept(); c.send(b'yes')"
    with running("stdin", ["tcp", family, address, str(port), "5"], *python(code)):
        answers = {}
        for name, host in (("ipv4", "127.0.0.1"), ("ipv6", "::1")):
            with contextlib.suppress(ConnectionRefusedError):
                answers[name] = ask(port, host)
        assert set(answers) == ({"ipv4", "ipv6"} if family == "dual" else {family})


@pytest.mark.parametrize("code", ["sys.exit(3)", "os.kill(os.getpid(), 9)", "", "os.read(0, 0)"])
def test_program_that_reads_nothing_is_started_once_in_a_while(code: str, tmp_path: Path) -> None:
    port, log = free_port(socket.SOCK_DGRAM), tmp_path / "log"
    program = python(f"open({str(log)!r}, 'a').write('x')\n{code}")
    with running("stdin", ["udp", "ipv4", "0.0.0.0", str(port)], *program) as process:
        datagrams(port, b"a").close()
        wait_for(log.exists)
        time.sleep(1)
        # With the 0.3 seconds of pause, and what the start takes.
        assert 1 <= len(log.read_text(encoding="utf-8")) <= 4
        process.terminate()
        said = process.stderr.read() if process.stderr else ""
    assert ("exit status 3" in said) is ("exit" in code)
    assert ("signal 9" in said) is ("kill" in code)


def test_connection_that_is_not_accepted_is_no_busy_loop(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with running("stdin", ["tcp", "ipv4", "0.0.0.0", str(port), "5"], "/bin/sh", "-c", f"echo x >> {log}"):
        with socket.create_connection(("127.0.0.1", port)):
            wait_for(log.exists)
            time.sleep(1)
        assert 1 <= len(log.read_text(encoding="utf-8").split()) <= 4


@pytest.mark.parametrize("kind", ["stream", "seqpacket", "datagram"])
def test_unix_socket(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "socket"
    kinds = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET, "datagram": socket.SOCK_DGRAM}
    log = tmp_path / "log"
    accept = "s" if kind == "datagram" else "s.accept()[0]"
    code = f"s = socket.socket(fileno=0); open({str(log)!r}, 'wb').write({accept}.recv(99))"
    before = os.umask(0o077)
    try:
        with running("stdin", ["unix", kind, str(path), ME, MINE, "0606", "5"], *python(code)):
            status = path.lstat()
            assert stat.S_ISSOCK(status.st_mode)
            assert stat.S_IMODE(status.st_mode) == 0o606
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
            with socket.socket(socket.AF_UNIX, kinds[kind]) as client:
                client.connect(str(path))
                client.send(b"hello")
                wait_for(lambda: log.exists() and log.read_bytes() == b"hello")
    finally:
        os.umask(before)
    # The next one to listen there may have started already.
    assert path.exists()
    with running("stdin", ["unix", kind, str(path), ME, MINE, "0600", "5"], "/bin/true"):
        assert "is in use" in refused("unix", kind, str(path), ME, MINE, "0600", "5")
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600


def wait_for(happened: t.Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_not_a_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine", encoding="utf-8")
    assert "is not a socket" in refused("unix", "stream", str(path), ME, MINE, "0600", "5")
    assert path.read_text(encoding="utf-8") == "mine"


def test_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "Address already in use" in refused("tcp", "ipv4", "127.0.0.1", port, "5")
    assert "nonesuch" in refused("unix", "stream", "/tmp/superserver-never", "nonesuch", MINE, "0600", "5")
    assert "Cannot assign requested address" in refused("udp", "ipv4", "192.0.2.1", "7777")


@pytest.mark.parametrize("stubborn", [False, True])
def test_end_takes_the_daemon_along_and_all_that_has_its_sockets(stubborn: bool) -> None:
    port = free_port()
    trap = "trap '' TERM; " if stubborn else ""
    script = f"{trap}sleep 60 & {trap}sleep 61"
    with running("stdin", ["tcp", "ipv4", "127.0.0.1", str(port), "5"], "/bin/sh", "-c", script) as process:
        with socket.create_connection(("127.0.0.1", port)):
            wait_for(lambda: len(children(process.pid)) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))
            again.listen()


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()


def test_program_for_each_connection() -> None:
    port = free_port()
    script = 'echo "$TCPREMOTEIP $TCPREMOTEPORT"; exec cat'
    with running("accept", ["tcp", "ipv6", "::", str(port), "5"], "/bin/sh", "-c", script) as process:
        clients = [socket.create_connection(("::1", port), timeout=5) for _attempt in range(3)]
        for client in clients:
            mine = client.getsockname()
            assert client.recv(99) == f"{mine[0]} {mine[1]}\n".encode()
        clients.pop().close()
        wait_for(lambda: len(children(process.pid)) == 2)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        # Sessions go on when the binder has gone.
        process.terminate()
        assert process.wait(timeout=5) == 0
        for client in clients:
            client.send(b"still")
            assert client.recv(99) == b"still"
            client.close()


def test_program_starts_with_ordinary_signals() -> None:
    port = free_port()
    script = "grep -E 'Sig(Ign|Blk)' /proc/self/status"
    with running("accept", ["tcp", "dual", "::", str(port), "5"], "/bin/sh", "-c", script):
        masks = dict(line.split(":\t") for line in ask(port).decode().splitlines())
    relevant = sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD, signal.SIGXFSZ))
    assert [int(mask, 16) & relevant for mask in masks.values()] == [0, 0]


def test_program_that_is_not_there() -> None:
    port = free_port()
    with running("accept", ["tcp", "dual", "::", str(port), "5"], "/nonesuch/program") as process:
        assert ask(port) == b""
        process.terminate()
        _out, said = process.communicate(timeout=10)
    assert "/nonesuch/program could not be started" in said
