# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd socket units: what is written, and how listeners are opened and closed."""

from __future__ import annotations

import posixpath
import re
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change, Inquiry
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.boot import EarlyProgram, Means
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import secret_files
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Run, Tracing
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.collector import collector
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.description.columns import COLUMNS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.description.facts import facts
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.description.tracing import (
    UnitTracing,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.directives import directed
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.dropins import disturbances
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.early import early
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.services import Units
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.states import states_of
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.native import (
    refuse_native,
    settings_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.parts import UNITS, parts
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.reuseport import sharing_files
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.sandbox import hidden_places
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.units import (
    listener_settings,
    readers,
    render_service,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.tls import (
    merge_files,
    tls_files,
    wrap_with_tls,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import UNIT as GUARD
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host, Process, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Native
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

SYSTEMCTL = "systemctl"

# Where units of one name hide each other (systemd.unit(5)); generated ones aside.
UNIT_PATH = (
    UNITS,
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)

# A program that is not there was found before; in check mode it may still come.
_NO_PROGRAM = re.compile(r": Command /.* is not executable: No such file or directory$")

# How a part of a service is called.
_SOCKET_UNIT = re.compile(r"(?P<service>[A-Za-z0-9_-]+)(\.udp)?\.socket")

# A socket unit has these once, for all of its sockets.
_SHARED = ("backlog", "owner", "group", "mode")


class Systemd(Backend):
    """The backend ``systemd``; see :class:`base.Backend` for what each method must do."""

    name = "systemd"
    owned = "systemd unit"
    owner_rank = 2
    columns = COLUMNS
    foreign = Units()
    manages_units = True
    ends_daemons = True
    binds_ahead = True

    def fitness(self, processes: Sequence[Process]) -> int:
        """Where it is PID 1."""
        return 3 if any(process.pid == 1 and process.program == "systemd" for process in processes) else -1

    def early(self, program: EarlyProgram) -> Means | None:
        return early(program)

    def facts(self, inquiry: Inquiry) -> Mapping[str, t.Any]:
        return facts(inquiry)

    def render(self, services: Sequence[Service], platform: Platform) -> list[File]:
        fronts = [wrap_with_tls(service, platform) for service in services]
        front, back = render_service(fronts, platform), tls_files(services, platform, directed)
        return merge_files(secret_files(services), merge_files(back, front))

    def further_problems(self, service: Service, platform: Platform) -> list[Problem]:
        native = service.native
        raw = native.of("systemd.socket") or native.of("systemd.service")
        written = self._written(service, platform) if raw else {}
        return refuse_native(service, platform, written) + _refuse_differing(service) + _refuse_split(service, platform)

    def _written(self, service: Service, platform: Platform) -> dict[str, dict[str, list[str]]]:
        """What the units of a service have without its raw directives, by section and directive."""
        plain = wrap_with_tls(replace(service, native=Native()), platform)
        texts = {file.path: file.content for file in render_service([plain], platform)}
        own = parts(plain, platform)
        return {
            "socket": settings_of([texts[f"{UNITS}/{part.socket}"] for part in own]),
            "service": settings_of([texts[f"{UNITS}/{part.service}"] for part in own]),
        }

    def rebinds(self, old: Service, new: Service, platform: Platform) -> bool:
        return listener_settings(old, platform) != listener_settings(new, platform)

    def owner(self, service: Service, listener: Listener, platform: Platform) -> tuple[str, str]:
        for part in parts(service, platform):
            if listener in part.listeners:
                return ("systemd", part.socket)
        raise ValueError(f"{service.name} does not listen on {listener}")

    def service_of(self, owner: tuple[str, str]) -> str:
        kind, unit = owner
        found = _SOCKET_UNIT.fullmatch(unit)
        return found.group("service") if kind == self.name and found else ""

    def reserved_paths(self, service: Service, platform: Platform) -> list[str]:
        """Foreign drop-ins are checked, see :meth:`disturbed`."""
        return [
            f"{folder}/{unit}"
            for folder in UNIT_PATH
            for part in parts(service, platform)
            for unit in (part.socket, f"{part.stem}.service", f"{part.stem}@.service", collector(part))
        ]

    def hides(self, service: Service, platform: Platform) -> Mapping[str, str]:
        return hidden_places(service, platform)

    def disturbed(
        self, services: Sequence[Service], files: Sequence[File], platform: Platform, host: Host
    ) -> tuple[list[Problem], list[str]]:
        return disturbances(services, files, host) if services and platform.managed else ([], [])

    def tracing(self, run: Run) -> Tracing:
        return UnitTracing(run)

    def missing(self, platform: Platform, host: Host) -> str:
        return "" if platform.managed else "systemd as PID 1"

    def check(self, root: str, files: Sequence[File], platform: Platform, host: Host) -> list[str]:
        """systemd-analyze exits with 0 for unknown keys, so that every line it prints about these units is a
        problem."""
        units = [file.path for file in files if file.kind == "file" and file.path.startswith(UNITS + "/")]
        if not units:
            return []
        # An instance makes the template's command line be checked too.
        names = [root + path.replace("@.service", "@check.service") for path in units]
        result = host.run(
            ["systemd-analyze", "verify", "--man=no", *names],
            check=False,
            environment={"SYSTEMD_UNIT_PATH": f"{root}{UNITS}:", "SYSTEMD_LOG_LEVEL": "warning"},
        )
        # Units of others are read along with these, and some of them deserve a warning of their own.
        own = {posixpath.basename(path) for path in (*units, *names)}
        lines = [line for line in result.err.split("\n") if own & set(re.split(r"[\s:/]", line))]
        if result.code and not lines:
            return [f"systemd-analyze verify ended with {result.code}: {result.err.strip() or result.out.strip()}"]
        return list(dict.fromkeys(line.replace(root, "") for line in lines if not _NO_PROGRAM.search(line)))

    def reload(self, platform: Platform, host: Host) -> None:
        host.run([SYSTEMCTL, "daemon-reload"])

    def is_first(self, platform: Platform) -> bool:
        return platform.managed

    def start_guard(self, platform: Platform, host: Host) -> None:
        self.stop_guard(platform, host)
        host.run([SYSTEMCTL, "reset-failed", GUARD], check=False)
        host.run([SYSTEMCTL, "start", GUARD])

    def stop_guard(self, platform: Platform, host: Host) -> None:
        """Without stopping what requires it."""
        host.run([SYSTEMCTL, "--job-mode=ignore-dependencies", "stop", GUARD], check=False)

    def sharing_files(self, services: Sequence[Service], platform: Platform) -> list[File]:
        return sharing_files(services, platform)

    def release(self, change: Change, platform: Platform, host: Host) -> None:
        """A socket whose daemon runs would stay bound by the daemon, so both stop; sessions of Accept=yes live on.

        The daemon goes first, because what a service does when it stops needs its socket as its standard input.
        """
        stopping = [part for service in change.stop for part in parts(service, platform)]
        sockets = [part.socket for part in stopping]
        daemons = [part.service for part in stopping if not part.accept]
        self._stop(daemons, host)
        # Once more: a client may have connected meanwhile.
        self._stop(sockets + daemons, host)
        if daemons:
            # Whoever a daemon has left may have its socket, too.
            host.run([SYSTEMCTL, "kill", *daemons], check=False)
            host.run([SYSTEMCTL, "reset-failed", *daemons], check=False)

    def activate(self, change: Change, platform: Platform, host: Host) -> None:
        """Handlers of new connections read their unit anew; only a daemon that runs must be stopped to be changed, and
        the next client starts it again. One that has outlived its socket would keep that from being bound."""
        services = [*change.start, *(new for _old, new in change.refresh)]
        self._stop([part.service for service in services for part in parts(service, platform) if not part.accept], host)
        sockets = [part.socket for service in change.start for part in parts(service, platform)]
        if not sockets:
            return
        # A unit that failed before would keep its state, and its start limit.
        host.run([SYSTEMCTL, "reset-failed", *sockets], check=False)
        result = host.run([SYSTEMCTL, "start", *sockets], check=False)
        if result.code:
            raise SwitchFailed(
                f"systemctl start failed: {result.err.strip()}\n{self.log(change.start, platform, host)}"
            )

    def after_activate(self, change: Change, platform: Platform, host: Host) -> None:
        """What read messages, and has no unit any more, would stay for good."""
        pairs = [(wrap_with_tls(old, platform), wrap_with_tls(new, platform)) for old, new in change.refresh]
        gone = [name for old, new in pairs for name in sorted(readers(old, platform) - readers(new, platform))]
        self._stop(gone, host)

    def health(self, services: Sequence[Service], platform: Platform, host: Host) -> dict[str, str]:
        """Everything that can be wrong beside files and sockets shows in one look at the units."""
        names = {part.socket: service.name for service in services for part in parts(service, platform)}
        if not names:
            return {}
        listing = host.run([SYSTEMCTL, "show", "--property=Id,LoadState,NeedDaemonReload,UnitFileState", *names])
        problems = {}
        wanted = {service.name: service.enabled for service in services}
        for state in states_of(listing.out):
            name = names.get(state.unit)
            if name is None:
                continue
            if state.one("LoadState") == "masked":
                problems[name] = f"{state.unit} is masked"
            elif state.one("LoadState") != "loaded" or state.one("NeedDaemonReload") == "yes":
                problems[name] = f"systemd has not read the current file of {state.unit}"
            elif wanted[name] and state.one("UnitFileState") != "enabled":
                problems[name] = f"{state.unit} is not enabled at boot"
        return problems

    def log(self, services: Sequence[Service], platform: Platform, host: Host) -> str:
        patterns = [
            pattern
            for service in services
            for part in parts(service, platform)
            for pattern in (part.socket, part.service.replace("@.", "@*."), collector(part))
        ]
        words = [word for pattern in patterns for word in ("-u", pattern)]
        return host.run(["journalctl", "--no-pager", "-q", "-n", "20", "-o", "cat", *words], check=False).out.strip()

    def _stop(self, units: Sequence[str], host: Host) -> None:
        if not units:
            return
        result = host.run([SYSTEMCTL, "stop", *units], check=False)
        # 5: some unit is not loaded, so that there is nothing to stop.
        if result.code not in (0, 5):
            raise SwitchFailed(f"systemctl stop failed: {result.err.strip()}")


def _refuse_differing(service: Service) -> list[Problem]:
    problems = []
    for name in _SHARED:
        kind = [end for end in service.listen if (not end.datagram if name == "backlog" else end.transport == "unix")]
        if len({getattr(end, name) for end in kind}) > 1:
            problems.append(
                Problem(
                    f"{service.path('listen')}.{name}",
                    "systemd cannot honour this: it has one value for all endpoints of a service, and these "
                    "differ. Give all of them the same value, or split the service",
                )
            )
    return problems


def _refuse_split(service: Service, platform: Platform) -> list[Problem]:
    """Beside a socket for IPv6 only, one for both families is two sockets, which a process that gets them would see."""
    if service.accept or not service.exec:
        return []
    listeners = service.listeners(platform.ipv6)
    if not any(listener.family == "ipv6" and listener.wildcard for listener in listeners):
        return []
    return [
        Problem(
            f"{service.path('listen')}[{index}]",
            "systemd cannot honour this: beside an endpoint with family: ipv6 it would hand over two sockets for "
            f"{listener}, one for each family. Give it a family too, or split the service",
        )
        for index, listener in enumerate(listeners)
        if listener.family == "dual"
    ]
