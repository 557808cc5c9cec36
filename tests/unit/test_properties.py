# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is declared: it can be written down and read back, and it never becomes anything else in a unit file."""

from __future__ import annotations

import re
import shutil
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import variables
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.backend import Systemd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import parts
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import used_rows
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import keeper_files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import (
    Service,
    resolve_ports,
)
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, load, redeclared, refusal
from ansible_collections.ondemand.superserver.tests.unit.machine import machine

SYSTEMD = Systemd()
HOSTS = st.builds(
    Platform,
    systemd=st.sampled_from([252, 257]),
    ipv6=st.booleans(),
    bpf=st.booleans(),
    primary_groups=st.just({"root": "root", "nobody": "nogroup"}),
)

# Text that some parser somewhere takes for more than text.
MEANINGFUL = st.sampled_from([
    *("%", "%%", "%n", "$", "$$", "$A", "${A}", '"', "'", "\\", "\\\n", ";", "#", "\n", "\r", "\t", " ", "=", "[", "]"),
    *("[Service]", "\nExecStart=/bin/false", "\n[Service]\nUser=root\n", "-", "+", "!", "@", ":", "{", "}", "~"),
    *("\xfc", "\u2028", "\x85", "\xa0", "\ufeff", "\ufffe", "\U0001ffff"),
    *("*", "?", "`", "|", "&", "<", ">", "(", ")", "0", "a", "\0", "\x1b", "\x7f"),
])  # fmt: skip
TEXT = st.one_of(MEANINGFUL, st.lists(MEANINGFUL, max_size=8).map("".join), st.text(max_size=12))


def keeping(pattern: str) -> st.SearchStrategy[str]:
    """Text of the characters that match a pattern."""
    return TEXT.map(lambda text: "".join(re.findall(pattern, text)))


# What fields take: words that may have line breaks, variables, and one line that is written without quotes.
CHARACTER = r"[^\x00-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0001fffe-\U0001ffff\U0002fffe-\U0010ffff]"
TEXTS = keeping(rf"(?:{CHARACTER}|[\t\n\r])")
VALUES = keeping(rf"(?:{CHARACTER}|[\t\n])")
LINES = keeping(CHARACTER).map(lambda text: re.sub(r"[\s\\]+\Z", "", text).strip())
PATHS = LINES.map(lambda text: re.sub(r"[/.]", "_", text))
PROGRAMS = PATHS.map(lambda text: "/opt/p" + re.sub(r"[\"'\\$]", "_", text))

ACCOUNTS = st.sampled_from(["root", "nobody", "www-data", "machine$"])
NETWORKS = st.sampled_from(["192.0.2.0/24", "192.0.2.1", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0"])
LIMITS = st.integers(1, 1000)


@st.composite
def network_endpoints(draw: st.DrawFn, transport: str, number: int) -> Fields:
    """A port of its own for each number, so that endpoints do not meet."""
    port = draw(st.sampled_from([str(1000 + number), f"0{1000 + number}"]))
    address = draw(st.sampled_from(["", "127.0.0.1:", "0.0.0.0:", "[::1]:", "[::]:", "192.0.2.1:"]))
    endpoint: Fields = {transport: f"{address}{port}"}
    if not address and draw(st.booleans()):
        endpoint["family"] = draw(st.sampled_from(["any", "ipv4", "ipv6"]))
    if transport == "tcp" and draw(st.booleans()):
        endpoint["backlog"] = draw(st.integers(1, 65535))
    return endpoint


@st.composite
def unix_endpoints(draw: st.DrawFn, kind: str, number: int) -> Fields:
    optional = {"owner": ACCOUNTS, "group": ACCOUNTS, "mode": st.sampled_from(["600", "0666"])}
    endpoint: Fields = draw(st.fixed_dictionaries({}, optional=optional))
    endpoint["unix"] = f"/run/{number}{draw(PATHS)}"
    if kind != "stream":
        endpoint["type"] = kind
    return endpoint


# Endpoints by what can be listened on together.
SORTS: dict[str, tuple[t.Callable[[int], st.SearchStrategy[Fields]], ...]] = {
    "connections": (
        lambda number: network_endpoints("tcp", number),
        lambda number: unix_endpoints("stream", number),
        lambda number: unix_endpoints("seqpacket", number),
    ),
    "datagrams": (
        lambda number: network_endpoints("udp", number),
        lambda number: unix_endpoints("datagram", number),
    ),
    "network": (lambda number: network_endpoints("tcp", number), lambda number: network_endpoints("udp", number)),
}
PROCESS: dict[str, st.SearchStrategy[t.Any]] = {
    "user": ACCOUNTS,
    "group": ACCOUNTS,
    "supplementary_groups": st.lists(ACCOUNTS, max_size=2),
    "umask": st.sampled_from(["022", "0077"]),
    "nice": st.integers(-20, 19),
    "working_directory": PATHS.map("/".__add__),
    "environment": st.dictionaries(st.sampled_from(["A", "B_1", "PATH", "HOME"]), VALUES, max_size=3),
}
COMMON: dict[str, st.SearchStrategy[t.Any]] = {
    "state": st.sampled_from(["present", "disabled"]),
    "description": LINES,
    "probe": st.fixed_dictionaries({}, optional={"send": TEXTS, "timeout": st.integers(1, 9)}),
}
ACCESS = st.fixed_dictionaries(
    {}, optional={"allow": st.lists(NETWORKS, max_size=3), "deny": st.lists(NETWORKS, max_size=3)}
)
CONNECTIONS = st.fixed_dictionaries({}, optional={"max": LIMITS, "per_source": LIMITS})


@st.composite
def declarations(draw: st.DrawFn) -> Fields:
    """One service that the schema takes."""
    handler = draw(st.sampled_from(["handler", "daemon", "internal"]))
    sort = "network" if handler == "internal" else draw(st.sampled_from(["connections", "datagrams"]))
    sort = "connections" if handler == "handler" else sort
    listen = [draw(draw(st.sampled_from(SORTS[sort]))(number)) for number in range(draw(st.integers(1, 3)))]
    declared: Fields = {"name": draw(st.sampled_from(["a", "b-c", "D", "9"])), "listen": listen}
    declared.update(draw(st.fixed_dictionaries({}, optional=COMMON)))
    if handler == "internal":
        answers = not any("udp" in endpoint for endpoint in listen)
        declared["internal"] = draw(st.sampled_from(["echo", "time"] if answers else ["discard"]))
    else:
        declared["exec"] = [draw(st.one_of(st.just("/bin/echo"), PROGRAMS)), *draw(st.lists(TEXTS, max_size=4))]
        declared.update(draw(st.fixed_dictionaries({}, optional=PROCESS)))
    if handler == "handler":
        declared.update(draw(st.fixed_dictionaries({}, optional={"stderr": st.sampled_from(["log", "client"])})))
    if handler == "daemon":
        declared["accept"] = False
        declared["socket_fd"] = "listen_fds" if len(listen) > 1 else draw(st.sampled_from(["listen_fds", "stdin"]))
    if any("tcp" in endpoint for endpoint in listen):
        declared.update(draw(st.fixed_dictionaries({}, optional={"connections": CONNECTIONS})))
    if any({"tcp", "udp"} & endpoint.keys() for endpoint in listen):
        declared.update(draw(st.fixed_dictionaries({}, optional={"access": ACCESS})))
    return declared


DECLARATIONS = declarations()
# Defaults are for every service, so that some of them mean nothing for the one that is drawn.
DEFAULTS = st.fixed_dictionaries(
    {},
    optional={
        **PROCESS,
        "socket_fd": st.just("listen_fds"),
        "stderr": st.sampled_from(["log", "client"]),
        "access": ACCESS,
        "connections": CONNECTIONS,
    },
)


def made_of(declared: Fields, defaults: Fields) -> Service:
    return resolve_ports(load(declared, defaults=defaults), lambda _name, _transport: None)[0]


@given(DECLARATIONS, DEFAULTS)
def test_service_is_read_back_as_it_was(declared: Fields, defaults: Fields) -> None:
    made = made_of(declared, defaults)
    again = redeclared(made.to_json())
    assert again == made
    assert again.to_json() == made.to_json()
    assert [row for row in used_rows(again) if row.field != "backend"] == list(used_rows(made))
    assert SYSTEMD.render([again], Platform()) == SYSTEMD.render([made], Platform())


def expected_argv(service: Service, argv: list[str]) -> bool:
    """Whether a handler's command line is the declared one, for an exec service."""
    return tuple(argv) == service.exec or bool(service.internal)


# The settings whose text comes from the declaration as it stands.
PLAIN: dict[str, t.Callable[[Service], str]] = {
    "Description": lambda service: service.description or f"{service.name}, started on demand",
    "WorkingDirectory": lambda service: service.working_directory,
}
KEYS = {
    "Unit": {"Description", "CollectMode", "StartLimitIntervalSec", "Requires", "Wants", "After"},
    "Install": {"WantedBy"},
    "Socket": {
        *("ListenStream", "ListenDatagram", "ListenSequentialPacket", "Backlog", "BindIPv6Only", "FreeBind"),
        *("SocketUser", "SocketGroup", "SocketMode", "DirectoryMode", "RemoveOnStop", "KeepAlive", "NoDelay", "Accept"),
        *("MaxConnections", "MaxConnectionsPerSource", "TriggerLimitIntervalSec", "PollLimitIntervalSec"),
        *("IPAddressAllow", "IPAddressDeny"),
    },
    "Service": {
        *("Type", "ExecStart", "ExecStopPost", "Restart", "StandardInput", "StandardOutput", "StandardError"),
        *("User", "Group", "SupplementaryGroups", "WorkingDirectory", "UMask", "Nice"),
        *("KillMode", "NoNewPrivileges", "CapabilityBoundingSet"),
    },
}


def check_unit(service: Service, unit: systemd_syntax.Unit) -> None:
    """A unit holds nothing but what the collection writes, and in that what was declared."""
    for section, lines in unit.items():
        assert {key for key, _value in lines} <= KEYS[section]
        for key, meant in PLAIN.items():
            for value in systemd_syntax.values(unit, section, key):
                assert systemd_syntax.unspecified(value) == meant(service)
    for value in systemd_syntax.values(unit, "Service", "ExecStart"):
        by_setpriv = systemd_syntax.command(value)[0] == "/usr/bin/setpriv"
        assert by_setpriv is (service.supplementary_groups is not None)
        assert expected_argv(service, systemd_syntax.handler(value)[0])
    if "Service" in unit:
        assert systemd_syntax.environment(unit) == variables(service)
        assert len(systemd_syntax.values(unit, "Service", "ExecStart")) == 1


READER = {
    *("Type", "ExecStartPre", "ExecStart", "ExecStopPost", "Restart", "RestartSec", "KillMode"),
    *("StandardInput", "StandardOutput", "StandardError", "SyslogIdentifier"),
    *("LogRateLimitIntervalSec", "LogRateLimitBurst"),
    *("RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve"),
    *("NoNewPrivileges", "CapabilityBoundingSet"),
}


def check_reader(service: Service, unit: systemd_syntax.Unit) -> None:
    """Nothing of the declaration but its description and the name of its program is in what reads messages."""
    assert {key for key, _value in unit["Unit"]} == {"Description", "PartOf", "StartLimitIntervalSec"}
    assert {key for key, _value in unit["Service"]} == READER
    (description,) = systemd_syntax.values(unit, "Unit", "Description")
    assert systemd_syntax.unspecified(description).endswith(PLAIN["Description"](service))
    if service.exec:
        (name,) = systemd_syntax.values(unit, "Service", "SyslogIdentifier")
        assert systemd_syntax.unspecified(name) == service.exec[0].rpartition("/")[2]


@given(DECLARATIONS, HOSTS)
def test_nothing_declared_becomes_a_directive(declared: Fields, host: Platform) -> None:
    made = made_of(declared, {})
    files = SYSTEMD.render([made], host)
    assert SYSTEMD.render([made], host) == files
    units = [file for file in files if file.kind == "file" and file.service]
    readers = [file for file in units if file.path.endswith(".stderr.service")]
    assert len(units) == 2 * len(parts(made, host)) + len(readers)
    assert len(readers) == (len(parts(made, host)) if made.stderr == "log" else 0)
    for file in readers:
        check_reader(made, systemd_syntax.read_unit(file.content))
    paths = []
    for file in (file for file in units if file not in readers):
        assert file.content.startswith(f"# {HEADER}")
        unit = systemd_syntax.read_unit(file.content)
        check_unit(made, unit)
        listening = [value for key, value in unit.get("Socket", []) if key.startswith("Listen")]
        paths += [systemd_syntax.unspecified(value) for value in listening if value.startswith("/")]
    assert paths == [endpoint.path for endpoint in made.listen if endpoint.transport == "unix"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
# Making an example smaller would take minutes.
@settings(
    max_examples=4,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.lists(DECLARATIONS, min_size=10, max_size=20))
def test_systemd_takes_every_unit(tmp_path: Path, drawn: list[Fields]) -> None:
    declared = [{**entry, "name": f"example{number}"} for number, entry in enumerate(drawn)]
    for entry in declared:
        # It looks whether programs are there.
        if "exec" in entry:
            entry["exec"] = ["/bin/echo", *entry["exec"][1:]]
    files = SYSTEMD.render([made_of(entry, {}) for entry in declared], Platform())
    for file in [*files, *keeper_files(Platform())]:
        if file.kind == "file":
            path = Path(f"{tmp_path}{file.path}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content, encoding="utf-8")
    assert SYSTEMD.check(str(tmp_path), files, Platform(), machine()) == []


@given(st.lists(TEXTS, min_size=1, max_size=20), st.dictionaries(st.sampled_from(["A", "B"]), VALUES))
def test_every_text_that_can_be_an_argument_is_taken(words: list[str], environment: dict[str, str]) -> None:
    assert refusal({**ECHO, "exec": ["/bin/echo", *words], "environment": environment}) == []


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 99999), st.floats(), TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(sorted(SERVICE.by_name)), TEXT), inner, max_size=3),
    ),
    max_leaves=8,
)
HALF_RIGHT = st.builds(
    lambda right, wild: {**right, **wild},
    DECLARATIONS,
    st.dictionaries(st.sampled_from(sorted(SERVICE.by_name)), ANYTHING, max_size=3),
)


@given(st.one_of(ANYTHING, st.lists(st.one_of(ANYTHING, HALF_RIGHT), max_size=3)), st.one_of(ANYTHING, DEFAULTS))
def test_whatever_is_wrong_is_a_problem_with_a_path(services: t.Any, defaults: t.Any) -> None:
    found = refusal(layers={f"{BASE}__x": services}, defaults=defaults)
    assert all(path.startswith((BASE, "superserver_defaults")) for path, _message in found)
    assert all(message for _path, message in found)
