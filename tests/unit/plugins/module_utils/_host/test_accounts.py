# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accounts and groups there are."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.accounts import is_group, is_user


@pytest.mark.parametrize(
    ("name", "there"), [("root", True), ("no-such-name", False), ("a\0b", False), ("\ud800", False)]
)
def test_names(name: str, there: bool) -> None:
    assert (is_user(name), is_group(name)) == (there, there)
