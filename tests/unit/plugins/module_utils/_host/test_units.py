# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemctl says of units."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Result
from ansible_collections.ondemand.superserver.plugins.module_utils._host.units import show
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost

ASKED = "systemctl show --property=LoadState,Listen -- a.socket b.socket"


def test_units_are_told_in_the_order_of_the_question() -> None:
    said = "LoadState=loaded\nListen=[::]:7 (Stream)\nListen=/run/x=y (Stream)\n\nLoadState=not-found\n"
    host = FakeHost(answers={ASKED: Result(0, said, "")})
    assert show(["a.socket", "b.socket"], ["LoadState", "Listen"], host) == [
        {"LoadState": ["loaded"], "Listen": ["[::]:7 (Stream)", "/run/x=y (Stream)"]},
        {"LoadState": ["not-found"]},
    ]
    assert host.done == [ASKED]


def test_a_systemd_that_says_nothing_knows_nothing() -> None:
    host = FakeHost(answers={ASKED: Result(1, "", "Failed to connect to bus")})
    assert show(["a.socket", "b.socket"], ["LoadState", "Listen"], host) == [{}]


def test_nobody_is_asked_about_nothing() -> None:
    host = FakeHost()
    assert show([], ["LoadState"], host) == []
    assert host.done == []
