# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader finds is checked for all readers alike: names, the schema, and what other backends refuse."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import parse
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import (
    DROPPED,
    Finding,
    Parsed,
    ParsedService,
    Place,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts

ECHO: dict[str, t.Any] = {"name": "echo", "listen": [{"tcp": "7"}], "exec": ["/bin/cat"], "user": "daemon"}
PLACE = Place("/etc/inetd.conf", 3)


@pytest.fixture(name="read")
def fixture_read(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Parsed]:
    def read(*services: dict[str, t.Any], kind: str = "given", places: dict[str, Place] | None = None) -> Parsed:
        found = tuple(ParsedService(fields, PLACE, places or {}) for fields in services)
        monkeypatch.setitem(parse._OTHERS, kind, lambda _texts, _dialect: Parsed(found))
        return parse.parse_files({}, kind, platform_of({}))

    return read


def test_services_are_minimal(read: t.Callable[..., Parsed]) -> None:
    found = read({**ECHO, "nice": 0, "accept": True})
    assert [service.fields for service in found.services] == [ECHO]
    assert found.findings == ()


def test_names_are_told_apart(read: t.Callable[..., Parsed]) -> None:
    found = read(ECHO, {**ECHO, "listen": [{"tcp": "8"}]}, {**ECHO, "name": "echo-2", "listen": [{"tcp": "9"}]})
    assert [service.name for service in found.services] == ["echo", "echo-2", "echo-2-2"]
    assert [(each.kind, each.service, each.written, each.runs) for each in found.findings] == [
        ("differs", "echo-2", "echo", "echo-2"),
        ("differs", "echo-2-2", "echo-2", "echo-2-2"),
    ]


def test_what_the_schema_refuses_is_left_out(read: t.Callable[..., Parsed]) -> None:
    place = Place("/etc/inetd.conf", 5)
    found = read({**ECHO, "nice": 99}, {**ECHO, "name": "other", "listen": [{"tcp": "8"}]}, places={"nice": place})
    assert [service.name for service in found.services] == ["other"]
    [finding] = found.findings
    assert (finding.kind, finding.place, finding.service) == ("error", place, "echo")
    assert "nice" in finding.message


def test_of_two_at_one_port_the_first_stays(read: t.Callable[..., Parsed]) -> None:
    found = read(ECHO, {**ECHO, "name": "second"}, {**ECHO, "name": "third", "state": "disabled"})
    assert [service.name for service in found.services] == ["echo", "third"]
    assert [(finding.kind, finding.service) for finding in found.findings] == [("error", "second")]


def test_what_backends_refuse_is_found_once_with_all_of_them(read: t.Callable[..., Parsed]) -> None:
    place = Place("/etc/inetd.conf", 4)
    unix = {**ECHO, "listen": [{"unix": "/run/echo"}]}
    [finding] = read(unix, places={"listen": place}).findings
    assert (finding.kind, finding.place, finding.service) == ("unsupported", place, "echo")
    assert finding.backends == ("xinetd",)
    assert finding.message.startswith("listen.unix: xinetd: ")


def test_raw_directives_are_for_one_backend(read: t.Callable[..., Parsed]) -> None:
    [finding] = read({**ECHO, "native": {"xinetd": {"rlimit_rss": "1M"}}}, kind="xinetd").findings
    assert (finding.kind, finding.backends) == ("unsupported", ("systemd", "s6"))
    assert finding.message == "native.xinetd.rlimit_rss: systemd, s6: only xinetd has it"


def test_what_is_no_declaration_for_another_backend_is_refused_by_it(
    read: t.Callable[..., Parsed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are looked at nevertheless."""

    def strict(layers: t.Any, defaults: t.Any, backend: str) -> t.Any:
        if backend == "s6" and layers[0].services[0]["name"] == "echo":
            raise InvalidDeclaration([Problem("superserver_services[0].nice", "is not for s6")])
        return load_services(layers, defaults, backend)

    monkeypatch.setattr(parse, "load_services", strict)
    found = read(ECHO, {**ECHO, "name": "other", "listen": [{"unix": "/run/other"}]})
    assert [(finding.kind, finding.service, finding.backends) for finding in found.findings] == [
        ("unsupported", "echo", ("s6",)),
        ("unsupported", "other", ("xinetd",)),
    ]


def test_kinds_that_cannot_be_read_are_named() -> None:
    with pytest.raises(parse.UnknownKind, match=r"^upstart cannot be read yet; these can: "):
        parse.parse_files({}, "upstart", platform_of({}))


def test_a_backend_reads_when_it_says_so() -> None:
    assert {kind for kind in BACKENDS if kind in parse.readers()} == {
        name for name, backend in BACKENDS.items() if backend.parses
    }


def test_findings_show_what_their_kind_has() -> None:
    finding = Finding(DROPPED, PLACE, "has no effect")
    assert finding.to_json() == {
        "kind": "dropped",
        "file": "/etc/inetd.conf",
        "line": 3,
        "message": "has no effect",
    }
    asked = Finding("ask", Place("/a"), "which?", "echo", choices=("one", "other"))
    assert asked.to_json()["choices"] == ["one", "other"]


def test_a_field_is_where_it_is_written_or_what_it_is_part_of() -> None:
    service = ParsedService(ECHO, PLACE, {"access": Place("/a", 1), "access.allow": Place("/a", 2)})
    assert [str(service.at(path)) for path in ("access.allow", "access.deny", "listen.tcp")] == [
        "/a:2",
        "/a:1",
        "/etc/inetd.conf:3",
    ]


def test_texts_are_found_by_plain_paths() -> None:
    texts = GivenTexts({"etc//./inetd.conf": "a", "/etc/xinetd.d/b": "c"})
    assert texts.paths == ["/etc/inetd.conf", "/etc/xinetd.d/b"]
    assert texts.text("/etc/inetd.conf") == "a"
    assert texts.names("/etc") == ["inetd.conf", "xinetd.d"]
