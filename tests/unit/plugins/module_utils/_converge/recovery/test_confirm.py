# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that stand only when they are confirmed over a fresh connection."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import confirm
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.interrupted import HOST, SSH, interrupted, watcher


def test_what_is_confirmed_stays(state: Path) -> None:
    journal = interrupted(state)
    _journal.write(replace(journal, confirmation=_journal.confirmation(60, SSH, {"changed": True})))
    run = watcher(state)
    assert confirm.confirm(HOST) == {"changed": True}
    run.communicate(timeout=60)
    assert (state / "changed").read_text() == "new"
    with pytest.raises(RunFailed, match="no change waits"):
        confirm.confirm(HOST)


def test_the_connection_of_the_change_confirms_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = interrupted(state)
    _journal.write(replace(journal, confirmation=_journal.confirmation(60, SSH, {})))
    monkeypatch.setattr(confirm, "own_connection", lambda: SSH)
    with pytest.raises(RunFailed, match="this is the old one"):
        confirm.confirm(HOST)
    assert _journal.read() is not None


@pytest.mark.parametrize("lapsed", [{"deadline": 0.0}, {"boot": "another"}])
def test_it_is_too_late_to_confirm(state: Path, lapsed: dict[str, t.Any]) -> None:
    journal = interrupted(state)
    confirmation = replace(_journal.confirmation(60, SSH, {}), **lapsed)
    _journal.write(replace(journal, confirmation=confirmation))
    with pytest.raises(RunFailed, match="not confirmed over a fresh connection within 60 s; 3 files were restored"):
        confirm.confirm(HOST)
    assert (state / "changed").read_text() == "old"


def test_a_run_confirms_what_was_before_it(state: Path) -> None:
    journal = replace(interrupted(state), confirmation=_journal.confirmation(60, SSH, {}))
    _journal.write(journal)
    confirm.settle(journal, HOST)
    assert _journal.read() is None
    assert len(_journal.told()) == 1


@pytest.mark.parametrize(
    ("connection", "concerned"),
    [
        ("", False),
        ("192.0.2.7 50022 192.0.2.1 22", True),
        ("192.0.2.7 50022 192.0.2.1 2222", False),
        ("fe80::1%eth0 50022 fe80::2%eth0 22", True),
        # Forwarded by something on the host.
        ("127.0.0.1 50022 127.0.0.1 2222", True),
        ("192.0.2.1 50022 192.0.2.1 2222", True),
        ("UNKNOWN 65535 UNKNOWN 65535", True),
        ("UNKNOWN 65535 192.0.2.1 2222", True),
    ],
)
def test_a_change_concerns_a_connection(connection: str, concerned: bool) -> None:
    ssh, other = service(listen=[{"tcp": "22"}]), service(listen=[{"tcp": "7"}, {"udp": "2222"}], accept=False)
    for change in (Change(stop=(ssh,)), Change(start=(other, ssh)), Change(refresh=((ssh, ssh),))):
        assert confirm.carried(connection, {"systemd": Change(stop=(other,)), "s6": change}) == concerned
