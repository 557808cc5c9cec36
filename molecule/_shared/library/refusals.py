# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declares, beside what is right, what must be refused: what each stage refuses, and then, in check mode, without what
cannot be honoured. The host must be as it was, byte for byte.

The module ``services`` runs as it is, from its source. Returned: the ``problems`` of each declaration, in order, and
the ``warnings`` of the last one.
"""

from __future__ import annotations

import subprocess
import typing as t

from ansible.module_utils.as_is import Result, run
from ansible.module_utils.basic import AnsibleModule

PROGRAM = "/usr/local/lib/conformance/snapshot"
KEPT = "/run/conformance-refusals.json"


def answer(options: dict[str, t.Any], services: list[t.Any], **further: t.Any) -> Result:
    """What the module says to the declaration with these services behind those of its first layer."""
    first, *others = options["declared"]["layers"]
    layers = [{**first, "services": first["services"] + services}, *others]
    return run(options["source"], {**options["declared"], "layers": layers, **further})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True},
            # Arguments of the module services.
            "declared": {"type": "dict", "required": True},
            # A list of services for each declaration that must be refused.
            "refused": {"type": "list", "elements": "list", "required": True},
            # Services that are left out where what cannot be honoured is only warned of.
            "left_out": {"type": "list", "elements": "dict", "required": True},
        }
    )
    options = module.params
    subprocess.run([PROGRAM, "take", KEPT], check=True)
    answers = [answer(options, services) for services in options["refused"]]
    dry = answer(options, options["left_out"], on_unsupported="warn", _ansible_check_mode=True)
    compared = subprocess.run([PROGRAM, "compare", KEPT], capture_output=True, text=True, check=False)
    for each in answers:
        if "problems" not in each:
            module.fail_json(msg=f"what must be refused was not: {each}")
    if dry.get("failed") or "services" not in dry:
        module.fail_json(msg=f"it is not left out: {dry}")
    if compared.returncode != 0:
        module.fail_json(msg=f"the host is not as it was: {compared.stdout}{compared.stderr}")
    module.exit_json(problems=[each["problems"] for each in answers], warnings=dry.get("warnings", []))


if __name__ == "__main__":
    main()
