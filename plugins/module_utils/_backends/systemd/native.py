# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw directives of systemd: each works as its manual says, or is refused. Pure.

Refused is what systemd does not know, what a field of the schema has, what the units of this service have by itself,
and what would do nothing, or something else, in the way in which its handler is started.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import attended, confined, session
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.directives import (
    DIRECTIVES,
    LISTED,
    OWNED,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

Value = t.Union[str, t.Sequence[str]]
# By section and directive, the values that the units of a service have without any raw directive.
Written = t.Mapping[str, t.Mapping[str, t.Sequence[str]]]

# What may stand beside what is written: all of several conditions must hold.
_BESIDE = frozenset({"ExecCondition"})
# Set along with another directive.
_LIKE = {"TimeoutSec": "TimeoutStopSec"}


@dataclass(frozen=True)
class _Way:
    """How the handler of one service is started."""

    service: Service
    platform: Platform
    written: Written

    @property
    def takes_sockets(self) -> bool:
        """Whether it gets sockets as descriptors, and not one as its standard input."""
        service = self.service
        return bool(service.exec) and not service.accept and service.socket_fd == "listen_fds"

    @property
    def is_main(self) -> bool:
        """Whether the handler itself is what systemd takes for the service."""
        service = self.service
        bounded = service.resources.connection_time is not None
        return bool(service.exec) and not (service.tls or bounded or session(service, self.platform))

    @property
    def rooted(self) -> str:
        """What the handler is started by root for, who then changes to its account; empty where systemd does that, or
        where the account is root's."""
        service = self.service
        if service.user == "root" or self.written["service"].get("User", ()) == [service.user]:
            return ""
        causes = (
            ("tls", service.tls),
            ("log", session(service, self.platform)),
            ("environment_file", service.environment_file),
            ("secrets", service.secrets),
            ("supplementary_groups", service.supplementary_groups is not None),
            ("proxy.unit", attended(service)),
        )
        return ", ".join(name for name, cause in causes if cause) or "the collection"


@dataclass(frozen=True)
class _Rule:
    """Directives that only make sense in some ways; ``objection`` says why not in this one."""

    section: str
    names: str
    objection: Callable[[_Way, Value], str]


def _for_sockets(way: _Way, _value: Value) -> str:
    return (
        ""
        if way.takes_sockets
        else "applies to sockets that a process gets as descriptors; it works with exec, accept: false and "
        "socket_fd: listen_fds only"
    )


def _for_main(way: _Way, value: Value) -> str:
    """systemd listens to the process that it has started, or to all of them."""
    if way.is_main or value in ("all", "none"):
        return ""
    return (
        "applies to the process that systemd starts, which here is not the handler but the program that serves "
        "tls, log, resources.connection_time, proxy or internal; leave one of them out"
    )


def _for_account(way: _Way, _value: Value) -> str:
    if not way.rooted:
        return ""
    return (
        f"would apply to root and not to {way.service.user}: root starts the handler, because of {way.rooted}; "
        "leave one of them out"
    )


def _for_commands(way: _Way, value: Value) -> str:
    """With a sign a command is root's by its own words (systemd.service(5), "Command lines")."""
    commands = [value] if isinstance(value, str) else value
    plain = [command for command in commands if command and not set(command[:3]) & set("+!")]
    if not (way.rooted and plain):
        return ""
    return f'{_for_account(way, value)}, or put "+" before the command to run it as root'


def _for_ambient(way: _Way, value: Value) -> str:
    if confined(way.service):
        return "sets capabilities, and sandbox removes them all; use the field sandbox"
    return _for_account(way, value)


def _for_leaving(way: _Way, _value: Value) -> str:
    if not way.service.end_children:
        return ""
    return "sets how processes are ended, which end_children sets already; leave one of them out"


def _for_one_process(field: str) -> Callable[[_Way, Value], str]:
    """Of a service that is one process, the whole is that process; else each handler has its own share."""
    return lambda way, _value: "" if way.service.accept else f"is written by the collection; use the field {field}"


_ENDING = "FinalKillSignal KillSignal SendSIGHUP SendSIGKILL TimeoutAbortSec TimeoutStopFailureMode"
_SOCKETS = "FileDescriptorName ListenFIFO ListenMessageQueue ListenNetlink ListenSpecial ListenUSBFunction"
_OF_ACCOUNT = """
    CacheDirectory ImportCredential LoadCredential LoadCredentialEncrypted LogsDirectory PAMName PrivateUsers RemoveIPC
    RuntimeDirectory SecureBits SetCredential SetCredentialEncrypted SetLoginEnvironment StateDirectory
"""
_RULES = (
    _Rule("socket", _SOCKETS, _for_sockets),
    _Rule("service", "Sockets", _for_sockets),
    _Rule("service", "FileDescriptorStoreMax NotifyAccess OpenFile WatchdogSec", _for_main),
    _Rule("service", "AmbientCapabilities", _for_ambient),
    _Rule("service", _ENDING, _for_leaving),
    _Rule("service", _OF_ACCOUNT, _for_account),
    _Rule("service", "ExecCondition ExecReload ExecStartPost ExecStartPre ExecStop", _for_commands),
    _Rule("service", "MemoryLimit MemoryMax", _for_one_process("resources.memory_max")),
    _Rule("service", "CPUQuota", _for_one_process("resources.cpu_quota")),
    _Rule("service", "TasksMax", _for_one_process("resources.tasks_max")),
)


def refuse_native(service: Service, platform: Platform, written: Written) -> list[Problem]:
    """What is wrong with the raw directives of a service."""
    given = {"socket": service.native.of("systemd.socket"), "service": service.native.of("systemd.service")}
    way = _Way(service, platform, written)
    return [
        Problem(f"{service.path('native')}.systemd.{section}.{key}", message)
        for section, directives in given.items()
        for key, value in directives.items()
        for message in _problems(section, key, value, way)
    ]


def _problems(section: str, key: str, value: Value, way: _Way) -> Iterator[str]:
    if key in OWNED[section]:
        yield f"is written by the collection; use the field {OWNED[section][key]}"
    elif _LIKE.get(key, key) in way.written[section] and key not in _BESIDE:
        yield f"is written by the collection for this service{_field_of(key, way.service)}"
    elif key not in DIRECTIVES[section] and way.platform.systemd <= LISTED:
        yield f"is not a directive of [{section.capitalize()}]"
    else:
        rules = (rule for rule in _RULES if rule.section == section and key in rule.names.split())
        yield from (text for rule in rules for text in (rule.objection(way, value),) if text)
    for entry in [value] if isinstance(value, str) else value:
        if entry.endswith("\\"):
            yield "must not end with a backslash, which would join it with the next line"


def _field_of(key: str, service: Service) -> str:
    """What to use instead of a directive that only some services have of their own."""
    if _LIKE.get(key, key) == "TimeoutStopSec":
        return ", because of end_children; leave one of them out"
    if service.sandbox == "strict":
        return "; use the field sandbox"
    return ", whose forwarder has a sandbox of its own; leave it out" if service.proxy else "; leave it out"


def settings_of(texts: Sequence[str]) -> dict[str, list[str]]:
    """The settings of unit files, by directive; nothing that the collection writes has more than one line."""
    found: dict[str, list[str]] = {}
    for line in (line for text in texts for line in text.split("\n") if not line.startswith(("#", "["))):
        key, sign, value = line.partition("=")
        if sign:
            found.setdefault(key, []).append(value)
    return found
