# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of modules. Private to the collection; may change at any time.

The standard fragment only says what an attribute means, and that this collection is for Linux. How far a module
supports it stands in the module: a new one must not inherit a claim that nobody has made about it. ``info`` makes the
claims that hold for every module that only reads; such a module names both fragments.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description:
      - In check mode the module reports what a run would change and changes nothing.
  diff_mode:
    description:
      - In diff mode the module shows the changes, or in check mode the planned changes, as text before and after.
  idempotent:
    description:
      - A second run with the same options changes nothing and reports no change.
  platform:
    description:
      - Systems that the module works on.
    platforms: linux
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module only reads, so that check mode makes no difference.
  diff_mode:
    support: N/A
    details:
      - The module only reads, so that there is no change to show.
  idempotent:
    support: full
    details:
      - The module only reads. Its result may differ from run to run.
"""
