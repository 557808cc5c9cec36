#!/usr/bin/python
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: services_info
short_description: Report the on-demand services of a host and whether they are as declared
version_added: 1.0.0
description:
  - Reports the services that this collection made on a host, in the form of the schema, their files,
    and the current owner of each endpoint.
  - With a declaration, compares the host with it. With O(probe), connects to every service that declares a probe.
  - Instead of a secret it returns a digest, which stands for the value that the host has.
extends_documentation_fragment:
  - ondemand.superserver._attributes
  - ondemand.superserver._attributes.info
  - ondemand.superserver._declaration
options:
  probe:
    description:
      - Whether to probe every service that declares a probe.
    type: bool
    default: false
author:
  - Contributors to the ondemand.superserver collection (@ondemand)
seealso:
  - module: ondemand.superserver.services
"""

EXAMPLES = r"""
---
- name: Read the services of the host
  ondemand.superserver.services_info:
  register: superserver_found

- name: Fail if the host differs from the last run
  ansible.builtin.assert:
    that: superserver_found.problems | length == 0
    fail_msg: "{{ superserver_found.problems | join('\n') }}"
"""

RETURN = r"""
---
services:
  description: The services that this collection made, in the form of the schema.
  returned: success
  type: list
  elements: dict
  sample:
    - name: echo
      backend: systemd
      listen: [{tcp: "7"}]
      internal: echo
endpoints:
  description: One entry for each endpoint of these services.
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: The service.
      type: str
      sample: echo
    backend:
      description: Its super-server.
      type: str
      sample: systemd
    state:
      description: Its declared state.
      type: str
      sample: present
    endpoint:
      description: The endpoint.
      type: str
      sample: "tcp:*:7"
    owner:
      description: Current owner. Empty if the endpoint is not open.
      type: str
      sample: systemd echo.socket
    inodes:
      description: Inodes of the sockets of the endpoint.
      type: list
      elements: int
      sample: [20871]
    waits_for:
      description:
        - Address that the host lacks at the moment, so that no client can reach the endpoint. Empty if the host has it.
      type: str
      sample: ""
    problem:
      description: Problem of the endpoint. Empty if there is none.
      type: str
      sample: ""
answers:
  description: Results of the probes. Empty without O(probe).
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: The service.
      type: str
      sample: echo
    endpoint:
      description: The endpoint.
      type: str
      sample: "tcp:*:7"
    answer:
      description: Answer that came back.
      type: str
      sample: hello
    outcome:
      description: Outcome of the connection, as in M(ondemand.superserver.listener).
      type: str
      sample: answered
    seconds:
      description: Duration in seconds.
      type: float
      sample: 0.004
    problem:
      description: Problem of the answer. Empty if there is none.
      type: str
      sample: ""
files:
  description: The files that belong to these services.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
      sample: /etc/systemd/system/echo.socket
    service:
      description: The service. Empty for files that several services share.
      type: str
      sample: echo
    problem:
      description: V(missing) or V(changed) if the file differs from the one that was written. Otherwise empty.
      type: str
      sample: ""
adopted:
  description: Foreign services that were taken over, see O(adopt).
  returned: success
  type: list
  elements: dict
  sample: [{"name": "check_mk", "kind": "xinetd"}]
generations:
  description: The generations (earlier states of the services), the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    number:
      description: Its number.
      type: int
      sample: 3
    replaced:
      description: Time at which the generation was replaced.
      type: str
      sample: "2026-03-01T12:00:00+00:00"
    services:
      description: The services, in the form of the schema.
      type: list
      elements: dict
      sample:
        - name: echo
          backend: xinetd
          listen: [{tcp: "7"}]
          internal: echo
problems:
  description: All problems, in words.
  returned: success
  type: list
  elements: str
  sample: ["echo: tcp:*:7 is not open"]
pending:
  description: With a declaration, the actions of M(ondemand.superserver.services), as its result would have them.
  returned: when a declaration is given
  type: list
  elements: dict
  sample: [{"name": "echo", "backend": "systemd", "action": "create", "reason": "newly declared"}]
backend:
  description: What V(auto) means on this host.
  returned: success
  type: str
  sample: systemd
"""

import os

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.errors import RunFailed
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.status import status
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration
from ansible_collections.ondemand.superserver.plugins.module_utils._module import (
    DeclarationModule,
    declaration_options,
    explain,
    request_of,
)


def main() -> None:
    os.umask(0o022)
    module = DeclarationModule(
        argument_spec={**declaration_options(), "probe": {"type": "bool", "default": False}},
        mutually_exclusive=[("services", "layers")],
        supports_check_mode=True,
    )
    declared = module.params["services"] is not None or module.params["layers"] is not None
    try:
        found = status(request_of(module.options(), True), declared, module.params["probe"], LocalHost(module))
    except InvalidDeclaration as exc:
        module.fail_json(msg=explain(exc), problems=[str(problem) for problem in exc.problems])
    except RunFailed as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
