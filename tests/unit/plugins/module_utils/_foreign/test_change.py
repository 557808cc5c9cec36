# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to services of others: each kind does its own part."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import MASK
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import foreign as _foreign_xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import (
    Others,
    come_back,
    give_way,
    opened_with_entries,
    put_masks,
    read_entries_again,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import look
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.takeovers import EIGHT, SEVEN
from ansible_collections.ondemand.superserver.tests.unit.xinetd_machine import MAIN, UNDER_SYSTEMD, Machine

ENTRY = """
service echo
{
    type = UNLISTED
    socket_type = stream
    port = 7
    wait = no
    user = root
    server = /bin/sh
}
"""


def test_units_are_stopped_and_started_by_their_manager() -> None:
    others = Others(("b.socket", "a.target"), ("c.timer",), ("b.socket", "d.service"))
    host = FakeHost()
    give_way(others, host)
    come_back(others, host)
    stop, forget = "systemctl stop b.socket a.target", "systemctl reset-failed b.socket d.service"
    assert host.done == [stop, forget, "systemctl start c.timer"]


def test_nothing_is_done_about_nothing() -> None:
    host = FakeHost()
    give_way(Others(), host)
    read_entries_again(Others(), UNDER_SYSTEMD, host)
    come_back(Others(), host)
    assert host.done == []


def test_what_does_not_come_back_is_told() -> None:
    with pytest.raises(SwitchFailed, match="did not open again"):
        come_back(Others(opening=(Listener("tcp", "ipv4", "192.0.2.1", 7),)), FakeHost())


def test_masks(tmp_path: Path) -> None:
    path = str(tmp_path / "a.service")
    put_masks(Others(masks=(path,)))
    found = look(path)
    assert found is not None
    assert (found.kind, found.content) == (MASK.kind, MASK.content)


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Others:
    """Entries of others that have port 7 change."""
    (tmp_path / "xinetd.conf").write_text(ENTRY)
    monkeypatch.setattr(_foreign_xinetd, "CONFIG", str(tmp_path / "xinetd.conf"))
    return Others(reread=frozenset({"xinetd"}), opening=(SEVEN, EIGHT))


def test_entries_are_read_again(others: Others) -> None:
    machine = Machine(MAIN)
    read_entries_again(others, UNDER_SYSTEMD, machine.effects_of(hangup=machine.reads))
    assert machine.done == ["signal 1 to 100"]
    assert opened_with_entries(others) == [SEVEN]
    assert opened_with_entries(Others(opening=(SEVEN,))) == []


def test_xinetd_is_started_for_what_it_opens(others: Others) -> None:
    machine = Machine()
    read_entries_again(others, UNDER_SYSTEMD, machine.effects_of(restart=machine.starts))
    assert machine.done[-1] == "systemctl restart xinetd.service"
    idle = Machine()
    read_entries_again(Others(reread=others.reread, opening=(EIGHT,)), UNDER_SYSTEMD, idle)
    assert idle.done == []


def test_xinetd_may_end_when_nothing_is_left(others: Others, tmp_path: Path) -> None:
    machine = Machine(MAIN)
    with pytest.raises(SwitchFailed):
        read_entries_again(others, UNDER_SYSTEMD, machine.effects_of(hangup=machine.ends))
    (tmp_path / "xinetd.conf").write_text("")
    machine = Machine(MAIN)
    read_entries_again(others, UNDER_SYSTEMD, machine.effects_of(hangup=machine.ends))
    assert machine.done == ["signal 1 to 100"]
