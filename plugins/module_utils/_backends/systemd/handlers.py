# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of service units, and of the slice that they share. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import FENCE, entering, opening
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import (
    GRACE,
    attended,
    bounded,
    confined,
    drops_itself,
    fence,
    gate,
    limits,
    prlimit,
    reads_files,
    session,
    setpriv,
    variables,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.collector import collector, stream
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.directives import directed
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import (
    UNITS,
    Part,
    description,
    native_settings,
    quote_argument,
    specifier,
    unit_text,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# A daemon that fails at once would be started again at once, for as long as its client waits.
THROTTLE = "/bin/sh -c '[ \"$$SERVICE_RESULT\" = success ] || exec sleep 1'"

# systemd.exec(5), "Sandboxing".
STRICT = (
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("SystemCallArchitectures", "native"),
)
# A daemon's socket may be where handlers see nothing, or something else.
_HIDING = ("ProtectHome", "PrivateTmp")


def service_unit(service: Service, part: Part, platform: Platform) -> str:
    """The unit, or the template, of what runs for a part."""
    unit = [("Description", description(service))]
    if part.accept:
        unit.append(("CollectMode", "inactive-or-failed"))
    else:
        unit.append(("StartLimitIntervalSec", "0"))
    unit += _needs(service, part)
    start = handler_start(service, part, platform)
    settings = [("Type", "simple"), *_gate(service, part, platform), ("ExecStart", start.text), *_left(service)]
    if not part.accept:
        settings += [("ExecStopPost", THROTTLE), ("Restart", "no")]
    settings += _streams(service, part) + _identity(service, platform)
    if not _session(service, part, platform):
        settings += [(limit.directive, str(value)) for limit, value in limits(service)]
    settings += _sandbox(service, platform)
    settings += [("Slice", slice_unit(service))] if _slice_settings(service) else []
    settings += native_settings(service.native.of("systemd.service"))
    return unit_text(("Unit", unit), ("Service", settings))


def _left(service: Service) -> list[tuple[str, str]]:
    """What becomes of those that a handler leaves."""
    if service.end_children:
        return [("KillMode", "control-group"), ("TimeoutStopSec", str(GRACE))]
    return [("KillMode", "process")]


def _gate(service: Service, part: Part, platform: Platform) -> list[tuple[str, str]]:
    words = gate(service, platform) if part.accept else ()
    # "+": as root, whatever the handler runs as.
    return [("ExecCondition", "+" + " ".join(quote_argument(word) for word in words))] if words else []


def _sandbox(service: Service, platform: Platform) -> list[tuple[str, str]]:
    """setpriv, where it is used, needs the capabilities that it takes away in the end."""
    settings = []
    if confined(service) and not _by_setpriv(service, platform):
        settings = [("NoNewPrivileges", "yes"), ("CapabilityBoundingSet", "")]
    if service.sandbox == "strict":
        return settings + list(STRICT)
    return settings + (_forwarder(service) if service.proxy and platform.mounts else [])


def _forwarder(service: Service) -> list[tuple[str, str]]:
    """What a forwarder does without in any case. The attendant beside it makes files below /run."""
    kept = [(name, value) for name, value in STRICT[1:] if name not in _HIDING]
    readable = "full" if attended(service) else "strict"
    return [("ProtectSystem", readable), *kept, ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6")]


def _needs(service: Service, part: Part) -> list[tuple[str, str]]:
    """What handlers wait for. A socket cannot wait for units that are started later in the boot than all sockets.

    What reads messages is only wanted: handlers go on when it is stopped.
    """
    required = [name for name in service.requires if is_unit(name)]
    wanted = [collector(part)] if collected(service, part) else []
    before = [name for name in dict.fromkeys((*service.requires, *service.after)) if is_unit(name)]
    settings = (("Requires", required), ("Wants", wanted), ("After", [*before, *wanted]))
    return [(directive, " ".join(names)) for directive, names in settings if names]


def slice_unit(service: Service) -> str:
    """The slice that all handlers of a service share; "-" would make it part of another one."""
    return f"superserver-{service.name.replace('-', chr(92) + 'x2d')}.slice"


def _slice_settings(service: Service) -> list[tuple[str, str]]:
    resources = service.resources
    units = (
        ("MemoryMax", resources.memory_max, ""),
        ("CPUQuota", resources.cpu_quota, "%"),
        ("TasksMax", resources.tasks_max, ""),
    )
    return [(directive, f"{value}{unit}") for directive, value, unit in units if value is not None]


def slice_files(service: Service) -> list[File]:
    """The slice of a service whose handlers share limits; nothing for others."""
    settings = _slice_settings(service)
    if not settings:
        return []
    text = unit_text(("Unit", [("Description", description(service))]), ("Slice", settings))
    return [File(f"{UNITS}/{slice_unit(service)}", text, service=service.name)]


def _session(service: Service, part: Part, platform: Platform) -> tuple[str, ...]:
    return session(service, platform) if part.accept else ()


@dataclass(frozen=True)
class Start:
    """A command line: words, then variables of systemd's that are handed on, and more words."""

    before: tuple[str, ...]
    client_variables: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Variables that are known in advance."""
        return (*self.before, *self.after)

    @property
    def text(self) -> str:
        """As it stands in a unit."""
        before, after = (list(map(quote_argument, words)) for words in (self.before, self.after))
        return " ".join([*before, *(f"{name}=${{{name}}}" for name in self.client_variables), *after])


def handler_start(service: Service, part: Part, platform: Platform) -> Start:
    """What is started for a part. With a session, what is set by the unit for others would be the session's."""
    logging = _session(service, part, platform)
    words = bounded(service, platform, part.endpoints[0].datagram)
    if reads_files(service):
        limited = prlimit(service, platform) if logging else ()
        rights = (*opening(service, platform), *limited, *setpriv(service, platform))
        client_variables = dict.fromkeys((*_client_variables(service, part), *directed(service)))
        return Start((*logging, *rights, *entering(service, platform, client_variables), FENCE, *words))
    if logging:
        rights = (*prlimit(service, platform), *setpriv(service, platform))
    else:
        rights = setpriv(service, platform) if _by_setpriv(service, platform) and not drops_itself(service) else ()
    return _cleaned((*logging, *rights), words, service, part, platform)


def _cleaned(
    before: tuple[str, ...], words: tuple[str, ...], service: Service, part: Part, platform: Platform
) -> Start:
    """Nothing of systemd's own environment is left, nor of what the host has it give to all (DefaultEnvironment=)."""
    env = platform.program("env")
    declared = tuple(f"{name}={value}" for name, value in variables(service).items())
    words = (*fence(words, platform), *words)
    client_variables = _client_variables(service, part)
    nameless = part.accept and client_variables and any(endpoint.transport == "unix" for endpoint in part.endpoints)
    if nameless or directed(service):
        script = handing_on(dict.fromkeys((*client_variables, *directed(service))))
        return Start((*before, "/bin/sh", "-c", script, env, *declared, *words))
    return Start((*before, env, "-i", *declared), client_variables, words)


def handing_on(names: Iterable[str]) -> str:
    """A script that hands on what systemd has set of these, and nothing for what it has not, such as the address of a
    client that has none."""
    return " ".join(['exec "$0" -i', *(f'${{{name}:+"{name}=${name}"}}' for name in names), '"$@"'])


def _client_variables(service: Service, part: Part) -> tuple[str, ...]:
    """The variables that systemd sets and that the handler is to have."""
    if part.accept:
        addressed = any(endpoint.transport != "unix" for endpoint in part.endpoints)
        return ("REMOTE_ADDR", "REMOTE_PORT") if addressed else ()
    return ("LISTEN_FDS", "LISTEN_PID") if service.socket_fd == "listen_fds" and not service.internal else ()


def _by_setpriv(service: Service, platform: Platform) -> bool:
    """Whether setpriv changes to the service's account, because User= would add the groups of the account, or because
    root has to do something first."""
    rooted = drops_itself(service) or reads_files(service) or bool(session(service, platform))
    return service.supplementary_groups is not None or rooted


def _from_descriptor_3(service: Service, part: Part) -> bool:
    """Whether the handler has its sockets from descriptor 3 on; standard input can be one socket only."""
    return len(part.endpoints) > 1 if service.internal else service.socket_fd == "listen_fds"


def _streams(service: Service, part: Part) -> list[tuple[str, str]]:
    """Not the journal itself: nobody could open it anew, as programs do with /dev/stderr."""
    if not part.accept and _from_descriptor_3(service, part):
        return [("StandardInput", "null"), ("StandardOutput", stream(part)), ("StandardError", stream(part))]
    error = stream(part) if collected(service, part) else "socket"
    return [("StandardInput", "socket"), ("StandardOutput", "socket"), ("StandardError", error)]


def collected(service: Service, part: Part) -> bool:
    """Whether anything of what a part's handlers say goes to the log."""
    return service.stderr != "client" or (not part.accept and _from_descriptor_3(service, part))


def _identity(service: Service, platform: Platform) -> list[tuple[str, str]]:
    settings = [
        ("WorkingDirectory", specifier(service.working_directory)),
        ("UMask", f"0{service.umask}"),
        ("Nice", str(service.nice)),
    ]
    if not _by_setpriv(service, platform):
        settings.insert(0, ("User", service.user))
        if service.group:
            # Group= would take the account's own group away, which the other super-servers leave it.
            own = platform.primary_groups.get(service.user, service.user)
            settings[1:1] = [("Group", service.group), ("SupplementaryGroups", own)]
    return settings
