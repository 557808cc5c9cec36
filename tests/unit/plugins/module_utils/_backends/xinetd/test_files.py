# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering for xinetd: as written, and as another reader of its configuration understands it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import OWNED, VALUES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.files import (
    DROP_IN,
    ENTRIES,
    entries,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import refusals
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import INTERNAL
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load
from ansible_collections.ondemand.superserver.tests.unit.drawn import declarations
from ansible_collections.ondemand.superserver.tests.unit.xinetd_services import (
    HOST,
    ONE_FAMILY,
    SERVICES,
    XINETD,
    made,
    own_files,
    read,
    scripts,
)


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
