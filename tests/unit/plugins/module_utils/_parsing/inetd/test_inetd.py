# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of an inetd.conf as the inetds read them that there are."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.parse import UnknownKind, parse_files
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing import ports
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.dialects import DIALECTS

FTP = "ftp stream tcp nowait root /usr/sbin/ftpd ftpd -l"


@pytest.fixture(autouse=True)
def _known_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "port_number", lambda name, _transport: {"ftp": 21, "echo": 7, "auth": 113}.get(name))


def read(text: str, dialect: str = "openbsd", **more: str) -> Parsed:
    files = {"/etc/inetd.conf": text, **{f"/etc/{name}": content for name, content in more.items()}}
    return parse_files(files, "inetd", platform_of({}), dialect)


def only(text: str, dialect: str = "openbsd") -> t.Mapping[str, t.Any]:
    [service] = read(text, dialect).services
    return service.fields


def told(parsed: Parsed) -> list[tuple[str, str]]:
    return [(each.kind, each.message) for each in parsed.findings if each.service]


def test_a_line() -> None:
    assert only(FTP) == {
        "name": "ftp",
        "listen": [{"tcp": "21"}],
        "exec": ["/usr/sbin/ftpd", "-l"],
        "argv0": "ftpd",
        "user": "root",
        "stderr": "client",
        "connections": {"rate": {"count": 256, "interval": 60, "pause": 600}},
    }


@pytest.mark.parametrize(
    ("dialect", "protocol", "endpoint"),
    [
        ("openbsd", "tcp", {"tcp": "21"}),
        ("openbsd", "tcp4", {"tcp": "21", "family": "ipv4"}),
        ("openbsd", "tcp6", {"tcp": "21", "family": "ipv6"}),
        ("openbsd", "tcp46", {"tcp": "21"}),
        ("openbsd", "tcp,rcvbuf=64k", {"tcp": "21"}),
        ("inetutils", "tcp", {"tcp": "21", "family": "ipv4"}),
        ("inetutils", "tcp6", {"tcp": "21"}),
        ("inetutils", "tcp6only", {"tcp": "21", "family": "ipv6"}),
        ("busybox", "tcp6", {"tcp": "21"}),
        ("freebsd", "tcp", {"tcp": "21", "family": "ipv4"}),
        ("freebsd", "tcp46", {"tcp": "21"}),
        ("inetd_compat", "tcp", {"tcp": "21"}),
        ("inetd_compat", "tcp6", None),
        ("openbsd", "tcp6only", None),
    ],
)
def test_the_family_is_the_protocol(dialect: str, protocol: str, endpoint: dict[str, str] | None) -> None:
    parsed = read(FTP.replace("tcp", protocol), dialect)
    assert [service.fields["listen"] for service in parsed.services] == ([[endpoint]] if endpoint else [])
    if not endpoint:
        assert f"{protocol} is no protocol" in told(parsed)[0][1]


@pytest.mark.parametrize(
    ("dialect", "wait", "rate"),
    [
        ("openbsd", "nowait.30", 30),
        ("inetutils", "nowait", 40),
        ("inetutils", "nowait.30", 30),
        ("busybox", "nowait", None),
        ("busybox", "nowait.30", 30),
        ("inetd_compat", "nowait.30", None),
    ],
)
def test_starts_in_a_minute(dialect: str, wait: str, rate: int | None) -> None:
    fields = only(FTP.replace("nowait", wait), dialect)
    expected = {"connections": {"rate": {"count": rate, "interval": 60, "pause": 600}}} if rate else {}
    assert {key: value for key, value in fields.items() if key == "connections"} == expected


def test_children_of_freebsd() -> None:
    parsed = read(FTP.replace("nowait", "nowait/3/10/2"), "freebsd")
    assert parsed.services[0].fields["connections"] == {
        "max": 3,
        "per_source": 2,
        "rate": {"count": 256, "interval": 60, "pause": 600},
    }
    assert [kind for kind, _message in told(parsed)] == ["ask"]


@pytest.mark.parametrize(
    ("dialect", "user", "expected"),
    [
        ("openbsd", "a.b", ("a", "b")),
        ("openbsd", "a:b", ("a", "b")),
        ("inetutils", "a:b", ("a", "b")),
        ("freebsd", "a:b/staff", ("a", "b")),
        ("freebsd", "a.b", ("a.b", None)),
        ("inetd_compat", "a.b", ("a", "b")),
        ("inetd_compat", "a:b", None),
    ],
)
def test_account_and_group(dialect: str, user: str, expected: tuple[str, str | None] | None) -> None:
    found = read(FTP.replace("root", user), dialect).services
    assert [(one.fields["user"], one.fields.get("group")) for one in found] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("service", "listen"),
    [
        ("127.0.0.1:ftp", [{"tcp": "127.0.0.1:21"}]),
        ("*:2121", [{"tcp": "2121"}]),
        ("[::1]:21", [{"tcp": "[::1]:21"}]),
        ("127.0.0.1,192.0.2.1:21", [{"tcp": "127.0.0.1:21"}, {"tcp": "192.0.2.1:21"}]),
    ],
)
def test_addresses(service: str, listen: list[dict[str, str]]) -> None:
    line = FTP.replace("ftp", service, 1)
    assert only(line)["listen"] == listen
    assert read(line, "inetutils").services == ()


def test_a_default_address() -> None:
    parsed = read(f"127.0.0.1:\n{FTP}\n*:\n{FTP.replace('ftp', 'echo', 1)}")
    assert [service.fields["listen"] for service in parsed.services] == [[{"tcp": "127.0.0.1:21"}], [{"tcp": "7"}]]


def test_a_name_is_no_address() -> None:
    parsed = read(FTP.replace("ftp", "www.example.org:21", 1))
    assert parsed.services[0].fields["state"] == "disabled"
    assert [kind for kind, _message in told(parsed)] == ["ask"]


def test_what_is_switched_off() -> None:
    parsed = read(f"#<off># {FTP}\n#<off>#{FTP.replace('ftp', 'echo', 1)}\n# {FTP}\n#<off># a word\n")
    assert [service.fields["state"] for service in parsed.services] == ["disabled", "disabled"]


def test_a_unix_socket() -> None:
    line = "/run/e.sock stream unix nowait root /bin/e e"
    assert only(line)["listen"] == [{"unix": "/run/e.sock"}]
    assert read(line, "inetutils").services == ()


def test_small_services() -> None:
    assert only("echo stream tcp nowait root internal") == {
        "name": "echo",
        "listen": [{"tcp": "7"}],
        "internal": "echo",
    }
    refused = read("discard stream tcp nowait root internal", "inetd_compat", services="discard 9/tcp\n")
    assert "no internal service discard" in told(refused)[0][1]


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("rstatd/1-3 dgram rpc/udp wait root /bin/r r", "unsupported", "port mapper"),
        ("tcpmux/+x stream tcp nowait root /bin/x x", "unsupported", "tcpmux"),
        ("ftp raw tcp nowait root /bin/x x", "error", "socket of type raw"),
        ("ftp strem tcp nowait root /bin/x x", "differs", "no type of a socket"),
        ("ftp stream tcp waut root /bin/x x", "differs", "neither wait nor nowait"),
        ("ftp stream tcp nowait root", "differs", "5 words"),
    ],
)
def test_what_is_no_service(line: str, kind: str, words: str) -> None:
    parsed = read(line)
    assert parsed.services == ()
    assert [found for found, message in told(parsed) if words in message] == [kind]


def test_a_server_of_datagrams_waits() -> None:
    fields = only("ftp dgram udp wait root /bin/t t")
    assert fields["socket_fd"] == "stdin"
    assert only("ftp dgram udp nowait root /bin/t t")["state"] == "disabled"


def test_a_port_that_the_host_may_know() -> None:
    line = FTP.replace("ftp", "other", 1)
    assert only(line)["listen"] == [{"tcp": "other"}]
    assert [kind for kind, _message in told(read(line))] == ["ask"]
    assert [kind for kind, _message in told(read(line, services="ftp 21/tcp\n"))] == ["differs"]


def test_names_tell_numbers_and_transports_apart() -> None:
    lines = [FTP, FTP.replace("stream tcp nowait", "dgram udp wait"), FTP.replace("ftp", "2121", 1)]
    assert [service.name for service in read("\n".join(lines)).services] == ["ftp", "ftp-udp", "ftpd-2121"]


def test_words_in_quotes() -> None:
    line = "ftp stream tcp nowait root /bin/sh sh -c 'a b'"
    assert only(line, "freebsd")["exec"] == ["/bin/sh", "-c", "a b"]
    assert only(line)["exec"] == ["/bin/sh", "-c", "'a", "b'"]


def test_a_line_goes_on_behind_a_blank() -> None:
    assert only(f"{FTP}\n   -x\n")["exec"] == ["/usr/sbin/ftpd", "-l", "-x"]


def test_programs_are_looked_for() -> None:
    line = FTP.replace("/usr/sbin/ftpd", "ftpd")
    assert only(line)["exec"] == ["/ftpd", "-l"]
    assert read(line, "busybox").services == ()


def test_only_some_arguments_count() -> None:
    parsed = read(FTP + " x" * 30)
    assert len(parsed.services[0].fields["exec"]) == 20
    assert "only 20 arguments" in told(parsed)[0][1]


def test_files_of_a_directory() -> None:
    files = {"/etc/inetd.d/ftp": FTP}
    assert [each.name for each in parse_files(files, "inetd", platform_of({}), "inetutils").services] == ["ftp"]
    unread = parse_files(files, "inetd", platform_of({}))
    assert [each.kind for each in unread.findings] == ["dropped"]


def test_dialects_are_named() -> None:
    assert sorted(DIALECTS) == ["busybox", "freebsd", "inetd_compat", "inetutils", "openbsd"]
    with pytest.raises(UnknownKind, match="no dialect rlinetd"):
        read(FTP, "rlinetd")
