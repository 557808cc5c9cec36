#!/usr/bin/python
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: listener
short_description: Assert who listens on an endpoint and what a client gets there
version_added: 1.0.0
description:
  - Fails unless one endpoint is held, or is free, as the options assert.
  - The evidence is the kernel's socket table and, if an option asks for it, a real connection. Configuration
    files do not count.
  - Never changes anything.
extends_documentation_fragment:
  - ondemand.superserver._attributes
  - ondemand.superserver._attributes.info
options:
  tcp:
    description:
      - TCP endpoint, as a port (V(7)), an address and a port (V(127.0.0.1:7), V([::1]:7)) or with a name of
        C(/etc/services) for the port.
      - A port without an address stands for every address of O(family).
      - Exactly one of O(tcp), O(udp) and O(unix) must be given.
    type: str
  udp:
    description:
      - UDP endpoint, written like O(tcp).
    type: str
  unix:
    description:
      - Absolute path of a Unix socket of any type.
    type: str
  family:
    description:
      - The address families of a port without address.
      - V(any) stands for every family that the host has. One dual-stack socket or two sockets may hold IPv4 and IPv6.
      - V(ipv4) and V(ipv6) stand for that family alone. A dual-stack socket is neither.
    type: str
    choices: [any, ipv4, ipv6]
    default: any
  interface:
    description:
      - Network interface that the socket must be bound to. Without this option the socket must not be bound to an
        interface.
    type: str
  state:
    description:
      - V(held) asserts that sockets are bound exactly as the endpoint says. A socket for every address does
        not hold an endpoint with one address, and vice versa.
      - V(free) asserts that no socket, including sockets for every address, prevents binding the endpoint.
    type: str
    choices: [held, free]
    default: held
  owner:
    description:
      - Owner that every socket of the endpoint must have. Exactly one suboption must be given.
    type: dict
    suboptions:
      systemd:
        description:
          - Name of a unit. A socket unit (V(echo.socket)) owns the sockets that systemd opened for it, also while its
            service runs. A service or scope owns the sockets that its processes opened.
        type: str
      xinetd:
        description:
          - The C(id) of a service in the configuration of the running xinetd, which is its name unless set.
        type: str
      s6:
        description:
          - Service directory, or the last part of its path.
        type: str
      program:
        description:
          - Name of the program that holds the socket, regardless of who started it.
        type: str
  connect:
    description:
      - Connect. A stream must accept the connection. A datagram endpoint must answer a datagram.
      - For an endpoint with every address, the module tries the loopback address of each family, unless O(source) is
        given.
    type: bool
    default: false
  send:
    description:
      - Text to send after connecting. An answer must come back, unless O(refuse=true).
    type: str
  expect:
    description:
      - Regular expression that the answer must contain, within O(timeout).
      - The expression, in UTF-8, is matched against the bytes of the answer.
    type: str
  refuse:
    description:
      - The client must get nothing. It may be refused, reset, left without an answer, or cut off before any data.
      - A service that does not send first needs O(send); without it, its silence counts as a refusal.
    type: bool
    default: false
  source:
    description:
      - Address of this host to connect from.
    type: str
  timeout:
    description:
      - Seconds for one connection, from its start to the expected answer.
    type: float
    default: 5
  retries:
    description:
      - Number of further attempts before the module fails.
    type: int
    default: 0
  delay:
    description:
      - Seconds between two attempts.
    type: float
    default: 1
attributes:
  platform:
    support: full
    platforms: Linux
notes:
  - Sockets are those of the network namespace that the module runs in. Without root privileges the holders of other
    users' sockets cannot be seen, so that O(owner) fails.
  - The module finds the service of an xinetd socket by xinetd's configuration files, which may be newer than the
    running configuration.
seealso:
  - module: ondemand.superserver.listener_info
  - module: ansible.builtin.wait_for
author:
  - Contributors to the ondemand.superserver collection (@ondemand)
"""

EXAMPLES = r"""
---
- name: Echo is held by its socket unit on IPv4 and IPv6, and echoes
  ondemand.superserver.listener:
    tcp: "7"
    owner:
      systemd: echo.socket
    send: "hello\n"
    expect: ^hello$

- name: Nothing holds the telnet port
  ondemand.superserver.listener:
    tcp: telnet
    state: free

- name: The TFTP port belongs to xinetd
  ondemand.superserver.listener:
    udp: "69"
    owner:
      xinetd: tftp

- name: Clients from a denied address get nothing
  ondemand.superserver.listener:
    tcp: 127.0.0.1:7
    send: "hello\n"
    refuse: true
    source: 127.0.0.2

- name: The service answers within half a minute
  ondemand.superserver.listener:
    unix: /run/answer.sock
    owner:
      s6: answer
    connect: true
    retries: 10
    delay: 3
"""

RETURN = r"""
endpoint:
  description: The endpoint, with its port as a number.
  returned: always
  type: str
  sample: tcp *:7
holders:
  description:
    - The processes that hold the endpoint, one entry for each process and socket, as
      RV(ondemand.superserver.listener_info#module:listeners) describes them.
    - On failure, those that have the same port or path.
  returned: always
  type: list
  elements: dict
  sample:
    - transport: tcp
      family: ipv6
      address: "::"
      port: 7
      dual: true
      type: stream
      interface: ""
      backlog: 4096
      inode: 28415
      pid: 1
      program: systemd
      user: root
      owner: {kind: systemd, name: echo.socket}
answer:
  description:
    - Answer that the client got from the last address that was tried.
    - V(none) if no option asked for a connection, or if the endpoint itself was not as asserted.
  returned: always
  type: dict
  contains:
    address:
      description: Address or path that the client connected to.
      type: str
      sample: ::1
    outcome:
      description:
        - V(answered), V(refused), V(reset), V(closed) (without data), V(timeout), V(unreachable) or V(missing) (no
          such path).
      type: str
      sample: answered
    text:
      description: Text that was received.
      type: str
      sample: "hello\n"
    seconds:
      description: Duration in seconds.
      type: float
      sample: 0.012
    detail:
      description: The outcome in words.
      type: str
      sample: answered
attempts:
  description: Number of attempts.
  returned: always
  type: int
  sample: 1
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.owners import kinds
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof.listener import (
    assertion_of,
    examine_until,
)

_ENDPOINTS = ("tcp", "udp", "unix")


def _options() -> dict[str, t.Any]:
    return {
        "tcp": {"type": "str"},
        "udp": {"type": "str"},
        "unix": {"type": "str"},
        "family": {"type": "str", "choices": ["any", "ipv4", "ipv6"], "default": "any"},
        "interface": {"type": "str"},
        "state": {"type": "str", "choices": ["held", "free"], "default": "held"},
        "owner": {
            "type": "dict",
            "options": {kind: {"type": "str"} for kind in kinds()},
            "mutually_exclusive": [kinds()],
            "required_one_of": [kinds()],
        },
        "connect": {"type": "bool", "default": False},
        "send": {"type": "str"},
        "expect": {"type": "str"},
        "refuse": {"type": "bool", "default": False},
        "source": {"type": "str"},
        "timeout": {"type": "float", "default": 5},
        "retries": {"type": "int", "default": 0},
        "delay": {"type": "float", "default": 1},
    }


def main() -> None:
    os.umask(0o022)
    module = AnsibleModule(
        argument_spec=_options(),
        mutually_exclusive=[_ENDPOINTS],
        required_one_of=[_ENDPOINTS],
        supports_check_mode=True,
    )
    try:
        assertion = assertion_of(module.params)
    except ValueError as exc:
        module.fail_json(msg=str(exc))
    finding, attempts = examine_until(
        assertion, lambda argv: module.run_command(list(argv)), module.params["retries"], module.params["delay"]
    )
    result: dict[str, t.Any] = {
        "changed": False,
        "endpoint": str(assertion.endpoint),
        "holders": finding.holders,
        "answer": finding.answer,
        "attempts": attempts,
    }
    if finding.problem:
        module.fail_json(msg=finding.problem, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
