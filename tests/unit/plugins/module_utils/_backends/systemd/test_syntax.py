# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How words are written in units, and how the tests' reader of units takes them."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import (
    quote,
    quote_argument,
)
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.plugins.module_utils._backends.systemd.test_units import NASTY
from ansible_collections.ondemand.superserver.tests.unit.systemd_syntax import Surprise


@pytest.mark.parametrize("word", NASTY)
@pytest.mark.parametrize("around", ["{}", "a{}", "{}b", "a{}b{}c"])
def test_quoted_word_is_one_word(word: str, around: str) -> None:
    text = around.format(word, word)
    assert [systemd_syntax.unspecified(each) for each in systemd_syntax.words(quote(text))] == [text]
    assert systemd_syntax.command(f"/bin/echo {quote_argument(text)} end") == ["/bin/echo", text, "end"]


@pytest.mark.parametrize("word", ["/usr/bin/python3", "-IS", "--init-groups", "user@host:22", "A=b,c", "1.5+2"])
def test_plain_word_stays_readable(word: str) -> None:
    assert quote(word) == quote_argument(word) == word


# What the reader must not let through, or the tests above could not fail.
SURPRISES = (
    "/bin/echo %n",
    "/bin/echo $HOME",
    '/bin/echo "${HOME}"',
    "/bin/echo a ; /bin/echo b",
    "/bin/echo ;",
    "-/bin/echo",
    "@/bin/echo a",
    "echo",
    "",
    '/bin/echo "a',
    "/bin/echo a\\",
    "/bin/echo \\q",
)


@pytest.mark.parametrize("line", SURPRISES)
def test_reader_finds_what_would_be_replaced(line: str) -> None:
    with pytest.raises(Surprise):
        systemd_syntax.command(line)


def test_reader_joins_lines_and_splits_them_where_systemd_does() -> None:
    unit = systemd_syntax.read_unit("# c\n; c\n[A]\nx = 1 \\\n 2\n\ny=\\\\\nz=a\rw=b\n[B]\n[A]\nx=3")
    assert unit == {"A": [("x", "1   2"), ("y", "\\\\"), ("z", "a"), ("w", "b"), ("x", "3")], "B": []}
    for text in ("x=1", "[A]\nx", "[A b]\n", "[A]\nx=1\\"):
        with pytest.raises(Surprise):
            systemd_syntax.read_unit(text)
