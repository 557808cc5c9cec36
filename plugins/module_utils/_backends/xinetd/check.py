# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own configuration of xinetd, as far as it bears on the collection's services, and the check of staged
entries."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.files import ENTRIES
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import Configuration
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.grammar import take_all
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File, Host
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

CONFIG = "/etc/xinetd.conf"

# Attributes of the ``defaults`` entry that an entry cannot set aside: it would have to name a value that means "none".
INTRUSIVE = frozenset({
    "banner", "banner_fail", "banner_success", "disabled", "enabled", "max_load", "no_access", "only_from"
})  # fmt: skip

# xinetd cannot check a configuration without serving it. It gets copies of the staged entries with addresses that no
# host has (RFC 5737, RFC 3849), so that it reads and judges everything and then fails to bind every socket; disabled
# ones are enabled there, because xinetd does not look at what is disabled. The handlers are not at their places yet.
_COPY = r"""
FNR == 1 { if (copy) close(copy); name = FILENAME; sub(/.*\//, "", name); copy = to "/entries/" name }
$1 == "bind" { $0 = "bind = " ($3 ~ /:/ ? "2001:db8::1" : "192.0.2.1") }
$1 == "port" { $0 = "port = " ++ports }
$1 == "server" { $0 = "server = /bin/sh" }
$1 == "disable" { $0 = "disable = no" }
{ print > copy }
"""
_CHECK = r"""
xinetd=$1 copy=$2 defaults=$3
shift 3
to=$(mktemp -d) || exit 1
trap 'rm -rf "$to"' EXIT
cd "$to" && mkdir entries || exit 1
[ $# -eq 0 ] || awk -v to="$to" "$copy" "$@" || exit 1
printf '%sincludedir %s\n' "$defaults" "$to/entries" >config
# xinetd closes every descriptor that it might have, one after the other.
# shellcheck disable=SC3045 # each sh of Linux has it, and another one goes on without
ulimit -n 4096 2>/dev/null
"$xinetd" -dontfork -f "$to/config" -filelog log -pidfile pid </dev/null >/dev/null &
# When it was started tells it from a later process of the same id (proc_pid_stat(5)).
started() { cut -d ' ' -f 22 "/proc/$!/stat" 2>/dev/null; }
first=$(started)
lives() { [ -n "$first" ] && [ "$(started)" = "$first" ]; }
tries=0
until grep -q 'Started working' log 2>/dev/null || ! lives || [ $tries -gt 500 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
lives && kill $! 2>/dev/null
wait
sed "s|$to/config|/etc/xinetd.conf|; s|$to/entries|/etc/xinetd.d|" log
"""

_MESSAGE = re.compile(r"^\S+ xinetd\[\d+\]: (?P<level>[A-Z]+): (?P<text>.*)$")
_STARTED = re.compile(r"Started working: (?P<number>\d+) available service")
_UNBOUND = re.compile(r"Service \S+ failed to start and is deactivated")
_HARMLESS = ("NOTICE", "INFO", "DEBUG")

# What the names of the collection's own files begin with.
_OWN = "superserver-"


def check_entries(root: str, files: Sequence[File], platform: Platform, host: Host) -> list[str]:
    """What xinetd says of entries staged below ``root``, and of the host's defaults; an empty list when it takes
    all."""
    staged = [file for file in files if file.path.startswith(f"{ENTRIES}/")]
    argv = ["/bin/sh", "-c", _CHECK, "sh", platform.program("xinetd"), _COPY, _defaults(host)]
    result = host.run([*argv, *(root + file.path for file in staged)], check=False)
    return judge(result.out, sum(file.content.count("\nservice ") for file in staged), result.err)


def judge(log: str, wanted: int, error: str = "") -> list[str]:
    """The problems that a log of xinetd tells, where ``wanted`` entries should have been read without any."""
    problems: list[str] = []
    general: list[str] = []
    read = 0
    for line in filter(None, log.split("\n")):
        message = _MESSAGE.match(line)
        text = message.group("text") if message else line
        started = _STARTED.match(text)
        if started:
            read += int(started.group("number"))
            break
        if _UNBOUND.match(text):
            read += 1
        elif not text.startswith("bind failed (") and not (message and message.group("level") in _HARMLESS):
            (general if f"[file={CONFIG}]" in text else problems).append(text)
    else:
        return [*problems, *general] or [f"xinetd did not read the configuration: {error.strip() or 'no reason given'}"]
    if not problems and read != wanted:
        problems.append(f"xinetd accepted {read} of {wanted} entries and gave no reason for the others")
    return problems


def _main(host: Host) -> Configuration:
    """CONFIG and the files that it includes by their names."""
    return Configuration(CONFIG, host, take_all, only_main=True)


def _of_others(host: Host) -> Configuration:
    """The same, and what others have in directories."""
    return Configuration(CONFIG, host, take_all, left_out=_is_own)


def _is_own(path: str) -> bool:
    return posixpath.basename(path).startswith(_OWN)


def _defaults(host: Host) -> str:
    """The host's own defaults: where they are wrong, xinetd ends as soon as it reads them."""
    lines = [f"\t{given.name} {given.operator} {' '.join(given.values)}\n" for given in _main(host).defaults.given]
    return "".join(["defaults\n{\n", *lines, "}\n"]) if lines else ""


def config_problem(host: Host) -> str:
    """What keeps the collection's entries from being served as they are written; empty when nothing does."""
    found = _main(host)
    if not found.files:
        return f"{CONFIG} does not exist"
    if ENTRIES not in found.directories:
        return f'{CONFIG} has no line "includedir {ENTRIES}", so that entries there are not read'
    origins = found.defaults.origins.items()
    for path in found.files:
        names = [name for name, lines in origins if name in INTRUSIVE and any(line.path == path for line in lines)]
        if names:
            return (
                f"the defaults entry of {path} sets {', '.join(sorted(names))}, which would change the "
                "collection's services too; set it in those entries that need it"
            )
    return ""


def defaults_elsewhere(host: Host) -> str:
    """The same for ``defaults`` entries beside that of CONFIG: xinetd applies each to all services that it reads later,
    and a wrong value in any of them ends it."""
    found = _of_others(host)
    # An entry that is not complete counts as far as it goes.
    paths = {*(part.path for part in found.parts), *(given.path for given in found.defaults.given)}
    files = sorted(path for path in paths if posixpath.dirname(path) in found.directories)
    if not files:
        return ""
    return (
        f"{', '.join(files)}: has a defaults entry, which would change the collection's services; move it to {CONFIG}"
    )


def other_services(host: Host) -> list[str]:
    """The names of the services that xinetd has and that are not the collection's."""
    return [fold(entry.name) for entry in _of_others(host).entries if not entry.dropped]
