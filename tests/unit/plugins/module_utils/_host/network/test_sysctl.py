# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the kernel, and of one that does not have them."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.sysctl import change_setting, setting


def test_a_setting_is_read_and_changed(tmp_path: Path) -> None:
    (tmp_path / "some").write_text("0\n")
    assert setting(str(tmp_path / "some")) == "0"
    change_setting(str(tmp_path / "some"), "1")
    assert setting(str(tmp_path / "some")) == "1"


def test_what_cannot_be_set_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("folder", "none/some"):
        change_setting(str(tmp_path / name), "1")
        assert setting(str(tmp_path / name)) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
