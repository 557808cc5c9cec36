# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts pip into a fresh virtual environment from the package index alone.

ansible-test downloads a bootstrap script from a host of its own. Where only a package mirror can be reached,
tests/quality/sanity puts this file in the place of the downloaded one. It takes the same arguments: pip options, the
packages to install (pip at an exact version), ``--no-setuptools`` and ``--no-wheel``.
"""

from __future__ import annotations

import subprocess
import sys


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


wanted = [argument for argument in sys.argv[1:] if argument not in {"--no-setuptools", "--no-wheel"}]
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True)
pip("install", *wanted)
if "--no-setuptools" in sys.argv:
    # Before Python 3.12 ensurepip brings it along.
    pip("uninstall", "--yes", "--quiet", "setuptools")
