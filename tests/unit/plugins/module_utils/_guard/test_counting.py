# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits count clients: packets with a forged source do not use them up, and who leaves makes room."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.rules import render_rules
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import load
from ansible_collections.ondemand.superserver.tests.unit.guard_network import install, story, with_nftables

HOST = Platform(bpf=False, programs={"nft": "/usr/sbin/nft"})

# A client that is served says so when it is greeted; ``flood`` sends what opens connections, from addresses whose
# owners never answer.
CLIENTS = """
import struct
sh("nft -f rules")
for command in (
    "link add sink type veth peer name drain",
    "address add 192.0.2.1/24 dev sink",
    "link set sink up",
    "link set drain up",
    "route add 10.0.0.0/8 dev sink",
):
    sh("ip " + command)

def serve():
    while True:
        client, address = server.accept()
        threading.Thread(target=hold, args=(client,), daemon=True).start()

def hold(client):
    try:
        client.sendall(b"welcome")
        while client.recv(100):
            pass
        client.close()
    except OSError:
        client.close()

threading.Thread(target=serve, daemon=True).start()

def client(source="127.0.0.1"):
    made = connect(7007, source)
    try:
        if made and made.recv(100) == b"welcome":
            return made
    except OSError:
        pass
    return None

def soon(source="127.0.0.1"):
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        made = client(source)
        if made:
            return made
        time.sleep(0.05)

def flood(packets):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    there = socket.inet_aton("192.0.2.1")
    for number in range(packets):
        here = socket.inet_aton(f"10.0.{number // 250}.{number % 250 + 1}")
        def packed(checksum):
            return struct.pack("!HHIIBBHHH", 1024 + number, 7007, 7, 0, 0x50, 2, 64240, checksum, 0)
        data = here + there + struct.pack("!BBH", 0, 6, 20) + packed(0)
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, number, 0, 64, 6, 0, here, there)
        raw.sendto(head + packed(~total & 0xFFFF), ("192.0.2.1", 0))

answers = []
"""


def limited(connections: dict[str, t.Any], folder: Path) -> None:
    """Rules for a service with such limits."""
    (made,) = load(
        {
            "name": "limited",
            "listen": [{"tcp": "7007"}],
            "exec": ["/bin/cat"],
            "accept": False,
            "connections": connections,
        }
    )
    install(render_rules([(made, enforced_by_guard(made, HOST))], HOST), folder)


@with_nftables
@pytest.mark.parametrize(
    "connections",
    [
        {"max": 100},
        {"per_source": 3},
        {"max": 100, "per_source": 3},
        {"rate": {"count": 50, "interval": 60}},
        {"max": 100, "rate": {"count": 50, "interval": 60, "pause": 60}},
    ],
)
def test_packets_from_nobody_do_not_use_up_a_limit(connections: dict[str, t.Any], tmp_path: Path) -> None:
    limited(connections, tmp_path)
    found = story(
        CLIENTS
        + """
flood(130)
answers = [bool(client(source)) for source in ("127.0.0.1", "127.0.0.2", "::1")]
print(json.dumps(answers))
""",
        tmp_path,
    )
    assert found == [True] * 3


@with_nftables
@pytest.mark.parametrize("packets", [0, 50])
def test_as_many_as_were_declared_are_served_and_no_more(packets: int, tmp_path: Path) -> None:
    limited({"max": 3}, tmp_path)
    found = story(
        CLIENTS
        + f"""
flood({packets})
held = [client("127.0.0.1"), client("127.0.0.2"), client("::1")]
answers = [all(held), client() is None, client("::1") is None]
flood({packets})
answers.append(client() is None)
for leaving in list(held):
    leaving.close()
    held.remove(leaving)
    held.append(soon())
    answers.append(bool(held[-1]))
    answers.append(client() is None)
print(json.dumps(answers))
""",
        tmp_path,
    )
    assert found == [True] * 10


@with_nftables
@pytest.mark.parametrize(("pause", "later"), [(0, True), (60, False)])
def test_a_rate_is_that_of_clients(pause: int, later: bool, tmp_path: Path) -> None:
    """One more than three at once is too many; after a second there is room for one, unless the service pauses."""
    limited({"rate": {"count": 3, "interval": 3, **({"pause": pause} if pause else {})}}, tmp_path)
    found = story(
        CLIENTS
        + """
answers = [bool(client()) for _time in range(3)] + [any(client() for _time in range(5))]
time.sleep(1.5)
answers.append(bool(client()))
print(json.dumps(answers))
""",
        tmp_path,
    )
    assert found == [True, True, True, False, later]
