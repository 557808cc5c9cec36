# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in front of a handler with TLS, and what the script behind it makes of the client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.tls import (
    configuration_file,
    script_file,
    tls_files,
    wrap_with_tls,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import session as _helper_session
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    terminator as _helper_terminator,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import GATE, INTERNAL, SESSION
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service

TLS = {"certificate": "/a", "key": "/b"}
HOST = Platform()

# What is no matter of stunnel's.
INNER: Fields = {
    "user": "nobody",
    "group": "adm",
    "supplementary_groups": [],
    "environment": {"A": "b"},
    "working_directory": "/srv",
    "stderr": "client",
    "resources": {"open_files": 5},
    "connections": {"max_load": 5},
    "access": {"hours": ["08:00-17:00"]},
    "banner": {"text": "x"},
}

# What stunnel says of a client, and what the handler is told.
CLIENTS: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({"REMOTE_HOST": "192.0.2.1", "REMOTE_PORT": "5"}, ["REMOTE_ADDR=192.0.2.1", "REMOTE_PORT=5"]),
    ({"REMOTE_HOST": "::ffff:192.0.2.1", "REMOTE_PORT": "5"}, ["REMOTE_ADDR=192.0.2.1", "REMOTE_PORT=5"]),
    ({"REMOTE_HOST": "2001:db8::1"}, ["REMOTE_ADDR=2001:db8::1"]),
    ({"REMOTE_HOST": "localhost", "REMOTE_PORT": ""}, []),
    ({"REMOTE_HOST": "::1", "SSL_CLIENT_DN": "/CN=x"}, ["REMOTE_ADDR=::1"]),
)


def test_what_is_behind_is_not_in_front() -> None:
    plain, inner = wrap_with_tls(service(tls=TLS), HOST), wrap_with_tls(service(tls=TLS, **INNER), HOST)
    assert plain == inner
    assert wrap_with_tls(plain, HOST) == plain


def test_what_stands_for_the_connection_stays_in_front() -> None:
    outer = {"umask": "077", "nice": -5, "connections": {"max": 5}, "resources": {"tasks_max": 5}}
    made = service(tls=TLS, **outer)
    front = wrap_with_tls(made, HOST)
    assert all(getattr(front, name) == getattr(made, name) for name in outer)


@pytest.mark.parametrize(("handlers", "stunnels"), [(7, 7 + 7 + 10), (100, 60 + 100 + 10)])
def test_stunnel_has_time_for_the_handshake_and_the_handler(handlers: int, stunnels: int) -> None:
    front = wrap_with_tls(service(tls=TLS, resources={"connection_time": handlers}), HOST)
    assert front.resources.connection_time == stunnels


def test_services_without_tls_are_as_they_were() -> None:
    made = service(**INNER)
    assert wrap_with_tls(made, HOST) is made
    assert tls_files([made], HOST) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_starts_stunnel_and_brings_what_it_needs(backend: str) -> None:
    made = service(tls=TLS, exec=None, internal="time", banner={"text": "x"}, backend=backend)
    files = {file.path: file for file in BACKENDS[backend].render([made], HOST)}
    assert files["/etc/superserver/tls/echo.inetd.conf"].mode == 0o600
    assert {GATE, INTERNAL, "/etc/superserver/banners/echo", "/usr/local/lib/superserver/handlers/echo.tls"} <= set(
        files
    )
    starting = [path for path, file in files.items() if "/usr/bin/stunnel" in file.content]
    assert len(starting) == 1
    assert not any(GATE in files[path].content for path in starting)


@pytest.mark.parametrize(("told", "wanted"), CLIENTS)
def test_the_handler_gets_the_address_of_its_client(told: dict[str, str], wanted: list[str], tmp_path: Path) -> None:
    program = tmp_path / "setpriv"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    program.chmod(0o755)
    made = service(exec=["/usr/bin/env"], tls=TLS, environment={"PATH": "/bin", "A": "a 'b' $c"})
    files = {file.path: file for file in tls_files([made], Platform(programs={"setpriv": str(program)}))}
    session = tmp_path / "session"
    session.write_text(files[SESSION].content)
    session.chmod(0o755)
    script = files[script_file(made)].content.replace(SESSION, str(session))
    done = subprocess.run(["/bin/sh", "-c", script], env={**told, "SECRET": "x"}, stdout=subprocess.PIPE, check=True)
    found = {line for line in done.stdout.decode().splitlines() if not line.startswith(("PWD=", "_=", "SHLVL="))}
    assert found == {"PATH=/bin", "A=a 'b' $c", *wanted}


def test_files_of_the_version_before_are_left_to_those_that_read_them() -> None:
    """They go once nobody starts them any more."""
    paths = {file.path for file in tls_files([service(tls=TLS)], HOST)}
    assert "/etc/superserver/tls/echo.conf" not in paths


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_stunnel_needs_is_written_before_what_starts_it(backend: str) -> None:
    made = service(tls=TLS, backend=backend)
    files = BACKENDS[backend].render([made], HOST)
    starting = next(index for index, file in enumerate(files) if "/usr/bin/stunnel" in file.content)
    assert {configuration_file(made), script_file(made)} <= {file.path for file in files[:starting]}


@pytest.mark.parametrize("told", [{}, {"RUNTIME_DIRECTORY": "/run/a b"}])
def test_what_systemd_sets_because_of_a_directive_gets_through(told: dict[str, str], tmp_path: Path) -> None:
    """From stunnel's environment, which is that of the unit, to the handler's."""
    program = tmp_path / "setpriv"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    program.chmod(0o755)
    native = {"systemd": {"service": {"RuntimeDirectory": "a"}}}
    made = service(exec=["/usr/bin/env", "-0"], tls=TLS, native=native)
    files = {
        file.path: file for file in BACKENDS["systemd"].render([made], Platform(programs={"setpriv": str(program)}))
    }
    (unit,) = (file.content for path, file in files.items() if path.endswith("@.service"))
    assert '${RUNTIME_DIRECTORY:+"RUNTIME_DIRECTORY=$RUNTIME_DIRECTORY"}' in unit.replace("$$", "$").replace('\\"', '"')
    session = tmp_path / "session"
    session.write_text(files[SESSION].content)
    session.chmod(0o755)
    script = files[script_file(made)].content.replace(SESSION, str(session))
    given = {"REMOTE_HOST": "192.0.2.1", "SURPLUS": "x", **told}
    done = subprocess.run(["/bin/sh", "-c", script], env=given, stdout=subprocess.PIPE, check=True)
    found = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    assert found == {"PATH": PATH, "REMOTE_ADDR": "192.0.2.1", **told}


def test_a_short_time_is_a_short_handshake() -> None:
    configuration = tls_files([service(tls=TLS, resources={"connection_time": 7})], HOST)[0].content
    assert "\nTIMEOUTbusy = 7\n" in configuration
    assert "verifyChain" not in configuration


@pytest.fixture
def chain(tmp_path: Path) -> list[str]:
    """The terminator, a stunnel that goes at once, and the session of a handler that is given last."""
    for name, program in (("terminator", _helper_terminator.PROGRAM), ("session", _helper_session.PROGRAM)):
        (tmp_path / name).write_text(program, encoding="utf-8")
    stunnel = tmp_path / "stunnel"
    stunnel.write_text('#!/bin/sh\n"$@" &\nexit 7\n', encoding="utf-8")
    stunnel.chmod(0o755)
    session = ["bash", "-p", str(tmp_path / "session"), "-n", "x", "-w", "", "--"]
    return ["bash", "-p", str(tmp_path / "terminator"), "60", str(stunnel), *session]


def test_the_terminator_lasts_as_long_as_the_handler(chain: list[str], tmp_path: Path) -> None:
    done = tmp_path / "done"
    ended = subprocess.run([*chain, "/bin/sh", "-c", f"sleep 0.5; touch {done}"], check=False)
    assert (ended.returncode, done.exists()) == (7, True)


def test_a_process_that_a_handler_leaves_behind_is_not_waited_for(chain: list[str]) -> None:
    begin = time.monotonic()
    subprocess.run([*chain, "/bin/sh", "-c", "exec setsid sleep 9 >/dev/null 2>&1 & echo $!"], check=False)
    assert time.monotonic() - begin < 5


def test_the_connection_is_not_the_terminators(chain: list[str]) -> None:
    with subprocess.Popen([*chain, "/bin/sh", "-c", "exec >&-; sleep 2"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        begin = time.monotonic()
        process.stdout.read()
        assert time.monotonic() - begin < 1.5


def test_signals_reach_stunnel(tmp_path: Path) -> None:
    terminator = tmp_path / "terminator"
    terminator.write_text(_helper_terminator.PROGRAM, encoding="utf-8")
    command = ["bash", "-p", str(terminator), "60", "/bin/sh", "-c", "echo ready; exec sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("stunnel", "code"),
    [
        ("exec sleep 60", 128 + signal.SIGTERM),
        ("echo >&5; sleep 2; exit 3", 3),
        ("exec 5>&-; sleep 2; exit 3", 3),
        ("exit 3", 3),
    ],
    ids=["says nothing", "has begun", "has gone on", "has ended"],
)
def test_stunnel_has_so_long_to_start_a_handler(stunnel: str, code: int, tmp_path: Path) -> None:
    terminator = tmp_path / "terminator"
    terminator.write_text(_helper_terminator.PROGRAM, encoding="utf-8")
    command = ["bash", "-p", str(terminator), "1", "/bin/sh", "-c", stunnel]
    begin = time.monotonic()
    assert subprocess.run(command, check=False, timeout=30).returncode == code
    assert time.monotonic() - begin < 10


def test_a_super_server_with_its_old_configuration_is_served_as_before(tmp_path: Path) -> None:
    terminator = tmp_path / "terminator"
    terminator.write_text(_helper_terminator.PROGRAM, encoding="utf-8")
    command = ["bash", "-p", str(terminator), "/bin/sh", "-c", "sleep 1; exit 3"]
    assert subprocess.run(command, check=False, timeout=30).returncode == 3


# In a namespace of its own: stunnel has ended, its handler goes on, and somebody else gets the id that stunnel had.
LATER = """
import os, signal, subprocess, sys, time
stunnel = ["/bin/sh", "-c", "echo >&5; sleep 5 & echo $$"]
terminator = subprocess.Popen(["bash", "-p", sys.argv[1], "60", *stunnel], stdout=subprocess.PIPE)
number = int(terminator.stdout.readline())
while os.path.exists(f"/proc/{number}"):
    time.sleep(0.01)
with open("/proc/sys/kernel/ns_last_pid", "w") as last:
    last.write(str(number - 1))
other = subprocess.Popen(["sleep", "60"])
assert other.pid == number, "the id was not used again"
terminator.send_signal(signal.SIGTERM)
time.sleep(0.5)
assert other.poll() is None, "another process got the signal"
assert terminator.poll() is None, "the terminator has left the handler alone"
other.kill()
print("nobody was told")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a namespace where ids can be chosen")
def test_who_has_the_id_that_stunnel_had_is_not_told_to_end(tmp_path: Path) -> None:
    terminator = tmp_path / "terminator"
    terminator.write_text(_helper_terminator.PROGRAM, encoding="utf-8")
    argv = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", LATER, str(terminator)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("nobody was told\n", "")
