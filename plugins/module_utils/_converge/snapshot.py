# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading: everything a run must know before it decides, in one pass over declaration and host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import look
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import (
    apply_capabilities,
    render_all,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import (
    Settings,
    choose_backend,
    detect,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request, Snapshot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.accounts import own_account_lacks
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.checks import check
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import secrets
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.plan import Demand, plan_takeover
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.loading import Findings, findings
from ansible_collections.ondemand.superserver.plugins.module_utils._host.accounts import group_name, user_name
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.places import resolved
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.names import port_number
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.accounts import resolve_accounts
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.policy import check_policy, policy_of
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.resolve import (
    resolve_paths,
    resolve_ports,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.loading.services import load_services
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import OWN_ACCOUNT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import RULES


def read(request: Request, host: LocalHost) -> Snapshot:
    """Read declaration and host. Raises InvalidDeclaration with everything that speaks against the declaration."""
    manifest = _manifest.load()
    have = manifest.built()
    policy = policy_of(request.policy)
    processes = host.processes()
    key = secrets.load_key()
    services = _loaded(request, processes, key)
    services, unknown = resolve_accounts(services, user_name, group_name)
    check_policy(services, policy)
    services, collisions = resolve_paths(services, resolved)
    settings = Settings(request.guard, request.bin_directory, request.s6_rc)
    platform = detect([*services, *have.values()], processes, settings, host)
    services, warnings = apply_capabilities(services, platform, request.on_unsupported)
    files = store.with_folders(render_all(services, platform))
    paths = {file.path for file in files} | set(manifest.files)
    live = look(services, have.values(), platform, host)
    listeners = [listener for service in services for listener in service.listeners(platform.ipv6)]
    snapshot = Snapshot(
        {service.name: service for service in services},
        have,
        platform,
        manifest,
        files,
        {path: store.look(path) for path in paths},
        live,
        _health(services, have, platform, host),
        _missing(services, files, request, platform, host),
        warnings,
        Findings(),
        plan_takeover(Demand(request.adopt, manifest.adopted, listeners, services), paths, live, platform.init, host),
        unknown,
        collisions,
    )
    warnings = [*warnings, *check(snapshot, request, host)]
    guard = findings(platform, processes, host) if _has_rules(snapshot) else Findings()
    if not request.check:
        secrets.keep_key(key, services)
    return replace(snapshot, warnings=warnings, guard=guard)


def _loaded(request: Request, processes: Sequence[Process], key: bytes) -> list[Service]:
    """The services as they are declared, with what this host knows of them: secrets and numbers of ports."""
    chosen = choose_backend(processes) if request.backend == "auto" else request.backend
    services = load_services(request.layers, request.defaults, chosen, key)
    return resolve_ports(secrets.recalled(services, key), port_number)


def _missing(
    services: Sequence[Service], files: Sequence[File], request: Request, platform: Platform, host: LocalHost
) -> dict[str, str]:
    """What is to be installed or made first, by what needs it."""
    backends = {service.backend for service in services}
    missing = {name: backend.missing(platform, host) for name, backend in BACKENDS.items() if name in backends}
    guarded = any(file.path == RULES for file in files)
    missing["guard"] = "nftables" if guarded and "nft" not in platform.programs else ""
    encrypted = any(service.tls for service in services)
    missing["tls"] = "stunnel" if encrypted and "stunnel" not in platform.programs else ""
    missing["account"] = OWN_ACCOUNT if request.makes_account and own_account_lacks(services) else ""
    return {name: reason for name, reason in missing.items() if reason}


def _has_rules(snapshot: Snapshot) -> bool:
    """Whether the guard's rules are as wanted. Those that are not in their file yet are not in the kernel either."""
    guarded = any(file.path == RULES for file in snapshot.files) and "guard" not in snapshot.missing
    return guarded and not any(file.path == RULES for file in snapshot.dirty)


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
