# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of units: as written, as an independent reader of unit files reads them, and as systemd takes them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.handlers import handing_on
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import (
    UNITS,
    parts,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH, Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    internal as _helper_internal,
)
from ansible_collections.ondemand.superserver.tests.unit import goldens, systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, service
from ansible_collections.ondemand.superserver.tests.unit.samples import COMMON
from ansible_collections.ondemand.superserver.tests.unit.systemd_syntax import values

NASTY = (
    "",
    " ",
    "a b",
    "%n",
    "100%",
    "$HOME",
    "${HOME}",
    "$$",
    '"',
    "'",
    "\\",
    "\\n",
    ";",
    "#",
    "\n",
    "\t",
    "\r",
    "ü€",
    "{}",
    "=",
)
VARIABLES = {f"V{number}": value for number, value in enumerate(NASTY) if "\r" not in value}

# Everything that changes how units look, by the name of the service.
SERVICES: dict[str, Fields] = {
    **COMMON,
    "echo": {},
    "ordered": {"requires": ["first", "db", "sysinit.target"], "after": ["web", "first", "y.target"]},
    "nasty": {
        "description": "100 % of $HOME \"quoted\" 'x' #1; {a}",
        "exec": ["/bin/echo", *NASTY],
        "environment": {**VARIABLES, "PATH": "/bin", "HOME": "/"},
        "working_directory": "/srv/a %n $b \"c\"",
        "umask": "077",
        "nice": -5,
    },
    "stdin": {"accept": False, "socket_fd": "stdin", "user": "nobody", "group": "daemon"},
    "sockets": {
        "listen": [{"tcp": "1001"}, {"tcp": "127.0.0.1:1002"}, {"udp": "1001"}],
        "accept": False,
        "connections": {"max": 5},
    },
    "families": {
        "listen": [
            *({"tcp": "1005", "family": "ipv4"}, {"tcp": "1006", "family": "ipv6"}),
            *({"tcp": "1007"}, {"tcp": "[::1]:1008"}),
        ]
    },
    "only-ipv4": {"listen": [{"tcp": "1009", "family": "ipv4"}, {"tcp": "192.0.2.1:1010"}]},
    "unix": {
        "listen": [
            {"unix": "/run/a %b.sock", "owner": "nobody", "group": "adm", "mode": "0600", "backlog": 20},
            {"unix": "/run/b", "type": "seqpacket", "owner": "nobody", "group": "adm", "mode": "0600", "backlog": 20},
        ],
        "connections": {"max": 7},
    },
    "unix-datagrams": {"listen": [{"unix": "/run/c", "type": "datagram"}], "socket_fd": "stdin"},
    "limited": {
        "connections": {"max": 20, "per_source": 3},
        "access": {"allow": ["192.0.2.0/24", "2001:db8::/32"], "deny": ["192.0.2.128/25"]},
    },
    "denied": {"access": {"deny": ["192.0.2.1", "::/0"]}},
    "native": {
        "native": {"systemd": {
            "socket": {"Mark": 7, "ExecStartPre": ["/bin/true", "/bin/true %n"]},
            "service": {"IOSchedulingClass": "idle", "PrivateTmp": True, "RuntimeDirectory": "native"},
        }}
    },
}  # fmt: skip

HOST = Platform(primary_groups={"nobody": "nogroup"}, programs={"setpriv": "/usr/bin/setpriv"})
VERSIONS = {"252": HOST, "257": replace(HOST, systemd=257)}


def files_of(name: str, platform: Platform = HOST) -> list[File]:
    return Systemd().render([service(name=name, **SERVICES[name])], platform)


def units_of(files: list[File]) -> list[File]:
    """Without the collection's own programs and what is behind TLS, which have their tests."""
    return [file for file in files if file.service and file.path.startswith(UNITS)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SERVICES)
def test_golden(name: str, version: str) -> None:
    goldens.compare(f"systemd/{version}/{name}.txt", units_of(files_of(name, VERSIONS[version])))


@pytest.mark.parametrize(
    ("name", "golden"), [("limited", "limited-without-bpf.txt"), ("families", "families-without-ipv6.txt")]
)
def test_golden_of_a_poorer_host(name: str, golden: str) -> None:
    goldens.compare(f"systemd/{golden}", files_of(name, replace(HOST, bpf=False, ipv6=False)))


def test_every_golden_file_is_compared() -> None:
    expected = {f"{name}.txt" for name in SERVICES}
    assert [goldens.names(f"systemd/{version}") for version in VERSIONS] == [expected] * len(VERSIONS)


def test_rendering_is_the_sum_of_its_services() -> None:
    every = [service(name=name, **fields) for name, fields in SERVICES.items()]
    together = Systemd().render(every, HOST)
    assert Systemd().render(every, HOST) == together
    alone = [file for name in SERVICES for file in files_of(name)]
    assert {file.path: file for file in together} == {file.path: file for file in alone}
    paths = [file.path for file in together]
    assert len(paths) == len(set(paths))


def test_own_program_comes_with_the_service_that_runs_it() -> None:
    (program,) = (file for file in files_of("internal") if file.path.endswith("/internal"))
    assert (program.path, program.mode) == ("/usr/local/lib/superserver/internal", 0o755)
    assert program.content == Path(_helper_internal.__file__).read_text(encoding="utf-8")
    assert HEADER in program.content


def read(name: str, platform: Platform = HOST) -> dict[str, systemd_syntax.Unit]:
    """The units of a service, as the independent reader reads them, by file name."""
    return {
        Path(file.path).name: systemd_syntax.read_unit(file.content)
        for file in files_of(name, platform)
        if file.kind == "file" and file.path.startswith(UNITS)
    }


@pytest.mark.parametrize("name", SERVICES)
def test_example_is_one_that_the_backend_takes(name: str) -> None:
    assert Systemd().further_problems(service(name=name, **SERVICES[name]), HOST) == []


@pytest.mark.parametrize("name", SERVICES)
def test_units_are_all_that_is_written(name: str) -> None:
    files = units_of(files_of(name))
    made = service(name=name, **SERVICES[name])
    expected = {f"{UNITS}/{unit}" for part in parts(made, HOST) for unit in (part.socket, part.service)}
    if made.stderr == "log":
        expected |= {f"{UNITS}/{part.stem}.stderr.service" for part in parts(made, HOST)}
    assert {file.path for file in files if file.kind == "file"} == expected
    assert all(HEADER in file.content and file.mode == 0o644 for file in files if file.kind == "file")
    links = {file.path: file.content for file in files if file.kind == "link"}
    sockets = [part.socket for part in parts(made, HOST)] if made.enabled else []
    assert links == {f"{UNITS}/sockets.target.wants/{socket}": f"{UNITS}/{socket}" for socket in sockets}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SERVICES)
def test_settings_are_known_and_stand_once(name: str, version: str) -> None:
    repeated = {"ListenStream", "ListenDatagram", "ListenSequentialPacket", "ExecStartPre"}
    repeated |= {"IPAddressAllow", "IPAddressDeny"}
    for unit in read(name, VERSIONS[version]).values():
        for section, settings in unit.items():
            keys = [key for key, _value in settings if key not in repeated]
            assert len(keys) == len(set(keys)), section


# systemd's own defaults are not the schema's, so that these are written whatever is declared.
EXPLICIT = {
    "Socket": {"Accept", "TriggerLimitIntervalSec"},
    "Service": {
        *("Type", "ExecStart", "StandardInput", "StandardOutput", "StandardError"),
        *("WorkingDirectory", "UMask", "Nice"),
    },
}  # fmt: skip
# The unit that reads what handlers say.
EXPLICIT_OF_THE_READER = {"StandardOutput", "StandardError", "KillMode", "SyslogIdentifier", "LogRateLimitIntervalSec"}


@pytest.mark.parametrize("name", SERVICES)
def test_defaults_are_written_out(name: str) -> None:
    for path, unit in read(name).items():
        reads = path.endswith(".stderr.service")
        for section in EXPLICIT.keys() & unit.keys():
            found = {key for key, _value in unit[section]}
            assert (EXPLICIT_OF_THE_READER if reads else EXPLICIT[section]) <= found
        if "Socket" in unit and values(unit, "Socket", "Accept") == ["yes"]:
            assert {"MaxConnections", "MaxConnectionsPerSource"} <= {key for key, _value in unit["Socket"]}


def test_everything_nasty_arrives_byte_for_byte() -> None:
    unit = read("nasty")["nasty@.service"]
    (line,) = values(unit, "Service", "ExecStart")
    assert systemd_syntax.handler(line)[0] == ["/bin/echo", *NASTY]
    assert systemd_syntax.environment(unit) == {**VARIABLES, "PATH": "/bin", "HOME": "/"}
    (directory,) = values(unit, "Service", "WorkingDirectory")
    assert systemd_syntax.unspecified(directory) == '/srv/a %n $b "c"'
    (description,) = values(unit, "Unit", "Description")
    assert systemd_syntax.unspecified(description) == "100 % of $HOME \"quoted\" 'x' #1; {a}"


# Endpoints of a handler or a daemon, and what it is told by systemd.
TOLD: tuple[tuple[Fields, set[str]], ...] = (
    ({}, {"REMOTE_ADDR", "REMOTE_PORT"}),
    ({"listen": [{"unix": "/run/a"}]}, set()),
    ({"listen": [{"tcp": "7"}, {"unix": "/run/a"}]}, {"REMOTE_ADDR", "REMOTE_PORT"}),
    ({"accept": False}, {"LISTEN_FDS", "LISTEN_PID"}),
    ({"accept": False, "socket_fd": "stdin"}, set()),
    ({"exec": None, "internal": "discard", "listen": [{"udp": "7"}]}, set()),
    ({"log": {"what": ["pid"]}}, {"REMOTE_ADDR", "REMOTE_PORT"}),
    ({"supplementary_groups": []}, {"REMOTE_ADDR", "REMOTE_PORT"}),
)


@pytest.mark.parametrize(("fields", "told"), TOLD)
def test_environment_is_made_of_nothing_else(fields: Fields, told: set[str]) -> None:
    """Not even of what the host has systemd give to every unit."""
    files = Systemd().render([service(**fields)], HOST)
    (unit,) = (systemd_syntax.read_unit(file.content) for file in files if "UMask=" in file.content)
    (line,) = values(unit, "Service", "ExecStart")
    assert systemd_syntax.handler(line)[1] == {"PATH": PATH, **{name: f"${{{name}}}" for name in told}}
    assert not {"Environment", "UnsetEnvironment"} & {key for key, _value in unit["Service"]}


@pytest.mark.parametrize("client", [{}, {"REMOTE_ADDR": "::1", "REMOTE_PORT": "9"}])
def test_a_client_without_an_address_has_none(client: dict[str, str]) -> None:
    """Where a unit has unix sockets beside others, each handler finds out."""
    script = handing_on(("REMOTE_ADDR", "REMOTE_PORT"))
    words = ["/bin/sh", "-c", script, "/usr/bin/env", "A=b c", "/usr/bin/env", "-0"]
    done = subprocess.run(words, env={**client, "SURPLUS": "x"}, stdout=subprocess.PIPE, check=True, text=True)
    assert dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry) == {**client, "A": "b c"}


def test_messages_bear_the_name_of_the_program() -> None:
    assert values(read("echo")["echo.stderr.service"], "Service", "SyslogIdentifier") == ["cat"]


def test_raw_directives_about_messages_are_the_readers_too() -> None:
    """It is what hands them to the journal; what a handler tells the journal by itself goes by its own unit."""
    raw = {"SyslogIdentifier": "other", "LogRateLimitIntervalSec": "9", "LogExtraFields": ["A=b", "C=d"]}
    made = service(native={"systemd": {"service": {**raw, "LogsDirectory": "x"}}})
    units = {Path(file.path).name: file.content for file in Systemd().render([made], HOST)}
    for name, logs in (("echo.stderr.service", []), ("echo@.service", ["x"])):
        unit = systemd_syntax.read_unit(units[name])
        assert values(unit, "Service", "SyslogIdentifier") == ["other"]
        assert values(unit, "Service", "LogRateLimitIntervalSec") == ["9"]
        assert values(unit, "Service", "LogExtraFields") == ["A=b", "C=d"]
        assert values(unit, "Service", "LogsDirectory") == logs
