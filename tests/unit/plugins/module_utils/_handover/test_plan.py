# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which listeners pass over in a run, and what is told of it."""

from __future__ import annotations

import os
import socket
import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import run
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._handover import hold
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.actions import Action
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.methods import Choice, Move
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.plan import (
    Candidate,
    HandoverPlan,
    candidates_of,
    common,
    handover_plan,
    old_sockets,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import listening
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

SEVEN, EIGHT = Listener("tcp", "dual", "::", 7), Listener("tcp", "dual", "::", 8)
PATH = Listener("unix", "unix", "/run/a", 0, "/run/a")
WHY = "hold: nftables is not installed"
PLAN = HandoverPlan({"held": [SEVEN, PATH], "closed": [EIGHT]}, {"held": Choice("hold"), "closed": Choice("gap", WHY)})


def test_listeners_of_before_and_after() -> None:
    old = service(listen=[{"tcp": "7"}, {"tcp": "9"}])
    new = service(listen=[{"tcp": "8"}, {"tcp": "7"}])
    assert common(old, new, ipv6=True) == [SEVEN]


def test_hold_that_did_not_last_is_told() -> None:
    told = PLAN.told({"held": 5000.1, "closed": 5000.1})
    assert told["held"]["method_reason"] == "the hold ended after 5 s, and clients were refused from then on"
    assert told["closed"]["method_reason"] == WHY


def test_who_may_have_refused_clients_is_a_warning() -> None:
    assert PLAN.warnings({"held": 12.5}) == []
    told = PLAN.warnings({"held": 5000.1, "closed": 7.5, "also": 9.0})
    assert told == [
        "clients of held may have been refused while listeners were closed, for up to 5000.1 ms "
        "(the hold ended after 5 s, and clients were refused from then on)",
        f"clients of closed may have been refused while listeners were closed, for up to 7.5 ms ({WHY})",
        "clients of also may have been refused while listeners were closed, for up to 9 ms (a foreign service held "
        "its listeners)",
    ]


def test_services_of_one_reason_are_warned_of_together() -> None:
    handover = HandoverPlan({}, {name: Choice("gap", WHY) for name in ("a", "b")})
    (text,) = handover.warnings({"a": 1.0, "b": 2.5})
    assert text.startswith("clients of a, b may have been refused while listeners were closed, for up to 2.5 ms (")


@pytest.mark.parametrize(("installed", "method"), [(False, "gap"), (True, "hold")])
def test_what_would_be_if_nftables_were_there(installed: bool, method: str) -> None:
    old, new = service(listen=[{"tcp": "7"}], backend="systemd"), service(listen=[{"tcp": "7"}], backend="xinetd")
    move = Action("echo", "move", "", old, new)
    nothing = SocketTable({}, {})
    platform = Platform(programs={})
    lacking = "" if installed else hold.lacking(platform)
    found = handover_plan(
        candidates_of([move], [], False, platform), "auto", nothing, platform, lambda _listeners: lacking
    )
    assert found.choices["echo"].method == method


# Who moves, what the caller does, what the host lets it do, and whether nftables is to be installed first.
LACKING: tuple[tuple[str, str, bool, str, bool], ...] = (
    ("systemd", "xinetd", True, "auto", True),
    ("systemd", "xinetd", False, "auto", False),
    ("systemd", "xinetd", True, "never", False),
    ("xinetd", "xinetd", True, "auto", False),
)


@pytest.mark.parametrize(("before", "after", "installs", "policy", "lacks"), LACKING)
def test_nftables_is_asked_for_where_it_spares_clients_a_refusal(
    before: str, after: str, installs: bool, policy: str, lacks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "may_administer_network", lambda _host: True)
    old, new = service(listen=[{"tcp": "7"}], backend=before), service(listen=[{"tcp": "7"}], backend=after)
    action = Action("echo", "move" if before != after else "change", "", old, new)
    platform = Platform(programs={}, policy=policy)
    snapshot = SimpleNamespace(platform=platform, missing={}, live=SocketTable({}, {}))
    plan = SimpleNamespace(snapshot=snapshot, empty=False, actions=[action], changes={}, guard=None)
    request = Request([], installs_nftables=installs)
    assert run._lacks_hold(t.cast("run.Plan", plan), request, LocalHost(watcher.Commands())) == lacks


@pytest.mark.parametrize(("ports", "grows"), [(["7"], False), (["7", "8"], True)])
def test_service_that_gets_new_listeners(ports: list[str], grows: bool) -> None:
    new = service(listen=[{"tcp": port} for port in ports])
    old = service(listen=[{"tcp": "7"}, {"tcp": "9"}], backend="xinetd")
    move = Move("systemd", frozenset({"tcp"}), grows=grows)
    passing = candidates_of([Action("echo", "move", "", old, new)], [], False, Platform())
    assert passing == {"echo": Candidate(old, new, [SEVEN], move)}


def test_nothing_passes_to_or_from_a_disabled_service() -> None:
    on, off = service(listen=[{"tcp": "7"}]), service(listen=[{"tcp": "7"}], state="disabled")
    assert common(on, off, ipv6=True) == common(off, on, ipv6=True) == []


@pytest.mark.parametrize(("again", "passing_over"), [(False, []), (True, ["example"])])
def test_listeners_that_a_change_closes_pass_over(again: bool, passing_over: list[str]) -> None:
    old, new = service(listen=[{"tcp": "7"}]), service(listen=[{"tcp": "7"}], umask="077")
    change = Action("example", "change", "changed: umask", old, new)
    platform = Platform(programs={})
    passing = candidates_of([change], [new] if again else [], False, platform)
    found = handover_plan(passing, "auto", SocketTable({}, {}), platform, lambda _listeners: "")
    assert [*found.listeners] == [*found.choices] == passing_over


def test_only_what_the_firewall_can_hold_is_held() -> None:
    assert PLAN.held == [SEVEN]


def test_result() -> None:
    assert PLAN.told({"held": 12.5, "closed": 3.0}) == {
        "held": {"method": "hold", "gap_ms": 12.5},
        "closed": {"method": "gap", "method_reason": WHY, "gap_ms": 3.0},
    }


def test_old_sockets_are_duplicated() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inode = os.fstat(listener.fileno()).st_ino
        port = listener.getsockname()[1]
        live = SocketTable({("tcp", port): [entry for entry in listening() if entry.inode == inode]}, {inode: OWN})
        (copy,), why = old_sockets(passing(port), live)
        with copy:
            assert (os.fstat(copy.fileno()).st_ino, why) == (inode, "")


def test_socket_of_a_process_that_has_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inode = os.fstat(listener.fileno()).st_ino
        port = listener.getsockname()[1]
        found = [entry for entry in listening() if entry.inode == inode]
    _sockets, why = old_sockets(passing(port), SocketTable({("tcp", port): found}, {inode: OWN}))
    assert why.startswith("the old socket cannot be duplicated: ")


def test_socket_of_nobody_who_can_be_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = [entry for entry in listening() if entry.port == port and entry.transport == "tcp"]
        assert old_sockets(passing(port), SocketTable({("tcp", port): found}, {})) == (
            [],
            f"no visible process holds tcp:127.0.0.1:{port}",
        )


HOST = LocalHost(watcher.Commands())
OWN = Owner("program", "python", os.getpid(), "python")


def passing(port: int) -> Candidate:
    held = service(listen=[{"tcp": f"127.0.0.1:{port}"}])
    return Candidate(held, held, held.listeners(True), Move("systemd", frozenset({"tcp"})))
