# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How commands are run on the host."""

from __future__ import annotations

import typing as t

from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost


class Noted:
    """Runs nothing, and keeps the environment that a command would have had."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}

    def run_command(self, argv: list[str], **options: t.Any) -> tuple[int, str, str]:
        self.environment = options["environ_update"]
        return 0, "", ""


def test_what_commands_say_is_plain() -> None:
    """systemd-analyze 247 colours its complaints for a pipe, too, unless its log is told not to."""
    noted = Noted()
    LocalHost(noted).run(["systemd-analyze"], environment={"SYSTEMD_UNIT_PATH": "/a:"})
    assert noted.environment == {
        "LC_ALL": "C",
        "SYSTEMD_COLORS": "0",
        "SYSTEMD_LOG_COLOR": "0",
        "SYSTEMD_UNIT_PATH": "/a:",
    }
