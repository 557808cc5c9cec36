# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xinetd runs for a client, as sh runs it: what the program gets, and what the client."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
import time
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import variables
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import LOGS, RUNTIME
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import logger as _helper_logger
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import stderr as _helper_stderr
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import LOGGER, STDERR
from ansible_collections.ondemand.superserver.tests.unit.drawn import TEXTS
from ansible_collections.ondemand.superserver.tests.unit.drawn import VALUES as TEXT_VALUES
from ansible_collections.ondemand.superserver.tests.unit.hostile import as_root, place
from ansible_collections.ondemand.superserver.tests.unit.programs import installed
from ansible_collections.ondemand.superserver.tests.unit.xinetd_services import (
    made,
    scripts,
)

HOST = Platform()
MYSELF = pwd.getpwuid(os.geteuid()).pw_name
# What a program sees of itself.
SEE = """
import json, os, sys
names = [os.readlink(f"/proc/self/fd/{fd}") for fd in range(4) if os.path.exists(f"/proc/self/fd/{fd}")]
seen = {"argv": sys.argv[1:], "environ": dict(os.environ), "cwd": os.getcwd(), "pid": os.getpid(), "fds": names}
with open(sys.argv[1], "w") as out:
    json.dump(seen, out)
"""


def script_of(one: Service, folder: Path, **others: str) -> str:
    """A handler's script with everything that it writes in another place than on hosts, and without another account.
    ``others``: words of what such scripts have in common, and what stands for them."""
    setpriv = folder / "setpriv"
    setpriv.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    setpriv.chmod(0o755)
    common = moved(_helper_stderr.PROGRAM, {LOGGER: logger(folder), RUNTIME: f"{folder}/run", LOGS: f"{folder}/logs"})
    (folder / "stderr").write_text(moved(common, others))
    (file,) = scripts(replace(one, user=MYSELF), replace(HOST, programs={"setpriv": str(setpriv)}))
    return moved(file.content, {STDERR: f"{folder}/stderr"}) if one.stderr == "log" else file.content


def moved(text: str, places: dict[str, str]) -> str:
    for old, new in places.items():
        assert old in text
        text = text.replace(old, new)
    return text


def logger(folder: Path) -> str:
    """The program that writes logs, which does not wait for long when nobody has anything to say any more."""
    program = folder / "logger"
    text = Path(installed(_helper_logger)).read_text(encoding="utf-8")
    program.write_text(moved(text, {"IDLE, PAUSE = 60.0, 0.5\n": "IDLE, PAUSE = 0.3, 0.1\n"}), encoding="utf-8")
    return str(program)


def start(one: Service, tmp_path: Path, **process: t.Any) -> tuple[dict[str, t.Any], int]:
    """Run a handler's script as xinetd does; what its program saw, and the process id that xinetd would know."""
    script = tmp_path / "handler"
    script.write_bytes(script_of(one, tmp_path).encode("utf-8"))
    with subprocess.Popen(["/bin/sh", str(script)], **process) as running:
        running.wait()
    return t.cast("t.Dict[str, t.Any]", json.loads((tmp_path / "seen").read_text())), running.pid


def seeing(tmp_path: Path, *words: str) -> list[str]:
    """A command line that reports about itself."""
    program = tmp_path / "see"
    program.write_text(SEE)
    # PEP 538: Python sets LC_CTYPE in a C locale.
    return [sys.executable, "-X", "utf8", "-IS", str(program), str(tmp_path / "seen"), *words]


def declared_only(environ: t.Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name != "LC_CTYPE"}


@given(st.lists(TEXTS, max_size=5), st.dictionaries(st.sampled_from(["A", "PATH", "HOME", "IFS"]), TEXT_VALUES))
@settings(max_examples=60)
def test_arguments_and_environment_arrive(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], environment: dict[str, str]
) -> None:
    tmp_path = tmp_path_factory.mktemp("handler")
    one = made("echo", exec=seeing(tmp_path, *words), environment=environment)
    seen, pid = start(one, tmp_path, env={"REMOTE_HOST": "::ffff:192.0.2.1"})
    assert seen["argv"][1:] == words
    assert declared_only(seen["environ"]) == {**variables(one), "REMOTE_ADDR": "192.0.2.1"}
    assert seen["pid"] == pid


@pytest.mark.parametrize(
    ("host", "address"), [("192.0.2.1", "192.0.2.1"), ("::1", "::1"), ("::ffff:10.0.0.1", "10.0.0.1")]
)
def test_address_of_the_client(tmp_path: Path, host: str, address: str) -> None:
    seen, _pid = start(made("echo", exec=seeing(tmp_path)), tmp_path, env={"REMOTE_HOST": host, "SURPLUS": "1"})
    assert declared_only(seen["environ"])["REMOTE_ADDR"] == address
    assert "SURPLUS" not in seen["environ"]


@pytest.mark.parametrize("name", ["stdin", "udp"])
def test_no_client_of_a_daemon(tmp_path: Path, name: str) -> None:
    seen, _pid = start(made(name, exec=seeing(tmp_path)), tmp_path, env={"REMOTE_HOST": "<no address>"})
    assert declared_only(seen["environ"]) == variables(made(name))


def test_socket_is_passed(tmp_path: Path) -> None:
    with socket.socket() as listening:
        seen, pid = start(made("fds", exec=seeing(tmp_path)), tmp_path, stdin=listening, stdout=listening)
        name = f"socket:[{os.fstat(listening.fileno()).st_ino}]"
    assert declared_only(seen["environ"]) == {**variables(made("fds")), "LISTEN_FDS": "1", "LISTEN_PID": str(pid)}
    assert (seen["fds"][0], seen["fds"][3]) == ("/dev/null", name)
    assert name not in seen["fds"][1:3]


def run(script: str) -> bytes:
    """What a client gets of a handler."""
    words = ["/bin/sh", "-c", script]
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout


@pytest.mark.parametrize("stderr", ["log", "client"])
def test_standard_error(tmp_path: Path, stderr: str) -> None:
    (tmp_path / "logs").mkdir()
    one = made("echo", exec=["/bin/sh", "-c", "echo answer; echo complaint >&2"], stderr=stderr)
    script = script_of(one, tmp_path)
    for _again in range(2):
        assert run(script) == (b"answer\n" if stderr == "log" else b"answer\ncomplaint\n")
    logged = tmp_path / "logs/echo.log"
    deadline = time.monotonic() + 10
    while stderr == "log" and time.monotonic() < deadline and not (logged.exists() and logged.stat().st_size == 20):
        time.sleep(0.02)
    assert logged.exists() == (stderr == "log")
    assert stderr == "client" or logged.read_text() == "complaint\n" * 2


def test_log_that_cannot_be_opened_is_not_the_clients_business(tmp_path: Path) -> None:
    """Nor is a part of the script that is not there."""
    one = made("echo", exec=["/bin/sh", "-c", "echo answer; echo complaint >&2"])
    script = script_of(one, tmp_path)
    assert run(script) == b"answer\n"
    (tmp_path / "stderr").unlink()
    assert run(script) == b"answer\n"


@as_root
def test_an_entry_that_is_not_read_anew_yet_is_the_accounts(folder: Path) -> None:
    """What is written for xinetd is there a moment before xinetd reads it, and starts the script as the account."""
    script = script_of(made("echo", exec=["/usr/bin/id", "-un"]), folder)
    script = moved(
        script, {f"{folder}/setpriv": "/usr/bin/setpriv", "id=root --regid=root": "id=daemon --regid=daemon"}
    )
    (folder / "handler").write_text(script)
    become = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]

    def account(*before: str) -> str:
        argv = [*before, "/bin/sh", str(folder / "handler")]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    assert (account(), account(*become)) == ("daemon", "nobody")
    # A part that is not there makes nobody root.
    (folder / "stderr").unlink()
    assert account() == "daemon"


@pytest.fixture
def folder() -> t.Iterator[Path]:
    """Where other accounts can read, too."""
    with place() as found:
        yield found


def test_working_directory(tmp_path: Path) -> None:
    folder = tmp_path / "a $b \"c\" 'd'"
    folder.mkdir()
    seen, _pid = start(made("echo", exec=seeing(tmp_path), working_directory=str(folder)), tmp_path)
    assert seen["cwd"] == str(folder)
    script = script_of(made("echo", working_directory=str(tmp_path / "missing")), tmp_path)
    assert subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=False).returncode == 1


def test_program_with_an_equals_sign(tmp_path: Path) -> None:
    folder = tmp_path / "a=b"
    folder.mkdir()
    (folder / "c=d").symlink_to(sys.executable)
    words = [str(folder / "c=d"), *seeing(tmp_path)[1:]]
    seen, _pid = start(made("echo", exec=words), tmp_path)
    assert seen["argv"] == [str(tmp_path / "seen")]
