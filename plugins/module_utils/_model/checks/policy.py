# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy: what services may declare at all, for those who let others write them.

What the policy does not name is not restricted. Paths are compared as they are written: nobody looks where symbolic
links lead to.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.meaning import inapplicable_fields
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (
    Field,
    Listing,
    Record,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Flag, Text, collector
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.values import ACCOUNT, DIRECTORY
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

VARIABLE = "superserver_policy"

_RANGE = re.compile(r"(?P<first>[0-9]{1,5})(-(?P<last>[0-9]{1,5}))?")
_SERVICE_SUFFIX = ".service"


def _ports(text: str) -> range:
    """The numbers of a port or a range. Raises ValueError."""
    found = _RANGE.fullmatch(text)
    if found:
        first = int(found["first"])
        last = int(found["last"] or first)
        if 1 <= first <= last <= 65535:
            return range(first, last + 1)
    raise ValueError('must be a port or a range of ports from 1 to 65535, such as "8080" or "1024-65535"')


_PATHS = Listing(DIRECTORY)
POLICY = Record(
    (
        Field("accounts", Listing(ACCOUNT), "accounts and groups that handlers and forwarders may run as"),
        Field("programs", _PATHS, "programs that may be started, or directories with such programs"),
        Field("files", _PATHS, "files that root may read for a service, or directories with such files"),
        Field("logs", _PATHS, "log files, or directories with such files"),
        Field("sockets", _PATHS, "unix sockets, or directories with such sockets"),
        Field("ports", Listing(Text("port or range of ports", numbers=True, checker=_ports)), "TCP and UDP ports"),
        Field("units", Listing(Text("unit name")), "units and daemons that services may wait for or start"),
        Field("native", Flag(), "whether services may have raw directives"),
    ),
    "policy",
)


# By part, what it allows; a part that is not there restricts nothing.
Policy = t.Mapping[str, t.Any]

# Values of one service that one part of a policy is about, each with the field that it stands in.
Values = t.Iterator[t.Tuple[str, t.Any]]


def policy_of(value: t.Any) -> Policy:
    """The policy that a variable has. Raises InvalidDeclaration with everything that is wrong with it."""
    if not value:
        return {}
    problems: list[Problem] = []
    checked = POLICY.check(value, VARIABLE, collector(problems))
    if problems:
        raise InvalidDeclaration(problems)
    return checked


def check_policy(services: Iterable[Service], policy: Policy) -> None:
    """Raise InvalidDeclaration with everything that the policy does not allow. Ports must have been resolved."""
    problems = [problem for service in services for problem in _problems(service, policy)]
    if problems:
        raise InvalidDeclaration(problems)


def _problems(service: Service, policy: Policy) -> Iterator[Problem]:
    for part, allowed in policy.items():
        values, allows = _PARTS[part]
        for field, value in values(service):
            if not allows(allowed, value):
                name, bracket, entry = field.partition("[")
                yield Problem(service.path(name) + bracket + entry, _refusal(part, value, allowed))


def _refusal(part: str, value: t.Any, allowed: t.Any) -> str:
    if part == "native":
        return f"{VARIABLE}.native allows no raw directives; leave them out, or let the policy be changed"
    choices = ", ".join(map(str, allowed)) or "none"
    return f'{VARIABLE}.{part} does not allow "{value}", but {choices}; use one of these, or let the policy be changed'


def _accounts(service: Service) -> Values:
    """What runs as the collection's own account, because nothing else was declared, is the collection's own."""
    if any(field == "user" for field, _reason in inapplicable_fields(service.declared)):
        return
    if service.exec or service.uses("user"):
        yield "user", service.user
    if service.group is not None:
        yield "group", service.group
    for index, group in enumerate(service.supplementary_groups or ()):
        yield f"supplementary_groups[{index}]", group


def _programs(service: Service) -> Values:
    if service.exec:
        yield "exec", service.exec[0]


def _files(service: Service) -> Values:
    if service.environment_file:
        yield "environment_file", service.environment_file
    if service.banner and service.banner.file:
        yield "banner.file", service.banner.file
    if service.tls:
        for name in ("certificate", "key", "client_ca"):
            if getattr(service.tls, name):
                yield f"tls.{name}", getattr(service.tls, name)


def _logs(service: Service) -> Values:
    if service.log and service.log.file:
        yield "log.file", service.log.file


def _endpoints(service: Service, value: Callable[[Endpoint], t.Any]) -> Values:
    for index, endpoint in enumerate(service.listen):
        if value(endpoint):
            yield f"listen[{index}].{endpoint.transport}", value(endpoint)


def _sockets(service: Service) -> Values:
    return _endpoints(service, lambda endpoint: endpoint.path)


def _port_numbers(service: Service) -> Values:
    return _endpoints(service, lambda endpoint: endpoint.port)


def _units(service: Service) -> Values:
    """What is no unit is a service of the declaration."""
    for field, names in (("requires", service.requires), ("after", service.after)):
        yield from ((f"{field}[{index}]", name) for index, name in enumerate(names) if is_unit(name))
    if service.proxy and service.proxy.unit:
        yield "proxy.unit", service.proxy.unit


def _native(service: Service) -> Values:
    for name in dict.fromkeys(kind.partition(".")[0] for kind in service.native.kinds):
        yield f"native.{name}", service.declared["native"][name]


def _below(prefixes: Sequence[str], path: str) -> bool:
    plain = posixpath.normpath(path)
    return any(
        posixpath.commonpath((posixpath.normpath(prefix), plain)) == posixpath.normpath(prefix) for prefix in prefixes
    )


def _in_ranges(ranges: Sequence[str], port: int) -> bool:
    return any(port in _ports(text) for text in ranges)


def _named(names: Sequence[str], name: str) -> bool:
    """The suffix of a service may be left out."""
    return _plain(name) in map(_plain, names)


def _plain(name: str) -> str:
    return name[: -len(_SERVICE_SUFFIX)] if name.endswith(_SERVICE_SUFFIX) else name


def _one_of(names: Sequence[str], name: str) -> bool:
    return name in names


_PARTS: Mapping[str, tuple[Callable[[Service], Values], Callable[[t.Any, t.Any], bool]]] = {
    "accounts": (_accounts, _one_of),
    "programs": (_programs, _below),
    "files": (_files, _below),
    "logs": (_logs, _below),
    "sockets": (_sockets, _below),
    "ports": (_port_numbers, _in_ranges),
    "units": (_units, _named),
    "native": (_native, lambda allowed, _value: allowed),
}
