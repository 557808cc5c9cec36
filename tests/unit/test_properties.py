# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is declared: it can be written down and read back, and it never becomes anything else in a unit file."""

from __future__ import annotations

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
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import resolve_ports
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.tests.unit import systemd_syntax
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, load, redeclared, refusal
from ansible_collections.ondemand.superserver.tests.unit.drawn import DECLARATIONS, DEFAULTS, HOSTS, TEXT, TEXTS, VALUES
from ansible_collections.ondemand.superserver.tests.unit.machine import machine

SYSTEMD = Systemd()


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
