# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The holder: one more service directory, whose s6-fdholderd has listening sockets too, so that none is closed when a
server ends and is started again. Pure.

A server binds a socket only when the holder has none of that name, and gives it away before it serves. When a server is
brought down, its ``finish`` takes its sockets from the holder, so that its ports close. A holder that was killed
has lost its sockets; servers that run do not notice, and the next one that is started binds and stores its own anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.rendering.execline import (
    block,
    command,
    script,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    SERVICES,
    home,
    scanned_at,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import HEADER, LIBRARY, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

# No service has such a name, and no service of s6-rc either. Its socket and rules are here whoever supervises it.
NAME = "_fdholder"
DIRECTORY = f"{SERVICES}/{NAME}"
SOCKET = f"{DIRECTORY}/socket"
KEEP = f"{LIBRARY}/keep"
LET_GO = f"{LIBRARY}/let-go"

# As many clients at a time as possible (its maximum), and sockets.
CLIENTS = "256"
SOCKETS = "10000"
# How long a client waits for an answer, in milliseconds.
TIMEOUT = "5000"

# Root may do everything, and nobody else anything.
_RIGHTS = {
    "allow": "",
    "env/S6_FDHOLDER_STORE_REGEX": ".\n",
    "env/S6_FDHOLDER_RETRIEVE_REGEX": ".\n",
    "env/S6_FDHOLDER_LIST": "1\n",
}

_KEEP = f"""\
#!/bin/sh
# {HEADER}
# keep HOLDER NAME BINDER...: let the holder have a socket of that name. Where it has none, BINDER makes one and runs
# what follows it, with the socket as descriptor 0.
tries=50
while :; do
    s6-fdholder-retrieve -t {TIMEOUT} "$1" "$2" true 2>/dev/null
    case $? in
        0) exit ;;
        1) break ;;
    esac
    # It may not be there yet.
    [ $((tries -= 1)) -gt 0 ] || {{ echo "keep: no holder at $1" >&2; exit 1; }}
    sleep 0.1
done
holder=$1 name=$2
shift 2
exec "$@" s6-fdholder-store -t {TIMEOUT} "$holder" "$name"
"""

_LET_GO = f"""\
#!/bin/sh
# {HEADER}
# let-go HOLDER NAME...: take sockets from the holder when the server in whose directory this runs is to stay down.
[ "$(s6-svstat -o wantedup .)" = false ] || exit 0
holder=$1
shift
for name; do
    s6-fdholder-delete -t {TIMEOUT} "$holder" "$name" 2>/dev/null
done
"""


def holder_files(platform: Platform) -> list[File]:
    """The holder's service directory, and the programs that servers use it with."""
    contents = [
        ("run", script(_run(platform), platform, "keeps listening sockets while servers are started again"), 0o755),
        ("notification-fd", "3\n", 0o644),
        *([("type", "longrun\n", 0o644)] if platform.s6_rc else []),
    ]
    rights = [(f"data/rules/uid/0/{name}", text, 0o644) for name, text in _RIGHTS.items()]
    # s6-rc makes the links by itself.
    places = [] if platform.s6_rc else scanned_at(NAME, platform)
    return [
        File(KEEP, _KEEP, 0o755),
        File(LET_GO, _LET_GO, 0o755),
        *(File(f"{home(NAME, platform)}/{name}", text, mode) for name, text, mode in contents),
        *(File(f"{DIRECTORY}/{name}", text, mode) for name, text, mode in rights),
        *(File(path, DIRECTORY, 0o777, "link") for path in places),
    ]


def _run(platform: Platform) -> list[str]:
    return [
        command("fdmove", "-c", "2", "1"),
        command("fdmove", "1", "3"),
        command("s6-softlimit", "-o", "="),
        command(platform.program("s6-ipcserver-socketbinder"), "-a", "0600", SOCKET),
        command(
            *(platform.program("s6-fdholderd"), "-1", "-c", CLIENTS, "-n", SOCKETS),
            *("-i", f"{DIRECTORY}/data/rules"),
        ),
    ]


def keeping(name: str, binder: Sequence[str]) -> str:
    """Have the holder keep a socket, which the lines of ``binder`` leave on descriptor 0 for what follows them."""
    return block("if", command(KEEP, SOCKET, name), *binder)


def retrieving(name: str, platform: Platform) -> str:
    """Take a socket as descriptor 0."""
    return command(platform.program("s6-fdholder-retrieve"), "-t", TIMEOUT, SOCKET, name)


def finish_script(names: Iterable[str], platform: Platform) -> str:
    """What runs when a server has ended."""
    return script([command(LET_GO, SOCKET, *names)], platform)
