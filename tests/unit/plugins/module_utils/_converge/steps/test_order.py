# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the steps of a run come, and what they say of themselves."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import lines_of, listed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.files import writes
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.foreign import Edit
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.order import switching
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.transition import Transition
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import GUARD
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.fdholder import Inheriting
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.reuseport import Sharing
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit.declarations import service

ENTRY = "/etc/xinetd.d/superserver-echo"
UNIT = "/etc/systemd/system/echo.socket"
HANDLER = "/usr/local/lib/superserver/handlers/echo"


def on(backend: str, **fields: t.Any) -> Service:
    return service(backend=backend, **fields)


def lines(transition: Transition) -> list[str]:
    return lines_of(switching(transition, Transition({}), BACKENDS, Platform()))


def move(old: str, new: str, **more: t.Any) -> Transition:
    """A service with one file on each backend goes from one to another."""
    files = {"xinetd": ENTRY, "systemd": UNIT, "s6": "/etc/superserver/s6-services/echo/run"}
    installs = writes([File(files[new], service="echo", backend=new)])
    return Transition(
        {old: Change(stop=(on(old),)), new: Change(start=(on(new),))},
        installs,
        written=frozenset({new}),
        obsolete={old: [files[old], *([HANDLER] if old == "xinetd" else [])]},
        **more,
    )


def test_nothing_to_do_is_no_step() -> None:
    assert lines(Transition({})) == []
    assert lines(Transition({"systemd": Change(kept=(on("systemd"),))})) == []


def test_a_port_goes_from_xinetd_to_systemd() -> None:
    assert lines(move("xinetd", "systemd")) == [
        "start systemd unless it runs",
        f"write 1 file of echo for systemd: {UNIT}",
        "let systemd read its files",
        "prepare echo (systemd) while the old listeners are open",
        f"remove {ENTRY}, close the listeners of echo (xinetd, in one reload)",
        "open the listeners of echo (systemd)",
        "complete the change of echo (systemd) while the new listeners are open",
        "complete the change of echo (xinetd) while the new listeners are open",
        f"remove 1 file of xinetd: {HANDLER}",
    ]


def test_a_port_goes_from_s6_to_xinetd() -> None:
    """What xinetd opens in its one reload must have been closed."""
    found = lines(move("s6", "xinetd"))
    order = (
        "start xinetd unless it runs",
        "close the listeners of echo (s6)",
        "open those of echo (xinetd, in one reload)",
    )
    places = [found.index(line) for line in order]
    assert places == sorted(places)
    assert found[-2:] == ["remove 1 file of s6: /etc/superserver/s6-services/echo/run", "let s6 read its files"]


def test_a_port_that_is_shared_is_open_twice_before_it_is_closed() -> None:
    found = lines(move("xinetd", "systemd", sharing=Sharing([on("systemd")])))
    order = (
        "let systemd open the ports of echo beside their old listeners",
        "let systemd read its files",
        "open the listeners of echo (systemd) beside the old ones",
        "set net.ipv4.tcp_migrate_req, so that connections waiting in a listener that closes move to the new one",
        f"remove {ENTRY}, close the listeners of echo (xinetd, in one reload)",
        "reset net.ipv4.tcp_migrate_req",
    )
    places = [found.index(line) for line in order]
    assert places == sorted(places)
    assert "open the listeners of echo (systemd)" not in found


def test_a_socket_that_is_inherited_is_not_opened() -> None:
    found = lines(move("xinetd", "s6", inheriting=Inheriting([on("s6")])))
    assert "hand the listening sockets of echo to s6, beside their old holders" in found
    assert "open the listeners of echo (s6)" not in found


def test_clients_are_held_while_nobody_listens() -> None:
    found = lines(move("systemd", "s6", held=on("s6").listeners(True), draining=3))
    held = found[found.index("drain connections that would be cut off, for at most 3 s") :]
    assert held[:5] == [
        "drain connections that would be cut off, for at most 3 s",
        "hold new clients of tcp:*:7 (nftables)",
        "close the listeners of echo (systemd)",
        "open the listeners of echo (s6)",
        "lift the hold",
    ]


@pytest.mark.parametrize("wanted", [True, False])
def test_rules_are_loaded_between_what_closes_and_what_opens(wanted: bool) -> None:
    changes = {
        "systemd": Change((on("systemd"),), (on("systemd"),)),
        "xinetd": Change((), (on("xinetd", name="other"),)),
    }
    found = lines(Transition(changes, guard=wanted, obsolete={GUARD: ["/etc/superserver/guard.nft"]}))
    rules = f"{'load' if wanted else 'remove'} the rules of the guard"
    start = found.index("close the listeners of echo (systemd)")
    assert found[start : start + 4] == [
        "close the listeners of echo (systemd)",
        rules,
        "open those of other (xinetd, in one reload)",
        "open the listeners of echo (systemd)",
    ]
    assert found[-1] == "remove 1 file of the guard: /etc/superserver/guard.nft"


def test_what_is_taken_over_closes_and_what_is_given_back_opens() -> None:
    others = Others(
        stop=("a.socket", "a.service"),
        start=("b.socket",),
        failed=("a.socket", "c.service"),
        reread=frozenset({"xinetd"}),
        masks=("/etc/systemd/system/a.socket",),
        opening=tuple(on("systemd", listen=[{"tcp": "9"}]).listeners(True)),
    )
    edit = Edit({"/etc/xinetd.d/old": Seen("file", b"", 0o644, "root", "root")})
    found = lines(Transition({"systemd": Change(start=(on("systemd"),))}, edits=[edit], others=others))
    assert found == [
        "change the foreign files /etc/xinetd.d/old",
        "prepare echo (systemd) while the old listeners are open",
        "stop the foreign a.socket and a.service and reset the failed state of c.service",
        "let xinetd read its files for foreign services",
        "open the listeners of echo (systemd)",
        "mask the foreign units by /etc/systemd/system/a.socket",
        "complete the change of echo (systemd) while the new listeners are open",
        "let systemd read its files",
        "start the foreign b.socket; wait for tcp:*:9",
    ]


def test_xinetd_reads_its_files_once_for_everybody() -> None:
    found = lines(Transition({"xinetd": Change(start=(on("xinetd"),))}, others=Others(reread=frozenset({"xinetd"}))))
    assert [line for line in found if "xinetd" in line and "read" in line] == []


def test_processes_that_were_left_behind_end() -> None:
    process = Process(42, 1, "cat", ("/bin/cat",), 7)
    found = lines(Transition({"systemd": Change((on("s6"),))}, orphans=frozenset({process})))
    assert "end cat (process 42), which no super-server ends" in found


def test_paths_of_unix_sockets_are_removed_unless_the_next_one_has_them() -> None:
    one, two = (on("systemd", name=name, listen=[{"unix": f"/run/{name}"}]) for name in ("one", "two"))
    left = "remove /run/one, unless a process listens there"
    assert lines(Transition({"systemd": Change(stop=(one, two), start=(two,))}))[-1] == left
    again = on("s6", name="three", listen=[{"unix": "/run/one"}])
    assert left not in lines(Transition({"systemd": Change(stop=(one,)), "s6": Change(start=(again,))}))


def test_what_services_share_is_one_step_and_each_service_another() -> None:
    files = [
        File("/run/one", service="one", backend="s6"),
        File("/library/program", backend="s6"),
        File("/etc/superserver/guard.nft", backend=GUARD),
        File("/finish/one", service="one", backend="s6"),
        File("/run/two", service="two", backend="s6"),
    ]
    assert [operation.line for operation in writes(files)] == [
        "write 1 file that services of s6 share: /library/program",
        "write 1 file of the guard: /etc/superserver/guard.nft",
        "write 2 files of one for s6: /run/one and /finish/one",
        "write 1 file of two for s6: /run/two",
    ]


@pytest.mark.parametrize(
    ("names", "words"),
    [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcd", "a, b, c and 1 more")],
)
def test_long_lists_are_cut_off(names: str, words: str) -> None:
    assert listed(list(names)) == words
