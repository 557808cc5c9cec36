# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of systemd is looked for."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.description import facts as _facts
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service


@pytest.mark.parametrize(
    ("fields", "needed"),
    [
        ({}, False),
        ({"sandbox": "strict"}, True),
        ({"exec": None, "proxy": {"to": "/run/x"}}, True),
        ({"exec": None, "proxy": {"to": "/run/x"}, "backend": "xinetd"}, False),
    ],
)
def test_who_asks_whether_file_systems_can_be_mounted(fields: Fields, needed: bool) -> None:
    assert _facts._needs_mounts([service(**fields)]) is needed
