# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever declares a program says whose it is to be."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, entry_of, load, refusal

A = f"{BASE}__a"
LOST = "is missing: name the account that the handler runs as, or write user: root if it needs root's rights"

STREAM, DATAGRAM, SOCKET = {"tcp": "7"}, {"udp": "7"}, {"unix": "/run/a"}

# Fields of a service with a program.
PROGRAMS: dict[str, Fields] = {
    "connections": {},
    "connections on a unix socket": {"listen": [SOCKET]},
    "packets on a unix socket": {"listen": [{**SOCKET, "type": "seqpacket"}]},
    "a daemon": {"accept": False},
    "datagrams": {"listen": [DATAGRAM]},
    "datagrams as standard input": {"listen": [DATAGRAM], "socket_fd": "stdin"},
    "streams and datagrams": {"listen": [STREAM, DATAGRAM], "accept": False},
    "disabled": {"state": "disabled"},
    "group": {"group": "daemon", "supplementary_groups": []},
    "sandbox": {"sandbox": "strict"},
    "tls": {"tls": {"certificate": "/a", "key": "/b"}},
}

# Fields of one without.
OTHERS: dict[str, Fields] = {
    "internal": {"exec": None, "internal": "echo"},
    "forwarder": {"exec": None, "proxy": {"to": "localhost:80"}},
    "forwarder with a daemon": {"exec": None, "proxy": {"to": "localhost:80", "unit": "web"}},
}


def bare(**fields: t.Any) -> Fields:
    """A service without an account."""
    return entry_of({**fields, "user": None})


@pytest.mark.parametrize("fields", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_has_no_account_by_default(fields: Fields) -> None:
    assert refusal(bare(**fields)) == [(f"{BASE}[0].user", LOST)]


@pytest.mark.parametrize("user", ["root", "daemon"])
@pytest.mark.parametrize("fields", PROGRAMS.values(), ids=PROGRAMS)
def test_any_account_that_is_named_will_do(fields: Fields, user: str) -> None:
    assert refusal({**bare(**fields), "user": user}) == []


@pytest.mark.parametrize("fields", PROGRAMS.values(), ids=PROGRAMS)
def test_so_will_one_of_the_defaults(fields: Fields) -> None:
    assert refusal(bare(**fields), defaults={"user": "daemon"}) == []


@pytest.mark.parametrize("defaults", [None, {"user": "daemon"}], ids=["none", "daemon"])
@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
def test_what_has_no_program_needs_none(fields: Fields, defaults: Fields | None) -> None:
    assert refusal(bare(**fields), defaults=defaults) == []


def test_a_forwarder_has_the_collections_own_by_default() -> None:
    forwarder = bare(**OTHERS["forwarder"])
    assert [service.user for service in load(forwarder)] == ["superserver"]
    assert [service.user for service in load(forwarder, defaults={"user": "daemon"})] == ["daemon"]


def test_any_layer_may_name_it() -> None:
    assert refusal(bare(), layers={A: [{"name": "echo", "user": "daemon"}]}) == []
    assert refusal({"name": "echo", "user": "daemon"}, layers={A: [bare()]}) == []
    # It is told where the service was declared last.
    assert refusal(bare(), layers={A: [{"name": "echo", "nice": 1}]}) == [(f"{A}[0].user", LOST)]


def test_what_is_removed_needs_none() -> None:
    assert refusal({**bare(), "state": "absent"}) == []


def test_it_is_reported_together_with_every_other_problem() -> None:
    found = refusal(
        bare(),
        {**bare(), "name": "wrong", "listen": [{"tcp": "0"}]},
        {"name": "nowhere", "exec": ["/bin/cat"]},
        {**bare(), "name": "beside"},
        {**bare(), "name": "pointless", "listen": [{"tcp": "8"}], "socket_fd": "stdin"},
        {**bare(), "name": "both", "listen": [{"tcp": "9"}], "internal": "echo"},
        {**bare(), "name": "nobody's", "user": True},
    )
    assert [path for path, message in found if message == LOST] == [f"{BASE}[{index}].user" for index in range(5)]
    assert [path for path, message in found if message != LOST] == [
        f"{BASE}[1].listen[0].tcp",
        f"{BASE}[6].name",
        f"{BASE}[6].user",
        f"{BASE}[2].listen",
        f"{BASE}[4].socket_fd",
        f"{BASE}[5].internal",
        f"{BASE}[3].listen[0]",
    ]


@pytest.mark.parametrize("defaults", ["daemon", [{"user": "daemon"}], {"usr": "daemon"}], ids=["text", "list", "typo"])
def test_defaults_that_are_wrong_are_all_that_is_reported(defaults: t.Any) -> None:
    assert [path.partition(".")[0] for path, _message in refusal(bare(), defaults=defaults)] == ["superserver_defaults"]
