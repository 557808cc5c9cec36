# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of everything that takes a declaration. Private to the collection; may change at any time.

In step with ``plugins/module_utils/_module.py``.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  services:
    description:
      - The services, as in the schema reference of the collection. Checked as a whole, with every problem at once.
      - Exactly one of O(services) and O(layers) must be given, unless a module says that neither is needed.
    type: list
    elements: raw
  layers:
    description:
      - Several lists of services that are merged by name. A later entry overrides field by field.
      - The order is C(superserver_services) first, then the others in alphabetical order.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the variable that the list comes from. Error messages begin with it.
        type: str
        required: true
      services:
        description:
          - The list.
        type: raw
        required: true
  defaults:
    description:
      - Fields that every service has unless it sets them itself.
    type: dict
  backend:
    description:
      - Super-server of every service that does not name one.
      - V(auto) is systemd where it is PID 1, else s6 where a scan directory is running, else xinetd.
    type: str
    choices: [auto, systemd, xinetd, s6]
    default: auto
  on_unsupported:
    description:
      - What happens to a field that a service's backend cannot honour on this host.
      - V(fail) refuses the declaration. V(warn) leaves the field out with a warning, where the service makes sense
        without it.
    type: str
    choices: [fail, warn]
    default: fail
  guard:
    description:
      - Whether nftables enforces what a backend cannot enforce itself.
      - V(auto) where it is needed, V(always) also where the backend could, V(never) not at all, so that such a field is
        refused.
    type: str
    choices: [auto, always, never]
    default: auto
  policy:
    description:
      - What services may declare, for those who let others write them. A declaration with anything else is refused.
      - A mapping of C(accounts), C(programs), C(files), C(logs), C(sockets), C(ports), C(units) and C(native), as the
        role's O(ondemand.superserver.superserver#role:main:superserver_policy) describes them. What it does not have
        is not restricted.
    type: raw
  adopt:
    description:
      - Services that others made and whose listeners are taken over, each by the id of an xinetd service (its name
        where it has no id), or by the name of a systemd unit that ends in C(.socket) or C(.service).
      - What is named is switched off while a declared service, in whatever O(services) state, wants one of its
        listeners. It is switched on again, exactly as it was, when none does any more. Units that a unit starts, and
        sockets, paths and timers that start it, go with it; other units that are tied to it have to be named as well.
      - A name that the host does not know, or that holds no listener of a declared service, is refused,
        and so is to leave out the name while a declared service still wants what was taken over.
      - Where the declared service would let in clients that the other one keeps out, the name is refused, unless the
        entry is a mapping of C(name) and C(without), a list of what may get lost. That is what the configuration calls
        it, as C(only_from), C(no_access), C(access_times), C(instances), C(per_source), C(cps), C(max_load) and
        C(libwrap) of xinetd, C(IPAddressDeny), C(MaxConnections), C(MaxConnectionsPerSource), C(BindToDevice),
        C(SocketMode) and C(libwrap) of units, and C(address), C(family) and C(interface) of what it listens on.
    type: list
    elements: raw
    default: []
  s6_bin_dir:
    description:
      - Directory of the programs of s6 and s6-networking, where they are not in PATH.
    type: str
    default: ''
  s6_rc:
    description:
      - Has s6-rc manage the services of s6, together with those of the host, where s6-svscan is PID 1. Without it they
        are service directories in the scan directory.
      - Cannot be changed while there are services of s6.
    type: dict
    suboptions:
      sources:
        description:
          - Directories with the host's own definitions, which the services are compiled with. A compiled database does
            not tell where it comes from.
        type: list
        elements: path
        required: true
      bundle:
        description:
          - Directory of the bundle that is brought up at boot, in one of O(s6_rc.sources). The services are added to
            its C(contents.d). The default is C(default) in the first of them.
        type: path
      live:
        description:
          - The live directory, which C(s6-rc-init) makes at boot.
        type: path
        default: /run/s6-rc
      compiled:
        description:
          - The symbolic link to the database that C(s6-rc-init) is given at boot.
        type: path
        default: /etc/s6-rc/compiled
"""
