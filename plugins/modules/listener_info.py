#!/usr/bin/python
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: listener_info
short_description: List every listening endpoint and who owns it
version_added: 1.0.0
description:
  - Lists the TCP and UDP sockets and the named Unix sockets that wait for clients, each with the process
    that holds it and the super-server, unit or program that owns it.
  - Reads the kernel's tables once, regardless of the number of sockets.
extends_documentation_fragment:
  - ondemand.superserver._attributes
  - ondemand.superserver._attributes.info
options:
  transport:
    description:
      - List only these transports. An empty list selects all.
    type: list
    elements: str
    choices: [tcp, udp, unix]
    default: []
  owner:
    description:
      - List only sockets with these kinds of owner. An empty list selects all.
      - The kind is V(systemd) if a unit owns the socket, V(program) if only its process is known.
    type: list
    elements: str
    choices: [systemd, xinetd, s6, program]
    default: []
attributes:
  platform:
    support: full
    platforms: Linux
notes:
  - Sockets are those of the network namespace that the module runs in. Without root privileges the holders of other
    users' sockets cannot be seen.
  - The module finds the service of an xinetd socket by xinetd's configuration files, which may be newer than the
    running configuration.
seealso:
  - module: ondemand.superserver.listener
author:
  - Contributors to the ondemand.superserver collection (@ondemand)
"""

EXAMPLES = r"""
---
- name: List everything that listens
  ondemand.superserver.listener_info:
  register: listening

- name: List the ports that super-servers hold
  ondemand.superserver.listener_info:
    transport: [tcp, udp]
    owner: [systemd, xinetd, s6]
"""

RETURN = r"""
listeners:
  description: The sockets, ordered by transport, port and address.
  returned: always
  type: list
  elements: dict
  contains:
    transport:
      description: V(tcp), V(udp) or V(unix).
      type: str
      sample: tcp
    family:
      description: V(ipv4), V(ipv6) or V(unix).
      type: str
      sample: ipv6
    address:
      description: Address that the socket is bound to, or its path.
      type: str
      sample: "::"
    port:
      description: Port, V(0) for a Unix socket.
      type: int
      sample: 7
    dual:
      description: Whether an IPv6 socket takes IPv4 as well.
      type: bool
      sample: true
    type:
      description: V(stream), V(datagram) or V(seqpacket).
      type: str
      sample: stream
    interface:
      description: Interface that the socket is bound to, or empty.
      type: str
      sample: ""
    backlog:
      description: Number of connections that may wait to be accepted, or V(none) if the kernel does not report it.
      type: int
      sample: 4096
    inode:
      description: Number that identifies the socket.
      type: int
      sample: 28415
    pid:
      description: Process that holds the socket for its owner, or V(none) if it is not visible.
      type: int
      sample: 1
    program:
      description: Name of that process's program.
      type: str
      sample: systemd
    user:
      description: User of the process.
      type: str
      sample: root
    owner:
      description: Owner of the socket, or V(none) if no holder is visible.
      type: dict
      contains:
        kind:
          description: V(systemd), V(xinetd), V(s6) or V(program).
          type: str
          sample: systemd
        name:
          description: Unit, xinetd service, service directory or program. Empty if it is unknown.
          type: str
          sample: echo.socket
        objection:
          description:
            - Why O(ondemand.superserver.services#module:adopt) cannot name the owner, and what to do
              instead. Empty if it can. A systemd service can be named if its main process holds the socket.
          type: str
          sample: ""
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import kinds
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.listener import inventory
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.adoptable import objections
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost


def main() -> None:
    os.umask(0o022)
    module = AnsibleModule(
        argument_spec={
            "transport": {"type": "list", "elements": "str", "choices": ["tcp", "udp", "unix"], "default": []},
            "owner": {
                "type": "list",
                "elements": "str",
                "choices": list(kinds()),
                "default": [],
            },
        },
        supports_check_mode=True,
    )
    host = LocalHost(module)
    listeners = inventory(
        host.run_plain,
        module.params["transport"],
        module.params["owner"],
        lambda owners: objections(owners, (), host),
    )
    module.exit_json(changed=False, listeners=listeners)


if __name__ == "__main__":
    main()
