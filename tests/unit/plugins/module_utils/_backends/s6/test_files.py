# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of service directories: as written, and as an independent reader of execline follows them."""

from __future__ import annotations

import ipaddress
import shutil
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import command, variables
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import SERVICES as DIRECTORIES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import servers
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import refusals
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.assembly import program as program_text
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import binder as _helper_binder
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import BINDER
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load
from ansible_collections.ondemand.superserver.tests.unit.drawn import declarations
from ansible_collections.ondemand.superserver.tests.unit.execline_syntax import Surprise, follow, read_script
from ansible_collections.ondemand.superserver.tests.unit.machine import machine
from ansible_collections.ondemand.superserver.tests.unit.s6_services import (
    AS_PID_1,
    NASTY,
    NETWORKING,
    PROVIDERS,
    SERVICES,
    UCSPI,
    UNDER_S6_RC,
    VARIABLES,
    chains,
    directory_files,
    files_of,
    made,
)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", SERVICES)
def test_golden(name: str, provider: str) -> None:
    goldens.compare(f"s6/{provider}/{name}.txt", directory_files(files_of(name, PROVIDERS[provider])))


@pytest.mark.parametrize(
    ("name", "platform", "golden"),
    [
        ("families", replace(NETWORKING, ipv6=False), "families-without-ipv6.txt"),
        ("echo", AS_PID_1, "echo-under-pid-1.txt"),
        ("sleeper", AS_PID_1, "sleeper-under-pid-1.txt"),
        ("echo", UNDER_S6_RC, "echo-under-s6-rc.txt"),
        ("limited", UNDER_S6_RC, "limited-under-s6-rc.txt"),
    ],
)
def test_golden_of_another_host(name: str, platform: Platform, golden: str) -> None:
    goldens.compare(f"s6/{golden}", directory_files(files_of(name, platform)))


def test_every_golden_file_is_compared() -> None:
    expected = {f"{name}.txt" for name in SERVICES}
    assert [goldens.names(f"s6/{provider}") for provider in PROVIDERS] == [expected] * len(PROVIDERS)


@pytest.mark.parametrize("platform", [*PROVIDERS.values(), AS_PID_1, UNDER_S6_RC])
def test_rendering_is_the_sum_of_its_services(platform: Platform) -> None:
    every = [made(name) for name in SERVICES]
    together = S6().render(every, platform)
    assert S6().render(every, platform) == together
    alone = [file for one in every for file in S6().render([one], platform)]
    assert {file.path: file for file in together} == {file.path: file for file in alone}
    paths = [file.path for file in together]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", SERVICES)
def test_directories_are_complete(name: str, provider: str) -> None:
    files = directory_files(files_of(name, PROVIDERS[provider]))
    by_path = {file.path: file for file in files}
    one = made(name)
    for server in servers(one, PROVIDERS[provider]):
        link = by_path[f"/etc/superserver/s6/{server.name}"]
        assert (link.kind, link.content) == ("link", f"{DIRECTORIES}/{server.name}")
        for script in ("run", "log/run"):
            assert by_path[f"{link.content}/{script}"].mode == 0o755
            assert HEADER in by_path[f"{link.content}/{script}"].content
        assert by_path[f"{link.content}/notification-fd"].content == "3\n"
        assert (f"{link.content}/down" in by_path) is not one.enabled
        assert by_path[server.logs].kind == "directory"
        logger = follow(read_script(by_path[f"{link.content}/log/run"].content), {})
        assert [words[-1] for words in logger.arguments("s6-log")] == [server.logs]
    assert files[-1].kind == "link"


def test_own_program_comes_with_the_service_that_runs_it() -> None:
    (program,) = (file for file in files_of("stdin") if file.path == BINDER)
    assert (program.path, program.mode) == (BINDER, 0o755)
    assert program.content == program_text(_helper_binder)
    assert HEADER in program.content
    assert [file for file in files_of("echo") if not file.service] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_everything_nasty_arrives_byte_for_byte(provider: str) -> None:
    for chain in chains(files_of("nasty", PROVIDERS[provider])).values():
        assert chain.argv == ["/bin/echo", *NASTY]
        remote = {"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "4711"}
        assert chain.environment == {**VARIABLES, "PATH": "/bin", "HOME": "/", **remote}
        assert chain.arguments("cd") == [["/"], ['/srv/a %n $b "c"']]
        # The first is root's own.
        assert chain.arguments("umask") == [["022"], ["077"]]
        assert chain.arguments("nice") == [["-n", "-5"]]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", SERVICES)
def test_environment_is_clean(name: str, provider: str) -> None:
    one = made(name)
    extra = {"PATH", "REMOTE_ADDR", "REMOTE_PORT", "LISTEN_FDS", "LISTEN_PID"}
    for chain in chains(files_of(name, PROVIDERS[provider])).values():
        assert set(chain.environment) - extra <= dict(one.environment).keys()
        assert chain.environment["PATH"] == dict(one.environment).get("PATH", PATH)


def test_path_of_a_program_may_look_like_an_assignment() -> None:
    (chain,) = tuple(chains(files_of("assignment")).values())
    assert chain.argv == ["/opt/a=b/run", "c=d"]
    assert chain.arguments("nice") == [["-n", "0"]]


NETWORKS = st.lists(
    st.one_of(
        st.builds(
            lambda a, n: str(ipaddress.ip_network((a, n), strict=False)),
            st.integers(0, 7).map(lambda n: f"192.0.2.{n}"),
            st.integers(24, 32),
        ),
        st.builds(
            lambda a, n: str(ipaddress.ip_network((a, n), strict=False)),
            st.integers(0, 7).map(lambda n: f"2001:db8::{n}"),
            st.integers(120, 128),
        ),
        st.sampled_from(["0.0.0.0/0", "::/0"]),
    ),
    max_size=4,
)


@given(NETWORKS, NETWORKS, st.integers(0, 9))
def test_access_rules_say_what_the_schema_says(allow: list[str], deny: list[str], last: int) -> None:
    one = made("echo", access={"allow": allow, "deny": deny})
    rules: dict[str, list[tuple[t.Any, str]]] = {"ip4": [], "ip6": []}
    for file in S6().render([one], NETWORKING):
        if file.service and "/data/rules/" in file.path:
            family, prefix, verdict = file.path.split("/")[-3:]
            assert file.content == ""
            rules[family].append((ipaddress.ip_network(prefix.replace("_", "/")), verdict))
    compiled = compile_access(allow, deny)
    for family, client in (
        ("ip4", f"192.0.2.{last}"),
        ("ip6", f"2001:db8::{last}"),
        ("ip4", "10.0.0.1"),
        ("ip6", "::1"),
    ):
        matching = [rule for rule in rules[family] if ipaddress.ip_address(client) in rule[0]]
        if not (allow or deny):
            assert not matching
            continue
        longest = max(matching, key=lambda rule: rule[0].prefixlen)
        assert [rule[0] for rule in matching].count(longest[0]) == 1
        assert (longest[1] == "allow") is compiled.permits(client)


@settings(max_examples=200)
@given(declarations(), st.sampled_from([*PROVIDERS.values(), replace(UCSPI, ipv6=False), AS_PID_1]))
def test_whatever_is_declared_arrives(declared: Fields, platform: Platform) -> None:
    (one,) = load(declared, backend="s6")
    if refusals([one], platform):
        return
    files = S6().render([one], platform)
    found = chains(files)
    made = {server.name: server for server in servers(one, platform)}
    assert found.keys() == made.keys()
    for name, chain in found.items():
        server = made[name]
        assert tuple(chain.argv) == command(one, platform, datagram=server.sockets[0][0].datagram)
        assert variables(one).items() <= chain.environment.items()
        assert ("REMOTE_ADDR" in chain.environment) is (server.accept and server.kind != "unix")
        assert chain.arguments("cd")[-1] == [one.working_directory]
        assert chain.arguments("umask")[-1] == [one.umask]
        assert chain.arguments("nice")[:1] == ([["-n", str(one.nice)]] if one.nice else chain.arguments("nice")[:1])
    assert len({file.path for file in files}) == len(files)


# What the reader must not let through, or the tests above could not fail.
@pytest.mark.parametrize(
    "body",
    ['a "b', "a { b", "a }", 'a "b"c', "a b\\ c", 'a "\\q"', 'a "\\x41"', "a{b", 'a"b"', "\\"],
)
def test_reader_finds_what_was_not_meant(body: str) -> None:
    with pytest.raises(Surprise):
        read_script(f"#!/usr/bin/execlineb -P\n{body}\n")
    with pytest.raises(Surprise):
        read_script("#!/bin/sh\n")


@pytest.mark.parametrize(
    ("body", "argv"),
    [
        ("x", ["1.2.3.4"]),
        ('"${a}"', ["1.2.3.4"]),
        ("$a-", ["$a-"]),
        ('"${ab}"', ["${ab}"]),
        ('"$a$"', ["1.2.3.4$"]),
    ],
)
def test_reader_substitutes_as_execline_does(body: str, argv: list[str]) -> None:
    words = ["multisubstitute", ["importas", "-i", "a", "TCPREMOTEIP"], "/p"]
    text = f"#!/usr/bin/execlineb -P\n{body if body != 'x' else '$a'}\n"
    assert follow([*words, *read_script(text)], {"TCPREMOTEIP": "1.2.3.4"}).argv == ["/p", *argv]
    with pytest.raises(Surprise):
        follow([*words, "\\${a}"], {"TCPREMOTEIP": "1.2.3.4"})


EXECLINEB = shutil.which("execlineb") or ""
with_execline = pytest.mark.skipif(not EXECLINEB, reason="execlineb is not installed")


@with_execline
@pytest.mark.parametrize("provider", PROVIDERS)
def test_execline_takes_the_scripts(provider: str, tmp_path: Path) -> None:
    host = replace(PROVIDERS[provider], programs={"execlineb": EXECLINEB})
    files = [file for name in SERVICES for file in files_of(name, host)]
    goldens.stage(files, tmp_path)
    assert S6().check(str(tmp_path), files, host, machine()) == []


@with_execline
@pytest.mark.parametrize("wrong", ['"', "{", "}"])
def test_execline_refuses_a_wrong_script(wrong: str, tmp_path: Path) -> None:
    host = replace(UCSPI, programs={"execlineb": EXECLINEB})
    files = [
        replace(file, content=file.content + wrong + "\n")
        for file in files_of("echo", host)
        if file.path.endswith("run")
    ]
    goldens.stage(files, tmp_path)
    said = S6().check(str(tmp_path), files, host, machine())
    assert len(said) == len(files) == 2
    assert all(str(tmp_path) not in line and line.startswith("/etc/superserver/") for line in said)
