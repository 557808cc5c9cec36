# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection to a container host that starts one program for each task, where the connection of containers.podman
takes five; and that has runc start it, where podman takes three times as long.
"""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

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


# The lab's own: a file with the id of each container, by its name (tests/lab/_system.py).
IDS = Path("/run/superserver-lab/ids")
# runc's own: a folder for each container that it has made.
RUNC = Path("/run/runc")


class Connection(podman.Connection):  # type: ignore[misc]
    transport = "lab"
    has_pipelining = True

    def _connect(self) -> None:
        """Nothing is kept open, and the file system is not mounted: files are copied by podman."""
        self._connected = True

    def _runtime(self) -> list[str]:
        """How root's programs are started in the container by runc; empty where it has not made that."""
        try:
            identity = (IDS / str(self._container_id)).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return []
        return ["runc", "exec", identity] if identity and (RUNC / identity).is_dir() else []

    def _podman(self, cmd: t.Any, cmd_args: t.Any = None, in_data: bytes | None = None, **options: t.Any) -> t.Any:
        runtime = self._runtime() if cmd == ["exec"] else []
        if runtime:
            done = subprocess.run([*runtime, *cmd_args], input=in_data or b"", capture_output=True, check=False)
            return done.returncode, done.stdout, done.stderr
        if in_data is not None:
            cmd = [*cmd, "--interactive"]
        code, out, err = super()._podman(cmd, cmd_args, in_data, **options)
        if code != 0 and b"no such container" in err:
            raise AnsibleConnectionFailure(err.decode())
        return code, out, err
