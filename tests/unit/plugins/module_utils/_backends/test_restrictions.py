# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps clients out of services of others: entries of xinetd, units, TCP wrappers."""

from __future__ import annotations

import ipaddress
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Restriction
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign import units
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import foreign as _foreign_xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network import libwrap as _libwrap
from ansible_collections.ondemand.superserver.tests.unit.systemctl import Systemctl, shown


@pytest.fixture(autouse=True)
def wrappers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The host's files of TCP wrappers, of which it has none at first, and programs beside them."""
    for name in ("in.a", "other", "tcpd"):
        (tmp_path / name).symlink_to("/bin/cat")
    monkeypatch.setattr(_libwrap, "ALLOW", str(tmp_path / "hosts.allow"))
    monkeypatch.setattr(_libwrap, "DENY", str(tmp_path / "hosts.deny"))
    return tmp_path


def of_entry(tmp_path: Path, *lines: str, defaults: t.Sequence[str] = ()) -> list[Restriction]:
    complete = ["type = UNLISTED", "socket_type = stream", "port = 7", "wait = no", "user = root"]
    # The first program that is there counts.
    body = "\n".join([*complete, *lines, "server = /bin/cat"]).replace("/usr/sbin", str(tmp_path))
    first = "\n".join(defaults)
    (tmp_path / "xinetd.conf").write_text(f"defaults\n{{\n{first}\n}}\nservice a\n{{\n{body}\n}}\n")
    return list(_foreign_xinetd.look_at_services(["a"], (), str(tmp_path / "xinetd.conf"))["a"].restrictions)


def permitted(restriction: Restriction, address: str) -> bool:
    return bool(restriction.value.permits(ipaddress.ip_address(address)))


@pytest.mark.parametrize(
    ("words", "inside", "outside"),
    [
        ("10.0.0.0/8", ["10.1.2.3"], ["11.0.0.0", "::1"]),
        ("10.1.0.0", ["10.1.2.3"], ["10.2.0.0"]),
        ("127.0.0", ["127.0.0.9", "127.1.1.1"], ["128.0.0.1"]),
        ("0.0.0.0", ["192.0.2.1"], ["::1"]),
        ("192.0.2.{1,7}", ["192.0.2.1", "192.0.2.7"], ["192.0.2.2"]),
        ("::/0", ["2001:db8::1"], ["192.0.2.1"]),
        ("2001:db8::1", ["2001:db8::1"], ["2001:db8::2"]),
        ("2001:db8::1/128", [], ["2001:db8::1"]),
        ("192.0.2.1 trusted.example .example", ["192.0.2.1"], ["192.0.2.2"]),
        ("", [], ["127.0.0.1"]),
    ],
)
def test_whom_xinetd_lets_in(tmp_path: Path, words: str, inside: list[str], outside: list[str]) -> None:
    (found,) = of_entry(tmp_path, f"only_from = {words}")
    assert (found.word, found.kind) == ("only_from", "access")
    assert [permitted(found, address) for address in (*inside, *outside)] == [True] * len(inside) + [False] * len(
        outside
    )


def test_whom_xinetd_keeps_out(tmp_path: Path) -> None:
    (found,) = of_entry(tmp_path, "no_access = 192.0.2.0/24", defaults=["no_access = 198.51.100.1"])
    assert [permitted(found, each) for each in ("192.0.2.1", "198.51.100.1", "203.0.113.1")] == [False, False, True]
    (named,) = of_entry(tmp_path, "no_access = evil.example")
    assert (named.word, named.kind) == ("no_access", "rules")


def test_when_and_how_many_xinetd_serves(tmp_path: Path) -> None:
    lines = ("access_times = 8:00-9:30 22:00-23:59", "instances = 5", "per_source = 2", "cps = 20 30", "max_load = 3.5")
    found = {each.word: each for each in of_entry(tmp_path, *lines)}
    assert {word: each.value for word, each in found.items() if word != "access_times"} == {
        "instances": 5,
        "per_source": 2,
        "cps": 20,
        "max_load": 3.5,
    }
    assert found["access_times"].value == {*range(480, 571), *range(1320, 1440)}


@pytest.mark.parametrize("lines", [(), ("instances = UNLIMITED", "per_source = unlimited", "cps = 0 0"), ("cps = 5",)])
def test_what_xinetd_has_no_limit_for(tmp_path: Path, lines: t.Sequence[str]) -> None:
    assert of_entry(tmp_path, *lines) == []


def test_the_defaults_restrict_as_well(tmp_path: Path) -> None:
    found = of_entry(
        tmp_path, "instances = 3", defaults=["only_from = 10.0.0.0/8", "instances = 60", "per_source = 10"]
    )
    assert {each.word: each.value for each in found if each.kind != "access"} == {"instances": 3, "per_source": 10}
    assert found[0].word == "only_from"


def test_an_entry_that_is_disabled_restricts_nothing(tmp_path: Path) -> None:
    assert of_entry(tmp_path, "only_from = 10.0.0.0/8", "disable = yes") == []


WRAPPERS = (
    (None, "in.a: ALL", True),
    (None, "ALL: ALL", True),
    (None, "other in.b : 192.0.2.", False),
    (None, "ALL EXCEPT in.a: ALL", False),
    ("in.a: ALL", "ALL: ALL", False),
    ("in.a: 192.0.2.0/24", "ALL: ALL", True),
    ("in.a: 192.0.2.1: deny", None, True),
    ("in.a@host, in.b: [2001:db8::]/32 \\\n : DENY", None, True),
    ("# in.a: ALL", "# ALL: ALL", False),
    (None, None, False),
)


@pytest.mark.parametrize(("allow", "deny", "expected"), WRAPPERS)
@pytest.mark.parametrize(
    ("lines", "obeys"),
    [
        (("server = /usr/sbin/in.a",), True),
        (("server = /usr/sbin/other", "libwrap = in.a"), True),
        (("server = /usr/sbin/tcpd", "flags = NAMEINARGS", "server_args = /usr/sbin/in.a -v"), True),
        (("server = /usr/sbin/tcpd", "flags = NAMEINARGS NOLIBWRAP", "server_args = in.a"), True),
        (("server = /nonesuch/in.a", "flags = NOLIBWRAP"), False),
    ],
)
def test_tcp_wrappers_before_a_service_of_xinetd(
    wrappers: Path, allow: str | None, deny: str | None, expected: bool, lines: t.Sequence[str], obeys: bool
) -> None:
    for name, text in (("hosts.allow", allow), ("hosts.deny", deny)):
        if text is not None:
            (wrappers / name).write_text(f"{text}\n")
    assert [each.word for each in of_entry(wrappers, *lines)] == (["libwrap"] if expected and obeys else [])


def of_units(*states: str, name: str = "a.socket") -> dict[str, Restriction]:
    found = units.look_at_units([name], (), Systemctl(*states))[name]
    return {each.word: each for each in found.restrictions}


def test_addresses_that_systemd_lets_in() -> None:
    state = shown(
        "a.socket", listen=["[::]:7 (Stream)"], IPAddressAllow="10.0.0.0/8 ::1/128", IPAddressDeny="0.0.0.0/0 ::/0"
    )
    (found,) = of_units(state).values()
    assert found.word == "IPAddressDeny"
    assert [permitted(found, each) for each in ("10.1.1.1", "::1", "11.0.0.1", "::2")] == [True, True, False, False]
    assert of_units(shown("a.socket", IPAddressAllow="10.0.0.0/8")) == {}


def test_numbers_of_connections_that_somebody_has_written(tmp_path: Path) -> None:
    unit = tmp_path / "a.socket"
    unit.write_text("[Socket]\nListenStream=7\nAccept=yes\n")
    state = {"FragmentPath": str(unit), "Accept": "yes", "MaxConnectionsPerSource": "3"}
    assert set(of_units(shown("a.socket", **state))) == {"MaxConnectionsPerSource"}
    dropin = tmp_path / "more.conf"
    dropin.write_text("[Socket]\n# MaxConnections=1\nMaxConnections = 64\n")
    found = of_units(shown("a.socket", DropInPaths=str(dropin), **state))
    assert {word: each.value for word, each in found.items()} == {"MaxConnections": 64, "MaxConnectionsPerSource": 3}
    assert of_units(shown("a.socket", DropInPaths=str(dropin), **{**state, "Accept": "no"})) == {}


def test_interfaces_and_modes() -> None:
    state = shown("a.socket", listen=["/run/a (Stream)"], BindToDevice="lo", SocketMode="0600", SocketUser="www")
    found = of_units(state)
    assert found["BindToDevice"].value == "lo"
    assert (found["SocketMode"].value.mode, found["SocketMode"].value.owner) == (0o600, "www")


COMMAND = (
    "{ path=%s ; argv[]=%s ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
)


def test_tcp_wrappers_before_a_handler_of_systemd(wrappers: Path) -> None:
    (wrappers / "hosts.deny").write_text("in.a: ALL\n")
    states = (
        shown("a.socket", listen=["[::]:7 (Stream)"], Accept="yes"),
        shown("a@superserver-look.service", ExecStart=COMMAND % ("/usr/sbin/tcpd", "in.a -v")),
    )
    assert set(of_units(*states)) == {"libwrap"}


def test_a_daemon_that_is_linked_with_tcp_wrappers(wrappers: Path) -> None:
    (wrappers / "hosts.deny").write_text("daemon: ALL\n")
    program = wrappers / "daemon"
    program.write_bytes(b"\x7fELF libwrap.so.0")
    state = shown("a.service", IPAddressDeny="192.0.2.0/24", ExecStart=COMMAND % (program, f"{program} -D"))
    assert set(of_units(state, name="a.service")) == {"libwrap", "IPAddressDeny"}
    program.write_bytes(b"\x7fELF libc.so.6")
    assert set(of_units(state, name="a.service")) == {"IPAddressDeny"}


def test_what_systemd_filters_for_a_service_is_not_what_its_socket_lets_in() -> None:
    states = (
        shown("a.socket", listen=["[::]:7 (Stream)"], Triggers="a.service"),
        shown("a.service", IPAddressDeny="0.0.0.0/0", TriggeredBy="a.socket"),
    )
    assert of_units(*states) == {}
