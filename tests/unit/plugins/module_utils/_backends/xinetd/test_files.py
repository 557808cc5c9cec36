# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering for xinetd: as written, and as another reader of its configuration understands it."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import OWNED, VALUES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.backend import Xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.files import (
    DROP_IN,
    ENTRIES,
    HANDLERS,
    entries,
    listener_settings,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Entry, parse
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import refusals
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import INTERNAL
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load, service
from ansible_collections.ondemand.superserver.tests.unit.drawn import declarations
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON

XINETD = Xinetd()
HOST = Platform(init="other", primary_groups={"root": "root", "nobody": "nogroup"})
ONE_FAMILY = replace(HOST, ipv6=False)

NASTY = (
    *("", " ", "a b", "$HOME", "${HOME}", "$", '"', "'", "\\", "\\n", ";", "#", "\n", "\t", "ü€", "`id`"),
    *("{", "}", "=", "-", "-n", "--", "*", "?", "~", "&", "|", "(", "!", "%", "\\\n", "$$", "$(id)"),
)

# Everything that changes how the files look, by the name of the service.
SERVICES: dict[str, Fields] = {
    **COMMON,
    "echo": {"user": "nobody"},
    "ordered": {"requires": ["first", "db"], "after": ["web", "first"]},
    "nasty": {
        "description": "100 % of $HOME \"quoted\" 'x' #1; {a} " + "and more, " * 20 + "and so on",
        "exec": ["/bin/echo", *NASTY],
        "environment": {"A": "a b", "B": "'\n\"", "PATH": "/bin", "HOME": "$HOME"},
        "working_directory": '/srv/a %n $b "c"',
        "umask": "077",
        "nice": 5,
    },
    "assignment": {"exec": ["/opt/a=b/run", "c=d"]},
    "fds": {"accept": False, "user": "nobody", "group": "daemon"},
    "stdin": {"accept": False, "socket_fd": "stdin"},
    "udp": {"listen": [{"udp": "1001"}], "socket_fd": "stdin"},
    "families": {
        "listen": [
            *({"tcp": "1005", "family": "ipv4"}, {"tcp": "1006", "family": "ipv6"}),
            *({"tcp": "1007"}, {"tcp": "[::1]:1008"}, {"tcp": "127.0.0.1:1008"}),
        ]
    },
    "limited": {
        "connections": {"max": 20, "per_source": 3},
        "access": {"allow": ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::1"], "deny": ["192.0.2.128/25"]},
    },
    "denied": {"access": {"deny": ["192.0.2.1", "2001:db8::1", "2001:db8:1::/48"]}},
    "urgent": {"user": "nobody", "nice": -5},
    "urgent-root": {"nice": -5},
    "native": {"native": {"xinetd": {"access_times": ["08:00-12:00", "13:00-17:00"], "rlimit_cpu": 5}}},
}


def made(name: str, **other: t.Any) -> Service:
    return replace(service(name=name, **{**SERVICES.get(name, {}), **other}), backend="xinetd")


def own_files(service: Service, host: Platform = HOST) -> list[File]:
    """Without what all services share."""
    return [file for file in XINETD.render([service], host) if file.service]


def read(service: Service, host: Platform = HOST) -> list[Entry]:
    """A service's entries, by the reader that tells the owners of sockets."""
    (file,) = [file for file in own_files(service, host) if file.path.startswith(f"{ENTRIES}/")]
    found = parse(file.content)
    assert all(isinstance(entry, Entry) for entry in found)
    return t.cast("list[Entry]", found)


def scripts(service: Service, host: Platform = HOST) -> list[File]:
    return [file for file in own_files(service, host) if file.path.startswith(f"{HANDLERS}/")]


@pytest.mark.parametrize("name", SERVICES)
def test_golden(name: str) -> None:
    goldens.compare(f"xinetd/{name}.txt", own_files(made(name)))


def test_golden_without_ipv6() -> None:
    families = made("families", listen=[{"tcp": "1005"}, {"tcp": "1006", "family": "ipv4"}, {"tcp": "127.0.0.1:1008"}])
    goldens.compare("xinetd/host/families-without-ipv6.txt", own_files(families, ONE_FAMILY))


def test_golden_of_what_is_shared() -> None:
    shared = [file for file in XINETD.render([made("echo")], replace(HOST, init="systemd")) if not file.service]
    goldens.compare("xinetd/host/shared-under-systemd.txt", shared)


def test_every_golden_file_is_compared() -> None:
    assert goldens.names("xinetd") == {f"{name}.txt" for name in SERVICES} | {"host"}
    assert goldens.names("xinetd/host") == {
        "families-without-ipv6.txt",
        "shared-under-systemd.txt",
        "waiting.txt",
    }


def test_rendering_is_the_sum_of_its_services() -> None:
    every = [made(name) for name in SERVICES]
    together = XINETD.render(every, HOST)
    assert XINETD.render(every, HOST) == together
    alone = [file for one in every for file in XINETD.render([one], HOST)]
    assert {file.path: file for file in together} == {file.path: file for file in alone}
    paths = [file.path for file in together]
    assert len(paths) == len(set(paths))
    assert XINETD.render([], HOST) == []


def test_names_of_files_are_such_that_xinetd_reads() -> None:
    files = [file for name in SERVICES for file in own_files(made(name)) if file.path.startswith(f"{ENTRIES}/")]
    assert len(files) == len(SERVICES)
    assert not [file.path for file in files if "." in file.path.rsplit("/", 1)[1]]


def test_program_of_internal_services_comes_along() -> None:
    assert INTERNAL in [file.path for file in XINETD.render([made("internal")], HOST)]
    assert INTERNAL not in [file.path for file in XINETD.render([made("echo")], HOST)]


ALWAYS = {
    *("id", "type", "flags", "socket_type", "protocol", "bind", "port", "wait", "user", "groups", "umask", "nice"),
    *("passenv", "server", "instances", "per_source", "cps", "log_type", "log_on_success", "log_on_failure", "disable"),
}


@pytest.mark.parametrize("state", ["present", "disabled"])
@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_left_to_defaults(name: str, state: str) -> None:
    accepting = {entry.id for entry in entries(made(name), HOST) if entry.accept}
    for entry in read(made(name, state=state)):
        attributes = set(entry.attributes)
        assert attributes >= ALWAYS
        assert attributes - ALWAYS <= {"group", "v6only", "only_from", "no_access", "access_times", "rlimit_cpu"}
        assert {key for key, values in entry.attributes.items() if VALUES[key] not in (0, len(values))} == set()
        assert entry.attributes["disable"] == ["yes" if state == "disabled" else "no"]
        assert list(entry.attributes)[-1] == "disable"
        assert (entry.one("wait") == "no") == (entry.one("id") in accepting)
        assert "NOLIBWRAP" in entry.many("flags")


@pytest.mark.parametrize(
    ("endpoint", "ipv6", "family", "bind", "v6only"),
    [
        ({"tcp": "7"}, True, "IPv6", "::", ""),
        ({"tcp": "7"}, False, "IPv4", "0.0.0.0", ""),
        ({"tcp": "7", "family": "ipv4"}, True, "IPv4", "0.0.0.0", ""),
        ({"tcp": "7", "family": "ipv6"}, True, "IPv6", "::", "yes"),
        ({"tcp": "[::]:7"}, True, "IPv6", "::", "yes"),
        ({"tcp": "[::1]:7"}, True, "IPv6", "::1", "yes"),
        ({"tcp": "127.0.0.1:7"}, True, "IPv4", "127.0.0.1", ""),
    ],
)
def test_families(endpoint: Fields, ipv6: bool, family: str, bind: str, v6only: str) -> None:
    (entry,) = read(made("echo", listen=[endpoint]), replace(HOST, ipv6=ipv6))
    assert entry.attributes["flags"] == [family, "NOLIBWRAP"]
    assert (entry.one("bind"), entry.one("v6only")) == (bind, v6only)


@pytest.mark.parametrize(
    ("listen", "ipv6", "ids"),
    [
        ([{"tcp": "7"}], True, ["e"]),
        ([{"tcp": "7"}], False, ["e"]),
        ([{"udp": "7"}], True, ["e"]),
        ([{"tcp": "7", "family": "ipv4"}], True, ["e:tcp:0.0.0.0:7"]),
        ([{"tcp": "7", "family": "ipv6"}], True, ["e:tcp:[::]:7"]),
        ([{"tcp": "127.0.0.1:7"}], False, ["e:tcp:127.0.0.1:7"]),
        ([{"tcp": "7"}, {"tcp": "8"}], True, ["e:tcp:*:7", "e:tcp:*:8"]),
    ],
)
def test_ids(listen: list[Fields], ipv6: bool, ids: list[str]) -> None:
    host = replace(HOST, ipv6=ipv6)
    one = made("e", listen=listen)
    assert [entry.one("id") for entry in read(one, host)] == ids
    assert [XINETD.owner(one, listener, host) for listener in one.listeners(ipv6)] == [("xinetd", name) for name in ids]


def test_owner_of_somebody_elses_listener() -> None:
    (listener,) = made("other", listen=[{"tcp": "8"}]).listeners(True)
    with pytest.raises(ValueError, match="does not listen"):
        XINETD.owner(made("echo"), listener, HOST)


# Changes of one service, and whether its sockets must be closed and opened for them.
CHANGES: tuple[tuple[Fields, bool], ...] = (
    ({"listen": [{"tcp": "8"}]}, True),
    ({"listen": [{"tcp": "7", "family": "ipv6"}]}, True),
    ({"listen": [{"tcp": "127.0.0.1:7"}]}, True),
    ({"listen": [{"tcp": "7"}, {"tcp": "8"}]}, True),
    ({"accept": False}, True),
    ({"exec": ["/bin/echo"]}, False),
    ({"user": "nobody", "umask": "077", "nice": 3, "working_directory": "/srv"}, False),
    ({"access": {"allow": ["192.0.2.1"]}, "connections": {"max": 3}}, False),
    ({"exec": None, "user": None, "internal": "echo"}, False),
    ({"state": "disabled"}, False),
)


@pytest.mark.parametrize(("fields", "anew"), CHANGES)
def test_binding_anew(fields: Fields, anew: bool) -> None:
    old, new = made("echo"), made("echo", **fields)
    assert XINETD.rebinds(old, new, HOST) == anew
    assert XINETD.rebinds(new, old, HOST) == anew


# What is bound otherwise must not be an entry that xinetd would move within its reload, or would not move at all.
SOCKETS: tuple[Fields, ...] = (
    *({"tcp": "7"}, {"tcp": "7", "family": "ipv4"}, {"tcp": "7", "family": "ipv6"}, {"udp": "7"}, {"tcp": "8"}),
    *({"tcp": "127.0.0.1:7"}, {"tcp": "127.0.0.2:7"}, {"tcp": "[::1]:7"}),
)


@pytest.mark.parametrize("ipv6", [True, False])
def test_another_socket_is_another_entry(ipv6: bool) -> None:
    host = replace(HOST, ipv6=ipv6)
    known: dict[tuple[str, ...], t.Any] = {}
    for endpoint in SOCKETS:
        if not ipv6 and ("[" in str(endpoint) or endpoint.get("family") == "ipv6"):
            continue
        one = made("echo", listen=[endpoint])
        (entry,) = read(one, host)
        # What xinetd knows an entry by when it reads its configuration again.
        key = tuple(entry.one(name) for name in ("id", "protocol", "port", "wait"))
        assert known.setdefault(key, listener_settings(one, host)) == listener_settings(one, host)


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        (["192.0.2.0/24"], []),
        (["192.0.2.0/24"], ["192.0.2.128/25"]),
        (["192.0.2.1"], ["192.0.2.1"]),
        ([], ["192.0.2.0/24", "2001:db8::/32"]),
        (["::/0"], []),
        ([], ["::/0"]),
        (["::/0", "0.0.0.0/0"], []),
        (["::/0"], ["2001:db8::1"]),
        (["::1", "2001:db8::1/128"], []),
        ([], ["::/1"]),
        (["10.0.0.0/8"], ["10.0.0.1"]),
        (["10.0.0.0"], []),
        ([], ["10.0.0.0", "0.0.0.0"]),
    ],
)
def test_access(allow: list[str], deny: list[str]) -> None:
    (entry,) = read(made("echo", access={"allow": allow, "deny": deny}))
    assert not {"only_from", "no_access"} <= entry.attributes.keys()
    compiled = compile_access(allow, deny)
    for client in ("192.0.2.1", "192.0.2.129", "198.51.100.7", "2001:db8::1", "2001:db8::2", "::1", "fd00::1"):
        assert admitted(entry, client) == compiled.permits(client)
    for client in ("0.0.0.0", "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.1.0.1"):
        assert admitted(entry, client) == compiled.permits(client)


def admitted(entry: Entry, client: str) -> bool:
    """xinetd's own way with the two lists, on a socket of both families."""
    address = ipaddress.ip_address(client)
    seen = ipaddress.ip_address(f"::ffff:{client}") if address.version == 4 else address

    def matches(text: str) -> bool:
        if "/" not in text and ":" in text:
            return ipaddress.ip_address(text) in (address, seen)
        if "/" not in text:
            # Zeros at its end stand for every number.
            octets = text.split(".")
            while octets and octets[-1] == "0":
                octets.pop()
            text = f"{text}/{8 * len(octets)}"
        network = ipaddress.ip_network(text)
        # It compares such a one with the client's name.
        return network.prefixlen != 128 and (address in network or seen in network)

    if "only_from" in entry.attributes:
        return any(matches(text) for text in entry.attributes["only_from"])
    return not any(matches(text) for text in entry.attributes["no_access"])


def test_wide_prefix_on_a_socket_of_one_family_stays_whole() -> None:
    (entry,) = read(made("only-ipv6", access={"allow": ["::/0"]}))
    assert entry.attributes["only_from"] == ["::/0"]


def test_lines_stay_below_the_limit() -> None:
    networks = [f"2001:db8:1111:2222:3333:4444:{number:x}:1" for number in range(0x1000, 0x1000 + 700)]
    one = made("echo", access={"allow": networks}, description="x" * 30000)
    (entry,) = read(one)
    assert entry.attributes["only_from"] == networks
    (file,) = [file for file in own_files(one) if file.path.startswith(ENTRIES)]
    assert max(len(line.encode()) for line in file.content.split("\n")) < 16384


def test_daemon_is_never_given_an_access_list() -> None:
    allow = {"access": {"allow": ["192.0.2.1"]}}
    for name in ("fds", "udp"):
        (entry,) = read(made(name, **allow))
        assert not {"only_from", "no_access"} & entry.attributes.keys()


def test_what_the_guard_counts_is_not_counted_twice() -> None:
    one = made("echo", listen=[{"tcp": "7"}, {"tcp": "8"}], connections={"max": 5, "per_source": 2})
    for entry in read(one, replace(HOST, init="systemd")):
        assert (entry.one("instances"), entry.one("per_source")) == ("1000", "UNLIMITED")


@pytest.mark.parametrize(("fields", "waits"), [({}, False), ({"connections": {"max": 5}}, True)])
def test_xinetd_starts_after_the_rules_that_it_needs(fields: Fields, waits: bool) -> None:
    one = made("echo", listen=[{"tcp": "7"}, {"tcp": "8"}], **fields)
    (drop_in,) = (file.content for file in XINETD.render([one], replace(HOST, init="systemd")) if file.path == DROP_IN)
    for name in ("Requires", "After"):
        assert (f"\n{name}=superserver-guard.service\n" in drop_in) is waits


@given(declarations(), st.booleans())
@settings(max_examples=200)
def test_nothing_declared_becomes_an_attribute(declared: Fields, ipv6: bool) -> None:
    host = replace(HOST, ipv6=ipv6)
    (one,) = load(declared, backend="xinetd")
    if refusals([one], host):
        return
    found = read(one, host)
    assert [entry.one("id") for entry in found] == [XINETD.owner(one, at, host)[1] for at in one.listeners(ipv6)]
    assert {entry.name for entry in found} == {one.name}
    assert {key for entry in found for key in entry.attributes} <= OWNED.keys()
    for entry, listener in zip(found, one.listeners(ipv6)):
        assert (entry.one("bind"), entry.one("port")) == (listener.address, str(listener.port))
        assert entry.one("disable") == ("no" if one.enabled else "yes")
    assert {entry.one("server") for entry in found} == {file.path for file in scripts(one, host)}
    assert all(file.content.split("\n")[1].startswith(f"# {HEADER}") for file in scripts(one, host))


@pytest.mark.parametrize(
    ("fields", "account", "chain"),
    [
        ({"user": "nobody", "nice": 5, "stderr": "client"}, "nobody", ""),
        ({"user": "nobody", "nice": 5}, "root", "--reuid=nobody --regid=nogroup --init-groups"),
        ({"user": "nobody", "nice": -5, "stderr": "client"}, "root", "--reuid=nobody --regid=nogroup --init-groups"),
        ({"user": "root", "nice": -5, "stderr": "client"}, "root", ""),
        ({"user": "root"}, "root", "--reuid=root --regid=root --init-groups"),
        ({"user": "nobody", "supplementary_groups": []}, "root", "--reuid=nobody --regid=nogroup --clear-groups"),
        ({"user": "nobody", "group": "adm", "supplementary_groups": ["a", "b"]}, "root", "--groups=a,b"),
    ],
)
def test_account(fields: Fields, account: str, chain: str) -> None:
    one = made("echo", **fields)
    (entry,) = read(one)
    assert (entry.one("user"), entry.one("nice")) == (account, str(one.nice))
    assert chain in scripts(one)[0].content
    assert ("setpriv" in scripts(one)[0].content) == bool(chain)
    assert "group" not in entry.attributes
