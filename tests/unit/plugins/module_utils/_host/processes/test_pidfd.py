# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals to processes that were seen before: they reach these, and no others."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

import ansible_collections.ondemand.superserver
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import pidfd, table
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher

HOST = LocalHost(watcher.Commands())
# The directory that has ansible_collections.
ABOVE = Path(next(iter(ansible_collections.ondemand.superserver.__path__))).parents[2]

# In a namespace of its own, where it is the first process: two processes of one id, one after the other.
REUSE = """
import os, subprocess, sys, time
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import pidfd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import table
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
if sys.argv[1] == "old kernel":
    pidfd._OPEN = 9999
host = LocalHost(watcher.Commands())
first = subprocess.Popen(["sleep", "60"])
seen = table.process(first.pid)
host.signal(seen, 15)
assert first.wait(10) == -15, "the signal has not arrived"
time.sleep(0.05)
with open("/proc/sys/kernel/ns_last_pid", "w") as last:
    last.write(str(first.pid - 1))
second = subprocess.Popen(["sleep", "60"])
assert second.pid == first.pid, "the id was not used again"
host.signal(seen, 9)
time.sleep(0.2)
assert second.poll() is None, "another process got the signal"
second.kill()
print("only the first one")
"""


@pytest.fixture
def sleeper() -> t.Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture(params=["descriptor", "id"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By a descriptor, or, where there are none, by the id."""
    if request.param == "id":
        monkeypatch.setattr(pidfd, "_OPEN", 9999)
    return str(request.param)


def seen(process: subprocess.Popen[bytes]) -> Process:
    found = table.process(process.pid)
    assert found
    return found


def test_a_signal_arrives(sleeper: subprocess.Popen[bytes], way: str) -> None:
    HOST.signal(seen(sleeper), signal.SIGTERM)
    assert sleeper.wait(10) == -signal.SIGTERM


def test_what_was_started_at_another_time_is_another_process(sleeper: subprocess.Popen[bytes], way: str) -> None:
    now = seen(sleeper)
    HOST.signal(replace(now, started=now.started - 1), signal.SIGKILL)
    assert not pidfd.lives(replace(now, started=now.started - 1))
    with pytest.raises(subprocess.TimeoutExpired):
        sleeper.wait(0.2)


def test_who_has_ended_is_no_error(sleeper: subprocess.Popen[bytes], way: str) -> None:
    before = seen(sleeper)
    sleeper.kill()
    sleeper.wait()
    HOST.signal(before, signal.SIGTERM)
    assert not pidfd.lives(before)


def test_a_refusal_is_told(sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(errno.EMFILE, "no descriptors left")

    monkeypatch.setattr(pidfd, "_call", refuse)
    with pytest.raises(OSError, match="no descriptors left"):
        HOST.signal(seen(sleeper), signal.SIGTERM)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a namespace where ids can be chosen")
@pytest.mark.parametrize("kernel", ["new kernel", "old kernel"])
def test_an_id_that_is_used_again_gets_nothing(kernel: str) -> None:
    argv = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", REUSE, kernel]
    environment = {**os.environ, "PYTHONPATH": str(ABOVE)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("only the first one\n", "")
