# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: render
short_description: Render the files of a declaration without a host
version_added: 1.0.0
description:
  - Turns services into the files of one backend, exactly as M(ondemand.superserver.services) would write them on a host
    with the given properties.
  - Fails with every problem of the declaration and with every field that the backend cannot honour.
options:
  _input:
    description:
      - The services.
    type: list
    elements: dict
    required: true
  backend:
    description:
      - Super-server of every service that does not name its own.
    type: str
    choices: [systemd, xinetd, s6]
    default: systemd
  defaults:
    description:
      - Default fields for every service that does not set them itself.
    type: dict
    default: {}
  ports:
    description:
      - Numbers of the ports that services call by name, as C(/etc/services) on the host has them.
    type: dict
    default: {}
  systemd:
    description:
      - Version of systemd on the host.
    type: int
    default: 252
  xinetd:
    description:
      - Version of xinetd on the host.
    type: str
    default: 2.3.15.4
  s6_provider:
    description:
      - Network servers beside s6 on the host.
    type: str
    choices: [ucspi, s6-networking]
    default: ucspi
  init:
    description:
      - What runs as PID 1 on the host.
    type: str
    choices: [systemd, s6, other]
    default: systemd
  ipv6:
    description:
      - Whether the host has IPv6.
    type: bool
    default: true
  bpf:
    description:
      - Whether systemd may load BPF programs on the host, which its address filter needs.
    type: bool
    default: true
  nft:
    description:
      - Whether the host has nftables.
    type: bool
    default: true
  guard:
    description:
      - As O(ondemand.superserver.services#module:guard).
    type: str
    choices: [auto, always, never]
    default: auto
author:
  - Contributors to the ondemand.superserver collection (@ondemand)
"""

EXAMPLES = r"""
---
- name: Show the files of echo under xinetd
  ansible.builtin.debug:
    msg: "{{ item.path }}:\n{{ item.content }}"
  loop: "{{ services | ondemand.superserver.render(backend='xinetd') }}"
  loop_control:
    label: "{{ item.path }}"
  vars:
    services:
      - name: echo
        listen:
          - tcp: "7"
        exec: [/bin/cat]
        user: daemon
"""

RETURN = r"""
---
_value:
  description: The files, in the order of the backend.
  type: list
  elements: dict
  contains:
    path:
      description: Path of the file.
      type: str
      sample: /etc/systemd/system/echo.socket
    kind:
      description: V(file), V(link), V(directory) or V(seed), a file that is created only if it is absent.
      type: str
      sample: file
    content:
      description: Text of the file, or target of the link.
      type: str
      sample: "[Socket]\nListenStream=[::]:7\n"
    mode:
      description: Its permissions.
      type: str
      sample: "0644"
    owner:
      description: Its owner.
      type: str
      sample: root
    service:
      description: Service that the file belongs to. Empty for files that several services share.
      type: str
      sample: echo
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of, render_offline
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import File
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration

_NAME = "ondemand.superserver.render"
# What is in a file that has secrets is not for everybody who sees what a filter made.
_HIDDEN = "(secret)\n"


def _plain(value: t.Any) -> t.Any:
    """A template's value without the marks that ansible-core puts on it."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def render(
    services: t.Any,
    backend: str = BACKENDS[0],
    defaults: dict[str, t.Any] | None = None,
    ports: dict[str, int] | None = None,
    **facts: t.Any,
) -> list[dict[str, str]]:
    """The files of a declaration; see DOCUMENTATION."""
    try:
        platform = platform_of(facts)
    except TypeError as exc:
        raise AnsibleFilterError(f"{_NAME}: unknown option: {exc}") from exc
    try:
        files = render_offline(_plain(services), backend, _plain(defaults), ports or {}, platform)
    except InvalidDeclaration as exc:
        raise AnsibleFilterError(f"{_NAME}: the declaration cannot be rendered:\n{exc}") from exc
    return [_row(file) for file in files]


def _row(file: File) -> dict[str, str]:
    return {
        "path": file.path,
        "kind": file.kind,
        "content": _HIDDEN if file.secret else file.content,
        "mode": f"{file.mode:04o}",
        "owner": file.owner,
        "service": file.service,
    }


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"render": render}
