# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Galaxy would take the collection: its own checker, galaxy-importer, on the tarball."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from _checks import CACHE, ROOT, Command, Outcome, find_tool

# All that the importer can check without a container and without fetching anything. It ranks the environment above a
# configuration file that the machine may have.
SETTINGS = {
    "ansible_test_local_image": "false",
    "check_changelog": "true",
    "check_required_tags": "true",
    "log_level_main": "INFO",
    "offline_ansible_lint": "true",
    "require_v1_or_greater": "true",
    "run_ansible_doc": "true",
    "run_ansible_lint": "true",
    "run_ansible_test": "false",
}
# The importer goes on without these, and with a warning at most.
NEEDED = ("ansible-doc", "ansible-lint")
_COMPLAINT = re.compile(r"^(?:WARNING|ERROR|CRITICAL): ", re.MULTILINE)
_FINISHED = "Importer processing completed successfully"


def published() -> Outcome:
    """Builds the tarball of the checkout and has it checked."""
    here = CACHE / "galaxy"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    built = Command(["ansible-galaxy", "collection", "build", "--output-path", str(here), str(ROOT)]).finish()
    tarballs = list(here.glob("*.tar.gz"))
    if built.code or len(tarballs) != 1:
        return Outcome.of(False, built.output)
    return accepted(tarballs[0], here)


def accepted(tarball: Path, here: Path, **other_settings: str) -> Outcome:
    """Has the importer check a tarball; its result and its caches land in a directory. Nothing may be complained of."""
    for tool in NEEDED:
        find_tool(tool)
    settings = {**SETTINGS, "ansible_local_tmp": str(here / "tmp"), **other_settings}
    done = Command(
        ["python3", "-m", "galaxy_importer.main", str(tarball)],
        cwd=here,
        environment={f"GALAXY_IMPORTER_{name.upper()}": value for name, value in settings.items()},
    ).finish()
    told = "\n".join(line for line in done.output.splitlines() if not line.startswith("Loading "))
    return Outcome.of(done.code == 0 and _FINISHED in told and not _COMPLAINT.search(told), told)
