# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the databases of accounts and groups say."""

from __future__ import annotations

import grp
import os
import pwd
from types import SimpleNamespace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.accounts import (
    group_name,
    has_rights_of_root,
    is_group,
    is_user,
    user_name,
)

NOBODY_AT_ALL = "nobody-at-all"
# More than any account has, and more than the kernel counts.
NUMBERS = (2**31 - 7, 2**40)


def test_names_and_numbers() -> None:
    mine = pwd.getpwuid(os.getuid())
    assert (user_name(mine.pw_uid), group_name(mine.pw_gid)) == (mine.pw_name, grp.getgrgid(mine.pw_gid).gr_name)
    assert (is_user(mine.pw_name), is_group(grp.getgrgid(mine.pw_gid).gr_name)) == (True, True)


def test_what_is_not_there_is_no_error() -> None:
    assert [(user_name(number), group_name(number)) for number in NUMBERS] == [(None, None)] * len(NUMBERS)
    for name in (NOBODY_AT_ALL, "no\0name", "\ud800"):
        assert (is_user(name), is_group(name)) == (False, False)


@pytest.mark.parametrize(
    ("user", "group", "root"), [(0, 0, True), (0, 1000, True), (1000, 0, True), (1000, 1000, False)]
)
def test_whose_rights_an_account_has(user: int, group: int, root: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: SimpleNamespace(pw_uid=user, pw_gid=group))
    assert has_rights_of_root("any") is root


def test_an_account_that_is_not_there_has_no_rights() -> None:
    with pytest.raises(KeyError):
        has_rights_of_root(NOBODY_AT_ALL)
