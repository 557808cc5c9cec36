# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a forwarder's units let it do."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service

FORWARDER: Fields = {"exec": None, "proxy": {"to": "/run/x"}}


@pytest.mark.parametrize(
    ("fields", "mounts", "system"),
    [
        (FORWARDER, True, "strict"),
        ({**FORWARDER, "proxy": {"to": "/run/x", "unit": "x"}}, True, "full"),
        (FORWARDER, False, ""),
        ({}, True, ""),
    ],
)
def test_a_forwarder_writes_no_files_where_the_host_can_see_to_that(fields: Fields, mounts: bool, system: str) -> None:
    files = Systemd().render([service(**fields)], Platform(mounts=mounts))
    unit = next(file for file in files if file.path.endswith(("echo.service", "echo@.service")))
    settings = dict(systemd_syntax.read_unit(unit.content)["Service"])
    assert settings.get("ProtectSystem", "") == system
    # A daemon's socket may be there.
    assert not {"PrivateTmp", "ProtectHome"} & settings.keys()


@pytest.mark.parametrize(("user", "confined"), [("root", False), ("nobody", True), (None, True)])
def test_a_forwarder_has_rights_only_where_it_is_declared_root(user: str | None, confined: bool) -> None:
    files = Systemd().render([service(**FORWARDER, user=user)], Platform())
    settings = dict(
        systemd_syntax.read_unit(next(file.content for file in files if file.path.endswith("echo.service")))["Service"]
    )
    assert settings["User"] == (user or "superserver")
    assert (settings.get("NoNewPrivileges"), settings.get("CapabilityBoundingSet")) == (
        ("yes", "") if confined else (None, None)
    )
