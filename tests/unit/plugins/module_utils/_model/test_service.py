# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services as everything behind the schema sees them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import resolve_ports
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Access, Connections, Probe
from ansible_collections.ondemand.superserver.tests.unit.declarations import ECHO, Fields, load, redeclared, service

DATAGRAM = {"listen": [{"udp": "7"}]}

# Declared fields, the attribute, and its value.
ATTRIBUTES: tuple[tuple[Fields, str, t.Any], ...] = (
    ({}, "state", "present"),
    ({}, "enabled", True),
    ({"state": "disabled"}, "enabled", False),
    ({}, "backend", "systemd"),
    ({"backend": "s6"}, "backend", "s6"),
    ({}, "description", ""),
    ({}, "accept", True),
    (DATAGRAM, "accept", False),
    ({"listen": [{"unix": "/a", "type": "datagram"}]}, "accept", False),
    ({"listen": [{"unix": "/a", "type": "seqpacket"}]}, "accept", True),
    ({"accept": False}, "accept", False),
    ({}, "socket_fd", "listen_fds"),
    ({}, "exec", ("/bin/cat",)),
    ({}, "argv0", ""),
    ({}, "end_children", False),
    ({"end_children": True}, "end_children", True),
    ({"argv0": "in.telnetd"}, "argv0", "in.telnetd"),
    ({}, "internal", ""),
    ({}, "user", "root"),
    ({}, "group", None),
    ({}, "supplementary_groups", None),
    ({"supplementary_groups": []}, "supplementary_groups", ()),
    ({"supplementary_groups": ["b", "a"]}, "supplementary_groups", ("b", "a")),
    ({}, "umask", "022"),
    ({"umask": "0077"}, "umask", "077"),
    ({}, "nice", 0),
    ({}, "working_directory", "/"),
    ({}, "environment", ()),
    ({"environment": {"B": "1", "A": "2"}}, "environment", (("A", "2"), ("B", "1"))),
    ({}, "environment_file", ""),
    ({"environment_file": "/a"}, "environment_file", "/a"),
    ({}, "secrets", ()),
    ({}, "stderr", "log"),
    ({}, "connections", Connections(None, None)),
    ({"connections": {"max": 5}}, "connections", Connections(5, None)),
    ({"access": {"allow": ["::1"], "deny": []}}, "access", Access(("::1",), ())),
    ({}, "probe", None),
    ({"probe": {}}, "probe", Probe("", "", 5)),
    ({"probe": {"expect": "a", "timeout": 1.5}}, "probe", Probe("", "a", 1.5)),
    ({"listen": [{"tcp": 7}]}, "listen", (Endpoint("tcp", "", 7),)),
    ({"listen": [{"tcp": "7", "family": "any"}]}, "listen", (Endpoint("tcp", "", 7),)),
    ({"listen": [{"tcp": "7", "family": "ipv6", "backlog": 5}]}, "listen", (
        Endpoint("tcp", "", 7, family="ipv6", backlog=5),
    )),
    ({"listen": [{"tcp": "127.0.0.1:7", "family": "any"}]}, "listen", (
        Endpoint("tcp", "127.0.0.1", 7, family="ipv4"),
    )),
    ({"listen": [{"unix": "/a", "mode": "600", "owner": "b"}]}, "listen", (
        Endpoint("unix", path="/a", mode="0600", owner="b"),
    )),
    ({"listen": [{"unix": "/a"}]}, "listen", (Endpoint("unix", path="/a", mode="0660", owner="root", group="root"),)),
)  # fmt: skip


@pytest.mark.parametrize(("fields", "name", "value"), ATTRIBUTES)
def test_attribute(fields: Fields, name: str, value: t.Any) -> None:
    assert getattr(service(**fields), name) == value


def test_services_are_sorted_without_the_absent() -> None:
    entries = [{**ECHO, "name": "b", "listen": [{"tcp": "8"}]}, {"name": "c", "state": "absent"}, {**ECHO, "name": "a"}]
    services = load_services([Layer(BASE, entries)], None, "xinetd")
    assert [(each.name, each.backend) for each in services] == [("a", "xinetd"), ("b", "xinetd")]


NATIVE = {"systemd": {"socket": {"Mark": 1}, "service": {"A": [True, "b"]}}, "xinetd": {"c": "d"}, "s6": {"e": 0.5}}


def test_native_directives_are_strings() -> None:
    native = service(native=NATIVE).native
    assert native.of("systemd.socket") == {"Mark": "1"}
    assert native.of("systemd.service") == {"A": ["yes", "b"]}
    assert native.of("xinetd") == {"c": "d"}
    assert native.of("s6") == {"e": "0.5"}


USED: tuple[tuple[Fields, str, bool], ...] = (
    ({"exec": None, "proxy": {"to": "/run/a"}}, "user", False),
    ({"user": "root"}, "user", True),
    ({"nice": 0}, "nice", True),
    ({"accept": False}, "accept", True),
    ({"description": ""}, "description", True),
    ({"supplementary_groups": []}, "supplementary_groups", False),
    ({"connections": {"max": 1}}, "connections", True),
    ({"connections": {"max": 1}}, "connections.max", True),
    ({"connections": {"max": 1}}, "connections.per_source", False),
    ({"connections": {"max": 1}}, "connections.max.count", False),
    ({"connections": {}}, "connections", False),
    ({"connections": {"rate": {"count": 1}}}, "connections.rate.count", True),
    ({"access": {"allow": []}}, "access.allow", False),
    ({}, "nonesuch.field", False),
)


@pytest.mark.parametrize(("fields", "path", "used"), USED)
def test_uses(fields: Fields, path: str, used: bool) -> None:
    assert service(**fields).uses(path) is used


def test_has() -> None:
    mixed = service(listen=[{"tcp": "7"}, {"unix": "/a"}])
    assert mixed.has("tcp")
    assert mixed.has("udp", "unix")
    assert not mixed.has("udp")


def test_listeners_depend_on_the_host() -> None:
    echo = service()
    assert [str(listener) for listener in echo.listeners(ipv6=True)] == ["tcp:*:7"]
    assert [str(listener) for listener in echo.listeners(ipv6=False)] == ["tcp:0.0.0.0:7"]


# Endpoints as declared, and as they are in the manifest once ports are resolved.
WRITTEN: tuple[tuple[Fields, Fields], ...] = (
    ({"tcp": 7}, {"tcp": "7"}),
    ({"tcp": "echo"}, {"tcp": "7"}),
    ({"tcp": "007"}, {"tcp": "7"}),
    ({"tcp": "127.0.0.1:echo"}, {"tcp": "127.0.0.1:7"}),
    ({"tcp": "[0::1]:7", "backlog": 5}, {"tcp": "[::1]:7", "backlog": 5}),
    ({"tcp": "7", "family": "ipv4"}, {"tcp": "7", "family": "ipv4"}),
    ({"unix": "/run/*:a", "mode": "600"}, {"unix": "/run/*:a", "mode": "600"}),
)


@pytest.mark.parametrize(("declared", "written"), WRITTEN)
def test_manifest_has_resolved_endpoints(declared: Fields, written: Fields) -> None:
    (resolved,) = resolve_ports([service(listen=[declared])], lambda _name, _transport: 7)
    assert resolved.to_json() == {**ECHO, "listen": [written], "backend": "systemd"}
    assert redeclared(resolved.to_json()) == resolved


@pytest.mark.parametrize("field", ["user", "accept", "socket_fd", "environment", "stderr"])
def test_internal_service_is_read_back_under_defaults(field: str) -> None:
    defaults = {"user": "a", "accept": False, "socket_fd": "stdin", "environment": {"A": "b"}, "stderr": "log"}
    (made,) = load({"name": "echo", "listen": [{"tcp": "7"}], "internal": "echo"}, defaults={field: defaults[field]})
    assert redeclared(made.to_json()) == made


NUMBERS = {("echo", "tcp"): 7, ("tftp", "udp"): 69}


def refused(*entries: Fields) -> list[str]:
    with pytest.raises(InvalidDeclaration) as caught:
        resolve_ports(load(*entries), lambda name, transport: NUMBERS.get((name, transport)))
    return [str(problem) for problem in caught.value.problems]


def test_every_unknown_port_name_is_reported() -> None:
    first, second = refused(
        {**ECHO, "listen": [{"tcp": "echo"}, {"tcp": "tftp"}]},
        {**ECHO, "name": "f", "listen": [{"tcp": "127.0.0.1:x"}]},
    )
    assert first.startswith(f'{BASE}[0].listen[1].tcp: "tftp" is not in the host\'s /etc/services for tcp')
    assert second.startswith(f'{BASE}[1].listen[0].tcp: "x" is not in')


@pytest.mark.parametrize("other", ["7", "127.0.0.1:echo", "[::1]:7"])
def test_names_that_become_one_port_collide(other: str) -> None:
    (message,) = refused({**ECHO, "listen": [{"tcp": "echo"}]}, {**ECHO, "name": "f", "listen": [{"tcp": other}]})
    assert message.startswith(f"{BASE}[1].listen[0]: ")
    assert f'"echo" at {BASE}[0].listen[0]' in message


def test_disabled_service_collides_with_nothing() -> None:
    entries = [{**ECHO, "listen": [{"tcp": "echo"}]}, {**ECHO, "name": "f", "state": "disabled"}]
    assert len(resolve_ports(load(*entries), lambda _name, _transport: 7)) == 2


def test_path_tells_where_a_field_was_declared() -> None:
    (made,) = load({**ECHO, "access": {"allow": ["::1"]}}, defaults={"access": {"deny": ["::2"]}, "nice": 1})
    assert made.path("access.allow") == f"{BASE}[0].access.allow"
    assert made.path("access.deny") == "superserver_defaults.access.deny"
    assert made.path("nice") == "superserver_defaults.nice"
    assert made.path("umask") == f"{BASE}[0].umask"


def test_on_is_a_name_though_yaml_reads_a_boolean() -> None:
    written = {"text": "x", True: "connect"}
    banner = service(banner=written).banner
    assert banner is not None
    assert banner.on == "connect"
