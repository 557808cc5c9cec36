# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts are divided as the keyword ``serial`` divides them, some of them first."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.filter.batches import batches

SIZES: tuple[tuple[t.Any, str], ...] = (
    (3, "abc def ghi j"),
    ("3", "abc def ghi j"),
    ("25%", "ab cd ef gh ij"),
    ("1%", "a b c d e f g h i j"),
    ("100%", "abcdefghij"),
    (99, "abcdefghij"),
    ([1, 2, "50%"], "a bc defgh ij"),
    ("1, 5", "a bcdef ghij"),
)


@pytest.mark.parametrize(("size", "expected"), SIZES)
def test_size(size: t.Any, expected: str) -> None:
    assert ["".join(batch) for batch in batches("abcdefghij", size)] == expected.split()


@pytest.mark.parametrize(
    ("hosts", "first", "expected"),
    [
        ("abcdef", "ec", "ce ab df"),
        ("abcdef", "x", "ab cd ef"),
        ("ab", "ab", "ab"),
        ("", "a", ""),
    ],
)
def test_some_go_first(hosts: str, first: str, expected: str) -> None:
    assert ["".join(batch) for batch in batches(hosts, 2, first)] == expected.split()


@pytest.mark.parametrize("size", [0, -1, "", "0%", "101%", "1.5", "many", [], [2, "x"], None])
def test_what_is_no_size_is_refused(size: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"ondemand\.superserver\.batches: "):
        batches("abc", size)


@given(
    st.lists(st.text(max_size=3), unique=True),
    st.lists(st.integers(1, 30) | st.integers(1, 100).map("{}%".format), min_size=1, max_size=4),
    st.sets(st.text(max_size=3)),
)
def test_every_host_is_in_one_batch(hosts: list[str], sizes: list[t.Any], first: set[str]) -> None:
    made = batches(hosts, sizes, list(first))
    assert sorted(host for batch in made for host in batch) == sorted(hosts)
    assert all(made)
