# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that stand only when the controller comes back over a fresh connection; the watcher undoes them otherwise."""

from __future__ import annotations

import ipaddress
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.base import Change
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery import boot
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.rollback import recover
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.journal import Journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state.lock import LONG, locked
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes.own import own_connection
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service


def required(policy: str, within: int, changes: Mapping[str, Change]) -> bool:
    """Whether these changes have to be confirmed."""
    return within > 0 and (policy == "always" or (policy == "auto" and carried(own_connection(), changes)))


def await_confirmation(journal: Journal, within: int, result: dict[str, t.Any]) -> None:
    """Have the journal of a switch that has been proven wait; the result says so."""
    connection = own_connection()
    result["confirm"] = {"within": within, "connection": connection}
    _journal.write(replace(journal, confirmation=_journal.confirmation(within, connection, result)))


def carried(connection: str, changes: Mapping[str, Change]) -> bool:
    """Whether a connection, as sshd describes it, came through a listener of a service that changes. One that comes
    from the host itself was forwarded, by whom cannot be told."""
    if not connection:
        return False
    client, _port, server, port = connection.split()
    return _forwarded(client, server) or any(
        endpoint.transport == "tcp" and str(endpoint.port) == port
        for change in changes.values()
        for service in _touched(change)
        for endpoint in service.listen
    )


def _forwarded(client: str, server: str) -> bool:
    """sshd cannot tell where a connection comes from that it was not given as a socket of the network."""
    try:
        return client == server or ipaddress.ip_address(client.partition("%")[0]).is_loopback
    except ValueError:
        return True


def _touched(change: Change) -> Iterable[Service]:
    yield from (*change.stop, *change.start)
    for pair in change.refresh:
        yield from pair


def settle(journal: Journal, host: LocalHost) -> None:
    """A run that comes over a fresh connection confirms what was changed before it. Raises RunFailed where it does not
    come over one."""
    accept(journal, host)
    _journal.tell(["the previous change was not confirmed yet; this run came over a fresh connection and confirmed it"])


def accept(journal: Journal, host: LocalHost) -> None:
    """The change stands. Raises RunFailed when this is still the connection that the change was made over."""
    awaited = journal.confirmation
    if awaited and awaited.connection and awaited.connection == own_connection():
        raise RunFailed(
            f"a change waits for its confirmation over a fresh connection, and this is the old one "
            f"({awaited.connection}); the change is rolled back in {awaited.left:.0f} s"
        )
    boot.conclude(host)


def confirm(host: LocalHost) -> dict[str, t.Any]:
    """Confirm what waits for it; returns what its run did. Raises RunFailed when nothing does, or not any more."""
    with locked(False, host, LONG):
        journal = _journal.read()
        told = recover(journal, host) if journal and journal.confirmation and not journal.awaited else _journal.told()
        if journal is None or not journal.confirmation or told:
            raise RunFailed("; ".join(told) or "no change waits for its confirmation")
        accept(journal, host)
        return dict(journal.confirmation.result)
