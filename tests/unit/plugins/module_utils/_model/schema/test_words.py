# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refusal says to write in the place of a word from elsewhere, or of a value of the wrong type."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.examples import EXAMPLES, WHOLE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (
    Listing,
    Record,
    leaves,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import collector
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.words import BY_WORD, Guide, plain
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, refusal


def shown(text: str) -> t.Any:
    """What an example is for a YAML reader."""
    return yaml.safe_load(text)


def test_every_field_has_an_example() -> None:
    fields = {path for path, _field in leaves(SERVICE)}
    assert fields <= set(EXAMPLES)
    assert set(EXAMPLES) - fields == {"connections.rate"}


@pytest.mark.parametrize("path", EXAMPLES)
def test_example_is_what_the_schema_takes(path: str) -> None:
    problems: list[Problem] = []
    SERVICE.check(shown("{" + Guide().shape(path) + "}"), "x", collector(problems), partial=True)
    assert problems == []


@pytest.mark.parametrize("path", WHOLE.values())
def test_example_of_a_record_is_complete(path: str) -> None:
    without = ("exec", "user") if path.startswith("proxy.") else ()
    base = {name: value for name, value in ECHO.items() if name not in without}
    assert refusal({**base, **shown("{" + Guide().shape(path) + "}")}) == []


def records(record: Record, place: str = "") -> t.Iterator[tuple[str, Record]]:
    yield place, record
    for entry in record.fields:
        inner = entry.kind.item if isinstance(entry.kind, Listing) else entry.kind
        if isinstance(inner, Record):
            yield from records(inner, f"{place}.{entry.name}" if place else entry.name)


@pytest.mark.parametrize(("place", "record"), [each for each in records(SERVICE) if each[0] != "native.systemd"])
def test_every_record_knows_its_place(place: str, record: Record) -> None:
    assert record.guide == Guide(place)


@pytest.mark.parametrize(("word", "path"), BY_WORD.items())
def test_word_names_a_field(word: str, path: str) -> None:
    assert path in EXAMPLES
    assert plain(word) == word
    assert word not in {plain(name) for name in SERVICE.by_name}, "a field of its own"
    found = refusal({**ECHO, word: 1})
    assert [where for where, _message in found] == [f"superserver_services[0].{word}"]
    assert f"is not a field of this schema: write {Guide().shape(path)}" in found[0][1]


# What is declared, where the problem is, and what the message says.
TOLD: tuple[tuple[Fields, str, str], ...] = (
    ({"port": 80}, "port", ': write listen: [{tcp: "80"}]'),
    ({"command": "x"}, "command", ": write exec: [/usr/bin/program, argument]"),
    ({"server": "x"}, "server", ": write exec: [/usr/bin/program, argument]"),
    ({"server_args": "x"}, "server_args", "the arguments follow the program"),
    ({"only_from": "x"}, "only_from", ": write access: {allow: [192.0.2.0/24]}"),
    ({"instances": 5}, "instances", ": write connections: {max: 50}"),
    ({"per_source": 5}, "per_source", ": write connections: {per_source: 5}"),
    ({"cps": "50 10"}, "cps", "{count: 50, interval: 1, pause: 10}} (the second number of cps is a pause)"),
    ({"wait": False}, "wait", "wait = yes is accept: false"),
    ({"ListenStream": 80}, "ListenStream", ': write listen: [{tcp: "80"}]'),
    ({"ExecStart": "x"}, "ExecStart", ": write exec: [/usr/bin/program, argument]"),
    ({"User": "x"}, "User", ": write user: nobody"),
    ({"MaxConnections": 5}, "MaxConnections", ": write connections: {max: 50}"),
    ({"IPAddressAllow": "x"}, "IPAddressAllow", ": write access: {allow: [192.0.2.0/24]}"),
    ({"LimitNOFILE": 5}, "LimitNOFILE", ": write resources: {open_files: 1024}"),
    ({"socket-mode": "0600"}, "socket-mode", ': write listen: [{unix: /run/name.sock, mode: "0660"}]'),
    ({"allow": []}, "allow", ": write access: {allow: [192.0.2.0/24]}"),
    ({"ListenStreem": 80}, "ListenStreem", ': write listen: [{tcp: "80"}]'),
    ({"lisen": []}, "lisen", '; did you mean "listen"? It is written listen: [{tcp: "80"}]'),
    ({"groupe": "x"}, "groupe", '; did you mean "group"? It is written group: nogroup'),
    ({"zzz": 1}, "zzz", "; known are name, state, "),
    ({"listen": [{"port": 80}]}, "listen[0].port", ': write tcp: "80"'),
    ({"listen": [{"unix": "/run/a", "user": "x"}]}, "listen[0].user", ": write owner: www-data"),
    ({"resources": {"memory": 1}}, "resources.memory", ": write memory_max: 256M"),
    ({"connections": {"allow": []}}, "connections.allow", ": write access: {allow: [192.0.2.0/24]} in the service"),
    ({"access": {"alow": []}}, "access.alow", '; did you mean "allow"? It is written allow: [192.0.2.0/24]'),
    ({"accept": "no"}, "accept", "not a string; write false without quotes"),
    ({"accept": 1}, "accept", "not a number; write for example accept: false"),
    ({"nice": "-5"}, "nice", "not a string; write -5 without quotes"),
    ({"nice": "low"}, "nice", "not a string; write for example nice: 5"),
    ({"nice": None}, "nice", "not nothing; write for example nice: 5"),
    ({"access": "10.0.0.0/8"}, "access", "write for example access: {allow: [192.0.2.0/24]}"),
    ({"access": {"allow": {}}}, "access.allow", "write for example allow: [192.0.2.0/24]"),
    ({"environment": ["A=b"]}, "environment", "write for example environment: {LANG: C.UTF-8}"),
)


@pytest.mark.parametrize(("fields", "path", "message"), TOLD)
def test_refusal_says_what_is_meant(fields: Fields, path: str, message: str) -> None:
    found = dict(refusal({**ECHO, **fields}))
    assert message in found[f"superserver_services[0].{path}"]


@pytest.mark.parametrize("path", [*EXAMPLES, *WHOLE])
def test_every_field_is_answered_in_capital_letters(path: str) -> None:
    for name in (path.upper(), path.replace(".", "").upper()):
        found = dict(refusal({**ECHO, name: 1}))
        assert "write " in found[f"superserver_services[0].{name}"]


@given(st.text(max_size=20))
@example("NATIVESYSTEMD")
@example("Listen")
def test_any_word_is_answered(name: str) -> None:
    if name in SERVICE.by_name:
        return
    found = refusal({**ECHO, name: 1})
    assert found[0][1].startswith("is not a field of this schema")
