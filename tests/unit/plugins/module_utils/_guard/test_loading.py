# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a kernel whose rules are not those of the file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._guard import loading as _guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import KEEPER
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import (
    Findings,
    check_guard,
    findings,
    render_guard,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, Process, Result
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher as _helper_watcher
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES
from ansible_collections.ondemand.superserver.tests.unit.declarations import load
from ansible_collections.ondemand.superserver.tests.unit.guard_network import NAMESPACE, with_nftables

HOST = Platform(bpf=False, programs={"nft": "nft"})
RUNNING = [Process(7, 1, "python3", (sys.executable, "-BIS", KEEPER, "keep"), 0)]
SERVICES = load(
    {
        "name": "limited",
        "listen": [{"tcp": "7007"}, {"udp": "7007"}],
        "exec": ["/bin/cat"],
        "accept": False,
        "access": {"allow": ["192.0.2.0/24", "2001:db8::/32"], "deny": ["192.0.2.7"]},
    },
    {
        "name": "rated",
        "listen": [{"tcp": "7008"}],
        "exec": ["/bin/cat"],
        "accept": False,
        "connections": {"max": 3, "per_source": 2, "rate": {"count": 5, "interval": 10, "pause": 30}},
    },
)


class Network(LocalHost):
    """A host in a network namespace of its own, for as long as a process sleeps in it."""

    def __init__(self, pid: int, first: Path) -> None:
        super().__init__(_helper_watcher.Commands())
        joined = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self._argv = ["nsenter", f"--target={pid}", *joined, "--net"]
        self._path = f"{first}:{os.environ['PATH']}:/usr/sbin:/sbin"

    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Result:
        return super().run([*self._argv, *argv], check, {"PATH": self._path, **(environment or {})}, descriptors)


@pytest.fixture(params=["own namespace", "draft"])
def network(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """With the rules loaded, where a network namespace may be made to compare them in, and where not."""
    if request.param == "draft":
        refusing = tmp_path / "unshare"
        refusing.write_text("#!/bin/sh\nexit 1\n")
        refusing.chmod(0o755)
    (rules,) = (file for file in render_guard(SERVICES, HOST) if file.path == RULES)
    (tmp_path / "rules").write_text(rules.content)
    monkeypatch.setattr(_guard, "RULES", str(tmp_path / "rules"))
    with subprocess.Popen([*NAMESPACE, "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE) as sleeper:
        assert sleeper.stdout
        sleeper.stdout.readline()
        host = Network(sleeper.pid, tmp_path)
        host.run(["nft", "-f", str(tmp_path / "rules")])
        yield host
        sleeper.kill()


@with_nftables
def test_rules_as_they_were_loaded_are_no_problem(network: Host) -> None:
    assert findings(HOST, RUNNING, network) == Findings()
    tables = network.run(["nft", "list", "tables"]).out
    assert tables == "table inet superserver\n"


# What somebody does, and what is told of it.
DONE = (
    ("delete table inet superserver", "it is not loaded"),
    ("flush table inet superserver", "the chain input has other rules"),
    ("flush chain inet superserver service-limited", "the chain service-limited has other rules"),
    ("insert rule inet superserver service-limited accept", "the chain service-limited has other rules"),
    (
        "add element inet superserver access-limited-ipv4 { 127.0.0.1 }",
        "the set access-limited-ipv4 has other elements",
    ),
    ("flush set inet superserver access-limited-ipv6", "the set access-limited-ipv6 has other elements"),
    ("add chain inet superserver more", "there is an unexpected chain more"),
    ("add set inet superserver more { type mark; }", "there is an unexpected set more"),
    ("add counter inet superserver more", "there is an unexpected counter more"),
    ("chain inet superserver input { policy drop; }", "the chain input has another type"),
)


@with_nftables
@pytest.mark.parametrize(("command", "told"), DONE)
def test_whatever_was_changed_is_reported(command: str, told: str, network: Host) -> None:
    network.run(["nft", command])
    found = findings(HOST, RUNNING, network)
    assert found.problem.startswith("the nftables table inet superserver: ")
    assert told in found.problem
    assert found.have != found.want or "counter" in command


@with_nftables
def test_what_was_counted_is_no_difference(network: Host) -> None:
    for command in (
        "add element inet superserver sources-rated-ipv4 { 127.0.0.1 ct count over 2 }",
        "add element inet superserver paused-rated { tcp timeout 30s }",
    ):
        network.run(["nft", command])
    assert findings(HOST, RUNNING, network) == Findings()


@with_nftables
@pytest.mark.parametrize("processes", [[], [Process(7, 1, "python3", (sys.executable, "-BIS", KEEPER, "apply"), 0)]])
def test_nobody_who_keeps_the_rules_is_a_problem(processes: list[Process], network: Host) -> None:
    assert "which keeps the rules loaded, does not run" in findings(HOST, processes, network).problem


@with_nftables
@pytest.mark.parametrize(("more", "told"), [("", []), ("nonsense\n", ["syntax error"])])
def test_rules_are_checked_where_they_concern_nobody(more: str, told: list[str], network: Host, tmp_path: Path) -> None:
    before = network.run(["nft", "list", "ruleset"]).out
    (file,) = (file for file in render_guard(SERVICES, HOST) if file.mode == 0o600)
    staged = Path(f"{tmp_path}/staged{file.path}")
    staged.parent.mkdir(parents=True)
    staged.write_text(file.content + more)
    said = check_guard(f"{tmp_path}/staged", [file], HOST, network)
    assert [word in text for word, text in zip(told, said)] == [True] * len(told)
    assert len(said) == len(told)
    assert network.run(["nft", "list", "ruleset"]).out == before
