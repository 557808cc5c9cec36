# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: what is written is read, and what it says of boots."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import manifest_of
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._host import clock
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Rc
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.interrupted import SSH


def test_a_journal_is_read_as_it_was_written(state: Path) -> None:
    old, new = service(backend="s6"), service(backend="s6", user="nobody")
    journal = Journal(
        {"/a": store.Seen("file", b"\xff\0", 0o640, "root", "adm"), "/b": None},
        {"/a": "s6", "/b": "systemd"},
        {"s6": Change((old,), (new,), ((old, new),), (new,))},
        manifest_of([old], [], {"s6": "active"}, s6_bin_dir="/opt/s6/bin", s6_rc=Rc(("/etc/rc",), "/etc/rc/default")),
        True,
        "never",
        "/opt/s6/bin",
        Rc(("/etc/s6-rc/source",), "/etc/s6-rc/source/boot", "/run/rc", "/etc/rc"),
        Others(reread=frozenset({"xinetd"})),
        _journal.confirmation(60, SSH, {"changed": True}),
        ("write a file", "let s6 read its files"),
    )
    _journal.write(journal)
    assert _journal.read() == journal
    assert (state / "journal.json").stat().st_mode & 0o777 == 0o600
    _journal.clear()
    assert _journal.read() is None


def test_what_was_told_is_told_once(state: Path) -> None:
    _journal.tell(["put back"])
    assert _journal.told() == ["put back"]
    assert _journal.told() == []


def test_a_container_that_was_started_again_has_booted(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is the same, and so is its clock."""
    first = tmp_path / "stat"
    monkeypatch.setattr(clock, "FIRST_PROCESS", str(first))
    first.write_text(f"1 (init) 1) S {' '.join(map(str, range(4, 23)))}")
    confirmation = _journal.confirmation(60, "", {})
    assert confirmation.boot.endswith(" 22")
    assert confirmation.left > 50
    first.write_text(f"1 (init) S {' '.join(map(str, range(4, 22)))} 23")
    assert confirmation.left == 0
