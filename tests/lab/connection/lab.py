# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection to a container host that hands a module to one ``podman exec``, where the connection of
containers.podman takes five for each task.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.containers.podman.plugins.connection import podman

DOCUMENTATION = """
name: lab
short_description: Container hosts of the tests
description:
  - As P(containers.podman.podman#connection), with pipelining.
author: Contributors to the ondemand.superserver collection
extends_documentation_fragment: ansible.builtin.connection_pipelining
options:
  remote_addr:
    description: Name of the container.
    default: inventory_hostname
    vars:
      - name: ansible_host
  remote_user:
    description: Account of the host, root when none is given.
    vars:
      - name: ansible_user
  podman_extra_args:
    description: Arguments of podman itself.
    default: ""
  podman_executable:
    description: The program.
    default: podman
"""


class Connection(podman.Connection):  # type: ignore[misc]
    transport = "lab"
    has_pipelining = True

    def _connect(self) -> None:
        """Nothing is kept open, and the file system is not mounted: files are copied by podman."""
        self._connected = True

    def _podman(self, cmd: t.Any, cmd_args: t.Any = None, in_data: bytes | None = None, **options: t.Any) -> t.Any:
        if in_data is not None:
            cmd = [*cmd, "--interactive"]
        code, out, err = super()._podman(cmd, cmd_args, in_data, **options)
        if code != 0 and b"no such container" in err:
            raise AnsibleConnectionFailure(err.decode())
        return code, out, err
