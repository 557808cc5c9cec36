# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of libwrap become access lists where they are about addresses, and findings elsewhere."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.parse import parse_files
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import AccessList
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.hosts_access import HostsAccess
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts


def hosts(allow: str = "", deny: str = "") -> HostsAccess:
    return HostsAccess(GivenTexts({"/etc/hosts.allow": allow, "/etc/hosts.deny": deny}))


@pytest.mark.parametrize(
    ("allow", "deny", "closed", "networks"),
    [
        ("", "", False, []),
        ("ftpd: 192.0.2.0/24", "ALL: ALL", True, ["192.0.2.0/24"]),
        ("ftpd: 10.1. 192.0.2.7", "ALL: ALL", True, ["10.1.0.0/16", "192.0.2.7/32"]),
        ("ftpd: 192.0.2.0/255.255.255.0 [2001:db8::]/32", "ALL: ALL", True, ["192.0.2.0/24", "2001:db8::/32"]),
        ("ftpd, telnetd: localhost", "ftpd: ALL", True, ["127.0.0.1/32", "::1/128"]),
        ("telnetd: ALL", "ftpd: 192.0.2.7", False, ["192.0.2.7/32"]),
        ("ftpd: 192.0.2.128/25", "ftpd: 192.0.2.0/24", False, ["192.0.2.0/25"]),
        ("ALL EXCEPT ftpd: ALL", "ALL: ALL", True, []),
        ("ALL: ALL", "ALL: ALL", True, ["0.0.0.0/0", "::/0"]),
        ("ftpd: 10. EXCEPT 10.1.", "ALL: ALL", True, None),
        ("ftpd: 192.0.2.7: deny\nftpd: 192.0.2.6/31", "ALL: ALL", True, ["192.0.2.6/32"]),
        ("ftpd: 192.0.2.7, \\\n 192.0.2.9", "ALL: ALL", True, ["192.0.2.7/32", "192.0.2.9/32"]),
    ],
)
def test_rules_of_addresses(allow: str, deny: str, closed: bool, networks: list[str] | None) -> None:
    verdict = hosts(allow, deny).verdict({"ftpd"})
    assert verdict.unread == ()
    assert verdict.closed is closed
    if networks is not None:
        assert [str(network) for network in verdict.networks] == networks


@pytest.mark.parametrize(
    "rule",
    [
        "ftpd: .example.org",
        "ftpd: LOCAL",
        "ftpd: PARANOID",
        "ftpd: me@192.0.2.1",
        "ftpd: @group",
        "ftpd: /etc/list",
        "ftpd@192.0.2.1: ALL",
        "ftpd: ALL: spawn /bin/true",
        "ftpd: 2001:db8::1",
        "ftpd:",
    ],
)
def test_other_rules_are_named(rule: str) -> None:
    [(place, text)] = hosts(f"# none\n{rule}").verdict({"ftpd"}).unread
    assert (str(place), text) == ("/etc/hosts.allow:2", rule)


def read(files: dict[str, str], kind: str) -> tuple[t.Mapping[str, t.Any], Parsed]:
    parsed = parse_files(files, kind, platform_of({}))
    [service] = parsed.services
    return service.fields, parsed


RULES = {"/etc/hosts.allow": "in.ftpd: 192.0.2.0/24\n", "/etc/hosts.deny": "ALL: ALL\n"}
WRAPPED = "21 stream tcp nowait root /usr/sbin/tcpd in.ftpd -l\n"
XINETD = (
    "service ftp\n{\ntype = UNLISTED\nport = 21\nsocket_type = stream\nwait = no\nuser = root\n"
    "server = /usr/sbin/in.ftpd\n%s\n}\n"
)


def test_tcpd_is_done_without() -> None:
    fields, parsed = read({"/etc/inetd.conf": WRAPPED, **RULES}, "inetd")
    assert fields["exec"] == ["/usr/sbin/in.ftpd", "-l"]
    assert fields["argv0"] == "in.ftpd"
    assert fields["access"] == {"allow": ["192.0.2.0/24"]}
    assert any("rules of tcpd" in finding.message for finding in parsed.findings)


@pytest.mark.parametrize("rules", [{}, {"/etc/hosts.deny": "ALL: .example.org"}])
def test_tcpd_stays(rules: dict[str, str]) -> None:
    fields, parsed = read({"/etc/inetd.conf": WRAPPED, **rules}, "inetd")
    assert (fields["exec"], fields["argv0"]) == (["/usr/sbin/tcpd", "-l"], "in.ftpd")
    assert "state" not in fields
    assert any("it stays" in finding.message for finding in parsed.findings)


@pytest.mark.parametrize(
    ("more", "access"),
    [
        ("", {"allow": ["192.0.2.0/24"]}),
        ("only_from = 192.0.2.7 198.51.100.1", {"allow": ["192.0.2.7"]}),
        ("no_access = 192.0.2.7", {"allow": ["192.0.2.0/24"], "deny": ["192.0.2.7"]}),
        ("flags = NOLIBWRAP", None),
        ("libwrap = other", None),
    ],
)
def test_xinetd_applies_the_rules(more: str, access: dict[str, list[str]] | None) -> None:
    fields, _parsed = read({"/etc/xinetd.d/ftp": XINETD % more, **RULES}, "xinetd")
    assert fields.get("access") == access
    assert (fields.get("state") == "disabled") is (more == "libwrap = other")


def test_rules_that_are_more_than_addresses_wait_for_a_decision() -> None:
    fields, parsed = read({"/etc/xinetd.d/ftp": XINETD % "", "/etc/hosts.deny": "ALL: .example.org"}, "xinetd")
    assert fields["state"] == "disabled"
    assert [str(finding.place) for finding in parsed.findings if finding.kind == "ask"] == ["/etc/hosts.deny:1"]


def test_rules_that_are_not_given_are_a_finding() -> None:
    _fields, parsed = read({"/etc/xinetd.d/ftp": XINETD % ""}, "xinetd")
    assert any(finding.runs == "rules of libwrap" for finding in parsed.findings)


CLIENTS = st.lists(st.sampled_from(["192.0.2.", "192.0.2.7", "192.0.2.0/28", "10.", "ALL"]), min_size=1, max_size=3)
LISTS = st.lists(CLIENTS, max_size=3)


@settings(max_examples=60, deadline=None)
@given(LISTS, LISTS, st.sampled_from(["192.0.2.7", "192.0.2.9", "192.0.2.200", "10.1.1.1", "203.0.113.1"]))
def test_the_first_rule_that_fits_counts(allow: list[list[str]], deny: list[list[str]], client: str) -> None:
    texts = ["\n".join(f"ftpd: {' '.join(words)}" for words in rules) for rules in (allow, deny)]
    verdict = hosts(*texts).verdict({"ftpd"})
    fits = {"192.0.2.": client.startswith("192.0.2."), "192.0.2.7": client == "192.0.2.7", "ALL": True}
    fits.update({"192.0.2.0/28": client in ("192.0.2.7", "192.0.2.9"), "10.": client.startswith("10.")})

    def any_of(rules: list[list[str]]) -> bool:
        return any(fits[word] for words in rules for word in words)

    assert AccessList(verdict.closed, verdict.networks).permits(client) is (any_of(allow) or not any_of(deny))
