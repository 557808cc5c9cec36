# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: parse
short_description: Turn configuration of a super-server into a declaration
version_added: 1.0.0
description:
  - Reads configuration files that others wrote, as the super-server itself reads them, without any host, and gives what
    really runs as entries of C(superserver_services).
  - What is not in these entries, or is there in another way than in the files, is a finding with file and line. Nothing
    is left out without one.
  - Fails for a kind of configuration that cannot be read.
options:
  _input:
    description:
      - The texts of the files by their paths, as they are on the host.
    type: dict
    required: true
  kind:
    description:
      - Whose configuration it is. That of systemd and s6 cannot be read yet.
    type: str
    choices: [xinetd, inetd]
    required: true
  dialect:
    description:
      - Which inetd reads the file, for O(kind=inetd). The same file means other things to others.
      - V(openbsd) is Debian's openbsd-inetd, V(inetd_compat) is xinetd with its option of that name.
    type: str
    choices: [openbsd, inetutils, busybox, freebsd, inetd_compat]
    default: openbsd
author:
  - Contributors to the ondemand.superserver collection (@ondemand)
"""

EXAMPLES = r"""
---
- name: Show the services of a file of xinetd
  ansible.builtin.debug:
    msg: "{{ {'/etc/xinetd.d/echo': text} | ondemand.superserver.parse('xinetd') }}"
  vars:
    text: |
      service echo
      {
              type        = UNLISTED
              port        = 7
              socket_type = stream
              protocol    = tcp
              wait        = no
              user        = daemon
              server      = /bin/cat
              only_from   = 192.0.2.0/24
      }
"""

RETURN = r"""
---
_value:
  description: What the files are as a declaration.
  type: dict
  contains:
    services:
      description: Entries of C(superserver_services), without fields that equal their defaults.
      type: list
      elements: dict
      sample:
        - name: echo
          listen: [{tcp: "7"}]
          exec: [/bin/cat]
          user: daemon
    findings:
      description: What to know about them, in the order of the files.
      type: list
      elements: dict
      contains:
        kind:
          description:
            - V(differs) if something else runs than what is written.
            - V(unsupported) if some backends refuse it.
            - V(ask) if a person must decide.
            - V(dropped) if it has no effect.
            - V(error) if it cannot be read, or is no valid declaration.
          type: str
          sample: unsupported
        file:
          description: Path of the file.
          type: str
          sample: /etc/xinetd.d/echo
        line:
          description: Number of the line; 0 for the file as a whole.
          type: int
          sample: 3
        message:
          description: The finding in words.
          type: str
          sample: "access.hours: s6: nothing looks at the time of day"
        service:
          description: Name of the service, where it is about one.
          type: str
          sample: echo
        written:
          description: For V(differs), what is written.
          type: str
          sample: v6only = no
        runs:
          description: For V(differs), what runs.
          type: str
          sample: IPv6 only
        choices:
          description: For V(ask), what can be chosen.
          type: list
          elements: str
          sample: ["the service keeps the environment of xinetd", "the service has an empty environment"]
        backends:
          description: For V(unsupported), the backends that refuse it.
          type: list
          elements: str
          sample: [s6]
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.parse import (
    UnknownKind,
    parse_files,
    to_json,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.dialects import USUAL

_NAME = "ondemand.superserver.parse"


def parse(files: t.Any, kind: str, dialect: str = USUAL) -> dict[str, t.Any]:
    """Services and findings; see DOCUMENTATION."""
    if not isinstance(files, dict):
        raise AnsibleFilterError(f"{_NAME}: the files must be a mapping of paths to texts")
    texts = {str(path): str(text) for path, text in files.items()}
    try:
        return to_json(parse_files(texts, str(kind), platform_of({}), str(dialect)))
    except UnknownKind as exc:
        raise AnsibleFilterError(f"{_NAME}: {exc}") from exc


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"parse": parse}
