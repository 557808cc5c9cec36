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

from ansible_collections.ondemand.superserver.plugins.module_utils._backends import _helper_binder
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import HEADER, File
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._process import BINDER, command, variables
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_files import process_lines
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_holder import DIRECTORY as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_holder import (
    KEEP,
    LET_GO,
    NAME,
    SOCKET,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_servers import (
    SERVICES as DIRECTORIES,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_servers import server_of, servers
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities import refusals
from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model_access import compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import PATH, Platform, Rc
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load, service
from ansible_collections.ondemand.superserver.tests.unit.execline_syntax import Chain, Surprise, follow, read_script
from ansible_collections.ondemand.superserver.tests.unit.machine import machine
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON
from ansible_collections.ondemand.superserver.tests.unit.test_properties import declarations

NASTY = (
    *("", " ", "a b", "$HOME", "${HOME}", "$", '"', "'", "\\", "\\n", "\\\\", ";", "#", "\n", "\t", "\r", "ü€"),
    *(
        "{",
        "}",
        "{}",
        "=",
        "-",
        "$tcpremoteip",
        "${tcpremoteip}",
        "\\${tcpremoteport}",
        "tcpremoteip_",
        "$tcpremoteip_",
    ),
)
VARIABLES = {f"V{number}": value for number, value in enumerate(NASTY) if "\r" not in value}

# Everything that changes how service directories look, by the name of the service.
SERVICES: dict[str, Fields] = {
    **COMMON,
    "echo": {},
    "ordered": {"requires": ["first", "db"], "after": ["web", "first"]},
    "nasty": {
        "description": "100 % of $HOME \"quoted\" 'x' #1; {a}",
        "exec": ["/bin/echo", *NASTY],
        "environment": {**VARIABLES, "PATH": "/bin", "HOME": "/"},
        "working_directory": '/srv/a %n $b "c"',
        "umask": "077",
        "nice": -5,
    },
    "assignment": {"exec": ["/opt/a=b/run", "c=d"]},
    "stdin": {"accept": False, "socket_fd": "stdin", "user": "nobody", "group": "daemon"},
    "sockets": {
        "listen": [{"tcp": "1001"}, {"tcp": "127.0.0.1:1002"}, {"udp": "1001"}],
        "accept": False,
        "connections": {"max": 5},
    },
    "families": {
        "listen": [
            *({"tcp": "1005", "family": "ipv4"}, {"tcp": "1006", "family": "ipv6"}),
            *({"tcp": "1007"}, {"tcp": "[::1]:1008", "backlog": 9}),
        ]
    },
    "unix": {
        "listen": [
            {"unix": "/run/sub/a b.sock", "owner": "nobody", "group": "adm", "mode": "0600", "backlog": 20},
            {"unix": "/run/b"},
        ],
    },
    "unix-datagrams": {"listen": [{"unix": "/run/c", "type": "datagram"}], "socket_fd": "stdin"},
    "limited": {
        "connections": {"max": 20, "per_source": 3},
        "access": {"allow": ["192.0.2.0/24", "2001:db8::/32"], "deny": ["192.0.2.128/25"]},
    },
    "denied": {"access": {"deny": ["192.0.2.1", "::/0"]}},
    "native": {"native": {"s6": {"timeout-kill": 5000, "down-signal": "SIGQUIT"}}},
}

GROUPS = {"root": "root", "nobody": "nogroup"}
PROVIDERS = {
    "ucspi": Platform(s6="ucspi", primary_groups=GROUPS),
    "s6-networking": Platform(s6="s6-networking", s6_path="/opt/s6/bin", primary_groups=GROUPS),
}
UCSPI, NETWORKING = PROVIDERS.values()
AS_PID_1 = replace(UCSPI, init="s6", scan_directory="/run/service")
UNDER_S6_RC = replace(
    NETWORKING, init="s6", scan_directory="/run/service", s6_rc=Rc(("/etc/s6-rc/source",), "/etc/s6-rc/source/default")
)

BINDERS = (
    "tcpserver",
    *(f"s6-tcpserver{digit}-socketbinder" for digit in ("", "4", "6")),
    "s6-ipcserver-socketbinder",
    "binder",
)

# What a server sets for its handler.
SET = {"TCPREMOTEIP": "192.0.2.7", "TCPREMOTEPORT": "4711", "LISTEN_PID": "99"}


def made(name: str, **other: t.Any) -> Service:
    return replace(service(name=name, **{**SERVICES[name], **other}), backend="s6")


def files_of(name: str, platform: Platform = UCSPI) -> list[File]:
    return S6().render([made(name)], platform)


def directory_files(files: t.Iterable[File]) -> list[File]:
    """Without the collection's own programs and what is behind TLS, which have their tests."""
    behind = ("/etc/superserver/tls/", "/etc/superserver/banners/", "/usr/local/lib/superserver/")
    return [file for file in files if file.service and not file.path.startswith(behind)]


def chains(files: t.Iterable[File]) -> dict[str, Chain]:
    """Every server's chain, by the name of its service directory, and of the script that it ends with."""
    contents = {file.path: file.content for file in files if file.service and file.path.startswith(DIRECTORIES)}
    found = {}
    for path, content in contents.items():
        if path.endswith("/run") and not path.endswith("/log/run"):
            words = read_script(content)
            if words[-1] in contents:
                words = words[:-1] + read_script(contents[words[-1]])
            found[path.split("/")[-2]] = follow(words, SET)
    return found


def binding(chain: Chain) -> list[tuple[str, list[str]]]:
    """What binds sockets: in the chain itself, or for the holder."""
    kept = [
        program for (block,) in chain.arguments("if") if block[0] == KEEP for program in follow(block[3:], {}).programs
    ]
    return [(name, words) for name, words in [*chain.programs, *kept] if name in BINDERS and "serve" not in words[:3]]


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
    assert program.content == Path(_helper_binder.__file__).read_text(encoding="utf-8")
    assert HEADER in program.content
    assert [file for file in files_of("echo") if not file.service] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_everything_nasty_arrives_byte_for_byte(provider: str) -> None:
    for chain in chains(files_of("nasty", PROVIDERS[provider])).values():
        assert chain.argv == ["/bin/echo", *NASTY]
        remote = {"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "4711"}
        assert chain.environment == {**VARIABLES, "PATH": "/bin", "HOME": "/", **remote}
        assert chain.arguments("cd") == [["/"], ['/srv/a %n $b "c"']]
        assert chain.arguments("umask") == [["077"]]
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


# Service, provider, and by service directory the words that tell the server where and how to listen.
LISTENING: tuple[tuple[str, str, dict[str, list[str]]], ...] = (
    ("echo", "ucspi", {"echo": ["0", "7"]}),
    ("echo", "s6-networking", {"echo.tcp4-7": ["0.0.0.0", "7"], "echo.tcp6-7": ["::", "7"]}),
    (
        "families",
        "ucspi",
        {
            "families.tcp4-1005": ["0.0.0.0", "1005"],
            "families.tcp6-1006": ["tcp", "ipv6", "::", "1006", "65535"],
            "families.tcp-1007": ["0", "1007"],
            "families.tcp-__1-1008": ["::1", "1008"],
        },
    ),
    (
        "families",
        "s6-networking",
        {
            "families.tcp4-1005": ["0.0.0.0", "1005"],
            "families.tcp6-1006": ["::", "1006"],
            "families.tcp4-1007": ["0.0.0.0", "1007"],
            "families.tcp6-1007": ["::", "1007"],
            "families.tcp-__1-1008": ["::1", "1008"],
        },
    ),
    (
        "sockets",
        "ucspi",
        {
            "sockets": [
                "tcp",
                "dual",
                "::",
                "1001",
                "65535",
                "tcp",
                "ipv4",
                "127.0.0.1",
                "1002",
                "65535",
                "udp",
                "dual",
                "::",
                "1001",
            ]
        },
    ),
    ("internal", "ucspi", {"internal.tcp-1003": ["0", "1003"], "internal.udp-1003": ["udp", "dual", "::", "1003"]}),
    (
        "unix",
        "ucspi",
        {"unix.unix-a_b.sock-bfb94511": ["/run/sub/a b.sock"], "unix.unix-b-ce4da750": ["/run/b"]},
    ),
    ("unix-datagrams", "ucspi", {"unix-datagrams": ["unix", "datagram", "/run/c", "root", "root", "0660", "65535"]}),
)


@pytest.mark.parametrize(("name", "provider", "expected"), LISTENING)
def test_server_is_told_where_to_listen(name: str, provider: str, expected: dict[str, list[str]]) -> None:
    found = {}
    for directory, chain in chains(files_of(name, PROVIDERS[provider])).items():
        found[directory] = [
            word
            for program, words in binding(chain)
            for word in (words[3:] if program == "binder" else words[-1:] if "ipc" in program else words[-2:])
        ]
    assert found == expected


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", SERVICES)
def test_holder_keeps_every_socket_that_a_server_can_take(name: str, provider: str) -> None:
    files = files_of(name, PROVIDERS[provider])
    by_path = {file.path: file for file in files}
    found = chains(files)
    for server in servers(made(name), PROVIDERS[provider]):
        chain = found[server.name]
        kept = [block[1:3] for (block,) in chain.arguments("if") if block[0] == KEEP]
        taken = [words[-2:] for words in chain.arguments("s6-fdholder-retrieve")]
        assert kept == taken == [[SOCKET, name] for name in server.kept_names]
        assert len(taken) in (0, len(server.sockets))
        assert bool(taken) is (server.kind != "tcp" or provider == "s6-networking")
        assert all(server_of(name) == server.name for name in server.kept_names)
        finish = f"{server.directory}/finish"
        assert (finish in by_path) is bool(taken)
        if taken:
            words = read_script(by_path[finish].content)
            assert words[words.index(LET_GO) :] == [LET_GO, SOCKET, *server.kept_names]
    assert (HOLDER in {file.content for file in files if file.kind == "link"}) is any(
        chain.arguments("s6-fdholder-retrieve") for chain in found.values()
    )


def test_names_of_sockets_are_unambiguous() -> None:
    every = [made(name) for name in SERVICES]
    names = [name for one in every for server in servers(one, NETWORKING) for name in server.kept_names]
    assert len(names) == len(set(names))


def test_holder() -> None:
    files = [file for file in files_of("stdin") if not file.service and file.path != BINDER]
    goldens.compare("s6/holder.txt", files)
    (run,) = (file for file in files if file.path == f"{HOLDER}/run")
    assert follow(read_script(run.content), {}).arguments("s6-ipcserver-socketbinder") == [["-a", "0600", SOCKET]]
    links = {file.path for file in S6().render([made("stdin")], AS_PID_1) if file.content == HOLDER}
    assert links == {
        f"{parent}/superserver-{NAME}" for parent in ("/run/service", "/etc/s6-linux-init/current/run-image/service")
    }


def test_older_release_has_programs_for_each_family() -> None:
    programs = {name: f"/opt/{name}" for name in ("s6-tcpserver4d", "s6-tcpserver6d")}
    for directory, chain in chains(files_of("echo", replace(NETWORKING, programs=programs))).items():
        ((_program, _words),) = binding(chain)
        digit = directory[len("echo.tcp")]
        assert chain.arguments(f"s6-tcpserver{digit}d")


def test_change_of_the_handler_is_none_of_the_server_where_nobody_keeps_its_socket() -> None:
    def lines(platform: Platform, **other: t.Any) -> list[list[str]]:
        return [process_lines(server, platform) for server in servers(made("echo", **other), platform)]

    assert lines(UCSPI) == lines(UCSPI, user="nobody", environment={"A": "b"}, exec=["/bin/true"], nice=3)
    assert lines(UCSPI) != lines(UCSPI, umask="077")
    assert lines(NETWORKING) != lines(NETWORKING, user="nobody")


def test_backlog_and_limits_are_written_out() -> None:
    for name, backlog in (("echo", "65535"), ("families", "9")):
        directory = "families.tcp-__1-1008" if name == "families" else "echo"
        (words,) = chains(files_of(name))[directory].arguments("tcpserver")
        assert words[words.index("-b") + 1] == backlog
        assert words[words.index("-c") + 1] == "1000"
    for chain in chains(files_of("limited", NETWORKING)).values():
        (words,) = chain.arguments("s6-tcpserverd")
        assert [words[words.index(option) + 1] for option in ("-c", "-C")] == ["1000", "3"]


def test_what_the_guard_enforces_is_not_enforced_twice() -> None:
    for chain in chains(files_of("limited")).values():
        assert chain.arguments("s6-tcpserver-access") == []
    guarded = replace(NETWORKING, policy="always")
    several = made("limited", listen=[{"tcp": "7"}, {"tcp": "8"}])
    for chain in chains(S6().render([several], guarded)).values():
        (words,) = chain.arguments("s6-tcpserverd")
        assert words[words.index("-C") + 1] == "1000"


@pytest.mark.parametrize(("name", "loads"), [("limited", True), ("sockets", True), ("echo", False)])
def test_guard_is_loaded_before_anything_listens(name: str, loads: bool) -> None:
    for chain in chains(files_of(name)).values():
        order = [program for program, _words in chain.programs]
        blocks = [words[0] for words in chain.arguments("if")]
        assert any("/etc/superserver/guard.nft" in block[-1] for block in blocks) is loads
        assert not loads or "/etc/superserver/guard.nft" in blocks[0][-1]
        assert order.index("fdmove") < (order.index("if") if blocks else len(order))


def test_socket_of_a_unix_server_gets_owner_and_mode_before_it_serves() -> None:
    chain = next(chain for name, chain in chains(files_of("unix")).items() if "a_b" in name)
    path = "/run/sub/a b.sock"
    making, keeping = (words[0] for words in chain.arguments("if"))
    assert making == ["mkdir", "-p", "/run/sub"]
    binder = follow(keeping[3:], {})
    assert binder.programs[0] == ("s6-ipcserver-socketbinder", ["-a", "0700", "-b", "20", path])
    assert [words[0] for words in binder.arguments("if")] == [
        ["rm", "-f", f"{path}.lock"],
        ["chown", "nobody:adm", path],
        ["chmod", "0600", path],
    ]
    assert "REMOTE_ADDR" not in chain.environment


def test_handler_may_open_as_many_files_as_elsewhere() -> None:
    """The unit of the supervision tree raises the limit; where s6 is PID 1, nobody does."""
    assert [chain.arguments("s6-softlimit") for chain in chains(files_of("echo")).values()] == [[["-o", "1024"]]]
    assert [chain.arguments("s6-softlimit") for chain in chains(files_of("echo", AS_PID_1)).values()] == [[]]


def test_descriptors() -> None:
    """The log is standard error, but for a handler whose client is to have it."""
    assert [chain.arguments("fdmove") for chain in chains(files_of("echo")).values()] == [
        [["-c", "2", "1"], ["1", "3"]]
    ]
    client = [["-c", "2", "1"], ["1", "3"], ["-c", "2", "1"]]
    assert [chain.arguments("fdmove") for chain in chains(files_of("client")).values()] == [client]
    assert [chain.arguments("fdmove") for chain in chains(files_of("stdin")).values()] == [
        [["-c", "2", "1"], ["4", "0"]]
    ]


def test_daemon_is_told_about_its_sockets() -> None:
    (chain,) = tuple(chains(files_of("sockets")).values())
    assert chain.environment == {"PATH": PATH, "LISTEN_PID": "99", "LISTEN_FDS": "3"}
    (chain,) = tuple(chains(files_of("stdin")).values())
    assert chain.environment == {"PATH": PATH}
    assert chain.account == ["--reuid=nobody", "--regid=daemon", "--init-groups"]


# Access lists as they are declared, and who may connect.
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
