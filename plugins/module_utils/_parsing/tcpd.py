# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program tcpd, which applies the rules of libwrap and becomes the server that its own name says."""

from __future__ import annotations

import posixpath

from ansible_collections.ondemand.superserver.plugins.module_utils._host.network.libwrap import TCPD
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.draft import Draft
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Place
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.hosts_access import HostsAccess, restrict

# Where Debian's looks for a server without a path.
_DAEMONS = "/usr/sbin"


def unwrap(draft: Draft, hosts: HostsAccess, place: Place) -> None:
    """Give a service the server itself and the rules as access lists. Where they are not given, or are about more than
    addresses, tcpd stays and applies them as before."""
    words = draft.get("exec") or [""]
    if posixpath.basename(words[0]) != TCPD:
        return
    called = draft.get("argv0") or words[0]
    verdict = hosts.verdict({posixpath.basename(called)})
    if not hosts.given or verdict.unread:
        why = "which are not given" if not hosts.given else f"such as {verdict.unread[0][1]}"
        draft.differs(
            place,
            f"tcpd applies the host's hosts.allow and hosts.deny, {why}; it stays, and goes on with that",
            called,
            words[0],
        )
        return
    server = called if called.startswith("/") else f"{_DAEMONS}/{called}"
    draft.set("exec", [server, *words[1:]], place)
    if called == server:
        draft.unset("argv0")
    restrict(draft, verdict)
    draft.differs(place, "the declaration applies the rules of tcpd itself", f"{words[0]} {called}", server)
