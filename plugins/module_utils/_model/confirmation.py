# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller and the host know of a change that has to be confirmed. The controller loads nothing else."""

from __future__ import annotations

# Seconds that a change waits for its confirmation where the task does not say it.
CONFIRM_TIMEOUT = 60
