# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers with a name of their own (argv[0]): the program that gives it, and what arrives from each super-server."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import runs
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import named as _helper_named
from ansible_collections.ondemand.superserver.tests.unit import own_host
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.own_host import on_own_host
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

NAMES = ("in.telnetd", "-sh", "--", "a b", "a\n'b'", "%n$HOME", "x=y", "/usr/bin/other", "ü")


def named(*words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-IS", installed(_helper_named), *words]
    return subprocess.run(command, env=environment or {}, capture_output=True, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_and_all_arguments_arrive(name: str) -> None:
    done = named("/bin/cat", name, "/proc/self/cmdline", "--", "")
    assert done.stdout.split(b"\0")[:-1] == [name.encode(), b"/proc/self/cmdline", b"--", b""]


@pytest.mark.parametrize("environment", [{}, {"A": "a=b\nc", "LC_ALL": "C"}, {"LC_CTYPE": "x"}])
def test_the_environment_stays_as_it_is(environment: dict[str, str]) -> None:
    """Python by itself would add what the locale is."""
    found = named("/usr/bin/env", "x", "-0", environment=environment).stdout.decode().split("\0")[:-1]
    assert dict(entry.split("=", 1) for entry in found) == environment


def test_nothing_is_ignored_that_python_ignores() -> None:
    done = named("/bin/grep", "x", "SigIgn", "/proc/self/status")
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ))


def test_a_program_that_is_not_there_is_reported_as_env_does() -> None:
    done = named("/no/such/program", "x")
    assert (done.returncode, done.stderr) == (127, b"superserver: /no/such/program: No such file or directory\n")


def test_a_handler_is_known_by_its_name_and_a_script_by_its_path() -> None:
    made = service(exec=["/usr/sbin/tcpd", "a"], argv0="in.telnetd")
    for argv, known in (
        (["in.telnetd", "a"], True),
        (["/bin/sh", "/usr/sbin/tcpd", "a"], True),
        (["in.telnetd", "b"], False),
        (["in.telnetd"], False),
    ):
        assert runs(argv, made, Platform()) is known


# What has to be there for a super-server to run; systemd is played.
PROGRAMS = {"systemd": "sh", "xinetd": "xinetd", "s6": "s6-svscan"}
BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed"))
    for name, program in PROGRAMS.items()
]
# Roundabout ways to a handler, which all end in its name.
WAYS: dict[str, Fields] = {
    "plain": {"user": "nobody"},
    "root": {"user": "root"},
    "logged": {"user": "nobody", "log": {"what": ["pid"]}, "resources": {"connection_time": 30}},
    "variables": {"user": "nobody", "environment_file": "/etc/named-variables", "sandbox": "basic"},
}
VARIABLES = File("/etc/named-variables", "A=b\n")
DAEMON = """
import os, socket
listener = socket.socket(fileno=3)
while True:
    client = listener.accept()[0]
    with open("/proc/self/cmdline") as file:
        words = file.read().split(chr(0))
    own = os.environ["LISTEN_PID"] == str(os.getpid())
    client.sendall(f"{words[0]} {os.environ['LISTEN_FDS']} {own}".encode())
    client.close()
"""


def answer(backend: str, **fields: object) -> bytes:
    # s6 has a server of its own for this option, and needs no package of others.
    more = {"tcp": {"no_delay": True}} if backend == "s6" else {}
    made = service(backend=backend, listen=[{"tcp": f"127.0.0.1:{own_host.free_port()}"}], **more, **fields)
    told = b""
    with own_host.served(made, VARIABLES) as client:
        while True:
            part = client.recv(4096)
            if not part:
                return told
            told += part


@on_own_host
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_handler_has_its_name(backend: str, way: str) -> None:
    fields = {"exec": ["/bin/cat", "/proc/self/cmdline"], "argv0": "in.catd $x 'y'", **WAYS[way]}
    assert answer(backend, **fields) == b"in.catd $x 'y'\0/proc/self/cmdline\0"


@on_own_host
@pytest.mark.parametrize("backend", BACKENDS)
def test_its_environment_is_what_is_declared(backend: str) -> None:
    fields = {"exec": ["/usr/bin/env", "-0"], "argv0": "x", "user": "nobody", "environment": {"A": "b c"}}
    found = dict(entry.split("=", 1) for entry in answer(backend, **fields).decode().split("\0") if entry)
    assert {name: value for name, value in found.items() if not name.startswith("REMOTE_")} == {
        "A": "b c",
        "PATH": PATH,
    }


@on_own_host
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_daemon_has_its_name(backend: str) -> None:
    """What counts its sockets is for that process, which stays the same."""
    fields = {"exec": ["/usr/bin/python3", "-c", DAEMON], "argv0": "in.daemon", "accept": False, "user": "nobody"}
    assert answer(backend, **fields) == b"in.daemon 1 True"
