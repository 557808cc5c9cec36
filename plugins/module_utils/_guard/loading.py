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

from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import enforced_by_guard
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.boot import KEEPER, keeper_files
from ansible_collections.ondemand.superserver.plugins.module_utils._guard.rules import render_rules
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    File,
    Host,
    Process,
    Result,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service
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
    found = [f"the nftables table inet {TABLE}: {text}" for text in differences(have, want)]
    if not any(KEEPER in process.argv and "keep" in process.argv for process in processes):
        found.append(f"{KEEPER}, which keeps the rules loaded, does not run")
    return Findings("; ".join(found), _readable(have), _readable(want)) if found else Findings()


def kernel_rules(platform: Platform, host: Host) -> Content | None:
    """The table that the kernel has."""
    listing = host.run([platform.program("nft"), "-s", "-a", "list", "table", "inet", TABLE], check=False)
    return content(listing.out) if listing.code == 0 else None


def _readable(table: Content | None) -> str:
    return "".join(f"{line}\n" for line in lines(table))
