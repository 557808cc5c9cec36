# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths in their plain form, without parts that change nothing, as systemd writes them. Links are resolved on the
host."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Report, Text

# systemd takes the one for the other whatever the host has there (systemd.socket(5), ListenStream=).
RENAMED = ("/var/run/", "/run/")
_UNIX = "unix:"


def plain_path(text: str) -> str:
    """An absolute path without doubled slashes, without ``.`` and without a slash at its end. What ``..`` leads to is
    not for the text to say."""
    return "/" + "/".join(name for name in text.split("/") if name not in ("", "."))


def is_folder(text: str) -> bool:
    """Whether a path can only be that of a directory."""
    return text.endswith(("/", "/.", "/.."))


def without_scheme(text: str) -> str:
    """A path that may be called ``unix:/run/a``; with more slashes a host's name would follow."""
    return text[len(_UNIX) :] if text.startswith(f"{_UNIX}/") and not text.startswith(f"{_UNIX}//") else text


@dataclass(frozen=True)
class PathText(Text):
    """A path, which is stored in its plain form; other words stay as they are."""

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        checked = super().check(value, path, report)
        return plain_path(checked) if isinstance(checked, str) and checked.startswith("/") else checked


@dataclass(frozen=True)
class TargetText(PathText):
    """Where a forwarder connects to; what says that a path is one of a unix socket is taken out."""

    def check(self, value: t.Any, path: str, report: Report) -> t.Any:
        return super().check(without_scheme(value) if isinstance(value, str) else value, path, report)
