# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of the capability table is made of: cells, and conditions under which a service needs a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace

from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# The s6 backend has two providers of network servers, so it has two columns.
COLUMNS = ("systemd", "xinetd", "s6-networking", "ucspi")
BACKEND_OF = {"systemd": "systemd", "xinetd": "xinetd", "s6-networking": "s6", "ucspi": "s6"}

# Which PID 1 each works under.
RUNS_UNDER = {
    "systemd": ("systemd",),
    "xinetd": ("systemd", "s6", "other"),
    "s6-networking": ("systemd", "s6"),
    "ucspi": ("systemd", "s6"),
}

NATIVE, EMULATED, GUARD, IMPOSSIBLE = "native", "emulated", "guard", "impossible"
HOWS = (NATIVE, EMULATED, GUARD, IMPOSSIBLE)

NEEDS = {
    "nft": "nftables on the host, and superserver_guard other than never",
    "keeper": "systemd or s6 as PID 1, to load the rules at boot before anything listens",
    "ordered": "systemd as PID 1, to start xinetd after the rules are loaded",
    "waiter": "systemd as PID 1, which starts it with xinetd",
    "mounts": "permission to mount file systems, which systemd's sandbox is made of",
    "daemons": "systemd or s6 as PID 1, to start the daemon",
    "journal": "systemd as PID 1, whose journal it is",
    "syslog": "a syslog daemon, which has the socket /dev/log",
    "bpf": "permission to load BPF programs, which systemd's address filter is made of",
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
    sense without it, so that ``superserver_on_unsupported: warn`` may leave it out."""

    field: str
    used: Callable[[Service], bool] = dataclasses.field(repr=False)
    cells: tuple[Cell, Cell, Cell, Cell]
    case: str = ""
    droppable: bool = False

    def cell(self, column: str) -> Cell:
        """The cell of one column."""
        return self.cells[COLUMNS.index(column)]


def native(note: str) -> Cell:
    return Cell(NATIVE, note)


def emulated(note: str) -> Cell:
    return Cell(EMULATED, note)


def impossible(why: str) -> Cell:
    return Cell(IMPOSSIBLE, why)


def guard(note: str) -> Cell:
    return Cell(GUARD, note, needs=("nft", "keeper"))


def for_xinetd(cell: Cell) -> Cell:
    """The same for xinetd, which opens all of its ports when it starts."""
    return replace(cell, needs=("nft", "ordered")) if cell.how == GUARD else cell


NO_UNIX = impossible("xinetd has no unix sockets")


def everywhere(cell: Cell) -> tuple[Cell, Cell, Cell, Cell]:
    return (cell, for_xinetd(cell), cell, cell)


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
