# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of the method by which a listener passes over."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._handover.methods import METHODS, Move, choose

TCP = frozenset({"tcp"})
FREE = {"duplicate": "", "same_socket": "", "nftables": ""}
NO_DUPLICATE = {**FREE, "duplicate": "the old socket cannot be duplicated: Operation not permitted"}
NOTHING = {**NO_DUPLICATE, "nftables": "nftables is not installed"}
COLUMNS = ("systemd", "xinetd", "s6-networking", "ucspi")


@pytest.mark.parametrize(
    ("into", "method"), [("systemd", "reuseport"), ("xinetd", "hold"), ("s6-networking", "fdholder"), ("ucspi", "hold")]
)
def test_best_method_needs_no_explanation(into: str, method: str) -> None:
    choice = choose(Move(into, TCP), "auto", FREE)
    assert (choice.method, choice.why) == (method, "")


def test_socket_that_the_server_would_make_otherwise() -> None:
    choice = choose(Move("s6-networking", TCP), "auto", {**FREE, "same_socket": "the options of the socket change"})
    assert (choice.method, choice.why) == ("hold", "fdholder: the options of the socket change")


@pytest.mark.parametrize("wanted", ["auto", "reuseport"])
def test_what_the_host_forbids_is_told(wanted: str) -> None:
    choice = choose(Move("systemd", TCP), wanted, NO_DUPLICATE)
    assert choice.method == "hold"
    assert choice.why == f"reuseport: {NO_DUPLICATE['duplicate']}"


@pytest.mark.parametrize("into", COLUMNS)
@pytest.mark.parametrize("wanted", ["auto", "hold"])
def test_gap_is_the_last_resort(into: str, wanted: str) -> None:
    choice = choose(Move(into, TCP), wanted, NOTHING)
    assert choice.method == "gap"
    assert "hold: nftables is not installed" in choice.why


def test_method_that_was_asked_for_and_is_made_for_others() -> None:
    choice = choose(Move("xinetd", TCP), "reuseport", FREE)
    assert (choice.method, choice.why) == ("hold", "reuseport: xinetd cannot take sockets over")


@pytest.mark.parametrize("wanted", ["hold", "gap"])
def test_worse_method_that_was_asked_for(wanted: str) -> None:
    choice = choose(Move("systemd", TCP), wanted, FREE)
    assert (choice.method, choice.why) == (wanted, f"{wanted} was asked for")


@pytest.mark.parametrize("transports", [{"unix"}, {"tcp", "unix"}])
def test_path_is_not_held(transports: set[str]) -> None:
    choice = choose(Move("ucspi", frozenset(transports)), "auto", FREE)
    assert (choice.method, choice.why) == ("gap", "hold: not for unix")


@pytest.mark.parametrize(
    ("move", "why"),
    [
        (Move("systemd", TCP, same=True), "the same super-server closes and opens the socket"),
        (Move("systemd", TCP, guarded=True), "the guard's rules change together with the listener"),
        (Move("systemd", TCP, grows=True), "the service also gets new listeners"),
    ],
)
def test_old_and_new_listener_cannot_always_be_open_at_once(move: Move, why: str) -> None:
    choice = choose(move, "auto", FREE)
    assert (choice.method, choice.why) == ("hold", f"reuseport: {why}")


def test_there_is_a_method_for_everything() -> None:
    last = METHODS[-1]
    assert not last.needs
    for method in METHODS:
        assert method.general <= last.general
        assert method.transports <= last.transports
