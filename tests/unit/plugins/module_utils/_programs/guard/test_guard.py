# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's keeper among neighbours that remove rules: what it loads stays, or comes back, with what was counted."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.rules import render_rules
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard import guard
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load
from ansible_collections.ondemand.superserver.tests.unit.guard_network import (
    install,
    ownable,
    story,
    with_nftables,
    with_ownership,
)

HOST = Platform(bpf=False, programs={"nft": "/usr/sbin/nft"})
DENIED: Fields = {"name": "denied", "listen": [{"tcp": "7007"}], "access": {"allow": ["192.0.2.0/24"]}}
LIMITED: Fields = {
    "name": "limited",
    "listen": [{"tcp": "7008"}],
    "connections": {"max": 2},
    "access": {"deny": ["127.0.0.9"]},
}

FLUSHES = ("nft flush ruleset", "nft delete table inet superserver", "nft flush table inet superserver")


def rules(*entries: Fields) -> str:
    services = load(*({"exec": ["/bin/cat"], "accept": False, **entry} for entry in entries))
    return render_rules([(service, enforced_by_guard(service, HOST)) for service in services], HOST)


@with_ownership
def test_nobody_else_changes_a_table_that_the_keeper_owns(tmp_path: Path) -> None:
    install(rules(DENIED), tmp_path)
    found = story(
        f"""
keeper = keep()
before = table()
for command in {FLUSHES!r}:
    sh(command, None)
    assert connect() is None, command
print(json.dumps([before == table(), apply()]))
keeper.kill()
""",
        tmp_path,
    )
    assert found == [True, [0, ""]]


@with_nftables
@pytest.mark.parametrize(
    "command",
    [
        *FLUSHES,
        "nft insert rule inet superserver service-denied accept",
        "nft add element inet superserver access-denied-ipv4 '{ 127.0.0.1 }'",
        "nft add chain inet superserver more",
        "nft flush chain inet superserver input",
    ],
)
def test_keeper_mends_a_table_that_it_does_not_own(command: str, tmp_path: Path) -> None:
    install(rules(DENIED), tmp_path, owning=False)
    found = story(
        f"""
keeper = keep()
before = table()
sh({command!r})
deadline = time.monotonic() + 5
while table() != before and time.monotonic() < deadline:
    time.sleep(0.01)
refused = connect() is None
print(json.dumps([table() == before, refused]))
keeper.kill()
""",
        tmp_path,
    )
    assert found == [True, True]


@with_nftables
@pytest.mark.parametrize("owning", [pytest.param(True, marks=with_ownership), False])
def test_denied_clients_while_a_neighbour_flushes(owning: bool, tmp_path: Path) -> None:
    """Twenty flushes spread over a thousand connections of one who may not connect: with ownership nobody is served,
    and without fewer than in a twentieth of a second for each flush."""
    install(rules(DENIED), tmp_path, owning=owning)
    found = story(
        """
keeper = keep()
over = threading.Event()
def flush():
    for _time in range(20):
        sh("nft flush ruleset")
        over.wait(0.05)
neighbour = threading.Thread(target=flush)
neighbour.start()
served = tried = 0
begun = time.monotonic()
while tried < 1000 or neighbour.is_alive():
    client = connect()
    tried += 1
    if client is not None:
        served += 1
        client.close()
    time.sleep(0.001)
seconds = time.monotonic() - begun
neighbour.join()
print(json.dumps([served, tried, seconds]))
keeper.kill()
""",
        tmp_path,
    )
    served, tried, seconds = found
    print(f"{served} of {tried} in {seconds:.1f} s")
    assert tried >= 1000
    assert served <= (0 if owning else tried / seconds)


@with_nftables
@pytest.mark.parametrize("owning", [pytest.param(True, marks=with_ownership), False])
def test_what_did_not_change_goes_on_counting(owning: bool, tmp_path: Path) -> None:
    """A new service, a changed list of the same service, and a service that goes: two clients are two all the same."""
    install(rules(LIMITED), tmp_path, owning=owning)
    third: Fields = {**DENIED, "name": "another", "listen": [{"tcp": "7009"}]}
    changed: Fields = {**LIMITED, "access": {"deny": ["127.0.0.8", "127.0.0.10"]}}
    for name, text in (
        ("more", rules(DENIED, LIMITED, third)),
        ("changed", rules(changed, third)),
        ("less", rules(changed)),
    ):
        (tmp_path / name).write_text(text)
    found = story(
        """
keeper = keep()
held = [connect(7008), connect(7008)]
answers = [all(held), connect(7008) is None]
for name in ("more", "changed", "less"):
    os.replace(FOLDER + "/" + name, FOLDER + "/rules")
    assert apply() == (0, ""), name
    answers.append(connect(7008) is None)
counted = sh("nft list chain inet superserver admit-limited")
answers.append("counter packets 4 " in counted or counted)
for client in held:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
    client.close()
again = connect(7008, "127.0.0.9")
answers.append(again is not None)
answers.append(connect(7008, "127.0.0.10") is None)
print(json.dumps(answers))
keeper.kill()
""",
        tmp_path,
    )
    assert found == [True] * 8


@with_nftables
def test_rules_that_nft_refuses_leave_those_that_are_loaded(tmp_path: Path) -> None:
    install(rules(DENIED), tmp_path)
    found = story(
        """
keeper = keep()
before = table()
with open(FOLDER + "/rules", "a") as file:
    file.write("nonsense\\n")
code, said = apply()
print(json.dumps([code, "syntax error" in said, table() == before]))
keeper.kill()
""",
        tmp_path,
    )
    assert found == [1, True, True]


@with_nftables
def test_nobody_there_to_apply_rules_is_reported_by_the_code(tmp_path: Path) -> None:
    install(rules(DENIED), tmp_path)
    code, said = story('print(json.dumps(apply("0")))', tmp_path)
    assert code == 3
    assert "the keeper of the rules does not answer" in said


@with_nftables
def test_keeper_that_was_killed_is_followed_by_another(tmp_path: Path) -> None:
    """Whatever the last one left is taken over or replaced."""
    install(rules(DENIED), tmp_path)
    found = story(
        """
keeper = keep()
before = table()
keeper.kill()
keeper.wait()
sh("nft -t list table inet superserver >/dev/null 2>&1 || exec nft -f rules")
refused = connect() is None
keeper = keep()
print(json.dumps([refused, connect() is None, table() == before, apply()]))
keeper.kill()
""",
        tmp_path,
    )
    assert found == [True, True, True, [0, ""]]


@with_nftables
def test_keeper_that_is_terminated_removes_its_socket(tmp_path: Path) -> None:
    install(rules(DENIED), tmp_path)
    found = story(
        """
keeper = keep()
there = os.path.exists(FOLDER + "/socket")
keeper.terminate()
print(json.dumps([there, keeper.wait(), os.path.exists(FOLDER + "/socket")]))
""",
        tmp_path,
    )
    assert found == [True, -15, False]


def test_a_signal_that_comes_before_the_waiting_ends_it() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_details: None)
    with guard.wakes() as woken:
        signal.raise_signal(signal.SIGUSR1)
        assert select.select([woken], [], [], 10)[0] == [woken]
        os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGUSR1, before)


@with_nftables
@pytest.mark.parametrize("owning", [pytest.param(True, marks=with_ownership), False])
def test_keeper_whose_program_was_replaced_is_the_new_one(owning: bool, tmp_path: Path) -> None:
    """It stays the same process, what was counted stays counted, and nobody who may not connect does meanwhile. A table
    that would go with the process that owns it is kept by the old program."""
    replaced = ownable("owner, persist") if owning else True
    install(rules(DENIED, LIMITED), tmp_path, owning=owning)
    found = story(
        """
keeper = keep()
clients = [connect(7008), connect(7008)]
before = table()
with open(FOLDER + "/guard") as file:
    text = file.read()
with open(FOLDER + "/new", "w") as file:
    first = "    begun = installed()"
    file.write(text.replace(first, first + "; open('" + FOLDER + "/met', 'w').close()"))
os.rename(FOLDER + "/new", FOLDER + "/guard")
applied = apply()
deadline = time.monotonic() + 2
while not os.path.exists(FOLDER + "/met") and time.monotonic() < deadline:
    assert connect() is None
    time.sleep(0.001)
applied = [applied, apply()]
same = before == table()
met = os.path.exists(FOLDER + "/met")
print(json.dumps([applied, met, same, connect() is None, connect(7008) is None, all(clients), keeper.poll()]))
keeper.kill()
""",
        tmp_path,
    )
    assert found == [[[0, ""], [0, ""]], replaced, True, True, True, True, None]


@with_nftables
def test_keeper_sleeps(tmp_path: Path) -> None:
    """Changes of tables of others cost a look at the message, and memory is that of one small process."""
    install(rules(DENIED), tmp_path, owning=False)
    found = story(
        """
keeper = keep()
def ticks():
    with open(f"/proc/{keeper.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
before = ticks()
sh("for i in $(seq 200); do echo add table inet other$i; echo delete table inet other$i; done | nft -f -")
time.sleep(0.5)
with open(f"/proc/{keeper.pid}/smaps_rollup") as file:
    own = sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
print(json.dumps([ticks() - before, own]))
keeper.kill()
""",
        tmp_path,
    )
    ticks, kilobytes = found
    print(found)
    assert ticks <= 5
    assert kilobytes < 16000
