# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written keeps out of pitfalls of super-servers; their numbers are those of ``tests/pitfalls.yml``."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.files import ENTRIES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Entry, parse
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load
from ansible_collections.ondemand.superserver.tests.unit.execline_syntax import read_script

HOST = Platform(s6="s6-networking", nft=True, primary_groups={"root": "root", "nobody": "nogroup"})
OLD_HOST = replace(HOST, systemd=252)

ACCESS: Fields = {"access": {"allow": ["192.0.2.0/24", "2001:db8::1"]}}
WAITING: Fields = {"accept": False}
DATAGRAMS: Fields = {"listen": [{"udp": "7"}], "socket_fd": "stdin"}
SHAPES: dict[str, Fields] = {
    "plain": {},
    "access": ACCESS,
    "waiting": WAITING,
    "waiting-access": {**WAITING, **ACCESS},
    "datagrams": DATAGRAMS,
    "datagrams-access": {**DATAGRAMS, **ACCESS},
    "internal": {"exec": None, "internal": "discard", "listen": [{"tcp": "7"}, {"udp": "7"}], "user": None},
    "disabled": {"state": "disabled"},
    "limited": {"connections": {"max": 5, "per_source": 2}},
    "groups": {"supplementary_groups": ["adm"]},
}


def made(backend: str, **fields: t.Any) -> Service:
    declared = {"name": "echo", "listen": [{"tcp": "7"}], "exec": ["/bin/cat"], "user": "nobody", **fields}
    (one,) = load({name: value for name, value in declared.items() if value is not None}, backend=backend)
    return one


def rendered(backend: str, shape: str, host: Platform = HOST) -> list[File]:
    one = made(backend, **SHAPES[shape])
    return [file for file in BACKENDS[backend].render([one], host) if file.service]


def units(shape: str, host: Platform = HOST) -> dict[str, systemd_syntax.Unit]:
    files = [file for file in rendered("systemd", shape, host) if file.kind == "file"]
    return {file.path.rsplit("/", 1)[1]: systemd_syntax.read_unit(file.content) for file in files}


def entries(shape: str) -> list[Entry]:
    (file,) = (file for file in rendered("xinetd", shape) if file.path.startswith(ENTRIES))
    return [entry for entry in parse(file.content) if isinstance(entry, Entry)]


def chains(shape: str, host: Platform = HOST) -> list[list[str]]:
    """Of each server of s6 the words of its script, without blocks, in their order."""
    files = rendered("s6", shape, host)
    texts = [file.content for file in files if file.path.endswith("/run") and "/log/" not in file.path]
    return [[word for word in read_script(text) if isinstance(word, str)] for text in texts]


@pytest.mark.parametrize("shape", SHAPES)
def test_datagrams_always_wait(shape: str) -> None:
    """Pitfall 12: xinetd with a process for each datagram loops, or refuses. Pitfall 28: so does systemd."""
    for entry in entries(shape):
        assert entry.one("socket_type") == "stream" or entry.one("wait") == "yes"
    for unit in units(shape).values():
        accepting = systemd_syntax.values(unit, "Socket", "Accept") == ["yes"]
        assert not (accepting and systemd_syntax.values(unit, "Socket", "ListenDatagram"))


@pytest.mark.parametrize("shape", SHAPES)
def test_no_rate_of_xinetd_is_left_to_itself(shape: str) -> None:
    """Pitfall 13: without cps, more than 50 connections in a second close the port."""
    rates = {(entry.one("wait"), *entry.attributes["cps"]) for entry in entries(shape)}
    assert rates <= {("no", "0", "0"), ("yes", "0", "0"), ("yes", "20", "1")}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_entry_is_unlisted(shape: str) -> None:
    """Pitfall 17: a name of /etc/services would force its official port."""
    assert {tuple(entry.attributes["type"]) for entry in entries(shape)} == {("UNLISTED",)}


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_that_needs_quotes_stands_in_an_entry(shape: str) -> None:
    """Pitfall 18: xinetd knows no quotes. Words go into a script."""
    for entry in entries(shape):
        assert not {"server_args", "env"} & entry.attributes.keys()
        assert entry.attributes["passenv"] == []


@pytest.mark.parametrize("host", [OLD_HOST, replace(HOST, systemd=257)], ids=["252", "257"])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_limit_of_systemd_closes_a_port(shape: str, host: Platform) -> None:
    """Pitfalls 22, 25: limits on triggers and on starts end a socket for good; the one on polls is not known to 252."""
    for name, unit in units(shape, host).items():
        if name.endswith(".socket"):
            assert systemd_syntax.values(unit, "Socket", "TriggerLimitIntervalSec") == ["0"]
            assert systemd_syntax.values(unit, "Unit", "StartLimitIntervalSec") == ["0"]
            polls = systemd_syntax.values(unit, "Socket", "PollLimitIntervalSec")
            assert polls == (["0"] if host.systemd >= 255 else [])


def test_addresses_are_filtered_where_clients_come_in() -> None:
    """Pitfall 26: a filter in the service unit lets every client in, and one without BPF too."""
    for name, unit in units("access").items():
        section, other = ("Socket", "Service") if name.endswith(".socket") else ("Service", "Socket")
        assert systemd_syntax.values(unit, other, "IPAddressDeny") == []
        assert systemd_syntax.values(unit, section, "IPAddressDeny") == (["any"] if section == "Socket" else [])
    for unit in units("access", replace(HOST, bpf=False)).values():
        assert "IPAddressDeny" not in {key for settings in unit.values() for key, _value in settings}


@pytest.mark.parametrize("shape", SHAPES)
def test_handler_of_a_connection_is_not_started_again(shape: str) -> None:
    """Pitfalls 31, 32: it would have no socket. What has failed is forgotten."""
    for name, unit in units(shape).items():
        if name.endswith("@.service"):
            assert systemd_syntax.values(unit, "Service", "Restart") == []
            assert systemd_syntax.values(unit, "Unit", "CollectMode") == ["inactive-or-failed"]
        elif name.endswith(".service") and not name.endswith(".stderr.service"):
            assert systemd_syntax.values(unit, "Service", "Restart") == ["no"]


def test_access_is_decided_before_root_is_dropped() -> None:
    """Pitfall 38: whoever cannot read the rules turns everybody away."""
    for words in chains("access"):
        programs = [word.rpartition("/")[2] for word in words]
        assert programs.index("s6-tcpserver-access") < programs.index("setpriv")


def test_nobody_asks_the_dns_about_clients() -> None:
    """Pitfall 39: s6-tcpserver-access and tcpserver do, for each connection, unless they are told not to."""
    for words in chains("access"):
        at = next(index for index, word in enumerate(words) if word.endswith("/s6-tcpserver-access"))
        assert {"-H", "-R", "-l"} <= set(words[at : words.index("-i", at)])
    (server, *_others) = (words for words in chains("plain", replace(HOST, s6="ucspi")))
    assert {"-H", "-R", "-l"} <= set(server[: server.index("-c", server.index("-1"))])


@pytest.mark.parametrize("shape", SHAPES)
def test_accounts_are_left_to_setpriv(shape: str) -> None:
    """Pitfall 36: the options of s6-tcpserver for accounts take numbers only."""
    for words in chains(shape):
        programs = [word.rpartition("/")[2] for word in words]
        for server in {"s6-tcpserver", "tcpserver"} & set(programs):
            options = words[programs.index(server) + 1 : programs.index("setpriv")]
            assert not {"-u", "-g", "-G", "-U"} & set(options)


# The programs of s6-networking before and since 2.6, of those that bind or serve sockets of the internet.
RELEASES = {
    "2.5": {f"s6-tcpserver{digit}{rest}" for digit in "46" for rest in ("", "d", "-socketbinder")},
    "2.6": {f"s6-tcpserver{rest}" for rest in ("", "d", "-socketbinder")},
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_server_has_a_name_that_the_release_knows(shape: str, release: str) -> None:
    """Pitfall 46: s6-tcpserver4 and the like went away with s6-networking 2.6."""
    there = {"s6-tcpserver", "s6-tcpserver-access", *RELEASES[release]}
    host = replace(HOST, programs={**HOST.programs, **{name: f"/usr/bin/{name}" for name in there}})
    found = {word.rpartition("/")[2] for words in chains(shape, host) for word in words}
    assert {name for name in found if name.startswith("s6-tcpserver")} <= there


@pytest.mark.parametrize("shape", SHAPES)
def test_supervisors_keep_their_state(shape: str) -> None:
    """Pitfall 40: nobody else writes where a supervisor keeps its state, that of loggers included."""
    for file in rendered("s6", shape):
        assert not {"supervise", "event"} & set(file.path.split("/"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_disabled_is_not_linked_and_not_masked(backend: str) -> None:
    """Pitfall 47: a unit in /etc cannot be masked."""
    files = rendered(backend, "disabled")
    assert all(file.content != "/dev/null" for file in files)
    assert not [file for file in files if file.kind == "link" and "/sockets.target.wants/" in file.path]


def test_a_path_is_not_removed_when_a_socket_stops() -> None:
    """Pitfall 48: it may be that of the next owner."""
    (socket, *_others) = BACKENDS["systemd"].render([made("systemd", listen=[{"unix": "/run/a"}])], HOST)
    unit = systemd_syntax.read_unit(socket.content)
    assert systemd_syntax.values(unit, "Socket", "RemoveOnStop") == ["no"]
