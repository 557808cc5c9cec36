# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""xinetd: one file of entries for each service, all of them read and carried out in one reload."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Backend, Change, Inquiry
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import secret_files
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.ownership import Run, Tracing
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.tls import (
    merge_files,
    tls_files,
    wrap_with_tls,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd import boot, daemon, waiting
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.attributes import refuse_native
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.check import (
    check_entries,
    config_problem,
    defaults_elsewhere,
    other_services,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.description.columns import COLUMNS
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.description.facts import facts
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.description.tracing import (
    EntryTracing,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.files import (
    DROP_IN,
    ENTRIES,
    entries,
    listener_settings,
    log_file,
    render_services,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.foreign import Entries
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.configuration import (
    parse_configuration,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host, Process, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.texts import GivenTexts

LINES = 20
# How long what a handler has said may take to be in its log, in seconds.
WRITTEN = 0.5


class Xinetd(Backend):
    """The backend ``xinetd``; see :class:`base.Backend` for what each method must do."""

    name = "xinetd"
    owned = "xinetd service"
    columns = COLUMNS
    foreign = Entries()
    offline: t.ClassVar[Mapping[str, t.Any]] = {"xinetd": "2.3.15.4"}
    programs = ("xinetd",)
    parses = True
    atomic = True
    entries = ENTRIES
    stopping = (DROP_IN, waiting.UNIT_FILE, waiting.UNIT_LINK)

    def fitness(self, processes: Sequence[Process]) -> int:
        """Everywhere, where nothing else is at home."""
        return 1

    def facts(self, inquiry: Inquiry) -> Mapping[str, t.Any]:
        return facts(inquiry)

    def render(self, services: Sequence[Service], platform: Platform) -> list[File]:
        fronts = [wrap_with_tls(service, platform) for service in services]
        front = [*render_services(fronts, platform), *waiting.waiter_files(services, platform)]
        back = tls_files(services, platform)
        return merge_files(secret_files(services), merge_files(back, front))

    def parse(self, files: GivenTexts) -> Parsed:
        return parse_configuration(files)

    def further_problems(self, service: Service, platform: Platform) -> list[Problem]:
        return refuse_native(service)

    def rebinds(self, old: Service, new: Service, platform: Platform) -> bool:
        return listener_settings(old, platform) != listener_settings(new, platform)

    def owner(self, service: Service, listener: Listener, platform: Platform) -> tuple[str, str]:
        for entry in entries(service, platform):
            if entry.listener == listener:
                return ("xinetd", entry.id)
        raise ValueError(f"{service.name} does not listen on {listener}")

    def service_of(self, owner: tuple[str, str]) -> str:
        """The entries of a service with several have its endpoints in their ids."""
        kind, name = owner
        return name.split(":", 1)[0] if kind == self.name else ""

    def tracing(self, run: Run) -> Tracing:
        return EntryTracing()

    def missing(self, platform: Platform, host: Host) -> str:
        return "" if platform.xinetd else "xinetd"

    def check(self, root: str, files: Sequence[File], platform: Platform, host: Host) -> list[str]:
        """A runtime is always complete enough to stop its services."""
        problems = [config_problem(host), defaults_elsewhere(host)] if files else []
        return [*filter(None, problems), *check_entries(root, files, platform, host)]

    def start_runtime(self, platform: Platform, host: Host) -> None:
        """What is wrong with the configuration is told by ``activate``."""
        if not config_problem(host) and daemon.find(host) is None:
            daemon.start(platform, host)

    def interrupted_services(self, change: Change, platform: Platform, host: Host) -> list[Service]:
        """When it reads that a service is gone, it kills its handlers."""
        stays = change.stop and (any(service.enabled for service in change.kept) or _serves_others(host))
        gone = change.stop if stays else ()
        return [*gone, *(service for service in change.ended if service not in gone)]

    def activate(self, change: Change, platform: Platform, host: Host) -> None:
        """The reload comes as early as possible: ports that come from another super-server are closed until then."""
        needed = any(service.enabled for service in change.kept)
        problem = config_problem(host) if needed else ""
        if problem:
            raise SwitchFailed(problem)
        process = daemon.find(host)
        if process and not needed and not _serves_others(host):
            daemon.leave(process, change.stop, platform, host)
        elif process:
            daemon.reload(process, host)
            daemons = [old for old, _new in change.refresh if not (old.accept or old.internal)]
            daemon.stop_daemons(daemons, process, platform, host)
        elif needed:
            daemon.start(platform, host)

    def after_activate(self, change: Change, platform: Platform, host: Host) -> None:
        if any(service.enabled for service in change.kept):
            boot.enable(platform, host)
        if platform.managed:
            waiting.settle(change.kept, platform, host)

    def health(self, services: Sequence[Service], platform: Platform, host: Host) -> dict[str, str]:
        enabled = [service.name for service in services if service.enabled]
        if not enabled:
            return {}
        problem = config_problem(host) or defaults_elsewhere(host)
        if not problem and daemon.find(host) is None:
            problem = "xinetd does not run"
        elif not problem and not boot.starts(platform, host):
            problem = "xinetd is not enabled at boot"
        elif not problem and waiting.needed(services, platform) and not waiting.runs(host):
            problem = f"{waiting.UNIT}, which waits for addresses, does not run"
        return dict.fromkeys(enabled, problem) if problem else {}

    def log(self, services: Sequence[Service], platform: Platform, host: Host) -> str:
        lines = []
        if platform.managed:
            argv = ["journalctl", "--no-pager", "-q", "-n", str(LINES), "-o", "cat", "-t", "xinetd"]
            lines = host.run(argv, check=False).out.splitlines()
        files = [path for path in (log_file(wrap_with_tls(service, platform)) for service in services) if path]
        # Its writer may have started a moment ago.
        host.wait(lambda: all(map(host.read, files)), WRITTEN)
        for path in files:
            lines += (host.read(path) or "").splitlines()[-LINES:]
        return "\n".join(lines)

    def stop_runtime(self, platform: Platform, host: Host) -> None:
        if not _serves_others(host):
            daemon.stop(platform, host)


def _serves_others(host: Host) -> bool:
    """Whether xinetd has services that are not the collection's."""
    return bool(other_services(host)) or daemon.serves_inetd(host)
