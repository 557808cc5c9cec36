# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of others: what is at each path, and what shall be there. Several services may have their entries in one."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign, same
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import store as _files
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.store import Seen


class Edits:
    """``links`` are those that files have taken the place of. ``kinds`` says whose each path is."""

    def __init__(self, links: Mapping[str, Seen]) -> None:
        self._replaced: dict[str, Seen | None] = dict(links)
        self._now: dict[str, Seen | None] = {}
        self._then: dict[str, Seen | None] = {}
        self.kinds: dict[str, str] = {}

    def at(self, path: str) -> Seen | None:
        """What is at a path, with what was decided before."""
        if path not in self._now:
            self._now[path] = self._then[path] = _files.look(path)
        return self._then[path]

    def note(self, foreign: Foreign) -> None:
        """Take note of what was seen of one."""
        seen = {**foreign.links, **dict.fromkeys(foreign.masks)}
        self._now.update(seen)
        self._then.update(seen)

    def replaced(self, files: Mapping[str, Seen | None]) -> dict[str, Seen | None]:
        """What these take the place of, or that there is nothing, where they do not tell by themselves."""
        before: dict[str, Seen | None] = {}
        for path in files:
            there = self.at(path)
            if there is None or there.kind != "file":
                self._replaced[path] = there
            if path in self._replaced:
                before[path] = self._replaced[path]
        return before

    def put(self, kind: str, files: Mapping[str, Seen | None]) -> None:
        """Have these at their paths, which were looked at."""
        self._then.update(files)
        self.kinds.update(dict.fromkeys(files, kind))

    @property
    def changed(self) -> dict[str, tuple[Seen | None, Seen | None]]:
        """What is at a path and what shall be, where these differ."""
        return {path: (self._now[path], then) for path, then in self._then.items() if not same(self._now[path], then)}
