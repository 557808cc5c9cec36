# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where and how servers of s6 listen, who keeps their sockets, and what the guard has to do with it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.backend import S6
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import DIRECTORY as HOLDER
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import (
    KEEP,
    LET_GO,
    NAME,
    SOCKET,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.process import process_lines
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import server_of, servers
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.installed import BINDER
from ansible_collections.ondemand.superserver.tests.unit import goldens
from ansible_collections.ondemand.superserver.tests.unit.execline_syntax import follow, read_script
from ansible_collections.ondemand.superserver.tests.unit.s6_services import (
    AS_PID_1,
    NETWORKING,
    PROVIDERS,
    SERVICES,
    UCSPI,
    binding,
    chains,
    files_of,
    made,
)

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
        {
            "unix.unix-a_b.sock-bfb94511": ["unix", "stream", "/run/sub/a b.sock", "nobody", "adm", "0600", "20"],
            "unix.unix-b-ce4da750": ["unix", "stream", "/run/b", "root", "root", "0660", "65535"],
        },
    ),
    ("unix-datagrams", "ucspi", {"unix-datagrams": ["unix", "datagram", "/run/c", "root", "root", "0660", "65535"]}),
)


@pytest.mark.parametrize(("name", "provider", "expected"), LISTENING)
def test_server_gets_the_address_to_listen_on(name: str, provider: str, expected: dict[str, list[str]]) -> None:
    found = {}
    for directory, chain in chains(files_of(name, PROVIDERS[provider])).items():
        found[directory] = [
            word for program, words in binding(chain) for word in (words[3:] if program == "binder" else words[-2:])
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
        assert any("/usr/local/lib/superserver/guard" in block for block in blocks) is loads
        assert not loads or "apply" in blocks[0]
        assert order.index("fdmove") < (order.index("if") if blocks else len(order))


def test_unix_clients_have_no_address() -> None:
    for chain in chains(files_of("unix")).values():
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


def test_daemon_gets_the_names_of_its_sockets() -> None:
    (chain,) = tuple(chains(files_of("sockets")).values())
    assert chain.environment == {"PATH": PATH, "LISTEN_PID": "99", "LISTEN_FDS": "3"}
    (chain,) = tuple(chains(files_of("stdin")).values())
    assert chain.environment == {"PATH": PATH}
    assert chain.account == ["--reuid=nobody", "--regid=daemon", "--init-groups"]


# Access lists as they are declared, and who may connect.
