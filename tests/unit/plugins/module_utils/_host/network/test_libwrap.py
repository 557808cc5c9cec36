# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of hosts.allow and hosts.deny."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.libwrap import split


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("# ALL: ALL\n\n", []),
        ("ALL: ALL", [("ALL: ALL", 1)]),
        ("a: \\\n  192.0.2.1 \\\n  192.0.2.2\nb: ALL\n", [("a: 192.0.2.1 192.0.2.2", 1), ("b: ALL", 4)]),
        ("a: ALL\nALL: ALL\\", [("a: ALL", 1), ("ALL: ALL", 2)]),
    ],
)
def test_rules_are_found_where_they_begin(text: str, found: list[tuple[str, int]]) -> None:
    assert [(rule.text, rule.line) for rule in split(text)] == found
