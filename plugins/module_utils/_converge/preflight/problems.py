# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems that a run can find before it changes anything: missing programs and daemons, wrong certificates, names and
ports that are taken."""

from __future__ import annotations

import datetime
import os
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import Owner, holders
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.process import daemon
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.paths import path_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import adoptable as _adoptable
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.certificates import (
    certificates_problem,
    expiry,
    key_problem,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import objection_to_reading
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.reach import anybody_may_read
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import collide
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers.environment import (
    Refused,
    read_variables,
)

# What is wrong with a unit, by its load state (systemctl(1)).
_LOAD_STATES = {
    "loaded": "",
    "not-found": "does not exist on the host; install it first",
    "masked": "is masked, so that nothing can start it; unmask it first",
}
_UNREADABLE = "cannot be loaded by systemd; repair the unit first"

# How long before its expiry a certificate causes a warning.
SOON = datetime.timedelta(days=14)
# What a service with sandbox: strict has a directory of its own for, or none at all (systemd.exec(5)).
_HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")


def program_problems(service: Service, host: LocalHost) -> list[Problem]:
    """Programs, files and directories that the host does not have."""
    problems = []
    if service.exec and not host.executable(service.exec[0]):
        problems.append(Problem(f"{service.path('exec')}[0]", f'"{service.exec[0]}" {_obstacle(service.exec[0])}'))
    if not os.path.isdir(service.working_directory):
        problems.append(
            Problem(service.path("working_directory"), f'"{service.working_directory}" is not a directory on the host')
        )
    return problems + path_problems(service)


def _obstacle(program: str) -> str:
    """Why a program cannot be started."""
    if not os.path.lexists(program):
        return "does not exist on the host; install it first"
    # access(2) tells of both in the same way.
    if os.path.isfile(program) and os.statvfs(program).f_flag & os.ST_NOEXEC:
        return "is on a file system that is mounted with noexec; install it on another file system"
    return "is not an executable file; install it first"


def daemon_problems(services: Iterable[Service], platform: Platform, host: LocalHost) -> list[Problem]:
    """Daemons of proxies, and required units, that the host does not have; one command for any number of them."""
    daemons = {}
    for service in services:
        if service.proxy and service.proxy.unit:
            daemons[service.path("proxy.unit")] = daemon(service.proxy.unit, platform)[1]
        for index, name in enumerate(service.requires):
            if is_unit(name):
                daemons[f"{service.path('requires')}[{index}]"] = name
    if not daemons:
        return []
    look = _directory_problems if platform.supervised else _unit_problems
    wrong = look(sorted(set(daemons.values())), host)
    return [Problem(path, f'"{name}" {wrong[name]}') for path, name in daemons.items() if wrong[name]]


def _unit_problems(units: Sequence[str], host: LocalHost) -> dict[str, str]:
    """systemd answers in the order of the question; an alias goes by another name in the answer."""
    listing = host.run(["systemctl", "show", "--property=LoadState", "--", *units], check=False)
    states = [block.partition("=")[2].strip() for block in listing.out.split("\n\n")]
    return {unit: _LOAD_STATES.get(state, _UNREADABLE) for unit, state in zip(units, states)}


def _directory_problems(directories: Sequence[str], host: LocalHost) -> dict[str, str]:
    return {path: "" if host.exists(f"{path}/run") else _LOAD_STATES["not-found"] for path in directories}


def environment_problems(service: Service) -> list[Problem]:
    """A file of variables without which, or as which it is, no handler would start."""
    path = service.environment_file
    if not path:
        return []
    if service.sandbox == "strict" and os.path.realpath(path).startswith(_HIDDEN):
        hidden = "is hidden by sandbox: strict; put it somewhere else, such as below /etc"
        return [Problem(service.path("environment_file"), f'"{path}" {hidden}')]
    try:
        read_variables(path)
    except Refused as refused:
        return [Problem(service.path("environment_file"), f"{refused}; correct it first")]
    return []


def certificate_problems(service: Service) -> list[Problem]:
    """Certificates and keys that TLS cannot be had with."""
    if service.tls is None:
        return []
    paths = {"certificate": service.tls.certificate, "key": service.tls.key, "client_ca": service.tls.client_ca}
    wrong = {name: _certificate_problem(name, path, service) for name, path in paths.items() if path}
    if not (wrong["certificate"] or wrong["key"]):
        wrong["key"] = key_problem(service.tls.certificate, service.tls.key)
    found = [
        Problem(service.path(f"tls.{name}"), f'"{paths[name]}" {problem}') for name, problem in wrong.items() if problem
    ]
    return found or exposure_problems(service)


def exposure_problems(service: Service) -> list[Problem]:
    """Keys that other accounts can read, and keys and certificates that they can replace."""
    if service.tls is None:
        return []
    problems = []
    for name in ("key", "client_ca"):
        path = getattr(service.tls, name)
        reason = objection_to_reading(path) if path else ""
        if reason:
            way_out = (
                "let only root own and write every directory of the path, or store the file below a directory such "
                "as /etc/ssl"
            )
            problems.append(Problem(service.path(f"tls.{name}"), f'"{path}" can be replaced: {reason}; {way_out}'))
    if anybody_may_read(service.tls.key):
        problems.append(
            Problem(
                service.path("tls.key"),
                f'"{service.tls.key}" can be read by every account of the host; change its mode to 0600, and '
                "replace the key if another account may have read it",
            )
        )
    return problems


def _certificate_problem(name: str, path: str, service: Service) -> str:
    if not os.path.isfile(path):
        return "is not a file on the host; put it there first"
    if service.sandbox == "strict" and os.path.realpath(path).startswith(_HIDDEN):
        return "is hidden by sandbox: strict; put it somewhere else, such as below /etc/ssl"
    return "" if name == "key" else certificates_problem(path)


def expiry_warnings(service: Service, now: datetime.datetime) -> list[str]:
    """A certificate that has expired, or is about to: its service can still be had by clients that do not care."""
    if service.tls is None:
        return []
    try:
        end = expiry(service.tls.certificate)
    except (OSError, ValueError):
        return []
    if end > now + SOON:
        return []
    verb = "expires" if end > now else "expired"
    return [f'{service.path("tls.certificate")}: "{service.tls.certificate}" {verb} on {end:%Y-%m-%d %H:%M} UTC']


def manager_problems(manifest: Manifest, platform: Platform) -> list[Problem]:
    """Services of s6 do not pass from one manager to another."""
    if not manifest.managed or bool(manifest.s6_rc) == bool(platform.s6_rc):
        return []
    manager = "s6-rc" if manifest.s6_rc else "a scan directory"
    return [
        Problem(
            "superserver_s6_rc",
            f"the services of s6 on this host are managed by {manager}; run once without them before you change this",
        )
    ]


def name_problems(
    service: Service, manifest: Manifest, backend: Backend, platform: Platform, host: LocalHost
) -> list[Problem]:
    """Service names that foreign units and directories have."""
    held = manifest.services.get(service.name)
    if held is not None and held["backend"] == service.backend:
        return []
    for path in backend.claims(service, platform):
        if path not in manifest.files and host.exists(path) and not _ours(host.read(path)):
            return [
                Problem(
                    service.path("name"),
                    f'"{service.name}" is taken: {path} exists and does not belong to this collection; choose '
                    "another name",
                )
            ]
    return []


def file_problems(
    services: Mapping[str, Service], files: Sequence[File], seen: Mapping[str, Seen | None], manifest: Manifest
) -> list[Problem]:
    """Foreign files at the paths of wanted files."""
    problems = []
    for file in files:
        there = seen[file.path]
        if there is None or file.path in manifest.files or file.kind in ("directory", "seed"):
            continue
        same = there.kind == file.kind and there.content == os.fsencode(file.content)
        if not same and not _ours(there.text):
            service = services.get(file.service)
            path = service.path("name") if service else file.path
            problems.append(
                Problem(
                    path,
                    f"{file.path} exists and does not belong to this collection; move it away or choose another name",
                )
            )
    return problems


def _ours(text: str | None) -> bool:
    return text is not None and HEADER in text


Standing = t.Callable[[Socket, t.Tuple[str, str]], t.Optional[bool]]
# Why owners of sockets cannot be taken over, and what can be done then; empty where one can.
Objections = t.Callable[[t.Mapping[Owner, Socket]], t.Mapping[Owner, str]]


def holder_problems(
    services: Iterable[Service],
    have: Mapping[str, Service],
    live: Live,
    backends: Mapping[str, Backend],
    platform: Platform,
    standing: Standing = lambda _socket, _owner: None,
    objections: Objections = lambda _owners: {},
) -> list[Problem]:
    """Endpoints that foreign services hold. The collection's own services release their sockets. ``standing`` tells
    for some foreign sockets whether this run releases them, None if it does not know; ``objections`` has the
    owners that cannot be taken over, with the reason."""
    possession = _Possession(have, live, backends, platform, standing)
    taken = []
    for service in services:
        if not service.enabled:
            continue
        for index, listener in enumerate(service.listeners(platform.ipv6)):
            foreign = [socket for socket in live.colliding(listener) if not possession.holds(socket, service)]
            if foreign:
                taken.append((f"{service.path('listen')}[{index}]", listener, foreign[0]))
    owners = {live.owners[socket.inode]: socket for _path, _listener, socket in taken if socket.inode in live.owners}
    objected = objections(owners)
    return [
        Problem(
            path,
            f"{listener} cannot be bound: {socket} is held by {live.holder(socket)}, which does not "
            "belong to this collection; "
            f"{_way_out(live.owners.get(socket.inode), objected)}",
        )
        for path, listener, socket in taken
    ]


@dataclass(frozen=True)
class _Possession:
    """What the collection holds."""

    have: Mapping[str, Service]
    live: Live
    backends: Mapping[str, Backend]
    platform: Platform
    standing: Standing

    def holds(self, socket: Socket, declared: Service) -> bool:
        """Whether it holds a socket, for any of its services or for this one."""
        owner = self.live.owner(socket)
        known = self.standing(socket, owner)
        if known is not None:
            return known
        for name, backend in self.backends.items():
            found = backend.service_of(owner)
            services = [service for service in (self.have.get(found), declared) if service and service.name == found]
            if found and any(service.backend == name for service in services):
                return True
        return socket.inode in self.live.orphans or (owner[1] == "" and self._nameless(owner[0], socket))

    def _nameless(self, backend: str, socket: Socket) -> bool:
        """A super-server also serves what has lost its file, and then nobody can tell for whom."""
        return any(service.backend == backend and self._binds(service, socket) for service in self.have.values())

    def _binds(self, service: Service, socket: Socket) -> bool:
        return any(collide(listener, socket.listener) for listener in service.listeners(self.platform.ipv6))


def _way_out(owner: Owner | None, objected: Mapping[Owner, str]) -> str:
    """What can be done about the owner of a socket."""
    objection = objected.get(owner, "") if owner else ""
    if owner and _adoptable.nameable(owner) and not objection:
        return f'name "{owner.name}" in superserver_adopt to take it over, or choose another port'
    return f"{objection or 'stop and disable it'}, or choose another port"


def objections_on(host: LocalHost, own: t.Collection[str]) -> Objections:
    """What speaks against offering owners on this host. ``own`` are files of this collection."""

    def objections(owners: Mapping[Owner, Socket]) -> Mapping[Owner, str]:
        held = holders(socket.inode for socket in owners.values())
        return _adoptable.objections({owner: held[socket.inode] for owner, socket in owners.items()}, own, host)

    return objections
