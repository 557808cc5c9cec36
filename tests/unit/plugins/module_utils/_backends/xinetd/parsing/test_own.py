# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection writes for xinetd is read back as what it was made of."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import (
    platform_of,
    render_offline,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.parse import parse_files
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.minimal import minimal
from ansible_collections.ondemand.superserver.tests.unit.capability_samples import SAMPLES
from ansible_collections.ondemand.superserver.tests.unit.declarations import entry_of
from ansible_collections.ondemand.superserver.tests.unit.drawn import LIMITS, PROCESS, PROGRAMS, TEXTS

PLATFORM = platform_of({})


def read_back(fields: dict[str, t.Any]) -> Parsed | None:
    """A service that was rendered and parsed; None where xinetd refuses it."""
    try:
        files = render_offline([fields], "xinetd", None, {}, PLATFORM)
    except InvalidDeclaration:
        return None
    return parse_files({file.path: file.content for file in files if file.kind == "file"}, "xinetd", PLATFORM)


# What does not come back, and why. Services that need it are refused with a finding where a part of them is known to be
# missing; the rest is about no file of xinetd.
_GUARD = "it is a rule of the guard, which is not read back"
_PROGRAM = "a program of the collection does it, whose command line is not undone"
_ANY_ADDRESS = "no file tells it from an address that the host has"
_NOWHERE = "no file has it: it is about the run, or another backend"
UNREADABLE = {
    **dict.fromkeys(
        [
            ("listen.interface", ""),
            ("connections.max", "tcp, accept: true, several endpoints"),
            ("connections.max", "tcp, accept: false"),
            ("connections.per_source", "accept: true, several endpoints"),
            ("connections.per_source", "accept: false"),
            ("access.allow", "accept: false, and datagrams"),
            ("access.deny", "accept: false, and datagrams"),
            ("connections.rate.count", "tcp"),
            ("connections.rate.interval", "tcp"),
            ("connections.rate.pause", "tcp"),
        ],
        _GUARD,
    ),
    **dict.fromkeys(
        [
            ("environment_file", ""),
            ("secrets", ""),
            ("connections.max", "proxy"),
            ("connections.max", "proxy, several endpoints"),
            ("connections.per_source", "proxy"),
            ("connections.per_source", "proxy, several endpoints"),
            ("proxy.to", ""),
            ("proxy.unit", ""),
            ("proxy.idle_timeout", ""),
            ("proxy.start_timeout", ""),
            ("tls.certificate", ""),
            ("tls.key", ""),
            ("tls.client_ca", ""),
            ("tls.minimum_version", ""),
        ],
        _PROGRAM,
    ),
    ("listen.freebind", ""): _ANY_ADDRESS,
    **dict.fromkeys(
        [
            ("probe.send", ""),
            ("probe.expect", ""),
            ("probe.timeout", ""),
            ("native.systemd.socket", ""),
            ("native.systemd.service", ""),
            ("native.s6", ""),
        ],
        _NOWHERE,
    ),
}


def declared(key: tuple[str, str]) -> dict[str, t.Any]:
    """A service that uses a row, without what is about no host."""
    fields = dict(entry_of(SAMPLES[key]))
    if "proxy" in fields:
        fields.pop("user", None)
    return fields


def as_read(fields: dict[str, t.Any]) -> dict[str, t.Any]:
    """What comes back of one that comes back: where the handler changes the account, it names the group, too, because
    only the host knows an account's own."""
    group = {"group": fields["user"]} if "user" in fields and fields.get("stderr") != "client" else {}
    return minimal({**group, **fields})


READABLE = [key for key in SAMPLES if key[0] != "backend" and read_back(declared(key)) is not None]


@pytest.mark.parametrize("key", [key for key in READABLE if key not in UNREADABLE], ids=" ".join)
def test_a_row_comes_back(key: tuple[str, str]) -> None:
    parsed = read_back(declared(key))
    assert parsed is not None
    assert [dict(service.fields) for service in parsed.services] == [as_read(declared(key))]
    assert [finding.message for finding in parsed.findings if finding.kind == "error"] == []


@pytest.mark.parametrize("key", UNREADABLE, ids=" ".join)
def test_what_does_not_come_back_is_known(key: tuple[str, str]) -> None:
    parsed = read_back(declared(key))
    assert parsed is not None
    assert [dict(service.fields) for service in parsed.services] != [as_read(declared(key))]
    kinds = {finding.kind for finding in parsed.findings}
    assert {_GUARD: "ask", _PROGRAM: "error"}.get(UNREADABLE[key], "") in {*kinds, ""}


PROCESSES = st.fixed_dictionaries(
    {"exec": st.tuples(PROGRAMS, st.lists(TEXTS, max_size=4)).map(lambda parts: [parts[0], *parts[1]])},
    optional={
        **{name: PROCESS[name] for name in ("environment", "working_directory", "nice")},
        "umask": PROCESS["umask"].map(lambda mask: mask[-3:]),
        "argv0": TEXTS.filter(bool),
        "end_children": st.just(True),
        "resources": st.fixed_dictionaries(
            {}, optional={"open_files": st.integers(100, 1000), "connection_time": LIMITS}
        ),
    },
)


@settings(max_examples=80, deadline=None)
@given(PROCESSES)
def test_a_process_comes_back_byte_for_byte(process: dict[str, t.Any]) -> None:
    fields = {**declared(("exec", "")), **process}
    parsed = read_back(fields)
    assert parsed is not None
    assert [dict(service.fields) for service in parsed.services] == [as_read(fields)]


def test_a_handler_that_somebody_changed_is_refused() -> None:
    files = {file.path: file.content for file in render_offline([declared(("exec", ""))], "xinetd", None, {}, PLATFORM)}
    path = next(path for path in files if "/handlers/" in path)
    parsed = parse_files({**files, path: "#!/bin/sh\nexec /usr/bin/prlimit --no-such=1:1 /bin/a\n"}, "xinetd", PLATFORM)
    assert parsed.services == ()
    assert [(finding.kind, finding.place.path) for finding in parsed.findings] == [("error", path)]
