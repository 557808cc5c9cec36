# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard: one nftables table, ``inet superserver``, for what a backend cannot enforce itself.

The rules are a file. A process, the keeper, applies only the differences to the kernel's table, so
that unchanged rules keep their counts. It never reads another table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import control as _s6_control
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6 import rc as _s6_rc
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.s6.servers import supervised_at
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import (
    KEEPER,
    NAME,
    UNIT,
    applying,
    keeper_files,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.rules import render_rules
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    File,
    Host,
    Process,
    Result,
    SwitchFailed,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.guard import NOBODY
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.guard.rules import (
    DRAFT,
    RULES,
    TABLE,
    Content,
    content,
    differences,
    lines,
)

# Name of the guard where names of backends stand.
GUARD = "guard"

# How long the keeper may take to start, and to end, in seconds.
STARTING = "10"
ENDING = 5.0
# Without stopping what requires it.
_QUIETLY = ("systemctl", "--job-mode=ignore-dependencies")

# Loads the file of rules without an effect: in a separate network namespace or, if that is not permitted, in a table
# that no packet passes. The real table may belong to the keeper; then no other process may name it. $0 is the shell, $1
# nft, $2 the file.
_DRAFTED = f"sed -e 's/^\\(delete \\)*table inet {TABLE}/&{DRAFT[len(TABLE) :]}/' -e '/type filter hook /d' \"$2\""
_ALONE = "unshare --net true 2>/dev/null"
_CHECK = f"""\
{_ALONE} && exec unshare --net "$1" -c -f "$2"
{_DRAFTED} | "$1" -c -f -
"""
_LIST = f"""\
# shellcheck disable=SC2016  # the inner shell expands these
{_ALONE} && exec unshare --net "$0" -c '"$0" -f "$1" && exec "$0" -s -a list table inet {TABLE}' "$1" "$2"
{_DRAFTED} | "$1" -f - || exit
"$1" -s -a list table inet {DRAFT}
"$1" delete table inet {DRAFT}
"""


@dataclass(frozen=True)
class Findings:
    """Differences between the kernel's rules and the wanted ones: ``problem`` in words, empty if
    there are none; ``have`` and ``want``: both sides as text for a comparison."""

    problem: str = ""
    have: str = ""
    want: str = ""


def render_guard(services: Sequence[Service], platform: Platform) -> list[File]:
    """The files of the rules and of their keeper; none if no service needs the guard."""
    guarded = [(service, enforced_by_guard(service, platform)) for service in services if service.enabled]
    guarded = [(service, fields) for service, fields in guarded if fields]
    if not guarded:
        return []
    return [File(RULES, render_rules(guarded, platform), 0o600), *keeper_files(platform)]


def check_guard(root: str, files: Sequence[File], platform: Platform, host: Host) -> list[str]:
    """Problems that nft reports for the staged rules; an empty list if it accepts them."""
    if not any(file.path == RULES for file in files):
        return []
    result = _alone(_CHECK, f"{root}{RULES}", platform, host)
    return [] if result.code == 0 else [result.err.replace(root, "").strip()]


def _alone(script: str, rules: str, platform: Platform, host: Host) -> Result:
    shell = platform.program("sh")
    return host.run([shell, "-c", script, shell, platform.program("nft"), rules], check=False)


def apply_guard(wanted: bool, platform: Platform, host: Host) -> None:
    """Apply the installed rules to the kernel's table, or remove it if no service needs the guard. Raises
    SwitchFailed."""
    if wanted:
        _start_keeper(platform, host)
        host.run(applying(platform, STARTING))
        return
    _stop_keeper(platform, host)
    if loaded(platform, host):
        result = host.run([platform.program("nft"), "delete", "table", "inet", TABLE], check=False)
        if result.code and loaded(platform, host):
            raise SwitchFailed(f"nft cannot delete the table inet {TABLE}: {result.err.strip()}")


def _start_keeper(platform: Platform, host: Host) -> None:
    """Start the keeper unless it answers already, without an effect on units that need it."""
    if host.run(applying(platform, "0"), check=False).code != NOBODY:
        return
    if platform.managed:
        host.run([*_QUIETLY, "stop", UNIT], check=False)
        host.run(["systemctl", "reset-failed", UNIT], check=False)
        host.run(["systemctl", "start", UNIT])
    elif platform.s6_rc:
        _s6_rc.change("-u", [NAME], platform.s6_rc, float(STARTING), platform, host)
    else:
        _s6_control.tell_scanner(platform, _s6_control.RESCAN, host)
        _s6_control.tell(supervised_at(NAME, platform), _s6_control.UP, host)


def _stop_keeper(platform: Platform, host: Host) -> None:
    if platform.managed:
        host.run([*_QUIETLY, "stop", UNIT], check=False)
        return
    directory = supervised_at(NAME, platform)
    if platform.s6_rc:
        _s6_rc.change("-d", [NAME], platform.s6_rc, ENDING, platform, host)
    else:
        _s6_control.tell(directory, _s6_control.DOWN, host)
    host.wait(lambda: not _s6_control.status(directory, host).pid, ENDING)


def loaded(platform: Platform, host: Host) -> bool:
    """Whether the kernel has the table."""
    result = host.run([platform.program("nft"), "list", "tables", "inet"], check=False)
    return result.code == 0 and f"table inet {TABLE}" in result.out.splitlines()


def findings(platform: Platform, processes: Sequence[Process], host: Host) -> Findings:
    """Compare the kernel's rules with those in the file, and look for the keeper."""
    if "nft" not in platform.programs:
        return Findings("nft is not installed any more")
    listing = _alone(_LIST, RULES, platform, host)
    if listing.code:
        return Findings(f"nft does not accept {RULES}: {listing.err.strip()}")
    have, want = kernel_rules(platform, host), content(listing.out)
    told = [f"the nftables table inet {TABLE}: {text}" for text in differences(have, want)]
    if not any(KEEPER in process.argv and "keep" in process.argv for process in processes):
        told.append(f"{KEEPER}, which keeps the rules loaded, does not run")
    return Findings("; ".join(told), _readable(have), _readable(want)) if told else Findings()


def kernel_rules(platform: Platform, host: Host) -> Content | None:
    """The table that the kernel has."""
    listing = host.run([platform.program("nft"), "-s", "-a", "list", "table", "inet", TABLE], check=False)
    return content(listing.out) if listing.code == 0 else None


def _readable(table: Content | None) -> str:
    return "".join(f"{line}\n" for line in lines(table))
