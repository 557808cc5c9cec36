# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of execline scripts arrive byte for byte, and nothing that was declared is ever substituted."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    block,
    command,
    quote,
    script,
    substitution,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.tests.unit.execline_syntax import follow, read_script

# Text without NUL, which no argument can hold; fragments that execline could take for more than text come often.
FRAGMENTS = st.sampled_from(
    ["$", "{", "}", "\\", '"', "#", " ", "\n", "tcpremoteip", "${tcpremoteip}", "_", "x41", "0"]
)
WORDS = st.one_of(
    st.lists(FRAGMENTS, max_size=6).map("".join),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
)


def read(*lines: str) -> list[object]:
    return read_script("\n".join(["#!/usr/bin/execlineb -P", *lines]) + "\n")


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_words_are_read_as_they_were(words: list[str]) -> None:
    assert read(command(*words)) == words
    assert read(block("if", command(*words)), command(*words)) == ["if", words, *words]


@pytest.mark.parametrize("word", ["/usr/bin/python3", "-IS", "A=b,c", "user@host:22", "1.5+2", "%n"])
def test_plain_word_stays_readable(word: str) -> None:
    assert quote(word) == word


@pytest.mark.parametrize("word", ["", "#", "{", "}", "a b", "$a", 'a"', "a\\", "\n"])
def test_word_that_means_something_is_quoted(word: str) -> None:
    assert quote(word).startswith('"')


@given(st.lists(WORDS, max_size=5))
@example(["$tcpremoteip", "${tcpremoteip}", "\\${tcpremoteip}", "tcpremoteip_", "$tcpremoteport"])
def test_only_references_are_substituted(words: list[str]) -> None:
    importing, references = substitution(["TCPREMOTEIP", "TCPREMOTEPORT"], words)
    lines = [importing, command("/p", *words, f"A={references['TCPREMOTEIP']}", references["TCPREMOTEPORT"])]
    chain = follow(read(*lines), {"TCPREMOTEIP": "192.0.2.1", "TCPREMOTEPORT": "4711"})
    assert chain.argv == ["/p", *words, "A=192.0.2.1", "4711"]


def test_script_begins_with_a_clean_environment() -> None:
    platform = Platform(s6_path="/opt/s6/bin", programs={"execlineb": "/opt/s6/bin/execlineb"})
    text = script([command("/bin/true", "a")], platform, "what it is")
    assert text.splitlines()[0] == "#!/opt/s6/bin/execlineb -P"
    assert text.splitlines()[2] == "# what it is"
    chain = follow(read_script(text), {})
    assert list(chain.environment) == ["PATH"]
    assert chain.environment["PATH"].startswith("/opt/s6/bin:/usr/lib/execline/bin:")
    assert chain.argv == ["/bin/true", "a"]
