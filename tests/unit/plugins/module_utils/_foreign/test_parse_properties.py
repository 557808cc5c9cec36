# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a file has, it ends in services that are valid together, and in findings."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import VALUES as WORDS
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.parse import parse_files
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import KINDS
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.dialects import DIALECTS
from ansible_collections.ondemand.superserver.tests.unit.corpus import cases, files_of

CORPUS = {kind: [files_of(kind, case) for case in cases(kind)] for kind in ("xinetd", "inetd")}
PIECES = [
    *WORDS,
    *(
        "\n",
        "\r\n",
        " ",
        "\t",
        "\0",
        "#",
        "{",
        "}",
        "=",
        "+=",
        "-=",
        "include /etc/xinetd.conf",
        "ALL",
        "::",
        "99999999",
    ),
    *("yes", "no", "UNLIMITED", "0", "-1", "10 30", "\xfc", "\ud800", "internal", "nowait.5", "a:b", "tcp6", "rpc/tcp"),
    *("::", "99999999", "1.2.3.4/99", "defaults", "service x"),
]
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def check(files: dict[str, str], kind: str, dialect: str = "openbsd") -> None:
    parsed = parse_files(files, kind, platform_of({}), dialect)
    declared = [dict(service.fields) for service in parsed.services]
    assert len(load_services([Layer(BASE, declared)], None, "xinetd")) == len(declared)
    assert {finding.kind for finding in parsed.findings} <= set(KINDS)
    assert all(finding.message for finding in parsed.findings)


def mutated(files: dict[str, str], chance: random.Random) -> dict[str, str]:
    """Files with pieces put in, put in place of others, or left out."""
    found = {}
    for path, text in files.items():
        words = text.split(" ")
        for _count in range(chance.randint(1, 6)):
            place = chance.randrange(len(words))
            words[place : place + chance.randint(0, 2)] = chance.choices(PIECES, k=chance.randint(0, 2)) or [""]
            words = words or [""]
        found[path] = " ".join(words)
    return found


@FEW
@given(st.sampled_from(CORPUS["xinetd"]), st.randoms(use_true_random=False))
def test_mutated_files_of_xinetd(files: dict[str, str], chance: random.Random) -> None:
    check(mutated(files, chance), "xinetd")


@FEW
@given(st.sampled_from(CORPUS["inetd"]), st.randoms(use_true_random=False), st.sampled_from(sorted(DIALECTS)))
def test_mutated_files_of_inetd(files: dict[str, str], chance: random.Random, dialect: str) -> None:
    check(mutated(files, chance), "inetd", dialect)


@FEW
@given(
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=30), st.sampled_from(["xinetd", "inetd"])
)
def test_any_text(pieces: list[str], kind: str) -> None:
    check({f"/etc/{kind}.conf": " ".join(pieces), "/etc/hosts.deny": " ".join(pieces)}, kind)


@FEW
@given(st.lists(st.tuples(st.sampled_from(sorted(WORDS)), st.sampled_from(PIECES)), max_size=12))
def test_any_attributes(attributes: list[tuple[str, str]]) -> None:
    lines = [f"{name} = {value}" for name, value in attributes]
    usual = ["type = UNLISTED", "socket_type = stream", "port = 7", "wait = no", "user = a", "server = /b"]
    check({"/etc/xinetd.conf": "\n".join(["service e", "{", *lines, *usual, "}", ""])}, "xinetd")
