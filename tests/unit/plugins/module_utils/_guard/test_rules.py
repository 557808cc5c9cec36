# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rules: as written, as nft takes them, and as the kernel applies them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import render_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.rules import render_rules
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import LIBRARY, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load
from ansible_collections.ondemand.superserver.tests.unit.guard_network import (
    NAMESPACE,
    inside,
    install,
    story,
    with_nftables,
)

# The guard does everything that it can do.
HOST = Platform(bpf=False, programs={"nft": "/usr/sbin/nft"})
WAITING = {"exec": ["/bin/cat"], "accept": False}

ACCESS: tuple[Fields, ...] = (
    {"name": "allow-both", "listen": [{"tcp": "1001"}], "access": {"allow": ["192.0.2.0/24", "2001:db8::/32"]}},
    {"name": "allow-ipv4", "listen": [{"tcp": "1002"}], "access": {"allow": ["192.0.2.7"]}},
    {"name": "allow-ipv6", "listen": [{"tcp": "1003"}], "access": {"allow": ["2001:db8::/32"]}},
    {"name": "allow-all-ipv4", "listen": [{"tcp": "1004"}], "access": {"allow": ["0.0.0.0/0"]}},
    {"name": "deny", "listen": [{"tcp": "1005"}], "access": {"deny": ["192.0.2.1", "192.0.2.2", "::/0"]}},
    {"name": "hole", "listen": [{"tcp": "1006"}], "access": {"allow": ["192.0.2.0/29"], "deny": ["192.0.2.1"]}},
    {"name": "nobody", "listen": [{"tcp": "1007"}], "access": {"allow": ["::1"], "deny": ["::1"]}},
    {"name": "datagrams", "listen": [{"udp": "1008"}], "access": {"allow": ["192.0.2.0/24"], "deny": ["192.0.2.1"]}},
)

LIMITS: tuple[Fields, ...] = (
    {"name": "few", "listen": [{"tcp": "1101"}], "connections": {"max": 3}},
    {"name": "few-from-each", "listen": [{"tcp": "1102"}], "connections": {"per_source": 2}},
    {
        "name": "everything",
        "listen": [
            *({"tcp": "1103"}, {"tcp": "1104", "family": "ipv4"}, {"tcp": "1104", "family": "ipv6"}),
            *({"tcp": "127.0.0.1:1105"}, {"tcp": "[::1]:1105"}, {"udp": "1103"}, {"unix": "/run/everything"}),
        ],
        "connections": {"max": 1000, "per_source": 5},
        "access": {"allow": ["127.0.0.0/8", "::1"], "deny": ["127.0.0.2"]},
    },
    {
        "name": "a" * 63,
        "listen": [{"tcp": "1106"}],
        "connections": {"max": 1, "per_source": 1},
        "access": {"deny": ["::2"]},
    },
)

UNGUARDED: tuple[Fields, ...] = (
    {"name": "plain", "listen": [{"tcp": "1201"}]},
    {"name": "off", "state": "disabled", "listen": [{"tcp": "1202"}], "connections": {"max": 3}},
)


def services(*entries: Fields) -> list[Service]:
    return load(*({**WAITING, **entry} for entry in entries))


CASES: dict[str, tuple[tuple[Fields, ...], Platform]] = {
    "access.txt": (ACCESS, HOST),
    "limits.txt": (LIMITS, HOST),
    "one-of-many.txt": ((*UNGUARDED, LIMITS[0]), HOST),
    "without-ipv6.txt": ((ACCESS[0], LIMITS[0]), Platform(bpf=False, ipv6=False)),
    "without-systemd.txt": ((LIMITS[1],), Platform(bpf=False, init="s6")),
}


def rules(files: list[File]) -> str:
    (content,) = (file.content for file in files if file.path == RULES)
    return content


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    entries, platform = CASES[name]
    files = render_guard(services(*entries), platform)
    goldens.compare(f"guard/{name}", [file for file in files if not file.path.startswith(LIBRARY)])


def test_every_golden_file_is_compared() -> None:
    assert goldens.names("guard") == set(CASES)


def test_nothing_to_guard_is_no_file() -> None:
    assert render_guard(services(*UNGUARDED), HOST) == []


def test_each_rule_that_refuses_counts() -> None:
    text = rules(render_guard(services(*ACCESS, *LIMITS), HOST))
    refusing = [line for line in text.splitlines() if "reject" in line or "drop" in line]
    assert refusing
    assert all(" counter " in line for line in refusing)


@with_nftables
@pytest.mark.parametrize("name", CASES)
def test_nft_takes_the_rules(name: str, tmp_path: Path) -> None:
    entries, platform = CASES[name]
    file = tmp_path / "rules"
    file.write_text(rules(render_guard(services(*entries), platform)))
    done = inside("nft", "-c", "-f", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@with_nftables
def test_rules_replace_the_whole_table_and_no_other(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text(rules(render_guard(services(*ACCESS), HOST)))
    new.write_text(rules(render_guard(services(*LIMITS), HOST)))
    script = f"nft add table inet other; nft -f {old}; nft -f {old}; nft -f {new}; nft -j list ruleset"
    done = inside("sh", "-ec", script)
    assert done.stderr == ""
    found = [entry for entry in json.loads(done.stdout)["nftables"] if "metainfo" not in entry]
    assert [entry["table"]["name"] for entry in found if "table" in entry] == ["other", "superserver"]
    chains = {entry["chain"]["name"] for entry in found if "chain" in entry}
    counting = [entry["name"] for entry in LIMITS if "max" in entry["connections"]]
    assert chains == {
        *("input", "output", *(f"service-{entry['name']}" for entry in LIMITS)),
        *(f"{kind}-{name}" for kind in ("admit", "leave", "gone") for name in counting),
    }


# Connects to ports of loopback addresses, from loopback addresses, and says what came of it.
CLIENT = """
import json, socket, subprocess, sys
request = json.load(sys.stdin)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["nft", "-f", request["rules"]], check=True)
server = socket.create_server(("::", request["port"]), family=socket.AF_INET6, dualstack_ipv6=True)
held, answers = [], []
for source in request["sources"]:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    client = socket.socket(family)
    client.settimeout(5)
    client.bind((source, 0))
    try:
        client.connect(("::1" if ":" in source else "127.0.0.1", request["port"]))
        held.append(client)
        answers.append(True)
    except (ConnectionRefusedError, ConnectionResetError):
        answers.append(False)
print(json.dumps(answers))
"""


def connect(entry: Fields, sources: list[str], folder: Path) -> list[bool]:
    """Which of these sources, one after the other and all of them staying, get a connection."""
    file = folder / "rules"
    file.write_text(rules(render_guard(services({**entry, "listen": [{"tcp": "7007"}]}), HOST)))
    request = {"rules": str(file), "port": 7007, "sources": sources}
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-c", CLIENT],
        input=json.dumps(request),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.stderr == ""
    answers: list[bool] = json.loads(done.stdout)
    return answers


LISTS: tuple[tuple[list[str], list[str]], ...] = (
    (["127.0.0.0/30"], []),
    (["127.0.0.0/29", "::1"], ["127.0.0.1", "127.0.0.4/31"]),
    (["::/0"], []),
    (["0.0.0.0/0"], ["127.0.0.2"]),
    ([], ["127.0.0.2/31", "::1"]),
    ([], ["0.0.0.0/0"]),
    (["127.0.0.1"], ["127.0.0.1"]),
)


@with_nftables
@pytest.mark.parametrize(("allow", "deny"), LISTS)
def test_kernel_admits_whom_the_lists_mean(allow: list[str], deny: list[str], tmp_path: Path) -> None:
    sources = ["::1", *(f"127.0.0.{number}" for number in range(1, 9))]
    expected = [compile_access(allow, deny).permits(source) for source in sources]
    assert connect({"name": "x", "access": {"allow": allow, "deny": deny}}, sources, tmp_path) == expected


ONE, TWO, SIX = "127.0.0.1", "127.0.0.2", "::1"
COUNTS: tuple[tuple[Fields, list[str], list[bool]], ...] = (
    ({"max": 2}, [ONE, TWO, ONE, SIX], [True, True, False, False]),
    ({"per_source": 1}, [ONE, ONE, TWO, SIX, TWO, SIX], [True, False, True, True, False, False]),
    ({"max": 3, "per_source": 2}, [ONE, ONE, ONE, TWO, SIX], [True, True, False, True, False]),
)


@with_nftables
@pytest.mark.parametrize(("connections", "sources", "answers"), COUNTS)
def test_kernel_counts_as_declared(
    connections: Fields, sources: list[str], answers: list[bool], tmp_path: Path
) -> None:
    assert connect({"name": "x", "connections": connections}, sources, tmp_path) == answers


LATE = """
sh("nft -f rules")
before = connect(7007) is not None
far = subprocess.Popen(["unshare", "--net", "sleep", "60"])
while os.readlink(f"/proc/{far.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
    time.sleep(0.01)
for command in (
    "ip link add late0 type veth peer name far0 netns " + str(far.pid),
    "ip address add 192.0.2.1/24 dev late0",
    "ip link set late0 up",
    f"nsenter --net --target {far.pid} ip address add 192.0.2.2/24 dev far0",
    f"nsenter --net --target {far.pid} ip link set far0 up",
):
    sh(command)
ask = "import socket; socket.create_connection(('192.0.2.1', 7007), 5)"
asked = subprocess.run(["nsenter", "--net", "--target", str(far.pid), PYTHON, "-c", ask], check=False)
far.kill()
far.wait()
print(json.dumps([before, asked.returncode, connect(7007) is not None]))
"""


@with_nftables
def test_an_interface_may_come_later(tmp_path: Path) -> None:
    """Rules go by its name: who comes in by another one is refused before and after."""
    (made,) = load({"name": "a", "listen": [{"tcp": "7007", "interface": "late0"}], "exec": ["/bin/cat"]})
    install(render_rules([(made, enforced_by_guard(made, HOST))], HOST), tmp_path)
    assert story(LATE, tmp_path) == [False, 0, False]
