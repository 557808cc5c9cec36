# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a plain checkout importable as ``ansible_collections.ondemand.superserver``.

``pythonpath`` in pyproject.toml names the directory in which the link to the checkout is made.
"""

from __future__ import annotations

import importlib

from _checks import ROOT, link_collection
from hypothesis import configuration, settings

link_collection()
# In a new checkout Python has looked there before the link was made.
importlib.invalidate_caches()

# Puts into the capability table what the backends can do.
importlib.import_module("ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry")

configuration.set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
# How long an example takes says something about the machine, not about the code.
settings.register_profile("superserver", deadline=None, print_blob=True)
settings.load_profile("superserver")
