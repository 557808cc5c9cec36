#!/usr/bin/python
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: services
short_description: Apply a declaration of on-demand services to a host
version_added: 1.0.0
description:
  - Makes the services of this collection on a host exactly as declared, under systemd socket units, xinetd or s6.
  - Declared services are created, changed, moved from one super-server to another or repaired. Services that this
    collection made and that are no longer declared are stopped and removed. Foreign services are never
    touched, unless O(adopt) names them.
  - Refuses a declaration with problems before it changes anything, and reports every problem with its place.
  - Rolls back a change that cannot be finished and proven, or that is not confirmed although O(confirm) asks for it.
  - Reads and changes everything in one pass, so that the number of commands does not depend on the number of services.
extends_documentation_fragment:
  - ondemand.superserver._attributes
  - ondemand.superserver._declaration
attributes:
  check_mode:
    support: full
    details:
      - Also works on a host where no super-server is installed.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  confirm:
    description:
      - Whether a change becomes permanent only after the controller has connected again. The controller then
        closes its connection, opens a fresh one and confirms the change, all within this task. Without the confirmation
        the host rolls the change back, so that the change locks nobody out.
      - V(auto) asks for a confirmation if the connection came in through a service that changes, or was forwarded on
        the host itself. V(always) asks for one with every change.
      - A task with C(async), or with the connection plugin P(ansible.builtin.local#connection), does not ask for one.
    type: str
    choices: [auto, always, never]
    default: auto
  confirm_timeout:
    description:
      - How many seconds the host waits for the confirmation; V(0) asks for none.
    type: int
    default: 60
  confirmed:
    description:
      - Only confirms the change that waits for its confirmation, and returns the result of that change. Excludes
        O(services) and O(layers); the other options are not used.
      - A task confirms its change by itself. To confirm by hand, use any other connection than that
        of the change.
    type: bool
    default: false
  handover:
    description:
      - How a listener is handed over from one super-server to another.
      - V(auto) uses the best method that works. Every other value asks for one method; if that does not work,
        the next one that works is used, and the result says why.
      - V(reuseport) opens the new listener beside the old one, for services that systemd takes over from
        another super-server.
      - V(fdholder) passes the open socket to servers of s6-networking, for services with C(accept=true) for
        which they would create the same socket.
      - V(hold) closes the listener before it is opened again. Meanwhile nftables drops what clients send to it, so
        that they try again after a second instead of being refused.
      - V(gap) does the same without nftables, so that clients are refused meanwhile. The result has a warning.
    type: str
    choices: [auto, reuseport, fdholder, hold, gap]
    default: auto
  drain_timeout:
    description:
      - How many seconds the run waits for established connections that the change would cut off. These are
        connections of daemons with C(accept=false), which have the listening socket themselves, and of services that
        are moved away from xinetd while it keeps serving others. All other connections are not affected.
    type: int
    default: 10
  verify:
    description:
      - Whether the run probes changed services as their field C(probe) says. It always proves that their
        listeners are open and have the right owner.
    type: bool
    default: true
  installed:
    description:
      - Backends whose packages were installed for this collection. Their daemon is stopped and disabled when
        it has no service any more.
    type: list
    elements: str
    default: []
  makes_account:
    description:
      - Whether the caller creates the account C(superserver), which the collection's own programs that face clients run
        as, if RV(missing) names it. Without this, the module refuses a declaration that needs the account on a host
        without it.
    type: bool
    default: false
  installs_nftables:
    description:
      - Whether the caller installs nftables, if RV(missing) names it for V(hold), before services are moved.
        Without this, clients of such services may be refused on a host without nftables, and the result has a warning.
    type: bool
    default: false
  generations:
    description:
      - How many generations (earlier states of the services) the host keeps. M(ondemand.superserver.services_info)
        lists them.
    type: int
    default: 5
author:
  - Contributors to the ondemand.superserver collection (@ondemand)
seealso:
  - module: ondemand.superserver.services_info
  - module: ondemand.superserver.listener
"""

EXAMPLES = r"""
---
- name: Serve echo and rsync on demand, and nothing else
  ondemand.superserver.services:
    services:
      - name: echo
        listen:
          - tcp: "7"
        internal: echo
      - name: rsync
        listen:
          - tcp: "873"
        exec: [/usr/bin/rsync, --daemon]
        user: root
        connections:
          max: 20

- name: Take over port 6556 from an agent of xinetd, whose package also has a socket unit for it
  ondemand.superserver.services:
    services:
      - name: agent
        listen:
          - tcp: "6556"
        exec: [/usr/bin/check_mk_agent]
        user: root
    adopt: [check_mk, check-mk-agent.socket]

- name: Take it over from an entry that allows one monitoring server only, and allow every client
  ondemand.superserver.services:
    services:
      - name: agent
        listen:
          - tcp: "6556"
        exec: [/usr/bin/check_mk_agent]
        user: root
    adopt:
      - name: check_mk
        without: [only_from]

- name: Remove every service that this collection made
  ondemand.superserver.services:
    services: []
"""

RETURN = r"""
---
services:
  description: What was done, or in check mode would be done, one entry for each service in order of name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The service.
      type: str
      sample: echo
    backend:
      description: The super-server that holds the service, or held it.
      type: str
      sample: systemd
    action:
      description:
        - V(none), V(create), V(change) (its listeners stayed open), V(rebind), V(move), V(enable), V(disable),
          V(repair listener), V(repair file) or V(remove).
      type: str
      sample: move
    reason:
      description: Reason of the action.
      type: str
      sample: from xinetd to systemd
    method:
      description: Method of the handover, if the listeners were open before and after.
      type: str
      sample: hold
    method_reason:
      description: Why the run did not use a better method, or the one that was asked for.
      type: str
      sample: "hold: nftables is not installed"
    gap_ms:
      description:
        - Milliseconds for which one of its listeners was closed, measured from the kernel's table. With the
          method V(hold) no client was refused meanwhile, but new clients had to wait.
      type: float
      sample: 12.5
    sessions:
      description:
        - Number of TCP connections that the service had before its listeners or its handler were changed, if any.
      type: int
      sample: 3
    sessions_ended:
      description: Number of these connections that ended meanwhile, by themselves or cut off.
      type: int
      sample: 0
adopted:
  description:
    - What was done, or in check mode would be done, to foreign services, one entry for each service that O(adopt) names
      or that was taken over before.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The xinetd service or the systemd unit.
      type: str
      sample: check_mk
    kind:
      description: V(xinetd) or V(systemd).
      type: str
      sample: xinetd
    action:
      description:
        - V(none), V(adopt), V(repair) (it had become active again and was switched off again) or V(give back).
      type: str
      sample: adopt
    reason:
      description: Reason of the action.
      type: str
      sample: /etc/xinetd.d/check_mk enables it
    units:
      description: Further units that are switched together with it, because they start it or are started by it.
      type: list
      elements: str
      sample: [check-mk-agent.service]
steps:
  description:
    - The steps of the run in their order, one line for each, or in check mode the steps that a run would have. Empty if
      nothing changes. C(--diff) shows them, too.
    - A run that fails or dies is rolled back from its last step to the first.
  returned: success
  type: list
  elements: str
  sample:
    - "write 3 files of echo for systemd: /etc/systemd/system/echo.socket, /etc/systemd/system/echo@.service and
      /etc/systemd/system/sockets.target.wants/echo.socket"
    - have systemd read its files
    - "remove /etc/xinetd.d/superserver-echo, close the listeners of echo (xinetd, in one reload)"
    - open the listeners of echo (systemd)
    - record the services and their files
confirm:
  description: Details of the confirmation.
  returned: when the change had to be confirmed
  type: dict
  contains:
    within:
      description: Seconds until the change would have been rolled back.
      type: int
      sample: 60
    connection:
      description: The connection of the change, as in C(SSH_CONNECTION). Empty if it was not SSH.
      type: str
      sample: 192.0.2.7 50022 192.0.2.1 22
missing:
  description:
    - What must be installed before the services can be applied, by backend (V(guard) and V(hold) stand for nftables,
      V(tls) for stunnel, V(account) for a system account without shell and home). If it is not empty, nothing was
      changed.
  returned: success
  type: dict
  sample: {xinetd: xinetd}
commands:
  description: Number of commands that were run. It does not depend on the number of services.
  returned: success
  type: int
  sample: 4
"""

import os

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.recovery.confirm import confirm
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import converge
from ansible_collections.ondemand.superserver.plugins.module_utils._handover.methods import AUTO, NAMES
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.confirmation import CONFIRM_TIMEOUT
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._module import (
    DeclarationModule,
    declaration_options,
    explain,
    request_of,
)


def main() -> None:
    # Whatever the connection's is: what is made here is for others, too.
    os.umask(0o022)
    module = DeclarationModule(
        argument_spec={
            **declaration_options(),
            "handover": {"type": "str", "choices": [AUTO, *NAMES], "default": AUTO},
            "drain_timeout": {"type": "int", "default": 10},
            "verify": {"type": "bool", "default": True},
            "installed": {"type": "list", "elements": "str", "default": []},
            "makes_account": {"type": "bool", "default": False},
            "installs_nftables": {"type": "bool", "default": False},
            "generations": {"type": "int", "default": 5},
            "confirm": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
            "confirm_timeout": {"type": "int", "default": CONFIRM_TIMEOUT},
            "confirmed": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("services", "layers", "confirmed")],
        required_if=[("confirmed", False, ("services", "layers"), True)],
        supports_check_mode=True,
    )
    host = LocalHost(module)
    try:
        if module.params["confirmed"]:
            result = confirm(host)
        else:
            result = converge(request_of(module.options(), module.check_mode), host)
    except InvalidDeclaration as exc:
        module.fail_json(msg=explain(exc), problems=[str(problem) for problem in exc.problems])
    except RunFailed as exc:
        module.fail_json(msg=str(exc))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(commands=len(host.commands), **result)


if __name__ == "__main__":
    main()
