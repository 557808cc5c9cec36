# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A minimal service says nothing that goes without saying, and means the same."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.minimal import minimal

BARE: dict[str, t.Any] = {"name": "echo", "listen": [{"tcp": "7"}], "exec": ["/bin/cat"], "user": "daemon"}


@pytest.mark.parametrize(
    "needless",
    [
        {"state": "present", "umask": "022", "nice": 0, "environment": {}, "stderr": "log"},
        {"accept": True},
        {"listen": [{"tcp": "7", "family": "any", "freebind": False, "interface": None}]},
        {"connections": {}, "access": {}, "tcp": {"keepalive": False, "no_delay": False}},
        {"connections": {"rate": None, "max": None}},
    ],
)
def test_what_goes_without_saying_is_left_out(needless: dict[str, t.Any]) -> None:
    assert minimal({**BARE, **needless}) == BARE


@pytest.mark.parametrize(
    "needed",
    [
        {"accept": False},
        {"supplementary_groups": []},
        {"log": {"where": "syslog"}},
        {"log": {"what": ["host", "pid", "exit", "duration", "refused"]}},
        {"unknown": 1},
        {"connections": {"rate": {"count": 50, "pause": 10}}},
    ],
)
def test_what_means_something_stays(needed: dict[str, t.Any]) -> None:
    assert minimal({**BARE, **needed}) == {**BARE, **needed}


def test_a_datagram_service_waits_anyway() -> None:
    udp = {**BARE, "listen": [{"udp": "7"}]}
    assert minimal({**udp, "accept": False}) == udp


def test_the_order_is_that_of_the_schema() -> None:
    assert list(minimal(dict(reversed(BARE.items())))) == ["name", "listen", "exec", "user"]
