# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every case of the corpus becomes services and findings, and what they are is looked at."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import platform_of
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign.parse import parse_files, readers
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing import ports
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.inetd.dialects import USUAL
from ansible_collections.ondemand.superserver.tests.unit.corpus import CORPUS, PORTS, cases, compare, files_of

# Cases whose inetd is another one than the usual.
DIALECTS = {
    "busybox-kobo": "busybox",
    "daq-numeric": "busybox",
    "freebsd-host": "freebsd",
    "printer-quotes": "freebsd",
    "toy-router": "busybox",
}
CASES = [(kind, case) for kind in sorted(readers()) for case in cases(kind)]


@pytest.fixture(autouse=True)
def _known_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine knows beyond the usual is no matter."""
    monkeypatch.setattr(ports, "port_number", lambda name, _transport: PORTS.get(name))


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_case_is_classified(kind: str, case: str) -> None:
    files = files_of(kind, case)
    parsed = parse_files(files, kind, platform_of({}), DIALECTS.get(case, USUAL))
    assert parsed.services or parsed.findings
    assert {finding.place.path for finding in parsed.findings} <= {*files}
    compare(kind, case, parsed)


def test_no_golden_file_is_left_over() -> None:
    found = {path.stem for kind in readers() for path in (CORPUS / kind).glob("*.txt")}
    assert found == {case for _kind, case in CASES}
