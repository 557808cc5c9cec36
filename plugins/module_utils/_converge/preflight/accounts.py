# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts that services run as: what the host lacks of them, and whether forwarders reach their daemons as theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.ondemand.superserver.plugins.module_utils._host.accounts import (
    has_rights_of_root,
    is_group,
    is_user,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.reach import may_connect
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# Command that creates the account without the role.
COMMAND = f"useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /bin/false {OWN_ACCOUNT}"
_ABSENT = (
    f'the host has no user "{OWN_ACCOUNT}", the collection\'s own account, which this service needs; let the role '
    f'ondemand.superserver.superserver create it, or run "{COMMAND}"'
)
_RIGHTS_OF_ROOT = (
    f"\"{OWN_ACCOUNT}\", the collection's own account, which this service needs, has root's rights on this host; "
    "give it its own user id and group"
)


def account_problems(service: Service) -> list[Problem]:
    """Users and groups that the host does not have, but for the collection's own. Numbers are resolved before."""
    own = {OWN_ACCOUNT} if needs_own_account(service) else set()
    problems = [
        Problem(path, f'the host has no user "{name}"; create it first')
        for path, name in _users(service)
        if name not in own and not (name.isdigit() or is_user(name))
    ]
    return problems + [
        Problem(path, f'the host has no group "{name}"; create it first')
        for path, name in _groups(service)
        if name not in own and not (name.isdigit() or is_group(name))
    ]


def needs_own_account(service: Service) -> bool:
    """Whether something of the service, such as stunnel, runs as the collection's own account."""
    return service.tls is not None or any(name == OWN_ACCOUNT for _path, name in _users(service))


def own_account_lacks(services: Iterable[Service]) -> bool:
    """Whether the account is to be made for these services."""
    return any(map(needs_own_account, services)) and not is_user(OWN_ACCOUNT)


def own_account_problems(services: Iterable[Service]) -> list[Problem]:
    """What keeps the first of those services that need the account from being served as it."""
    for service in services:
        if needs_own_account(service):
            wrong = _wrong_with_own_account()
            return [Problem(service.path("user"), wrong)] if wrong else []
    return []


def _wrong_with_own_account() -> str:
    if not is_user(OWN_ACCOUNT):
        return _ABSENT
    return _RIGHTS_OF_ROOT if has_rights_of_root(OWN_ACCOUNT) else ""


def reach_problems(service: Service) -> list[Problem]:
    """Sockets of daemons that are there, and that the forwarder's account must not connect to. What root forwards, it
    may forward anywhere; and what the host lacks of the account is told elsewhere."""
    if service.proxy is None or service.user == "root":
        return []
    names = [service.group, *(service.supplementary_groups or ())]
    if not is_user(service.user) or not all(is_group(name) for name in names if name):
        return []
    return [
        Problem(
            service.path("proxy.to"),
            f'the forwarder runs as "{service.user}" and cannot reach "{target.path}"; declare '
            "supplementary_groups with a group that can, or declare another user, or change the owner or the mode "
            "of the socket",
        )
        for target in service.proxy.to
        if target.path and not may_connect(target.path, service.user, service.group, service.supplementary_groups)
    ]


def _users(service: Service) -> Iterator[tuple[str, str]]:
    yield service.path("user"), service.user
    for index, endpoint in enumerate(service.listen):
        if endpoint.transport == "unix":
            yield f"{service.path('listen')}[{index}].owner", endpoint.owner


def _groups(service: Service) -> Iterator[tuple[str, str]]:
    if service.group:
        yield service.path("group"), service.group
    for index, name in enumerate(service.supplementary_groups or ()):
        yield f"{service.path('supplementary_groups')}[{index}]", name
    for index, endpoint in enumerate(service.listen):
        if endpoint.transport == "unix":
            yield f"{service.path('listen')}[{index}].group", endpoint.group
