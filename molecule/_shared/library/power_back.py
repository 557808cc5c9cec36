# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This host has booted after a power cut: without another run it serves the old or the new state entirely, and a run
makes it as declared, after which a further one does nothing."""

from __future__ import annotations

import os
import time
import typing as t

from ansible.module_utils.answers import endpoints, silent_after
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.run import converge
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import journal as _journal
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.state import manifest as _manifest
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.status import status
from ansible_collections.ondemand.superserver.plugins.module_utils._host.local import LocalHost
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer

PATIENCE = 40.0  # seconds until the host has put itself back
ANSWERS = 5.0  # seconds from then until everything answers


def settled() -> float:
    """Seconds until there is no journal."""
    begun = time.monotonic()
    while os.path.exists(_journal.PATH) and time.monotonic() < begun + PATIENCE:
        time.sleep(0.05)
    return time.monotonic() - begun


def wrong(module: AnsibleModule) -> t.Iterator[str]:
    """What is not as it must be before another run."""
    options = module.params
    if os.path.exists(_journal.PATH):
        yield "the host did not put itself back"
    found = {service["backend"] for service in _manifest.load().services.values()}
    allowed = {"old": {options["old"]}, "new": {options["new"]}}.get(
        options["serves"], {options["old"], options["new"]}
    )
    if len(found) != 1 or not found <= allowed:
        yield f"the services are with {found} instead of {allowed}"
    silent = silent_after(endpoints(options["services"]), ANSWERS)
    if silent:
        yield f"silent: {silent}"
    request = Request([Layer(BASE, options["services"])], options["defaults"], options["new"])
    yield from status(request, False, False, LocalHost(module))["problems"]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True},
            "defaults": {"type": "dict"},
            "old": {"type": "str", "required": True},
            "new": {"type": "str", "required": True},
            "serves": {"type": "str", "choices": ["old", "either", "new"], "required": True},
            "image": {"type": "str"},
            "after": {"type": "float"},
        }
    )
    options = module.params
    seconds = settled()
    problems = list(wrong(module))
    if not problems:
        request = Request([Layer(BASE, options["services"])], options["defaults"], options["new"])
        converge(request, LocalHost(module))
        if converge(request, LocalHost(module))["changed"]:
            problems.append("a second run changed something")
    if problems:
        module.fail_json(msg="; ".join(problems))
    module.exit_json(changed=True, seconds=round(seconds, 2))


if __name__ == "__main__":
    main()
