# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold of closed ports: loads and removes its rules."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._guard.hold import TABLE, render_hold
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._host.platform import may_administer_network
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import RUNTIME, File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform

# The rules file of the hold exists while its table may exist.
RULES = f"{RUNTIME}/hold.nft"
# Rules that nft only checks.
DRAFT = f"{RUNTIME}/hold-draft.nft"


def obstacle(listeners: Sequence[Listener], platform: Platform, host: LocalHost) -> str:
    """Why this host cannot hold ports, in words; empty if it can."""
    if not listeners or lacking(platform):
        return lacking(platform) if listeners else ""
    store.install(File(DRAFT, render_hold(listeners), 0o600))
    try:
        result = host.run([platform.program("nft"), "-c", "-f", DRAFT], check=False)
    finally:
        store.unlink(DRAFT)
    return f"nft: {_last_word(result.err)}" if result.code else ""


def lacking(platform: Platform) -> str:
    """The same, without a check by nftables itself."""
    if platform.policy == "never":
        return "superserver_guard is never, so that nftables is not used"
    return "" if "nft" in platform.programs else "nftables is not installed"


def installable(platform: Platform, host: LocalHost) -> bool:
    """Whether this host could hold ports if it had nftables, which it does not have."""
    return "nft" not in platform.programs and platform.policy != "never" and may_administer_network(host)


def _last_word(text: str) -> str:
    """nft names the place in the first line, and shows it in those below."""
    first = text.strip().partition("\n")[0]
    return first.rpartition("Error: ")[2] or "it failed"


def hold(listeners: Sequence[Listener], platform: Platform, host: LocalHost) -> None:
    """Let clients of these listeners wait until the hold is lifted or expires."""
    store.install(File(RULES, render_hold(listeners), 0o600))
    host.run([platform.program("nft"), "-f", RULES])


def lift(platform: Platform, host: LocalHost) -> None:
    """Remove the rules, if any are left. What they hold ends by itself where that fails."""
    if host.exists(RULES):
        host.run([platform.program("nft"), "delete", "table", "inet", TABLE], check=False)
        store.unlink(RULES)
