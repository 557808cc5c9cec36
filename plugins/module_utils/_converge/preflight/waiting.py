# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints of an address that the host does not have: refused where it was not said that it may be without it, and
told of where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import lacks_address
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.addresses import is_tentative
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How long the host may take to find out that nobody else has an address that it has just been given, in seconds.
DETECTION = 4.0


def address_problems(services: Iterable[Service], platform: Platform, host: LocalHost) -> list[Problem]:
    """Endpoints that nobody could open, or that nobody could reach."""
    return [
        Problem(
            f"{service.path('listen')}[{index}].{listener.transport}",
            f'"{listener.address}" is not an address of this host; add the address first, or, if the address comes '
            "later, let the endpoint wait for it with freebind: true",
        )
        for service in services
        for index, listener in _without_address(service, platform)
        if not listener.freebind and not _comes(listener, host)
    ]


def waiting(services: Iterable[Service], platform: Platform) -> list[str]:
    """What is told of endpoints that wait for their addresses."""
    return [
        f"{service.name}: {listener} waits for its address, which this host does not have now"
        for service in services
        for _index, listener in _without_address(service, platform)
        if listener.freebind
    ]


def unreachable(services: Iterable[Service], platform: Platform) -> list[str]:
    """What is told of endpoints whose address the host had, and has no more."""
    return [
        f"{service.name}: {listener} cannot be reached: this host does not have the address, and the endpoint does "
        "not set freebind"
        for service in services
        for _index, listener in _without_address(service, platform)
        if not listener.freebind
    ]


def _without_address(service: Service, platform: Platform) -> Iterator[tuple[int, Listener]]:
    listeners = service.listeners(platform.ipv6) if service.enabled else ()
    return ((index, listener) for index, listener in enumerate(listeners) if lacks_address(listener))


def _comes(listener: Listener, host: LocalHost) -> bool:
    """Whether the host gets the address in a moment: it is looked whether another host has it."""
    return is_tentative(listener.address) and host.wait(lambda: not lacks_address(listener), DETECTION)
