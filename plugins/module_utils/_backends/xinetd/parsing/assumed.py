# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that xinetd looks up by the names of services, where nobody has given the host's /etc/services."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.source import Source
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    Entry,
    Lookup,
    transport,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.values import number
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.ports import Ports

# Beyond the numbers of ports: two that are not known are not the same.
_UNKNOWN = 2**16


def assuming(entries: Sequence[Entry], ports: Ports) -> Lookup:
    """Ports as they are known, or else as the entries need them to be."""
    if ports.certain:
        return ports.number
    assumed = {
        (entry.name, transport(entry)[1]): number(entry.one("port")) or _UNKNOWN + index
        for index, entry in reversed(list(enumerate(entries)))
    }
    return lambda name, protocol: ports.number(name, protocol) or assumed.get((name, protocol))


def ask_for_port(source: Source, ports: Ports) -> None:
    """Whether what was assumed is so."""
    name, protocol = source.entry.name, transport(source.entry)[1]
    needed = "unlisted" not in source.folded("type") and not source.internal and not source.folded("type") & {"rpc"}
    if not needed or ports.certain or ports.number(name, fold(protocol)) or source.entry.dropped:
        return
    if source.has("port"):
        number_of = source.one("port")
        source.draft.ask(
            source.at("port"),
            f"xinetd starts it only if /etc/services of the host, which is not given, has {name} with port {number_of}",
            "the host has that, or the service is to run anyway",
            "the host has it not, so that the service never ran: leave it out",
        )
    else:
        source.draft.ask(
            source.draft.place,
            f"the port of {name} is in /etc/services of the host, which is not given",
            "leave the name, which every host of the service must know",
            "write the number into listen",
        )
