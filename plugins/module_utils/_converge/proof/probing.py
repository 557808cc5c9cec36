# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source addresses of probes that ``access`` allows, and reasons why there is none."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.live import lacks_address
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.client import LOOPBACK, Way
from ansible_collections.ondemand.superserver.plugins.module_utils._host.clock import load, local_time
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.addresses import own_addresses
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import AccessList, compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.hours import is_open
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# All of it is the host's own, but for its ends.
_LOCAL_NETWORK = ipaddress.IPv4Network("127.0.0.0/8")
_ENDS = (_LOCAL_NETWORK.network_address, _LOCAL_NETWORK.broadcast_address)
_WITHOUT = "leave probe out: the run proves without it that the endpoints are open and who owns them"


@dataclass(frozen=True)
class Moment:
    """Conditions besides addresses that decide whether a client is served: the day of the week, the time and the
    load."""

    day: int
    clock: str
    load: float


def this_moment() -> Moment:
    """How it is on the host."""
    return Moment(*local_time(), load())


def ways(service: Service, platform: Platform, own: Sequence[str]) -> dict[Listener, list[Way]]:
    """How each endpoint can be probed from the host, which has these addresses; nothing where it cannot. What waits for
    its address is not probed. What has both families is probed with those that any of these addresses is let in of."""
    permitted = compile_access(service.access.allow, service.access.deny)
    return {
        each: _ways(each, permitted, own)
        for each in service.listeners(platform.ipv6)
        if not (each.freebind and lacks_address(each))
    }


def ways_now(service: Service, platform: Platform) -> dict[Listener, list[Way]]:
    """The same with the addresses that the host has now."""
    return ways(service, platform, own_addresses() if service.uses("access") else ())


def _ways(listener: Listener, permitted: AccessList, own: Sequence[str]) -> list[Way]:
    if listener.transport == "unix":
        return [(listener.path, None)]
    targets = LOOPBACK[listener.family] if listener.wildcard else (listener.address,)
    if not (permitted.closed or permitted.networks):
        return [(target, None) for target in targets]
    found: list[Way] = []
    for target in targets:
        source = next((each for each in _sources(target, permitted, own) if permitted.permits(each)), None)
        if source:
            found.append((source if listener.wildcard else target, source))
    return found


def _sources(target: str, permitted: AccessList, own: Iterable[str]) -> Iterator[str]:
    """Addresses of a target's family to connect from, the usual one first."""
    yield target
    version = ipaddress.ip_address(target).version
    yield from (address for address in own if ipaddress.ip_address(address).version == version)
    if version == _LOCAL_NETWORK.version:
        for network in permitted.networks:
            if isinstance(network, ipaddress.IPv4Network) and network.subnet_of(_LOCAL_NETWORK):
                yield from (str(address) for address in reversed(list(islice(network, 2))) if address not in _ENDS)


def lasting_problems(services: Iterable[Service], platform: Platform) -> list[Problem]:
    """Probes that are always refused."""
    probed = [service for service in services if service.enabled and service.probe]
    own = own_addresses() if any(service.uses("access") for service in probed) else ()
    return [problem for service in probed for problem in _lasting(service, platform, own)]


def _lasting(service: Service, platform: Platform, own: Sequence[str]) -> Iterator[Problem]:
    found = ways(service, platform, own)
    for listener, possible in found.items():
        if not possible:
            addresses = ", ".join(dict.fromkeys(("127.0.0.1", *own)))
            yield Problem(
                service.path("access"),
                f"allows no address of this host ({addresses}), so that the service would refuse the probe of "
                f"{listener}; allow one of these addresses, or {_WITHOUT}",
            )
    rate = service.connections.rate
    count = sum(len(possible) for listener, possible in found.items() if listener.transport != "udp")
    if rate and count > rate.count:
        yield Problem(
            service.path("connections.rate.count"),
            f"is {rate.count}, but the probe makes {count} connections at once, one for each endpoint and family; "
            f"raise it, or {_WITHOUT}",
        )


def passing_problems(services: Iterable[Service], moment: Moment) -> list[Problem]:
    """Probes that would be refused now."""
    found = ((service, obstacle(service, moment)) for service in services if service.enabled and service.probe)
    return [
        Problem(
            service.path(reason[0]),
            f"{reason[1]}, so that the service would refuse the probe; run this at another time or with "
            f"superserver_verify: false, or {_WITHOUT}",
        )
        for service, reason in found
        if reason
    ]


def obstacle(service: Service, moment: Moment) -> tuple[str, str] | None:
    """The field that refuses every client at a moment, and why."""
    hours, most = service.access.hours, service.connections.max_load
    if hours and not is_open(hours, moment.day, moment.clock):
        clock = f"{moment.clock[:2]}:{moment.clock[2:]}"
        return "access.hours", f"allows no client now, at {clock} by the host's clock"
    if most is not None and moment.load >= most:
        return "connections.max_load", f"allows no client now, at a load of {moment.load:.2f}"
    return None


def unprobed(services: Iterable[Service], moment: Moment) -> list[str]:
    """What is told of services that cannot be probed at a moment."""
    found = ((service, obstacle(service, moment)) for service in services if service.enabled and service.probe)
    return [f"{service.name}: not probed: {reason[0]} {reason[1]}" for service, reason in found if reason]
