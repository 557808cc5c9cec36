# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run fails."""

from __future__ import annotations


class RunFailed(Exception):
    """The run failed; the host is as it was before, unless the message says otherwise."""
