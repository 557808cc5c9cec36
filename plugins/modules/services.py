#!/usr/bin/python
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: services
short_description: Make a host's on-demand services as declared
version_added: 1.0.0
description:
  - Makes the services of this collection on a host exactly as declared, whatever super-server holds each of them,
    systemd socket units, xinetd or s6.
  - Services that are declared are created, changed, moved from one super-server to another or repaired. Those that this
    collection made and that are not declared any more are stopped and removed. What others made is never touched,
    unless O(adopt) names it.
  - Refuses a declaration that has any problem, with every problem and its place, before anything is changed.
  - A change that cannot be finished and proven is undone, and one that is not confirmed where O(confirm) asks for that.
  - Reads and changes everything in one pass, so that the number of commands does not depend on the number of services.
extends_documentation_fragment:
  - ondemand.superserver._attributes
  - ondemand.superserver._declaration
attributes:
  check_mode:
    support: full
    details:
      - Works also on a host where no super-server is installed.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  confirm:
    description:
      - Whether a change stands only when the controller has come back over a fresh connection. It then closes the one
        that it has, connects again and confirms, all of that within this task. Without the confirmation the host puts
        everything back, so that nobody is locked out by the change.
      - V(auto) asks for it where the connection came in through a service that changes, or was forwarded on the host
        itself. V(always) asks for it with every change.
      - A task with C(async), or with the connection plugin P(ansible.builtin.local#connection), does not ask for it.
    type: str
    choices: [auto, always, never]
    default: auto
  confirm_timeout:
    description:
      - How many seconds the host waits for it; V(0) asks for none.
    type: int
    default: 60
  confirmed:
    description:
      - Only confirms the change that waits for it; returns what that did. Excludes O(services) and O(layers); the other
        options are not used then.
      - A task does this by itself. It can be done by hand, too, over any connection but the one that the change was
        made over.
    type: bool
    default: false
  handover:
    description:
      - How a listener passes from one super-server to another.
      - V(auto) takes the best method that works. Every other value asks for that method; where it does not work, the
        next one that does is taken, and the result says why.
      - V(reuseport) opens the new one beside the old one, for services that systemd takes over from another
        super-server.
      - V(fdholder) hands the very socket to servers of s6-networking, for services with C(accept=true) whose
        socket they would make just so.
      - V(hold) closes it before it is opened again, and has nftables drop what clients send to it in between, so that
        they try again after a second instead of being refused.
      - V(gap) does so without nftables, so that clients are refused in between. That is a warning.
    type: str
    choices: [auto, reuseport, fdholder, hold, gap]
    default: auto
  drain_timeout:
    description:
      - How many seconds connections may last that are established and that the change cuts off, before it does. These
        are those of daemons with C(accept=false), which have the listening socket themselves, and those of services
        that are taken from xinetd while it goes on with others. All others go on by themselves.
    type: int
    default: 10
  verify:
    description:
      - Whether services that were touched are probed as their field C(probe) says. That their listeners are open and
        belong to the right owner is always proven.
    type: bool
    default: true
  installed:
    description:
      - Backends whose packages were installed for this collection. Their daemon is stopped and disabled when it holds
        no service any more.
    type: list
    elements: str
    default: []
  makes_account:
    description:
      - Whether the caller makes the account C(superserver), what the collection itself has in front of clients runs as,
        where RV(missing) names it. Without that, a declaration that needs the account is refused on a host without it.
    type: bool
    default: false
  installs_nftables:
    description:
      - Whether the caller installs nftables, where RV(missing) names it for V(hold), before services that move are
        touched. Without that, clients of such services may be refused on a host without it, which is a warning.
    type: bool
    default: false
  generations:
    description:
      - How many earlier states of the services are kept on the host. M(ondemand.superserver.services_info) lists them.
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

- name: Take port 6556 over from an agent that xinetd serves, whose package has brought a socket unit for it as well
  ondemand.superserver.services:
    services:
      - name: agent
        listen:
          - tcp: "6556"
        exec: [/usr/bin/check_mk_agent]
        user: root
    adopt: [check_mk, check-mk-agent.socket]

- name: Take it over from an entry that lets in one monitoring server only, and have everybody let in
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
  description: What was done, or in check mode would be, one entry for each service in order of name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The service.
      type: str
      sample: echo
    backend:
      description: The super-server that holds it, or held it.
      type: str
      sample: systemd
    action:
      description:
        - V(none), V(create), V(change) (its listeners stayed open), V(rebind), V(move), V(enable), V(disable),
          V(repair listener), V(repair file) or V(remove).
      type: str
      sample: move
    reason:
      description: Why.
      type: str
      sample: from xinetd to systemd
    method:
      description: How its listeners passed from the old to the new state, where they were open before and after.
      type: str
      sample: hold
    method_reason:
      description: Why it was not a better method, or not the one that was asked for.
      type: str
      sample: "hold: nftables is not installed"
    gap_ms:
      description:
        - Milliseconds for which one of its listeners was closed, as measured from the kernel's table. With the method
          V(hold) nobody was refused for that, but who came then had to wait.
      type: float
      sample: 12.5
    sessions:
      description: How many TCP connections it had when its listeners or its handler were about to change, if any.
      type: int
      sample: 3
    sessions_ended:
      description: How many of them ended meanwhile, by themselves or cut off.
      type: int
      sample: 0
adopted:
  description:
    - What was done, or in check mode would be, to services of others, one entry for each that O(adopt) names or that
      had been taken over.
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
        - V(none), V(adopt), V(repair) (it was in force again and has been switched off again) or V(give back).
      type: str
      sample: adopt
    reason:
      description: Why.
      type: str
      sample: /etc/xinetd.d/check_mk enables it
    units:
      description: Further units that go with it, because they start it or are started by it.
      type: list
      elements: str
      sample: [check-mk-agent.service]
steps:
  description:
    - What was done, or in check mode would be, one line for each step in the order in which they come. Empty where
      nothing changes. C(--diff) shows them, too.
    - A run that fails, or dies, is undone from the last of them to the first.
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
  description: Set where the change had to be confirmed.
  returned: when it had to be confirmed
  type: dict
  contains:
    within:
      description: Seconds that there were for it.
      type: int
      sample: 60
    connection:
      description: The connection that the change was made over, as in C(SSH_CONNECTION). Empty where it was not SSH.
      type: str
      sample: 192.0.2.7 50022 192.0.2.1 22
missing:
  description:
    - What must be installed before the services can be made, by backend (V(guard) and V(hold) are nftables, V(tls)
      is stunnel, V(account) a system account without shell and home). When it is not empty, nothing was done.
  returned: success
  type: dict
  sample: {xinetd: xinetd}
commands:
  description: How many commands were run. It does not depend on the number of services.
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
