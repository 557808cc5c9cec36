# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handover ``fdholder``: s6 servers inherit listening sockets from another super-server. The fdholder gets the sockets
before the servers start, so that these find them there and bind none of their own."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import rc as _s6_rc
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.fdholder import NAME, SOCKET, TIMEOUT
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.serving import BACKLOG
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import servers, supervised_at
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Host, SwitchFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# How long the holder may take until it runs, in seconds.
PATIENCE = 8.0

# Gives the holder many sockets with one command. A shell can name no descriptor above 9 itself.
STORE = f"""\
move=$0 store=$1 holder=$2
shift 2
while [ $# -gt 1 ]; do
    "$move" -c 0 "$1" "$store" -t {TIMEOUT} "$holder" "$2" || exit
    shift 2
done"""


def obstacle(old: Service, new: Service, platform: Platform) -> str:
    """Why the servers of ``new`` cannot go on with the very sockets of ``old``, in words; empty where they can. Pure.

    A daemon that has the socket itself is not used to somebody else accepting its connections, nor is a super-server
    to a socket that blocks.
    """
    reasons = (
        (not (old.accept and new.accept), "only for services with accept: true"),
        (old.tcp != new.tcp, "the options of the socket change"),
        (
            bool(old.native.of("systemd.socket") or old.native.of("xinetd")),
            "native directives may have set further options of the socket",
        ),
        (any(server.kind != "tcp" for server in servers(new, platform)), "its server binds the socket itself"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def kept_sockets(new: Service, platform: Platform) -> list[tuple[str, Listener, int]]:
    """What the holder calls each socket of a service, with its listener and backlog. Pure."""
    return [
        (name, listener, endpoint.backlog or BACKLOG)
        for server in servers(new, platform)
        for name, (endpoint, listener) in zip(server.kept_names, server.sockets)
    ]


def start_holder(platform: Platform, host: Host) -> None:
    """Have the holder run; elsewhere than in s6-rc it was started with the supervisors. Raises SwitchFailed."""
    if platform.s6_rc:
        _s6_rc.change("-u", [NAME], PATIENCE, platform, host)
    directory = supervised_at(NAME, platform)
    # Somebody may have stopped it by itself, which s6-rc does not know of.
    control.tell(directory, control.UP, host)
    if not host.wait(lambda: control.status(directory, host).ready, PATIENCE):
        raise SwitchFailed(f"the holder of sockets at {directory} does not start")


def give(descriptors: Mapping[str, int], platform: Platform, host: Host) -> None:
    """Have the holder keep the sockets that these are, by the names of :func:`kept_sockets`. Raises SwitchFailed."""
    store = (platform.program("sh"), "-c", STORE, platform.program("fdmove"), platform.program("s6-fdholder-store"))
    words = [word for name, number in descriptors.items() for word in (str(number), name)]
    host.run([*store, SOCKET, *words], descriptors=[*descriptors.values()])
