# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the capability table is made of: rows with the conditions under which a service needs them, and cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

NATIVE, EMULATED, GUARD, IMPOSSIBLE = "native", "emulated", "guard", "impossible"
HOWS = (NATIVE, EMULATED, GUARD, IMPOSSIBLE)

NEEDS = {
    "nft": "nftables on the host, and superserver_guard other than never",
    "keeper": "systemd or s6 as PID 1, to load the rules at boot before anything listens",
    "ordered": "systemd as PID 1, to start xinetd after the rules are loaded",
    "waiter": "systemd as PID 1, which starts it with xinetd",
    "mounts": "permission to mount file systems, which systemd's sandbox needs",
    "daemons": "systemd or s6 as PID 1, to start the daemon",
    "journal": "systemd as PID 1, which has the journal",
    "syslog": "a syslog daemon, which has the socket /dev/log",
    "bpf": "permission to load BPF programs, which systemd's address filter needs",
}


@dataclass(frozen=True)
class Cell:
    """How one backend honours one field.

    ``note`` names the directive or program, or the reason why not. ``needs`` are facts of the host (see
    :meth:`Platform.able`); where one is missing, ``otherwise`` holds instead.
    """

    how: str
    note: str
    needs: tuple[str, ...] = ()
    otherwise: Cell | None = None

    @property
    def possible(self) -> bool:
        """Whether the field is honoured."""
        return self.how != IMPOSSIBLE


@dataclass(frozen=True)
class Row:
    """One field, in one case. ``used`` tells whether a service declares it; ``droppable`` whether a service still makes
    sense without it, so that ``superserver_on_unsupported: warn`` may leave it out. ``common``: how the collection
    honours it for every backend that has no cell of its own."""

    field: str
    used: Callable[[Service], bool] = dataclasses.field(repr=False)
    case: str = ""
    common: Cell | None = None
    droppable: bool = False

    @cached_property
    def name(self) -> str:
        """What columns call it."""
        return f"{self.field} ({self.case})" if self.case else self.field


def native(note: str) -> Cell:
    return Cell(NATIVE, note)


def emulated(note: str) -> Cell:
    return Cell(EMULATED, note)


def impossible(why: str) -> Cell:
    return Cell(IMPOSSIBLE, why)


def guard(note: str) -> Cell:
    return Cell(GUARD, note, needs=("nft", "keeper"))


def any_endpoint(test: Callable[[Endpoint], bool]) -> Callable[[Service], bool]:
    return lambda service: any(test(endpoint) for endpoint in service.listen)


def declared(name: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(name)


def accepting(name: str, *transports: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(name) and service.accept and service.has(*transports)


def several(service: Service) -> bool:
    return len(service.listen) > 1


def waiting(name: str, *transports: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(name) and not (service.accept or service.proxy) and service.has(*transports)


def forwarding(name: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(name) and service.proxy is not None and not service.accept


def attended(service: Service) -> bool:
    return bool(service.proxy and service.proxy.unit)


def logged(where: str) -> Callable[[Service], bool]:
    return lambda service: service.log is not None and service.log.where == where


def logged_in_strict(service: Service) -> bool:
    """Whether connections are logged in a file, and handlers see none that they could write to."""
    return logged("file")(service) and service.sandbox == "strict"


def waiting_for(field: str, units: bool) -> Callable[[Service], bool]:
    """Whether a service declares ``requires`` or ``after`` with units of systemd, or with other services."""
    return lambda service: any(is_unit(name) == units for name in getattr(service, field))


def rated(name: str, transport: str) -> Callable[[Service], bool]:
    return lambda service: service.uses(f"connections.rate.{name}") and service.has(transport)


def single(condition: Callable[[Service], bool]) -> Callable[[Service], bool]:
    """The same for services with one endpoint."""
    return lambda service: condition(service) and not several(service)


def multiple(condition: Callable[[Service], bool]) -> Callable[[Service], bool]:
    """The same for services with several endpoints."""
    return lambda service: condition(service) and several(service)


def on_unix(condition: Callable[[Service], bool], unix: bool) -> Callable[[Service], bool]:
    """The same for services with unix sockets among their endpoints, or without any."""
    return lambda service: condition(service) and service.has("unix") is unix


def on_sockets(name: str) -> Callable[[Service], bool]:
    """Whether a service declares a field, and has sockets that its process takes connections or datagrams from."""
    return lambda service: service.uses(name) and (not service.accept or service.has("udp"))


def takes_sockets(service: Service) -> bool:
    """Whether a process takes whole sockets, be it for datagrams only."""
    return service.has("udp") if service.internal else not service.accept
