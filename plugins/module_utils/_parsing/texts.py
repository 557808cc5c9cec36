# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are given as texts by their paths, as they are in a repository."""

from __future__ import annotations

from collections.abc import Mapping


def plain(path: str) -> str:
    """A path from the root, without needless slashes."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


class GivenTexts:
    """Files by their paths; implements :class:`types.Texts`."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {plain(path): text for path, text in files.items()}

    @property
    def paths(self) -> list[str]:
        """All paths, in order."""
        return sorted(self._files)

    def text(self, path: str) -> str | None:
        return self._files.get(path)

    def names(self, path: str) -> list[str]:
        inside = path.rstrip("/") + "/"
        return sorted({file[len(inside) :].partition("/")[0] for file in self._files if file.startswith(inside)})
