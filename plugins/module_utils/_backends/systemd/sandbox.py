# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd's sandbox takes from a handler's view (systemd.exec(5), "Sandboxing"). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# By directive, what is hidden where it says yes, or puts something else there.
_HIDING: Mapping[str, tuple[str, ...]] = {
    "ProtectHome": ("/home", "/root", "/run/user"),
    "PrivateTmp": ("/tmp", "/var/tmp"),
    "PrivateDevices": ("/dev",),
}
_YES = ("yes", "true", "1", "on", "tmpfs", "disconnected")
# Beside whatever is declared, forwarders see no devices.
_FORWARDER = "PrivateDevices"


def hidden_places(service: Service, platform: Platform) -> dict[str, str]:
    """Directories that handlers do not see, or see something else in the place of; for each, what hides it, in words.
    systemd itself, which opens sockets and runs the gate, sees all of them."""
    return {place: cause for directive, cause in _causes(service, platform) for place in _HIDING[directive]}


def _causes(service: Service, platform: Platform) -> Iterator[tuple[str, str]]:
    for directive in _HIDING:
        value = service.native.of("systemd.service").get(directive)
        if isinstance(value, str) and value.lower() in _YES:
            yield directive, f"native.systemd.service.{directive}"
        elif service.sandbox == "strict":
            yield directive, "sandbox: strict"
        elif service.proxy and platform.mounts and directive == _FORWARDER:
            yield directive, "the sandbox that forwarders have"
