# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts by their numbers are the same services as by their names."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.accounts import resolve_accounts
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, redeclared, service

USERS = {0: "root", 1000: "user@example.org"}
GROUPS = {0: "wheel", 1000: "staff"}
NOBODY: dict[int, str] = {}

SOCKET = {"unix": "/run/a"}
SAME: tuple[tuple[Fields, Fields], ...] = (
    ({"user": 0}, {"user": "root"}),
    ({"user": "1000"}, {"user": "user@example.org"}),
    ({"user": 1000, "group": 0}, {"user": "user@example.org", "group": "wheel"}),
    ({"supplementary_groups": [1000, "adm"]}, {"supplementary_groups": ["staff", "adm"]}),
    (
        {"listen": [{**SOCKET, "owner": 1000, "group": "1000"}]},
        {"listen": [{**SOCKET, "owner": "user@example.org", "group": "staff"}]},
    ),
)


@pytest.mark.parametrize(("numbers", "names"), SAME)
def test_number_is_the_name(numbers: Fields, names: Fields) -> None:
    (found,), problems = resolve_accounts([service(**numbers)], USERS.get, GROUPS.get)
    assert problems == []
    assert found == service(**names)
    assert found.to_json() == service(**names).to_json()
    assert resolve_accounts([found], NOBODY.get, NOBODY.get) == ([found], [])
    assert redeclared(found.to_json()).to_json() == found.to_json()


def test_numbers_without_a_name_are_reported_all_at_once() -> None:
    declared = service(user=7, group=8, supplementary_groups=[9], listen=[{**SOCKET, "owner": 10, "group": 11}])
    _services, problems = resolve_accounts([declared], USERS.get, GROUPS.get)
    base = "superserver_services[0]"
    assert sorted(problem.path for problem in problems) == sorted(
        f"{base}.{path}" for path in ("user", "group", "supplementary_groups[0]", "listen[0].owner", "listen[0].group")
    )
    assert all("with the number" in problem.message for problem in problems)
