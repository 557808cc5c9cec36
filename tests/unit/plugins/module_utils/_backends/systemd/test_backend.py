# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the systemd backend refuses, claims and owns, and when it has to bind anew."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.directives import (
    _COMMON_257,
    _SERVICE_257,
    _SOCKET_257,
    DIRECTIVES,
    OWNED,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import leaves
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.fake_host import FakeHost
from ansible_collections.ondemand.superserver.tests.unit.machine import machine

SYSTEMD, HOST = Systemd(), Platform()

# Raw directives, the path of the problem below the service, and its gist.
REFUSED: tuple[tuple[Fields, str, str], ...] = (
    ({"socket": {"Nonesuch": 1}}, "socket.Nonesuch", "is not a directive of [Socket]"),
    ({"socket": {"listenstream": "9"}}, "socket.listenstream", "is not a directive of [Socket]"),
    ({"socket": {"ExecStart": "/bin/true"}}, "socket.ExecStart", "is not a directive of [Socket]"),
    ({"socket": {"ListenStream": "9"}}, "socket.ListenStream", "use the field listen"),
    ({"socket": {"IPAddressAllow": "any"}}, "socket.IPAddressAllow", "use the field access.allow"),
    ({"service": {"ListenFIFO": "/a"}}, "service.ListenFIFO", "is not a directive of [Service]"),
    ({"service": {"ExecStart": "/bin/true"}}, "service.ExecStart", "use the field exec"),
    ({"service": {"User": "root"}}, "service.User", "use the field user"),
    ({"service": {"KillMode": "mixed"}}, "service.KillMode", "use the field end_children"),
    ({"service": {"Environment": ["A=b"]}}, "service.Environment", "use the field environment"),
    ({"service": {"IOSchedulingClass": "a\\"}}, "service.IOSchedulingClass", "must not end with a backslash"),
    (
        {"service": {"ExecStartPre": ["/bin/true", "/bin/true \\"]}},
        "service.ExecStartPre",
        "must not end with a backslash",
    ),
)


@pytest.mark.parametrize(("native", "path", "gist"), REFUSED)
def test_raw_directive_is_refused(native: Fields, path: str, gist: str) -> None:
    (problem,) = SYSTEMD.further_problems(service(native={"systemd": native}), HOST)
    assert problem.path == f"superserver_services[0].native.systemd.{path}"
    assert gist in problem.message


def test_raw_directives_of_each_section_are_taken() -> None:
    native = {
        "socket": {"Mark": 7, "PassCredentials": True, "ExecStartPre": ["/bin/true", "/bin/true a"]},
        "service": {"IOSchedulingClass": "idle", "LimitMEMLOCK": "1:2", "ProtectSystem": "strict", "MemoryMax": "1G"},
    }
    assert SYSTEMD.further_problems(service(native={"systemd": native}), HOST) == []


def test_what_is_written_cannot_be_a_raw_directive() -> None:
    every: tuple[Fields, ...] = (
        {"connections": {"max": 1, "per_source": 2}, "access": {"allow": ["192.0.2.1"]}, "group": "adm"},
        {"accept": False, "listen": [{"tcp": "127.0.0.1:7", "backlog": 5}, {"udp": "7"}, {"unix": "/a"}]},
        {"listen": [{"unix": "/a", "type": "seqpacket"}], "stderr": "client", "supplementary_groups": []},
    )
    for fields in every:
        for file in SYSTEMD.render([service(**fields)], replace(HOST, systemd=257)):
            # What reads the handlers' messages is a unit of its own.
            handlers = file.kind == "file" and file.service and not file.path.endswith(".stderr.service")
            unit = systemd_syntax.read_unit(file.content) if handlers else {}
            for section in ("Socket", "Service"):
                written = {key for key, _value in unit.get(section, [])}
                assert written <= OWNED[section.lower()].keys()


def test_field_to_use_instead_is_one_of_the_schema() -> None:
    fields = {path for path, _field in leaves(SERVICE)} | set(SERVICE.by_name) | {"connections.rate"}
    assert {field for owned in OWNED.values() for field in owned.values()} <= fields


def manager() -> str:
    """The program that knows its own directives; empty where there is none."""
    return next((path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if Path(path).exists()), "")


def known_directives() -> dict[str, set[str]]:
    said = subprocess.run([manager(), "--dump-configuration-items"], text=True, capture_output=True, check=True).stdout
    sections = re.split(r"^\[(\w+)\]$", said, flags=re.MULTILINE)[1:]
    return {
        title.lower(): {line.partition("=")[0] for line in body.split("\n") if "=" in line}
        for title, body in zip(sections[::2], sections[1::2])
    }


@pytest.mark.skipif(not manager(), reason="systemd is not installed")
@pytest.mark.parametrize(("section", "later"), [("socket", _SOCKET_257), ("service", _SERVICE_257)])
def test_systemd_has_these_directives(section: str, later: str) -> None:
    said = subprocess.run([manager(), "--version"], text=True, capture_output=True, check=True).stdout
    version = int(said.split()[1])
    if version not in (252, 257):
        pytest.skip(f"the directives of systemd {version} are not listed")
    newer = set((later + _COMMON_257).split()) if version < 257 else set()
    assert known_directives()[section] == DIRECTIVES[section] - newer


# Endpoints of one service: what they have in common in a socket unit, they cannot have differently.
DIFFERING: tuple[tuple[list[Fields], list[str]], ...] = (
    ([{"tcp": "7", "backlog": 5}, {"tcp": "8", "backlog": 5}], []),
    ([{"tcp": "7", "backlog": 5}, {"tcp": "8", "backlog": 6}], ["backlog"]),
    ([{"tcp": "7", "backlog": 5}, {"tcp": "8"}], ["backlog"]),
    ([{"tcp": "7", "backlog": 5}, {"udp": "7"}], []),
    ([{"tcp": "7"}, {"unix": "/a", "mode": "0600", "owner": "nobody", "group": "adm"}], []),
    ([{"unix": "/a", "mode": "0600"}, {"unix": "/b", "mode": "600"}], []),
    ([{"unix": "/a", "mode": "0600"}, {"unix": "/b"}], ["mode"]),
    ([{"unix": "/a", "owner": "nobody", "group": "adm"}, {"unix": "/b"}], ["owner", "group"]),
)


@pytest.mark.parametrize(("listen", "names"), DIFFERING)
def test_endpoints_that_differ_in_what_they_share(listen: list[Fields], names: list[str]) -> None:
    problems = SYSTEMD.further_problems(service(listen=listen, accept=False), HOST)
    assert sorted(problem.path.rpartition(".")[2] for problem in problems) == sorted(names)
    assert all("split the service" in problem.message for problem in problems)


# Fields before and after, and whether listeners must be closed and opened.
REBINDS: tuple[tuple[Fields, Fields, bool], ...] = (
    ({}, {}, False),
    ({}, {"user": "nobody", "exec": ["/bin/true"], "environment": {"A": "b"}, "description": "x"}, False),
    ({}, {"connections": {"max": 5}, "access": {"allow": ["::1"]}}, False),
    ({}, {"state": "present"}, False),
    ({}, {"listen": [{"tcp": "007"}]}, False),
    ({}, {"listen": [{"tcp": "8"}]}, True),
    ({}, {"listen": [{"tcp": "7"}, {"tcp": "8"}]}, True),
    ({}, {"listen": [{"tcp": "7", "family": "ipv4"}]}, True),
    ({}, {"listen": [{"tcp": "7", "backlog": 5}]}, True),
    ({}, {"accept": False}, True),
    ({"accept": False}, {"accept": False, "socket_fd": "stdin"}, False),
    ({"listen": [{"unix": "/a"}]}, {"listen": [{"unix": "/a", "mode": "0600"}]}, True),
    ({"listen": [{"unix": "/a"}]}, {"listen": [{"unix": "/a", "type": "seqpacket"}]}, True),
    ({"exec": None, "internal": "echo"}, {"exec": None, "internal": "time"}, False),
    ({"exec": None, "internal": "echo"}, {}, False),
)


@pytest.mark.parametrize(("old", "new", "expected"), REBINDS)
def test_listeners_are_bound_anew_only_where_they_must(old: Fields, new: Fields, expected: bool) -> None:
    assert SYSTEMD.rebinds(service(**old), service(**new), HOST) is expected
    assert SYSTEMD.rebinds(service(**new), service(**old), HOST) is expected


def test_owner_is_the_socket_unit() -> None:
    made = service(listen=[{"tcp": "7"}, {"udp": "7"}], exec=None, internal="discard")
    owners = {str(listener): SYSTEMD.owner(made, listener, HOST) for listener in made.listeners(ipv6=True)}
    assert owners == {"tcp:*:7": ("systemd", "echo.socket"), "udp:*:7": ("systemd", "echo.udp.socket")}
    foreign = service(listen=[{"tcp": "8"}]).listeners(ipv6=True)[0]
    with pytest.raises(ValueError, match="echo does not listen on"):
        SYSTEMD.owner(made, foreign, HOST)


CLAIMS: tuple[tuple[Fields, set[str]], ...] = (
    ({}, {"echo.socket", "echo.service", "echo@.service", "echo.stderr.service"}),
    ({"accept": False}, {"echo.socket", "echo.service", "echo@.service", "echo.stderr.service"}),
    ({"exec": None, "internal": "discard", "listen": [{"tcp": "7"}, {"udp": "7"}]}, {
        *("echo.socket", "echo.service", "echo@.service", "echo.stderr.service"),
        *("echo.udp.socket", "echo.udp.service", "echo.udp@.service", "echo.udp.stderr.service"),
    }),
)  # fmt: skip


@pytest.mark.parametrize(("fields", "units"), CLAIMS)
def test_claims_are_every_place_of_a_unit_of_its_name(fields: Fields, units: set[str]) -> None:
    claims = [Path(path) for path in SYSTEMD.reserved_paths(service(**fields), HOST)]
    folders = {str(path.parent) for path in claims}
    assert folders >= {"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"}
    assert {str(path) for path in claims} == {f"{folder}/{unit}" for folder in folders for unit in units}
    written = {file.path for file in SYSTEMD.render([service(**fields)], HOST) if file.kind == "file" and file.service}
    assert written <= {str(path) for path in claims}


@pytest.mark.parametrize(
    ("init", "missing"), [("systemd", ""), ("s6", "systemd as PID 1"), ("other", "systemd as PID 1")]
)
def test_runtime_is_there_where_it_is_the_first_process(init: str, missing: str) -> None:
    assert SYSTEMD.missing(replace(HOST, init=init), machine()) == missing


def test_checker_is_not_asked_about_links(tmp_path: Path) -> None:
    links = [file for file in SYSTEMD.render([service()], HOST) if file.kind == "link"]
    assert links
    assert SYSTEMD.check(str(tmp_path), links, HOST, FakeHost()) == []


@pytest.mark.parametrize(
    ("old", "new", "stopped"),
    [
        ({}, {"stderr": "client"}, [["stop", "test.stderr.service"]]),
        ({"stderr": "client"}, {}, []),
        ({}, {"exec": ["/bin/cat", "-"]}, []),
        ({}, {"stderr": "client", "tls": {"certificate": "/a", "key": "/b"}}, []),
    ],
)
def test_what_read_messages_ends_with_its_unit(old: Fields, new: Fields, stopped: list[list[str]]) -> None:
    host = FakeHost()
    change = Change(refresh=((service(name="test", **old), service(name="test", **new)),))
    SYSTEMD.after_activate(change, HOST, host)
    assert [argv[1:] for argv in host.argvs] == stopped


def test_whoever_a_daemon_has_left_ends_before_its_socket_is_somebody_elses() -> None:
    """They may have it, too, and systemd leaves them alone; those that the handler of a connection has left go on."""
    host = FakeHost()
    stopped = (service(name="a", accept=False), service(name="b"))
    SYSTEMD.release(Change(stop=stopped), HOST, host)
    assert "systemctl kill a.service" in host.done
    stops = host.done.index("systemctl stop a.socket b.socket a.service")
    assert host.done.index("systemctl kill a.service") > stops
    assert not any("b@" in what for what in host.done)
