# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate, as it runs: for how long it speaks to a client that does not read."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import TELLING, gate
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import gate as _helper_gate
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import GATE
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service

# More than what the kernel keeps for a client that does not read.
LONG = 1 << 24
TURNED_AWAY: Fields = {"connections": {"max_load": 0}}
TIME: Fields = {"resources": {"connection_time": 1}}


@pytest.fixture
def banner(tmp_path: Path) -> str:
    file = tmp_path / "banner"
    with file.open("wb") as opened:
        opened.truncate(LONG)
    return str(file)


def installed_gate(folder: Path) -> str:
    program = folder / "gate"
    program.write_text(_helper_gate.PROGRAM, encoding="utf-8")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("on", "fields"), [("connect", TIME), ("refuse", {**TIME, **TURNED_AWAY})], ids=["served", "turned away"]
)
def test_a_client_that_does_not_read_keeps_nobody_for_longer_than_its_time(
    on: str, fields: Fields, banner: str, tmp_path: Path
) -> None:
    made = service(banner={"file": banner, "on": on}, **fields)
    words = [installed_gate(tmp_path) if word == GATE else word for word in gate(made, Platform())]
    mine, theirs = socket.socketpair()
    with mine, theirs:
        begin = time.monotonic()
        done = subprocess.run(words, stdout=theirs.fileno(), timeout=30, check=False)
        assert 0.9 < time.monotonic() - begin < 4
    # One is for those that are turned away, who may be logged.
    assert done.returncode not in (0, 1)


def test_the_handler_is_not_started_for_such_a_client(banner: str, tmp_path: Path) -> None:
    """As xinetd starts it."""
    started = tmp_path / "started"
    made = service(
        banner={"file": banner}, exec=["/bin/touch", str(started)], backend="xinetd", stderr="client", **TIME
    )
    files = {file.path: file.content for file in BACKENDS["xinetd"].render([made], Platform())}
    script = files["/usr/local/lib/superserver/handlers/echo"].replace(GATE, installed_gate(tmp_path))
    mine, theirs = socket.socketpair()
    with mine, theirs:
        subprocess.run(["/bin/sh", "-c", script], stdout=theirs.fileno(), timeout=30, check=True)
    assert not started.exists()


def test_who_reads_gets_all_of_it(banner: str, tmp_path: Path) -> None:
    made = service(banner={"file": banner}, resources={"connection_time": 20})
    words = [installed_gate(tmp_path) if word == GATE else word for word in gate(made, Platform())]
    assert len(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout) == LONG


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"banner": {"text": "a"}}, TELLING),
        ({"banner": {"text": "a"}, "resources": {"connection_time": 99}}, TELLING),
        ({"banner": {"text": "a"}, "resources": {"connection_time": 9}}, 9),
        ({"banner": {"text": "a", "on": "refuse"}, **TURNED_AWAY, "resources": {"connection_time": 9}}, 9),
        ({**TURNED_AWAY, "resources": {"connection_time": 9}}, None),
    ],
)
def test_whose_time_it_is(fields: Fields, seconds: int | None) -> None:
    words = gate(service(**fields), Platform())
    assert words[: words.index(GATE)] == (() if seconds is None else ("/usr/bin/timeout", "-k", "5", str(seconds)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_starts_it_so(backend: str) -> None:
    made = service(banner={"text": "a"}, resources={"connection_time": 7}, backend=backend)
    words = shlex.join(["/usr/bin/timeout", "-k", "5", "7", GATE])
    assert any(words in file.content for file in BACKENDS[backend].render([made], Platform()))
