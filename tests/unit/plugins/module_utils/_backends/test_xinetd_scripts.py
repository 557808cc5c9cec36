# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xinetd runs for a client, as sh runs it: what the program gets, and what the client."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import _xinetd_files
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import File
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._process import variables
from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service
from ansible_collections.ondemand.superserver.tests.unit.plugins.module_utils._backends.test_xinetd_files import (
    made,
    scripts,
)
from ansible_collections.ondemand.superserver.tests.unit.test_properties import TEXTS
from ansible_collections.ondemand.superserver.tests.unit.test_properties import VALUES as TEXT_VALUES

# What a program sees of itself.
SEE = """
import json, os, sys
names = [os.readlink(f"/proc/self/fd/{fd}") for fd in range(4) if os.path.exists(f"/proc/self/fd/{fd}")]
seen = {"argv": sys.argv[1:], "environ": dict(os.environ), "cwd": os.getcwd(), "pid": os.getpid(), "fds": names}
with open(sys.argv[1], "w") as out:
    json.dump(seen, out)
"""


def start(one: Service, tmp_path: Path, **process: t.Any) -> tuple[dict[str, t.Any], int]:
    """Run a handler's script as xinetd does; what its program saw, and the process id that xinetd would know."""
    (file,) = scripts(one)
    script = tmp_path / "handler"
    script.write_bytes(file.content.encode("utf-8"))
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


def run(script: File) -> bytes:
    """What a client gets of a handler."""
    words = ["/bin/sh", "-c", script.content]
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout


@pytest.mark.parametrize("stderr", ["log", "client"])
def test_standard_error(tmp_path: Path, stderr: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_xinetd_files, "LOGS", str(tmp_path))
    one = made("echo", exec=["/bin/sh", "-c", "echo answer; echo complaint >&2"], stderr=stderr)
    (file,) = scripts(one)
    for _again in range(2):
        assert run(file) == (b"answer\n" if stderr == "log" else b"answer\ncomplaint\n")
    logged = tmp_path / "echo.log"
    assert logged.exists() == (stderr == "log")
    assert stderr == "client" or logged.read_text() == "complaint\n" * 2


def test_log_that_cannot_be_opened_is_not_the_clients_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_xinetd_files, "LOGS", str(tmp_path / "missing"))
    (file,) = scripts(made("echo", exec=["/bin/sh", "-c", "echo answer; echo complaint >&2"]))
    assert run(file) == b"answer\n"


def test_working_directory(tmp_path: Path) -> None:
    folder = tmp_path / "a $b \"c\" 'd'"
    folder.mkdir()
    seen, _pid = start(made("echo", exec=seeing(tmp_path), working_directory=str(folder)), tmp_path)
    assert seen["cwd"] == str(folder)
    (file,) = scripts(made("echo", working_directory=str(tmp_path / "missing")))
    assert subprocess.run(["/bin/sh", "-c", file.content], capture_output=True, check=False).returncode == 1


def test_program_with_an_equals_sign(tmp_path: Path) -> None:
    folder = tmp_path / "a=b"
    folder.mkdir()
    (folder / "c=d").symlink_to(sys.executable)
    words = [str(folder / "c=d"), *seeing(tmp_path)[1:]]
    seen, _pid = start(made("echo", exec=words), tmp_path)
    assert seen["argv"] == [str(tmp_path / "seen")]
