# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services as another version stored them are read without a look at today's schema."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.stored import NotUnderstood, stored_service
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, service
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON

STORED = {**ECHO, "backend": "systemd"}


@pytest.mark.parametrize("fields", COMMON.values(), ids=COMMON)
def test_what_this_version_stores_is_read_back(fields: Fields) -> None:
    made = service(**fields)
    again = stored_service(made.to_json())
    assert again == made
    assert again.to_json() == made.to_json()


@pytest.mark.parametrize("fields", COMMON.values(), ids=COMMON)
def test_up_to_1_0_0_no_account_was_root(fields: Fields) -> None:
    """It is the same service as one that is declared to be root's, whose handler is left alone."""
    declared = service(**({} if "internal" in fields else {"user": "root"}), **without_account(fields))
    stored = without_account(declared.to_json())
    again = stored_service(stored)
    assert again == declared
    assert again.to_json() == declared.to_json()


def without_account(fields: Fields) -> Fields:
    """The fields as version 1.0.0 could store them."""
    return {name: value for name, value in fields.items() if name != "user"}


@pytest.mark.parametrize("fields", [{"internal": "echo"}, {"internal": "echo", "user": "root"}])
def test_a_small_service_has_the_account_of_today(fields: Fields) -> None:
    """The next run finds its files not as they should be."""
    stored = {**{name: value for name, value in STORED.items() if name not in ("exec", "user")}, **fields}
    made = stored_service(stored)
    assert made.user == "superserver"
    assert made.to_json() == stored


UNKNOWN: tuple[Fields, ...] = (
    {"colour": "red"},
    {"connections": {"max": 3, "per_moon": 4, "rate": {"count": 1, "burst": 2}}},
    {"access": {"allow": ["192.0.2.0/24"], "weather": ["rain"]}},
    {"listen": [{"tcp": "7", "shape": "round"}]},
    {"resources": {"open_files": 9, "patience": 1}},
    {"log": {"what": ["pid"], "loudness": 3}},
    {"native": {"systemd": {"timer": {"OnCalendar": "daily"}}, "inetd": {"x": "y"}}},
    # Values that a schema of today may not allow.
    {"sandbox": "lax"},
    {"internal": "quote-of-the-day", "exec": []},
)


@pytest.mark.parametrize("fields", UNKNOWN, ids=",".join)
def test_what_is_not_known_is_kept(fields: Fields) -> None:
    stored = {**STORED, **fields}
    assert stored_service(stored).to_json() == stored


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {**STORED, "name": ""},
        {**STORED, "name": "../echo"},
        {**STORED, "backend": "inetd"},
        {**STORED, "listen": []},
        {**STORED, "listen": "7"},
        {**STORED, "listen": ["7"]},
        {**STORED, "listen": [{"sctp": "7"}]},
        {**STORED, "listen": [{"tcp": "nowhere:7"}]},
        {**STORED, "exec": "/bin/cat"},
        {**STORED, "connections": 3},
        {**STORED, "connections": {"rate": 3}},
        {**STORED, "tls": {"key": "/key"}},
        {**STORED, "proxy": {}},
        {**STORED, "native": {"systemd": 3}},
    ],
)
def test_what_is_no_service_is_not_understood(value: t.Any) -> None:
    with pytest.raises(NotUnderstood):
        stored_service(value)
