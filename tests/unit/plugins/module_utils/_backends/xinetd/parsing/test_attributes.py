# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every attribute of xinetd becomes a field, a raw directive or a finding."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import VALUES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.entries import (
    CONVERTERS,
    name_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.parse import parse_files
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed

# What a service has of which nothing else is said.
USUAL: dict[str, t.Any] = {
    "name": "e",
    "listen": [{"tcp": "7007"}],
    "exec": ["/bin/e"],
    "user": "daemon",
    "supplementary_groups": [],
    "stderr": "client",
    "connections": {"rate": {"count": 50, "pause": 10}},
}
BASE = {
    "type": "UNLISTED",
    "socket_type": "stream",
    "port": "7007",
    "wait": "no",
    "user": "daemon",
    "server": "/bin/e",
    "passenv": "",
}


def read(*lines: str, defaults: t.Sequence[str] = (), **attributes: str | None) -> Parsed:
    """A service of these attributes, with more lines behind them."""
    given = {**BASE, **attributes}
    inside = [*(f"{name} = {value}" for name, value in given.items() if value is not None), *lines]
    head = ["defaults", "{", *defaults, "}"] if defaults else []
    text = "\n".join([*head, "service e", "{", *inside, "}", ""])
    return parse_files({"/etc/xinetd.conf": text}, "xinetd", platform_of({}))


def told(parsed: Parsed, *kinds: str) -> list[str]:
    """What findings of these kinds say, but for what xinetd does always."""
    return [each.message for each in parsed.findings if each.kind in kinds and each.service]


def test_every_attribute_is_converted() -> None:
    assert set(CONVERTERS) == set(VALUES)


def test_what_a_usual_service_is() -> None:
    parsed = read()
    assert [service.fields for service in parsed.services] == [USUAL]
    assert told(parsed, "differs", "ask", "dropped", "error") == []
    assert [finding.runs for finding in parsed.findings] == [
        "rules of libwrap",
        "REMOTE_HOST",
        "cps = 50 10",
        "instances = UNLIMITED",
    ]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("access_times = 8:00-17:59 22:00-23:59", {"access": {"hours": ["08:00-18:00", "22:00-00:00"]}}),
        ("banner = /etc/motd", {"banner": {"file": "/etc/motd"}}),
        ("banner_success = /etc/motd", {"banner": {"file": "/etc/motd"}}),
        ("banner_fail = /etc/no", {"native": {"xinetd": {"banner_fail": "/etc/no"}}}),
        ("bind = 127.0.0.1", {"listen": [{"tcp": "127.0.0.1:7007"}]}),
        ("interface = ::1", {"listen": [{"tcp": "[::1]:7007"}]}),
        ("cps = 9 0", {"connections": {"rate": {"count": 9}}}),
        ("cps = 0 0", {"connections": None}),
        ("env = A=b C=", {"environment": {"A": "b", "C": ""}}),
        ("flags = IPv4", {"listen": [{"tcp": "7007", "family": "ipv4"}]}),
        ("flags = KEEPALIVE NODELAY NOLIBWRAP", {"tcp": {"keepalive": True, "no_delay": True}}),
        ("group = staff", {"group": "staff"}),
        ("groups = yes", {"supplementary_groups": None}),
        ("instances = 5", {"connections": {"max": 5, "rate": {"count": 50, "pause": 10}}}),
        ("per_source = 5", {"connections": {"per_source": 5, "rate": {"count": 50, "pause": 10}}}),
        ("max_load = 2.5", {"connections": {"rate": {"count": 50, "pause": 10}, "max_load": 2.5}}),
        ("max_load = 0x2", {"connections": {"rate": {"count": 50, "pause": 10}, "max_load": 2.0}}),
        ("nice = 5", {"nice": 5}),
        ("no_access = 10.0.0.0 192.0.2.7", {"access": {"deny": ["10.0.0.0/8", "192.0.2.7"]}}),
        ("only_from = 10.1.2.{3,4}", {"access": {"allow": ["10.1.2.3", "10.1.2.4"]}}),
        ("only_from = 0.0.0.0", {"access": {"allow": ["0.0.0.0/0"]}}),
        ("rlimit_as = 8M", {"resources": {"address_space": 8388608}}),
        ("rlimit_cpu = 20", {"resources": {"cpu_time": 20}}),
        ("rlimit_data = 1K", {"resources": {"data": 1024}}),
        ("rlimit_files = 64", {"resources": {"open_files": 64}}),
        ("rlimit_stack = 1M", {"resources": {"stack": 1048576}}),
        ("server_args = -a # b", {"exec": ["/bin/e", "-a", "#", "b"]}),
        ("umask = 77", {"umask": "077"}),
        ("v6only = yes", {"listen": [{"tcp": "7007", "family": "ipv6"}]}),
        ("disable = yes", {"state": "disabled"}),
    ],
)
def test_attribute_is_a_field(line: str, field: dict[str, t.Any]) -> None:
    parsed = read(line)
    expected = {key: value for key, value in {**USUAL, **field}.items() if value is not None}
    assert [service.fields for service in parsed.services] == [expected]
    assert told(parsed, "differs", "ask", "dropped", "error") == []


def test_the_name_is_among_the_arguments() -> None:
    [service] = read("flags = NAMEINARGS", "server_args = in.e -x").services
    assert (service.fields["exec"], service.fields["argv0"]) == (["/bin/e", "-x"], "in.e")


def test_a_server_that_waits_has_the_socket() -> None:
    [service] = read(socket_type="dgram", wait="yes").services
    assert service.fields == {
        "name": "e",
        "listen": [{"udp": "7007"}],
        "socket_fd": "stdin",
        "exec": ["/bin/e"],
        "user": "daemon",
        "supplementary_groups": [],
    }


def test_connections_are_forwarded() -> None:
    [service] = read("redirect = ::1 80", server=None).services
    assert service.fields["proxy"] == {"to": "[::1]:80"}
    assert "exec" not in service.fields


@pytest.mark.parametrize(
    ("line", "kind", "words", "disabled"),
    [
        ("instances = 0", "differs", "every client is refused", True),
        ("nice = -5", "differs", "cannot have this priority", False),
        ("only_from = 2001:db8::1/128", "differs", "never finds a client", True),
        ("no_access = 2001:db8::1/128", "differs", "never finds a client", False),
        ("only_from = 192.0.2.1 .example.org", "ask", "compares with the names", False),
        ("no_access = .example.org", "ask", "compares with the names", True),
        ("only_from =", "differs", "no address is left", True),
        ("bind = www.example.org", "ask", "is a name", True),
        ("passenv += LANG", "ask", "passes on its own LANG", False),
        ("v6only = no", "differs", "any value makes the socket one of IPv6", False),
        ("deny_time = 5", "dropped", "deny_time has no effect", False),
        ("rlimit_rss = 1M", "dropped", "resident set size", False),
        ("rlimit_as = UNLIMITED", "dropped", "raises no limit", False),
        ("rpc_number = 5", "dropped", "services of the type RPC", False),
        ("flags = REUSE", "dropped", "REUSE has no effect", False),
        ("flags = INTERCEPT", "dropped", "INTERCEPT has no effect", False),
        ("flags = NORETRY", "dropped", "NORETRY has no effect", False),
        ("flags = IDONLY", "ask", "ident", True),
        ("flags = LABELED", "ask", "SELinux", False),
        ("log_on_success = HOST", "dropped", "no effect without log_type", False),
        ("only_form = 192.0.2.1", "differs", "only_form is no attribute", False),
        ("instances = 10 # ten", "differs", "# begins no comment", False),
        ("max_load = inf", "dropped", "is no limit", False),
        ("flags = NAMEINARGS", "differs", "NAMEINARGS needs server_args", True),
        ("port = 8", "differs", "set by another line", False),
        ("group += staff", "differs", "+= is not for group", False),
        ("umask = 999", "differs", "does not take this value", True),
    ],
)
def test_attribute_is_a_finding(line: str, kind: str, words: str, disabled: bool) -> None:
    parsed = read(line)
    if words:
        assert any(words in message for message in told(parsed, kind))
    [service] = parsed.services
    assert (service.fields.get("state") == "disabled") is disabled


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"type": "RPC UNLISTED", "rpc_version": "1", "rpc_number": "7"}, "RPC"),
        ({"type": "TCPMUX UNLISTED", "protocol": "tcp"}, "tcpmux"),
        ({"flags": "SENSOR", "type": "INTERNAL UNLISTED", "server": None}, "SENSOR"),
        ({"type": "INTERNAL UNLISTED", "server": None}, "no backend has an internal service"),
    ],
)
def test_what_no_backend_has_is_no_service(attributes: dict[str, t.Any], words: str) -> None:
    parsed = read(**attributes)
    assert parsed.services == ()
    assert not any("no port of its own" in message for message in told(parsed, "differs"))
    assert [each.backends for each in parsed.findings if words in each.message] == [("systemd", "xinetd", "s6")]


def test_a_list_of_both_denies_who_is_in_both() -> None:
    [service] = read("only_from = 192.0.2.7 198.51.100.0/24", "no_access = 192.0.2.0/24").services
    assert service.fields["access"] == {"allow": ["198.51.100.0/24"], "deny": ["192.0.2.0/24"]}


def test_a_number_as_account_is_that_of_the_group() -> None:
    [service] = read(user="1000").services
    assert (service.fields["user"], service.fields["group"]) == ("1000", "1000")


def test_what_is_logged() -> None:
    parsed = read("max_load = 2", "log_on_success = HOST USERID", "log_on_failure = HOST", "log_type = SYSLOG daemon")
    [service] = parsed.services
    assert service.fields["log"] == {"what": ["host", "refused"], "where": "syslog"}
    assert any("USERID is left out" in message for message in told(parsed, "dropped"))


def test_who_is_refused_for_the_address_is_not_logged() -> None:
    parsed = read("log_on_success = HOST PID EXIT DURATION", "log_on_failure = HOST", "log_type = FILE /var/log/e")
    [service] = parsed.services
    assert service.fields["log"] == {"what": ["host", "pid", "exit", "duration"]}
    assert any("leaves no record" in message for message in told(parsed, "dropped"))


@pytest.mark.parametrize(
    ("text", "name"),
    [("imap.example", "imap-example"), ("s6rc-x", "x-s6rc-x"), ("...", "service"), ("a" * 70, "a" * 63)],
)
def test_names(text: str, name: str) -> None:
    assert name_of(text) == name
