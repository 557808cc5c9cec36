# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host the declared services depend on: what is common, and what each backend knows."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Inquiry
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._host import platform as _platform
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


@dataclass(frozen=True)
class Settings:
    """What a run is told of its host: whether nftables may be used, where s6's programs are, and how s6-rc manages
    services."""

    policy: str = "auto"
    bin_directory: str = ""
    rc: Rc | None = None


def choose_backend(processes: Sequence[Process]) -> str:
    """The meaning of ``auto``: the backend that fits best."""
    return max(BACKENDS.values(), key=lambda backend: backend.fitness(processes)).name


def find_programs(bin_directory: str) -> dict[str, str]:
    """Absolute paths of everything that rendered files may name, as far as it is there."""
    names = (name for backend in BACKENDS.values() for name in backend.programs)
    return _platform.find_programs(bin_directory, dict.fromkeys((*_platform.PROGRAMS, *names)))


def detect(
    services: Sequence[Service],
    processes: Sequence[Process],
    settings: Settings,
    host: LocalHost,
) -> Platform:
    """The facts about this host that these services (declared, or held until now) depend on."""
    programs = find_programs(settings.bin_directory)
    platform = _platform.detect(services, processes, settings.policy, programs, host)
    inquiry = Inquiry(services, processes, platform, settings.bin_directory, settings.rc, host)
    facts: dict[str, t.Any] = {}
    for backend in BACKENDS.values():
        facts.update(backend.facts(inquiry))
    return replace(platform, **facts)
