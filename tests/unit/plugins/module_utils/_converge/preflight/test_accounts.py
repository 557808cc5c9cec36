# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts that a host lacks, the collection's own, and sockets of daemons that forwarders do not reach."""

from __future__ import annotations

import os
import pwd
import socket
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight import accounts
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.snapshot import read
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._programs import watcher
from ansible_collections.ondemand.superserver.tests.unit.declarations import Fields, load, service
from ansible_collections.ondemand.superserver.tests.unit.hostile import STRANGER, as_root, place

TLS = {"certificate": "/a", "key": "/b"}
FORWARDER: Fields = {"exec": None, "proxy": {"to": "127.0.0.1:1"}}

# Fields of a service, whether something of it runs as the collection's own account.
NEEDS: tuple[tuple[Fields, bool], ...] = (
    ({}, False),
    ({"user": "nobody"}, False),
    ({"user": OWN_ACCOUNT}, True),
    ({"user": "nobody", "tls": TLS}, True),
    (FORWARDER, True),
    ({**FORWARDER, "user": "nobody"}, False),
    ({"exec": None, "internal": "echo"}, True),
    ({"listen": [{"unix": "/run/x", "owner": OWN_ACCOUNT}]}, True),
)


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without the account."""

    def look(name: str, real: t.Callable[[str], pwd.struct_passwd] = pwd.getpwnam) -> pwd.struct_passwd:
        if name == OWN_ACCOUNT:
            raise KeyError(name)
        return real(name)

    monkeypatch.setattr(pwd, "getpwnam", look)


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host where the account goes by root's number."""
    root = pwd.getpwuid(0)
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: root)


@pytest.mark.parametrize(("fields", "needed"), NEEDS)
def test_who_needs_the_account(fields: Fields, needed: bool) -> None:
    assert accounts.needs_own_account(service(**fields)) is needed


@pytest.mark.usefixtures("lacking")
def test_one_problem_for_all_who_need_it() -> None:
    first: Fields = {"name": "a", "listen": [{"tcp": "1"}], "exec": ["/bin/cat"], "user": "root"}
    second: Fields = {"name": "b", "listen": [{"tcp": "2"}], "proxy": {"to": "127.0.0.1:9"}}
    third: Fields = {"name": "c", "listen": [{"tcp": "3"}], "internal": "echo"}
    services = load(first, second, third)
    (problem,) = accounts.own_account_problems(services)
    assert problem.path == "superserver_services[1].user"
    assert 'no user "superserver"' in problem.message
    assert "role ondemand.superserver.superserver" in problem.message
    assert "useradd --system" in problem.message
    assert [found for each in services for found in accounts.account_problems(each)] == []
    assert accounts.own_account_lacks(services)
    assert not accounts.own_account_lacks(services[:1])


@pytest.mark.usefixtures("having")
def test_an_account_that_is_root_is_none() -> None:
    (problem,) = accounts.own_account_problems([service(**FORWARDER)])
    assert "has root's rights" in problem.message
    assert not accounts.own_account_lacks([service(**FORWARDER)])


def test_accounts_of_others_are_to_be_there() -> None:
    made = service(user="no-such-user", group="no-such-group", supplementary_groups=["no-such-other"])
    assert [(problem.path, problem.message) for problem in accounts.account_problems(made)] == [
        ("superserver_services[0].user", 'the host has no user "no-such-user"; create it first'),
        ("superserver_services[0].group", 'the host has no group "no-such-group"; create it first'),
        ("superserver_services[0].supplementary_groups[0]", 'the host has no group "no-such-other"; create it first'),
    ]


def request(makes_account: bool) -> Request:
    entry: Fields = {"name": "echo", "listen": [{"tcp": "127.0.0.1:1"}], "internal": "echo"}
    return Request([Layer(BASE, [entry])], backend="xinetd", makes_account=makes_account)


@as_root
@pytest.mark.usefixtures("lacking")
def test_without_a_role_a_declaration_that_needs_it_is_refused() -> None:
    with pytest.raises(InvalidDeclaration) as refused:
        read(request(makes_account=False), LocalHost(watcher.Commands()))
    assert [problem.path for problem in refused.value.problems] == ["superserver_services[0].user"]


@as_root
@pytest.mark.usefixtures("lacking")
def test_with_a_role_it_is_something_that_is_to_be_installed() -> None:
    snapshot = read(request(makes_account=True), LocalHost(watcher.Commands()))
    assert snapshot.missing["account"] == OWN_ACCOUNT


def forwarder(path: Path, **fields: object) -> list[str]:
    made = service(**{**FORWARDER, "proxy": {"to": str(path)}, "user": "nobody", **fields})
    return [problem.message for problem in accounts.reach_problems(made)]


@pytest.fixture
def folder() -> Iterator[Path]:
    with place() as path:
        yield path


@pytest.fixture
def bound(folder: Path) -> Path:
    """The socket of a daemon, for root only."""
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    path.chmod(0o600)
    return path


@as_root
def test_a_socket_that_the_account_must_not_reach_is_refused(bound: Path) -> None:
    (message,) = forwarder(bound)
    assert message.startswith(f'the forwarder runs as "nobody" and cannot reach "{bound}"')
    assert "supplementary_groups" in message
    assert forwarder(bound, user="root") == []


@as_root
def test_a_group_opens_it(bound: Path) -> None:
    os.chown(bound, 0, 4)
    bound.chmod(0o660)
    assert len(forwarder(bound)) == 1
    assert forwarder(bound, group="adm") == []
    assert forwarder(bound, supplementary_groups=["adm"]) == []
    assert len(forwarder(bound, supplementary_groups=[])) == 1


@as_root
def test_directories_on_the_way_count(bound: Path) -> None:
    bound.chmod(0o666)
    assert forwarder(bound) == []
    bound.parent.chmod(0o700)
    assert len(forwarder(bound)) == 1
    os.chown(bound.parent, STRANGER, 0)
    assert forwarder(bound) == []


@as_root
def test_a_daemon_that_does_not_run_yet_is_no_problem(folder: Path) -> None:
    assert forwarder(folder / "none" / "socket") == []
    assert forwarder(folder / "none", user="no-such-user") == []
