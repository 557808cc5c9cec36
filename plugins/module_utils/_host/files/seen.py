# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was at a path, as it is stored on a host."""

from __future__ import annotations

import base64
import typing as t
from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen


def seen_to_json(seen: Seen) -> dict[str, t.Any]:
    """What was at a path, as it is stored."""
    return {
        "kind": seen.kind,
        "content": base64.b64encode(seen.content).decode("ascii"),
        "mode": seen.mode,
        "owner": seen.owner,
        "group": seen.group,
    }


def seen_from_json(value: Mapping[str, t.Any]) -> Seen:
    """Read what :func:`seen_to_json` gave."""
    return Seen(value["kind"], base64.b64decode(value["content"]), value["mode"], value["owner"], value["group"])
