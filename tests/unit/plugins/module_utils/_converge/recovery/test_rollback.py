# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that dies leaves behind, and how it is rolled back."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import SocketTable
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.rollback import recover, roll_back
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.base import Site
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.steps.stock import staying
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.change import Others
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.interrupted import HOST, interrupted


def test_a_port_that_went_to_another_service_is_not_waited_for() -> None:
    """Nobody closes it again where the run died before its old service had."""
    two, three = (service(name=name, backend="xinetd", listen=[{"tcp": "7"}]) for name in ("two", "three"))
    socket = Socket("tcp", "ipv6", "::", 7, True, "stream", 42, 0, None, "")
    live = SocketTable({("tcp", 7): [socket]}, {42: Owner("xinetd", "three", 99, "xinetd")})
    site = Site(BACKENDS, Platform(), HOST)
    assert staying({"xinetd": Change(stop=(three,))}, {"two": two}, Others(), live, site) == {42}
    moved = service(name="two", backend="xinetd", listen=[{"tcp": "8"}])
    assert not staying({"xinetd": Change(stop=(three,))}, {"two": moved}, Others(), live, site)


def test_files_and_manifest_are_as_they_were(state: Path) -> None:
    journal = interrupted(state)
    before = (state / "untouched").stat()
    assert recover(journal, HOST) == ["a run was interrupted; 3 files were restored to their previous state"]
    assert (state / "changed").read_text() == "old"
    assert sorted(path.name for path in state.iterdir()) == ["changed", "untouched"]
    assert (state / "untouched").stat() == before


def test_what_could_not_be_put_back_is_tried_again(state: Path) -> None:
    journal = interrupted(state)
    (state / "changed").unlink()
    (state / "changed").mkdir()
    assert len(roll_back(journal, HOST)) == 1
    assert _journal.read() == journal
    (state / "changed").rmdir()
    assert roll_back(journal, HOST) == []
    assert (state / "changed").read_text() == "old"
    assert _journal.read() is None
