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
      - The services, as in the schema reference of the collection. The module checks all of them and reports every
        problem at once.
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
      - Default fields for every service that does not set them itself.
    type: dict
  backend:
    description:
      - Super-server of every service that does not name its own.
      - V(auto) is systemd where it is PID 1, else s6 where a scan directory is running, else xinetd.
    type: str
    choices: [auto, systemd, xinetd, s6]
    default: auto
  on_unsupported:
    description:
      - What happens when the backend of a service cannot honour a field on this host.
      - V(fail) refuses the declaration. V(warn) leaves the field out with a warning if the service makes
        sense without it.
    type: str
    choices: [fail, warn]
    default: fail
  guard:
    description:
      - Whether nftables enforces what a backend cannot enforce itself.
      - V(auto) uses nftables only where it is needed, V(always) also where the backend could enforce the field.
        V(never) does not use nftables and refuses such a field.
    type: str
    choices: [auto, always, never]
    default: auto
  policy:
    description:
      - Limits for what services may declare, for hosts whose services are written by several teams. The module refuses
        a declaration with anything else.
      - A mapping of C(accounts), C(programs), C(files), C(logs), C(sockets), C(ports), C(units) and C(native), as the
        role's O(ondemand.superserver.superserver#role:main:superserver_policy) describes them. A key that is
        missing restricts nothing.
    type: raw
  adopt:
    description:
      - Foreign services whose listeners the collection takes over, each by the id of an xinetd service (its
        name where it has no id), or by the name of a systemd unit that ends in C(.socket) or C(.service).
      - A foreign service is switched off while a declared service, in any state, needs one of its listeners. It is
        switched on again, exactly as it was, when no declared service needs them any more. Units that a unit starts,
        and sockets, paths and timers that start it, are switched together with it; other units that depend on it have
        to be named as well.
      - The module refuses a name that the host does not know or that holds no listener of a declared service. It
        also refuses to leave out a name while a declared service still needs the listeners that were taken over.
      - If the declared service would allow clients that the foreign service refuses, the module refuses the name,
        unless the entry is a mapping of C(name) and C(without), a list of the restrictions that may be lost. Their
        names are those of the configuration, that is, C(only_from), C(no_access), C(access_times), C(instances),
        C(per_source), C(cps), C(max_load) and C(libwrap) of xinetd, C(IPAddressDeny), C(MaxConnections),
        C(MaxConnectionsPerSource), C(BindToDevice), C(SocketMode) and C(libwrap) of units, and C(address), C(family)
        and C(interface) of its listeners.
    type: list
    elements: raw
    default: []
  s6_bin_dir:
    description:
      - Directory with the programs of s6 and s6-networking, if they are not in PATH.
    type: str
    default: ''
  s6_rc:
    description:
      - Lets s6-rc manage the services of s6, together with those of the host, where s6-svscan is PID 1. Without this
        option they are service directories in the scan directory.
      - Cannot be changed while the host has services of s6.
    type: dict
    suboptions:
      sources:
        description:
          - Directories with the host's own definitions, with which the services are compiled. A compiled
            database does not record them.
        type: list
        elements: path
        required: true
      bundle:
        description:
          - Directory of the bundle that is started at boot, in one of O(s6_rc.sources). The services are
            added to its C(contents.d). The default is C(default) in the first of them.
        type: path
      live:
        description:
          - The live directory, which C(s6-rc-init) creates at boot.
        type: path
        default: /run/s6-rc
      compiled:
        description:
          - The symbolic link to the database that C(s6-rc-init) uses at boot.
        type: path
        default: /etc/s6-rc/compiled
"""
