# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading: everything a run must know before it decides, in one pass over declaration and host."""

from __future__ import annotations

import datetime
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import Live, listener_problem, look
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import honourable, render_all
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import choose_backend, detect
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.plan import (
    Condition,
    changing,
    plan_actions,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight import accounts as _accounts
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight import problems as _preflight
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.counting import counting_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.interfaces import (
    interface_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.sandbox import sandbox_problems
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.waiting import (
    address_problems,
    unreachable,
    waiting,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.probing import (
    lasting_problems,
    passing_problems,
    this_moment,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import secrets as _secrets
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.manifest import Manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.plan import plan_takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.record import Takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import Findings, findings
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import resolved
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.names import port_number
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.accounts import resolve_accounts
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.policy import check_policy, policy_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import (
    resolve_paths,
    resolve_ports,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration, Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES


@dataclass(frozen=True)
class Request:
    """What the caller wants: the layers as declared, and the policies of this run."""

    layers: Sequence[Layer]
    defaults: t.Any = None
    backend: str = "auto"
    on_unsupported: str = "fail"
    guard: str = "auto"
    policy: t.Any = None
    handover: str = "auto"
    drain_timeout: int = 0
    verify: bool = True
    bin_directory: str = ""
    s6_rc: Rc | None = None
    installed: Sequence[str] = ()
    makes_account: bool = False
    installs_nftables: bool = False
    adopt: Sequence[t.Any] = ()
    check: bool = False
    confirm: str = "never"
    confirm_timeout: int = 0
    generations: int = 5


@dataclass(frozen=True)
class Picture:
    """Declaration and host side by side. ``want`` and ``have`` are services by name; ``files`` what is wanted on the
    host and ``seen`` what is there; ``missing`` what of each needed runtime is not installed. ``unknown`` are numbers
    of accounts that the host has not, ``collisions`` those that only its links show."""

    want: Mapping[str, Service]
    have: Mapping[str, Service]
    platform: Platform
    manifest: Manifest
    files: Sequence[File]
    seen: Mapping[str, Seen | None]
    live: Live
    health: Mapping[str, str]
    missing: Mapping[str, str]
    warnings: Sequence[str]
    guard: Findings = field(default_factory=Findings)
    takeover: Takeover = field(default_factory=Takeover)
    unknown: Sequence[Problem] = ()
    collisions: Sequence[Problem] = ()

    @property
    def dirty(self) -> list[File]:
        """Files that are not as wanted."""
        return [file for file in self.files if not _files.matches(file, self.seen[file.path])]

    @property
    def obsolete(self) -> list[str]:
        """Paths of files that this collection wrote and that nothing wants any more. Directories and seeds hold
        somebody else's data."""
        wanted = {file.path for file in self.files}
        return [
            path
            for path, entry in self.manifest.files.items()
            if path not in wanted and entry["kind"] in ("file", "link") and self.seen.get(path) is not None
        ]

    def conditions(self) -> dict[str, Condition]:
        """How each declared service is found."""
        dirty: dict[str, list[str]] = {}
        for file in self.dirty:
            dirty.setdefault(file.service, []).append(file.path)
        return {
            name: Condition(
                tuple(dirty.get(name, ())),
                listener_problem(service, self.live, BACKENDS[service.backend], self.platform)
                if name in self.have
                else "",
                self.health.get(name, ""),
            )
            for name, service in self.want.items()
        }


def read(request: Request, host: LocalHost) -> Picture:
    """Read declaration and host. Raises InvalidDeclaration with everything that speaks against the declaration."""
    manifest = _manifest.load()
    have = manifest.built()
    policy = policy_of(request.policy)
    processes = host.processes()
    chosen = choose_backend(processes) if request.backend == "auto" else request.backend
    key = _secrets.load_key()
    services = load_services(request.layers, request.defaults, chosen, key)
    services = _secrets.recalled(services, key)
    services = resolve_ports(services, port_number)
    services, unknown = resolve_accounts(services, _accounts.user_name, _accounts.group_name)
    check_policy(services, policy)
    services, collisions = resolve_paths(services, resolved)
    every = [*services, *have.values()]
    platform = detect(every, processes, request.guard, request.bin_directory, request.s6_rc, host)
    services, warnings = honourable(services, platform, request.on_unsupported)
    want = {service.name: service for service in services}
    backends = {service.backend for service in services}
    missing = {name: BACKENDS[name].missing(platform, host) for name in sorted(backends)}
    files = _files.with_folders(render_all(services, platform))
    guarded = any(file.path == RULES for file in files)
    missing["guard"] = "nftables" if guarded and "nft" not in platform.programs else ""
    encrypted = any(service.tls for service in services)
    missing["tls"] = "stunnel" if encrypted and "stunnel" not in platform.programs else ""
    missing["account"] = OWN_ACCOUNT if request.makes_account and _accounts.own_account_lacks(services) else ""
    paths = {file.path for file in files} | set(manifest.files)
    live = look(services, have.values(), platform, host)
    listeners = [listener for service in services for listener in service.listeners(platform.ipv6)]
    picture = Picture(
        want,
        have,
        platform,
        manifest,
        files,
        {path: _files.look(path) for path in paths},
        live,
        _health(services, have, platform, host),
        {name: reason for name, reason in missing.items() if reason},
        warnings,
        Findings(),
        plan_takeover(request.adopt, manifest.adopted, paths, listeners, live, platform.init, host, services),
        unknown,
        collisions,
    )
    # Rules that are not in their file yet are not in the kernel either.
    written = guarded and not missing["guard"] and not any(file.path == RULES for file in picture.dirty)
    picture = replace(
        picture,
        warnings=[*warnings, *_preflight_all(picture, request, host)],
        guard=findings(platform, processes, host) if written else Findings(),
    )
    if not request.check:
        _secrets.keep_key(key, services)
    return picture


def _health(
    services: Sequence[Service], have: Mapping[str, Service], platform: Platform, host: LocalHost
) -> dict[str, str]:
    """Only of services that are held already: a new one cannot be ill."""
    problems: dict[str, str] = {}
    for name, backend in BACKENDS.items():
        held = [
            service
            for service in services
            if service.backend == name and service.name in have and have[service.name].backend == name
        ]
        if held and not backend.missing(platform, host):
            problems.update(backend.health(held, platform, host))
    return problems


def _preflight_all(picture: Picture, request: Request, host: LocalHost) -> list[str]:
    """Raise what speaks against the declaration; in check mode, what may be there by then is only a warning."""
    problems = [*picture.collisions, *_preflight.manager_problems(picture.manifest, picture.platform)]
    absent = [*picture.unknown]
    taken = set()
    for service in picture.want.values():
        backend = BACKENDS[service.backend]
        absent += _accounts.account_problems(service)
        absent += _accounts.reach_problems(service)
        absent += _preflight.program_problems(service, host)
        absent += _preflight.certificate_problems(service)
        absent += _preflight.environment_problems(service)
        absent += interface_problems(service)
        problems += _secrets.problems_of(service)
        problems += sandbox_problems(service, backend.hides(service, picture.platform))
        names = _preflight.name_problems(service, picture.manifest, backend, picture.platform, host)
        taken |= {service.name} if names else set()
        problems += names
    absent += [] if "account" in picture.missing else _accounts.own_account_problems(picture.want.values())
    absent += _preflight.daemon_problems(picture.want.values(), picture.platform, host)
    files = [file for file in picture.files if file.service not in taken]
    problems += _preflight.file_problems(picture.want, files, picture.seen, picture.manifest)
    own = {file.path for file in picture.files} | set(picture.manifest.files)
    problems += _preflight.holder_problems(
        picture.want.values(),
        picture.have,
        picture.live,
        BACKENDS,
        picture.platform,
        picture.takeover.standing,
        _preflight.objections_on(host, own),
    )
    problems += picture.takeover.problems
    disturbed, disturbing = _disturbances(picture, host)
    problems += disturbed
    uncounted, some_uncounted = counting_problems(picture.want.values(), picture.platform, host)
    problems += uncounted
    changed = _changing(picture)
    absent += address_problems(changed, picture.platform, host)
    if request.verify:
        problems += lasting_problems(picture.want.values(), picture.platform)
        absent += passing_problems(changed, this_moment())
    if problems or (absent and not request.check):
        raise InvalidDeclaration([*absent, *problems])
    now = datetime.datetime.now(datetime.timezone.utc)
    expired = [text for service in picture.want.values() for text in _preflight.expiry_warnings(service, now)]
    would_be = [f"would be refused in the present state of the host: {problem}" for problem in absent]
    changing_names = {service.name for service in changed}
    others = [service for name, service in picture.want.items() if name not in changing_names]
    away = [*waiting(picture.want.values(), picture.platform), *unreachable(others, picture.platform)]
    return [*would_be, *some_uncounted, *disturbing, *expired, *away]


def _changing(picture: Picture) -> list[Service]:
    return changing(plan_actions(picture.want, picture.have, picture.conditions(), BACKENDS, picture.platform))


def _disturbances(picture: Picture, host: LocalHost) -> tuple[list[Problem], list[str]]:
    """What files of others make of the collection's own, on every backend."""
    problems: list[Problem] = []
    warnings: list[str] = []
    for name, backend in BACKENDS.items():
        services = [service for service in picture.want.values() if service.backend == name]
        found, told = backend.disturbed(services, picture.files, picture.platform, host)
        problems += found
        warnings += told
    return problems, warnings
