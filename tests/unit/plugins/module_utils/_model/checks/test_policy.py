# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy refuses every value that it does not allow, with its place, and nothing else."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.policy import (
    POLICY,
    check_policy,
    policy_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration

PLAIN: dict[str, t.Any] = {"name": "a", "listen": [{"tcp": "8080"}], "exec": ["/usr/lib/x/serve"], "user": "www"}


def refused(policy: dict[str, t.Any], *layers: Layer, defaults: t.Any = None, **fields: t.Any) -> list[str]:
    """Problems of one service with further fields; a field that is None is left out."""
    service = {name: value for name, value in {**PLAIN, **fields}.items() if value is not None}
    services = load_services([Layer(BASE, [service]), *layers], defaults, "systemd")
    try:
        check_policy(services, policy_of(policy))
    except InvalidDeclaration as exc:
        return [str(problem) for problem in exc.problems]
    return []


@pytest.mark.parametrize("value", [None, {}, ""])
def test_without_a_policy_everything_is_allowed(value: t.Any) -> None:
    assert policy_of(value) == {}
    assert refused(value) == []


@pytest.mark.parametrize(
    ("policy", "fields"),
    [
        ({"accounts": ["www"]}, {}),
        ({"accounts": []}, {"user": None, "exec": None, "internal": "echo"}),
        ({"accounts": []}, {"user": None, "exec": None, "proxy": {"to": "127.0.0.1:80"}}),
        ({"accounts": ["www", "log"]}, {"group": "log", "supplementary_groups": ["www"]}),
        ({"programs": ["/usr/lib/x"]}, {}),
        ({"programs": ["/usr/lib/x/"]}, {}),
        ({"programs": ["/usr/lib/x/serve"]}, {}),
        ({"programs": ["/"]}, {}),
        ({"programs": []}, {"user": None, "exec": None, "internal": "echo"}),
        ({"files": ["/etc/banners"]}, {"banner": {"file": "/etc/banners/one"}}),
        ({"files": []}, {"banner": {"text": "hello"}}),
        ({"logs": ["/var/log/x"]}, {"log": {"file": "/var/log/x/y/z"}}),
        ({"logs": []}, {"log": {"where": "journal"}}),
        ({"logs": []}, {"log": {}}),
        ({"sockets": ["/run/x"]}, {"listen": [{"unix": "/run/x/socket"}]}),
        ({"sockets": []}, {}),
        ({"ports": ["8080"]}, {}),
        ({"ports": [8080]}, {}),
        ({"ports": ["1-79", "1024-65535"]}, {}),
        ({"ports": []}, {"listen": [{"unix": "/run/x/socket"}]}),
        ({"units": ["db.service"]}, {"requires": ["db.service"], "after": ["db.service"]}),
        ({"units": ["db"]}, {"user": "www", "exec": None, "proxy": {"to": "127.0.0.1:80", "unit": "db.service"}}),
        ({"units": []}, {}),
        ({"native": False}, {"native": {"systemd": {"socket": {}}, "xinetd": {}}}),
        ({"native": True}, {"native": {"systemd": {"socket": {"Mark": "1"}}}}),
    ],
)
def test_what_is_allowed(policy: dict[str, t.Any], fields: dict[str, t.Any]) -> None:
    assert refused(policy, **fields) == []


@pytest.mark.parametrize(
    ("policy", "fields", "places"),
    [
        ({"accounts": ["nobody"]}, {}, ["user"]),
        (
            {"accounts": ["www"]},
            {"group": "log", "supplementary_groups": ["www", "adm"]},
            ["group", "supplementary_groups[1]"],
        ),
        ({"accounts": ["www"]}, {"user": "root", "exec": None, "proxy": {"to": "127.0.0.1:80"}}, ["user"]),
        ({"programs": ["/usr/lib/y", "/usr/lib/x/serv"]}, {}, ["exec"]),
        ({"programs": ["/usr/lib/x"]}, {"exec": ["/usr/lib/x/../../bin/sh"]}, ["exec"]),
        ({"programs": ["/usr/lib/x"]}, {"exec": ["//usr//lib/xy"]}, ["exec"]),
        ({"programs": []}, {}, ["exec"]),
        ({"files": ["/etc/banners"]}, {"banner": {"file": "/etc/shadow"}}, ["banner.file"]),
        ({"files": ["/etc/default"]}, {"environment_file": "/etc/shadow"}, ["environment_file"]),
        (
            {"files": ["/etc/ssl"]},
            {"tls": {"certificate": "/etc/ssl/a", "key": "/root/k", "client_ca": "/c"}},
            ["tls.key", "tls.client_ca"],
        ),
        ({"logs": ["/var/log/x"]}, {"log": {"file": "/etc/cron.d/x"}}, ["log.file"]),
        ({"sockets": ["/run/x"]}, {"listen": [{"tcp": "1"}, {"unix": "/run/y"}]}, ["listen[1].unix"]),
        ({"ports": ["80", "8081-9000"]}, {}, ["listen[0].tcp"]),
        ({"ports": ["8080"]}, {"listen": [{"udp": "8080"}, {"udp": "69"}]}, ["listen[1].udp"]),
        ({"units": []}, {"requires": ["other", "db.service"]}, ["requires[1]"]),
        ({"units": ["x"]}, {"exec": None, "proxy": {"to": "127.0.0.1:80", "unit": "db"}}, ["proxy.unit"]),
        (
            {"native": False},
            {"native": {"xinetd": {"flags": "NODELAY"}, "systemd": {"service": {"A": "b"}}}},
            ["native.systemd", "native.xinetd"],
        ),
        ({"accounts": [], "ports": []}, {}, ["user", "listen[0].tcp"]),
    ],
)
def test_what_is_not_allowed_is_reported_with_its_place(
    policy: dict[str, t.Any], fields: dict[str, t.Any], places: list[str]
) -> None:
    other = Layer(f"{BASE}__other", [{**PLAIN, "name": "other", "listen": [{"tcp": "9999"}]}])
    found = [line for line in refused(policy, other, **fields) if line.startswith(f"{BASE}[0]")]
    assert sorted(line.split(": ")[0] for line in found) == sorted(f"{BASE}[0].{place}" for place in places)


def test_a_value_of_another_layer_or_of_the_defaults_is_refused_where_it_stands() -> None:
    layer = Layer(f"{BASE}__team", [{"name": "a", "listen": [{"tcp": "1"}, {"tcp": "2"}], "exec": ["/bin/sh"]}])
    policy = {"ports": ["1"], "accounts": ["nobody"], "programs": ["/srv"]}
    found = refused(policy, layer, defaults={"user": "adm"}, user=None)
    assert found == [
        'superserver_defaults.user: superserver_policy.accounts does not allow "adm", but nobody; use one of '
        "these, or let the policy be changed",
        'superserver_services__team[0].exec: superserver_policy.programs does not allow "/bin/sh", but /srv; use '
        "one of these, or let the policy be changed",
        'superserver_services__team[0].listen[1].tcp: superserver_policy.ports does not allow "2", but 1; use one '
        "of these, or let the policy be changed",
    ]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        (["root"], ["superserver_policy: must be a mapping, not a list"]),
        ({"acounts": []}, ['superserver_policy.acounts: is not a field of this schema; did you mean "accounts"?']),
        ({"accounts": 33}, ["superserver_policy.accounts: must be a list, not a number"]),
        (
            {"native": "no"},
            ["superserver_policy.native: must be true or false, not a string; write false without quotes"],
        ),
        (
            {"programs": ["bin"], "ports": ["0", "9-1", "http"]},
            [
                'superserver_policy.programs[0]: must be an absolute path, such as "/srv"',
                *(
                    f"superserver_policy.ports[{index}]: must be a port or a range of ports from 1 to 65535, such as "
                    '"8080" or "1024-65535"'
                    for index in range(3)
                ),
            ],
        ),
    ],
)
def test_everything_that_is_wrong_with_a_policy_is_reported(value: t.Any, problems: list[str]) -> None:
    with pytest.raises(InvalidDeclaration) as told:
        policy_of(value)
    assert [str(problem) for problem in told.value.problems] == problems


def test_every_part_restricts_something() -> None:
    """A part that nothing reads would allow everything."""
    everything = {
        "group": "g",
        "log": {"file": "/l"},
        "banner": {"file": "/b"},
        "requires": ["db.service"],
        "native": {"xinetd": {"flags": "NODELAY"}},
        "listen": [{"tcp": "1"}, {"unix": "/s"}],
    }
    for part in POLICY.by_name:
        assert refused({part: False if part == "native" else []}, **everything), part
