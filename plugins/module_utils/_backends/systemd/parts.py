# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What unit files are made of: the pairs that a service is, and text that systemd reads as it was meant. Pure."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import NOTICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Endpoint, Listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

UNITS = "/etc/systemd/system"

_PLAIN = re.compile(r"[A-Za-z0-9_./:=+,@-]+")

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True)
class Part:
    """One pair of units: all endpoints of a service that are handled alike."""

    stem: str
    accept: bool
    endpoints: tuple[Endpoint, ...]
    listeners: tuple[Listener, ...]

    @property
    def socket(self) -> str:
        """Name of the socket unit."""
        return f"{self.stem}.socket"

    @property
    def service(self) -> str:
        """Name of the service unit, of the template where there is an instance for each connection."""
        return f"{self.stem}@.service" if self.accept else f"{self.stem}.service"


def parts(service: Service, platform: Platform) -> list[Part]:
    """A service is one pair of units, unless it is internal and takes connections and datagrams, which is two."""
    groups = [(service.name, service.accept, service.listen)]
    if service.internal:
        streams = tuple(endpoint for endpoint in service.listen if not endpoint.datagram)
        datagrams = tuple(endpoint for endpoint in service.listen if endpoint.datagram)
        suffix = ".udp" if streams else ""
        groups = [(service.name, True, streams), (f"{service.name}{suffix}", False, datagrams)]
    listeners = dict(zip(service.listen, service.listeners(platform.ipv6)))
    return [
        Part(stem, accept, endpoints, tuple(listeners[endpoint] for endpoint in endpoints))
        for stem, accept, endpoints in groups
        if endpoints
    ]


def quote(word: str) -> str:
    """One word of a command line or an assignment, so that it arrives byte for byte (systemd.syntax(7)).

    ``%`` begins a specifier everywhere; ``$`` is doubled by :func:`quote_argument`, because it means something in
    command lines only.
    """
    word = word.replace("%", "%%")
    if _PLAIN.fullmatch(word):
        return word
    return '"' + "".join(_ESCAPES.get(char, char) for char in word) + '"'


def quote_argument(word: str) -> str:
    """One word of a command line, safe from variable substitution too."""
    return quote(word.replace("$", "$$"))


def specifier(text: str) -> str:
    """A value that is not split into words: only specifiers must be hidden."""
    return text.replace("%", "%%")


def unit_text(*sections: tuple[str, Sequence[tuple[str, str]]]) -> str:
    """A unit file: sections with their settings."""
    text = [NOTICE]
    for title, settings in sections:
        text += ["", f"[{title}]", *(f"{key}={value}" for key, value in settings)]
    return "\n".join(text) + "\n"


def description(service: Service) -> str:
    """What Description= says."""
    return specifier(service.description or f"{service.name}, started on demand")


def native_settings(directives: t.Mapping[str, str | t.Sequence[str]]) -> list[tuple[str, str]]:
    """Directives that were declared raw, one setting for each value."""
    return [
        (key, entry) for key, value in directives.items() for entry in ([value] if isinstance(value, str) else value)
    ]
