# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments beside .venv, for other releases of Python and of Ansible; each is made once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from _checks import CACHE, Command


class CannotInstall(Exception):
    """Packages could not be installed; the text is what pip said."""


def environment(name: str, python: Path, packages: Sequence[str]) -> Path:
    """The directory of programs of a virtual environment with these packages. Raises CannotInstall."""
    directory = CACHE / name
    marker = directory / "installed"
    wanted = " ".join(packages)
    if not marker.exists() or marker.read_text(encoding="utf-8") != wanted:
        for argv in (
            [str(python), "-m", "venv", "--clear", str(directory)],
            [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages],
        ):
            done = Command(argv).finish()
            if done.code:
                raise CannotInstall(done.output)
        marker.write_text(wanted, encoding="utf-8")
    return directory / "bin"
