# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""s6-rc as the manager of servers: their definitions, and what is run to have them compiled and managed.

The collection's definitions are compiled together with those of the host, into databases of the collection's own. A
bundle has all its servers that are enabled, and belongs to the host's bundle that is brought up at boot. A server that
has changed is restarted by whoever knows that it has: s6-rc-update restarts nothing, nor does it start what is new.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import (
    PREFIX,
    SOURCES,
    Server,
    home,
    logger_of,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import CONFIG, RUNTIME, File, Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import (
    EXECLINE_PATH,
    PATH,
    Platform,
    Rc,
)

PROGRAMS = ("s6-rc", "s6-rc-compile", "s6-rc-update")
BUNDLE = f"{SOURCES}/superserver"
# Names of enabled servers are what follows.
ENABLED = f"{BUNDLE}/contents.d/{PREFIX}"
DATABASES = f"{CONFIG}/s6-rc/compiled"
# What the link to the boot's database was called before the collection's first database took its place.
BEFORE = ".superserver"

# How long a server may take until it is ready, in milliseconds: a boot waits for it that long. Without an end, s6-rc
# would take a server for started that has ended at once, or wait for it for ever.
READY = 30000

# s6-rc-compile SOURCE... and what s6-rc-update would say of that, if it came to it. A database has many small
# files, which are slow to make on a disk where as many have just been deleted (ext4).
TRIAL = f"{RUNTIME}/s6-rc-trial"
CHECK = f"""\
live=$1
shift
rm -rf {TRIAL}
s6-rc-compile {TRIAL} "$@" && s6-rc-update -n -l "$live" {TRIAL} >/dev/null
code=$?
rm -rf {TRIAL}
exit $code
"""

# The command of a killed run keeps running while the rollback starts another one; one would remove what the other has
# compiled. So a lock serializes them.
LOCK = f"{RUNTIME}/s6-rc"
IN_TURN = f'(umask 077 && mkdir -p {RUNTIME}) && exec s6-setlock {LOCK} "$0" -c "$@"'

# A new database is in use, now and at boot, before the last one goes. s6-rc-compile makes the directory itself, and
# fails where there is one; nobody but root could make one there.
TAKE = f"""\
set -eu
live=$1 boot=$2 wait=$3
shift 3
mkdir -p {DATABASES}
new=$(mktemp -u {DATABASES}/XXXXXX)
s6-rc-compile "$new" "$@"
s6-rc-update -b -t "$wait" -l "$live" "$new"
[ -L "$boot{BEFORE}" ] || cp -P "$boot" "$boot{BEFORE}"
ln -sfn "$new" "$boot.new"
mv -T "$boot.new" "$boot"
for each in {DATABASES}/*; do [ "$each" = "$new" ] || rm -rf "$each"; done
"""

# The host's own database is used again; one that is as its definitions are now, where these have changed since.
LEAVE = f"""\
set -eu
live=$1 boot=$2 wait=$3
shift 3
[ -L "$boot{BEFORE}" ] || exit 0
new=$(mktemp -u "$boot-XXXXXX")
s6-rc-compile "$new" "$@"
if diff -r "$new" "$boot{BEFORE}/" >/dev/null 2>&1; then rm -rf "$new"; else ln -sfn "$new" "$boot{BEFORE}"; fi
s6-rc-update -b -t "$wait" -l "$live" "$(readlink -f "$boot{BEFORE}")"
mv -T "$boot{BEFORE}" "$boot"
rm -rf {posixpath.dirname(DATABASES)}
"""


def definition(server: Server, logger: str, needs: Iterable[str], platform: Platform) -> list[File]:
    """What a server's files need besides to be a definition, with its logger and what must be up before it."""
    writer = logger_of(server.name, platform)
    contents = [
        (f"{server.home}/type", "longrun\n", 0o644),
        (f"{server.home}/timeout-up", f"{READY}\n", 0o644),
        (f"{server.home}/producer-for", f"{PREFIX}{writer}\n", 0o644),
        *((f"{server.home}/dependencies.d/{PREFIX}{name}", "", 0o644) for name in needs),
        (f"{home(writer, platform)}/type", "longrun\n", 0o644),
        (f"{home(writer, platform)}/consumer-for", f"{PREFIX}{server.name}\n", 0o644),
        (f"{home(writer, platform)}/run", logger, 0o755),
    ]
    if server.service.enabled:
        contents.append((f"{ENABLED}{server.name}", "", 0o644))
    return [File(path, text, mode, service=server.service.name) for path, text, mode in contents]


def bundles(rc: Rc) -> list[File]:
    """The bundle of all servers, and its place in what is brought up at boot."""
    return [
        File(f"{BUNDLE}/type", "bundle\n"),
        File(f"{rc.bundle}/contents.d/superserver"),
    ]


def missing(rc: Rc, platform: Platform, host: Host) -> list[str]:
    """What must be there for s6-rc to manage anything, in words."""
    if not platform.supervised:
        return ["s6-svscan as PID 1, without which there is no s6-rc to join"]
    found = [f"the program {name}" for name in PROGRAMS if name not in platform.programs]
    needed = {
        f"{rc.live}/servicedirs": f"a live state of s6-rc at {rc.live}, which s6-rc-init makes at boot",
        rc.compiled: f"the link {rc.compiled} to the database of the boot",
        f"{rc.bundle}/contents.d": f"the bundle {rc.bundle} with a contents.d, which is brought up at boot",
        **{source: f"the directory {source} of definitions" for source in rc.sources},
    }
    return found + [words for path, words in needed.items() if not host.exists(path)]


def check(root: str, rc: Rc, platform: Platform, host: Host) -> list[str]:
    """Let s6-rc compile the definitions that are staged below ``root``."""
    if not host.exists(f"{root}{BUNDLE}/type"):
        return []
    done = _shell(CHECK, [rc.live, *rc.sources, f"{root}{SOURCES}"], platform, host, check=False)
    return [line.replace(root, "") for line in done] if done else []


def unknown(rc: Rc, host: Host) -> list[str]:
    """Names of definitions that s6-rc does not know yet, with the bundle's."""
    known = {*host.names(f"{rc.live}/servicedirs")}
    return [name for name in host.names(SOURCES) if name not in known]


def update(rc: Rc, seconds: float, platform: Platform, host: Host) -> None:
    """Have s6-rc know the definitions as they are now. Servers that are gone are ended by that."""
    ours = [SOURCES] if host.exists(f"{BUNDLE}/type") else []
    script = TAKE if ours else LEAVE
    _shell(script, [rc.live, rc.compiled, _milliseconds(seconds), *rc.sources, *ours], platform, host)


def change(direction: str, names: Sequence[str], seconds: float, platform: Platform, host: Host) -> None:
    """Bring servers up (``-u``) or down (``-d``), where s6-rc manages them. It is not checked here that they get
    there."""
    rc = platform.s6_rc
    if rc and names:
        argv = (platform.program("s6-rc"), "-b", "-l", rc.live, "-t", _milliseconds(seconds), direction, "change")
        host.run([*argv, *(f"{PREFIX}{name}" for name in names)], check=False, environment=_environment(platform))


def known_at_boot(server: Server, rc: Rc, host: Host) -> bool:
    """Whether the database of the boot has the server as it is written."""
    compiled = f"{rc.compiled}/servicedirs/{PREFIX}{server.name}"
    # For a service that has a logger s6-rc writes a run of its own.
    return host.read(f"{compiled}/run.user") == host.read(f"{server.home}/run")


def _shell(script: str, arguments: Sequence[str], platform: Platform, host: Host, check: bool = True) -> list[str]:
    shell = platform.program("sh")
    argv = (shell, "-c", IN_TURN, shell, script, "s6-rc")
    result = host.run([*argv, *arguments], check=check, environment=_environment(platform))
    said = (result.err + result.out).splitlines()
    return (said or [f"s6-rc-compile ended with {result.code}"]) if result.code else []


def _environment(platform: Platform) -> dict[str, str]:
    """The programs of s6-rc find others by PATH."""
    return {"PATH": ":".join(folder for folder in (platform.s6_path, PATH, EXECLINE_PATH) if folder)}


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
