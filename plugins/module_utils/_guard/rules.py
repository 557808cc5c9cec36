# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rules: from services to the text that nft reads. Pure.

Each guarded service has a chain of its own, which all of its endpoints jump to, so that a limit counts the service and
not each endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._guard.counting import (
    OPENING,
    chain_lines,
    render_count,
    render_rate,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import NOTICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.access import AccessList, compile_access
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.records import Rate
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import TABLE, hooked

FAMILIES = {"ipv4": ("ip", "ipv4_addr"), "ipv6": ("ip6", "ipv6_addr")}
_ACCESS = ("access.allow", "access.deny")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def render_rules(guarded: Sequence[tuple[Service, frozenset[str]]], platform: Platform) -> str:
    """The file of rules, for services with the fields that the guard enforces of each."""
    sets: list[str] = []
    chains: list[str] = []
    jumps: dict[str, list[str]] = {"input": [], "output": []}
    for service, fields in guarded:
        listeners = [each for each in service.listeners(platform.ipv6) if each.transport != "unix"]
        jumps["input"] += [f"{_match(each)} jump service-{service.name}" for each in listeners]
        rules = _interface_rules(service, platform) + _access_rules(service, fields, sets)
        rules += _rate_rules(service, fields, sets, chains) + _source_rules(service, fields, sets)
        if "connections.max" in fields:
            rules += render_count(service.name, service.connections.max or 0, sets, chains)
            leaving = [_match(each, "s") for each in listeners if each.transport == "tcp"]
            jumps["output"] += [f"{match} jump leave-{service.name}" for match in leaving]
        chains += chain_lines(f"service-{service.name}", rules)
    lines = [
        NOTICE,
        # Adding before deleting makes the replacement work whether the table exists or not.
        f"table inet {TABLE}",
        f"delete table inet {TABLE}",
        f"table inet {TABLE} {{",
        *sets,
        *chains,
        *(line for hook, rules in jumps.items() if rules for line in chain_lines(hook, [hooked(hook), *rules])),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _match(listener: Listener, side: str = "d") -> str:
    """What is sent to a listener (its side is the destination), or what comes from it (the source)."""
    port = f"{listener.transport} {side}port {listener.port}"
    if listener.family == "dual":
        return port
    prefix, _type = FAMILIES[listener.family]
    if listener.wildcard:
        return f"meta nfproto {listener.family} {port}"
    return f"{prefix} {side}addr {listener.address} {port}"


def _interface_rules(service: Service, platform: Platform) -> list[str]:
    """A rule that refuses packets from another interface as a closed port would."""
    rules = []
    for endpoint, listener in zip(service.listen, service.listeners(platform.ipv6)):
        if endpoint.interface and listener.transport != "unix":
            refuse = "reject with tcp reset" if listener.transport == "tcp" else "drop"
            rules.append(f'{_match(listener)} iifname != "{endpoint.interface}" counter {refuse}')
    return rules


def _rate_rules(service: Service, fields: frozenset[str], sets: list[str], chains: list[str]) -> list[str]:
    """A bucket of ``count`` tokens that is full again after ``interval``."""
    rate = service.connections.rate
    if rate is None or "connections.rate.count" not in fields:
        return []
    over = f"limit rate over {_per_unit(rate)} burst {rate.count} packets"
    return render_rate(service.name, over, rate.pause or 0, sets, chains)


def _per_unit(rate: Rate) -> str:
    """nftables knows rates per unit of time only; the last of the units comes close enough to any interval."""
    for unit, seconds in _UNITS.items():
        if rate.count * seconds % rate.interval == 0:
            return f"{rate.count * seconds // rate.interval}/{unit}"
    return f"{round(rate.count * _UNITS['week'] / rate.interval)}/week"


def _access_rules(service: Service, fields: frozenset[str], sets: list[str]) -> list[str]:
    """Only what opens a connection is looked at, so that sessions outlive a change of the list."""
    if not fields & set(_ACCESS):
        return []
    compiled = compile_access(service.access.allow, service.access.deny)
    rules = []
    for transport, refuse in (("tcp", "reject with tcp reset"), ("udp", "drop")):
        if not service.has(transport):
            continue
        opening = OPENING if transport == "tcp" else "meta l4proto udp"
        for family in ("ipv4", "ipv6"):
            condition = _condition(service, compiled, family, sets)
            if condition is not None:
                rules.append(f"{opening} meta nfproto {family} {condition}counter {refuse}")
    return rules


def _condition(service: Service, compiled: AccessList, family: str, sets: list[str]) -> str | None:
    """Condition for refused source addresses; None if no address of the family is refused."""
    version = 4 if family == "ipv4" else 6
    networks = [str(network) for network in compiled.networks if network.version == version]
    if not networks:
        return "" if compiled.closed else None
    prefix, kind = FAMILIES[family]
    name = f"access-{service.name}-{family}"
    if not any(line.startswith(f"\tset {name} ") for line in sets):
        sets += [
            f"\tset {name} {{",
            f"\t\ttype {kind}; flags interval;",
            f"\t\telements = {{ {', '.join(networks)} }}",
            "\t}",
        ]
    return f"{prefix} saddr {'!= ' if compiled.closed else ''}@{name} "


def _source_rules(service: Service, fields: frozenset[str], sets: list[str]) -> list[str]:
    """Counted from the first packet: a client that forges an address exhausts only the limit of that address."""
    if "connections.per_source" not in fields:
        return []
    rules = []
    for family, (prefix, kind) in FAMILIES.items():
        name = f"sources-{service.name}-{family}"
        sets += [f"\tset {name} {{", f"\t\ttype {kind}; size 65535; flags dynamic;", "\t}"]
        rules.append(
            f"meta l4proto tcp ct state new add @{name} {{ {prefix} saddr ct count over "
            f"{service.connections.per_source} }} counter reject with tcp reset"
        )
    return rules
