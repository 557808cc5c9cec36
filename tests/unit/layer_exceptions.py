# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not keep to the layers yet, exactly: ``test_layers`` fails for what is missing here, and for what is not
needed any more. Nothing is added without a reason."""

from __future__ import annotations

UTILS = "module_utils/"

# Which file reads which other one although the arrow points up, or into a backend's own package.
_ARROWS = {
    ("_handover/plan.py", "_converge/plan.py"): "what happens to a service is a type of the plan of a run",
}
ARROWS = {(UTILS + source, UTILS + target): reason for (source, target), reason in _ARROWS.items()}

# Which file outside of the host's layer uses what of the operating system, and why it still does.
SYSTEM: dict[str, str] = {}
