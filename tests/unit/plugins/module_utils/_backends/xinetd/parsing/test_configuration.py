# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xinetd reads of the files, what it passes over, and what it starts."""

from __future__ import annotations

import re

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.parse import parse_files
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing import ports
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed


def entry(name: str, port: int | None = 7007, more: str = "") -> str:
    there = f"port = {port}\n" if port else ""
    kind = "" if "type =" in more else "type = UNLISTED\n"
    return (
        f"service {name}\n{{\n{kind}socket_type = stream\n{there}wait = no\nuser = daemon\nserver = /bin/e\n"
        f"passenv =\ncps = 0 0\ninstances = 9\n{more}}}\n"
    )


def read(**files: str) -> Parsed:
    return parse_files(
        {f"/etc/{name.replace('__', '.').replace('_d_', '.d/')}": text for name, text in files.items()},
        "xinetd",
        platform_of({}),
    )


def told(parsed: Parsed) -> list[tuple[str, str, str]]:
    """Kind, place and words, but for what xinetd does always."""
    found = [(each.kind, str(each.place), each.message) for each in parsed.findings]
    return [each for each in found if not re.search("REMOTE_HOST|hosts.allow", each[2])]


def test_files_are_read_in_their_order_and_without_a_main_one() -> None:
    parsed = read(xinetd_d_b=entry("b", 2), xinetd_d_a=entry("a", 1))
    assert [(each.name, str(each.place)) for each in parsed.services] == [
        ("a", "/etc/xinetd.d/a:1"),
        ("b", "/etc/xinetd.d/b:1"),
    ]
    assert told(parsed) == []


def test_what_is_not_included_is_not_read() -> None:
    main = "includedir /etc/xinetd.d\ninclude /etc/more\n"
    files = {"/etc/xinetd.conf": main, "/etc/xinetd.d/a.conf": entry("a"), "/etc/other": entry("b")}
    parsed = parse_files(files, "xinetd", platform_of({}))
    assert parsed.services == ()
    assert told(parsed) == [
        ("error", "/etc/xinetd.conf:2", "/etc/more is not among the files"),
        ("dropped", "/etc/other", "xinetd does not read it: no include names it"),
        ("dropped", "/etc/xinetd.d/a.conf", "xinetd does not read it: its name has a dot, or ~ at the end"),
    ]


def test_lines_that_are_part_of_nothing() -> None:
    parsed = read(xinetd__conf="service a {\nport = 7\n}\nonly words\n" + entry("b"))
    assert [each[:2] for each in told(parsed)] == [("differs", "/etc/xinetd.conf:1")]


def test_a_comment_is_passed_over() -> None:
    assert told(read(xinetd__conf="# nothing\n\n" + entry("b", more="# port = 8\n"))) == []


def test_of_two_at_one_port_one_runs() -> None:
    both = entry("a", 7007, "bind = 127.0.0.1\n") + entry("b", 7007, "bind = 127.0.0.1\n")
    parsed = read(xinetd__conf=both)
    assert [each.fields.get("state") for each in parsed.services] == [None, "disabled"]
    assert "another entry has its port" in told(parsed)[0][2]


def test_the_defaults_disable() -> None:
    parsed = read(xinetd__conf="defaults\n{\ndisabled = a c\n}\n" + entry("a"))
    assert [each.fields.get("state") for each in parsed.services] == ["disabled"]
    assert [each[2] for each in told(parsed)] == [
        "disabled: no entry has the id c",
        "xinetd does not start it: it is in the list `disabled` of the defaults",
    ]


def test_the_defaults_choose() -> None:
    parsed = read(xinetd__conf="defaults\n{\nenabled = b\n}\n" + entry("a", 1) + entry("b", 2))
    assert [each.fields.get("state") for each in parsed.services] == ["disabled", None]


def test_late_defaults_restrict_no_earlier_service() -> None:
    parsed = read(xinetd__conf=entry("a", 1) + "defaults\n{\nonly_from = 192.0.2.1\n}\n" + entry("b", 2))
    assert [each.fields.get("access") for each in parsed.services] == [None, {"allow": ["192.0.2.1"]}]


def test_a_wrong_value_among_the_defaults_ends_xinetd() -> None:
    parsed = read(xinetd__conf="defaults\n{\numask = 999\n}\n" + entry("a"))
    assert [each.fields.get("state") for each in parsed.services] == ["disabled"]
    assert [(kind, place) for kind, place, _message in told(parsed)] == [
        ("differs", "/etc/xinetd.conf:3"),
        ("differs", "/etc/xinetd.conf:5"),
    ]


@pytest.mark.parametrize(
    ("services", "listen", "kinds"),
    [
        (None, [{"tcp": "7007"}], ["ask"]),
        ("known 7007/tcp\n", [{"tcp": "7007"}], []),
        ("known 8/tcp\n", [{"tcp": "7007"}], ["differs"]),
        ("other 7007/tcp\n", [{"tcp": "7007"}], ["differs"]),
    ],
)
def test_a_listed_service_has_its_port(
    services: str | None, listen: list[object], kinds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "port_number", lambda _name, _transport: None)
    files = {} if services is None else {"services": services}
    parsed = read(**files, xinetd__conf=entry("known", more="type = SPECIAL\n"))
    assert [each.fields["listen"] for each in parsed.services] == [listen]
    assert [each[0] for each in told(parsed)] == kinds
    assert ("state" in parsed.services[0].fields) is (kinds == ["differs"])


def test_a_port_may_be_known_to_the_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "port_number", lambda _name, _transport: None)
    parsed = read(xinetd__conf=entry("known", None, "type = SPECIAL\n"))
    assert [each.fields["listen"] for each in parsed.services] == [[{"tcp": "known"}]]
    assert [each[0] for each in told(parsed)] == ["ask"]


def test_findings_name_the_service_that_got_another_name() -> None:
    parsed = read(xinetd__conf=entry("a", 1, "nice = -1\n") + entry("a", 2, "nice = -2\n"))
    assert [each.name for each in parsed.services] == ["a", "a-2"]
    assert [each.service for each in parsed.findings if "priority" in each.message] == ["a", "a-2"]
