# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the script of a supervised server does before it binds anything. Pure."""

from __future__ import annotations

import posixpath

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._guard import RULES, TABLE
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_execline import block
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_execline import command as line
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_rc import ENABLED
from ansible_collections.ondemand.superserver.plugins.module_utils._backends._s6_servers import (
    SERVICES,
    Server,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._model import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._model_order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model_platform import Platform

# Standard output is the logger.
LOGGED = line("fdmove", "-c", "2", "1")
# Servers say on this descriptor that they listen, which s6-supervise reads in a file of that name.
READY = "3"
NOTIFICATION = "notification-fd"
# The usual soft limit of open files (systemd.exec(5), getrlimit(2)).
OPEN_FILES = "1024"
# Servers of other services are waited for until they listen, for ten seconds each at most. At boot theirs may be
# supervised later than one's own. Entries are enabled servers, or service directories of any.
WAIT = """\
entries=$1 places=$2
shift 2
for name do
    for entry in "$entries$name" "$entries$name".*; do
        tries=0
        while [ -e "$entry" ] && [ ! -e "$entry/down" ] && [ "$tries" -lt 50 ]; do
            [ "$(s6-svstat -o ready "$places/${entry##*/}" 2>/dev/null)" != true ] || break
            tries=$((tries + 1))
            sleep 0.2
        done
    done
done"""


def start_lines(server: Server, platform: Platform) -> list[str]:
    """Everything before the server."""
    return [
        LOGGED,
        *surroundings(server, platform),
        *_guard(server, platform),
        *introduction(server, platform),
    ]


def surroundings(server: Server, platform: Platform) -> list[str]:
    """What the server runs in."""
    return [
        line("cd", "/"),
        line("umask", server.service.umask),
        # The unit gives s6-svscan more, which needs two descriptors for each server.
        *([line("s6-softlimit", "-o", OPEN_FILES)] if platform.init == "systemd" else []),
    ]


def introduction(server: Server, platform: Platform) -> list[str]:
    """What comes last. The binder says by itself that it listens; other servers say it on standard output."""
    said = [line("fdmove", "1", READY)] if server.kind != "binder" else []
    return [*_order(server.service, platform), *said]


def _guard(server: Server, platform: Platform) -> list[str]:
    """Without its rules a service must not listen, also where nothing else loads them at boot."""
    if not enforced_by_guard(server.service, platform):
        return []
    nft = platform.program("nft")
    load = f"{nft} -t list table inet {TABLE} >/dev/null 2>&1 || exec {nft} -f {RULES}"
    return [block("if", line(platform.program("sh"), "-c", load))]


def _order(service: Service, platform: Platform) -> list[str]:
    """Other services are waited for as long as they take, but not for ever."""
    others = [name for name in dict.fromkeys((*service.requires, *service.after)) if not is_unit(name)]
    entries = ENABLED if platform.s6_rc else f"{SERVICES}/"
    words = (WAIT, "wait", entries, posixpath.dirname(supervised_at("", platform)), *others)
    return [block("foreground", line(platform.program("sh"), "-c", *words))] if others else []
