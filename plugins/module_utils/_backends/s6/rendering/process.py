# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server is and runs, line by line."""

from __future__ import annotations

import posixpath

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rc import ENABLED
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    block,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    command as line,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.handler import (
    handler_file,
    handler_lines,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.serving import (
    READY,
    server_lines,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    SERVICES,
    Server,
    supervised_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.checks.order import is_unit
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# The pipe to the logger is root's, who made it: whatever its account, a handler may open it anew for writing, as
# programs do with /dev/stderr.
OPENABLE = block("foreground", line("chmod", "0622", "/proc/self/fd/2"))
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


def process_lines(server: Server, platform: Platform) -> list[str]:
    """What a server is and runs: where this changes, it must be started again. Access lists are read by every
    connection, and the guard is applied by its keeper.

    A server that nobody keeps the socket for finds its handler in a file, which every connection reads. So it is
    started again, which closes its port for a moment, only when it has changed itself.
    """
    rest = handler_lines(server, platform) if server.kept else [line(handler_file(server))]
    return [*_preparation(server, platform), *server_lines(server, platform), *rest]


def run_file(server: Server) -> str:
    """What starts the server; it ends in the lines of :func:`process_lines`."""
    return f"{server.home}/run"


def _preparation(server: Server, platform: Platform) -> list[str]:
    """What is done once. The socket launcher itself reports that it listens; other servers do on standard output."""
    return [
        *_order(server.service, platform),
        OPENABLE,
        *([line("fdmove", "1", READY)] if server.kind != "binder" else []),
        line("cd", "/"),
        line("umask", server.service.umask),
        # The unit gives s6-svscan more, which needs two descriptors for each server.
        *([line("s6-softlimit", "-o", OPEN_FILES)] if platform.managed else []),
    ]


def _order(service: Service, platform: Platform) -> list[str]:
    """Other services are waited for as long as they take, but not for ever."""
    others = [name for name in dict.fromkeys((*service.requires, *service.after)) if not is_unit(name)]
    entries = ENABLED if platform.s6_rc else f"{SERVICES}/"
    words = (WAIT, "wait", entries, posixpath.dirname(supervised_at("", platform)), *others)
    return [block("foreground", line(platform.program("sh"), "-c", *words))] if others else []
