# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter gives plain dictionaries, and says what it cannot read."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.ondemand.superserver.plugins.filter.parse import FilterModule
from ansible_collections.ondemand.superserver.plugins.module_utils._foreign import parse
from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed, ParsedService

PARSE = FilterModule().filters()["parse"]
ECHO: dict[str, t.Any] = {"name": "echo", "listen": [{"tcp": "7"}], "exec": ["/bin/cat"], "user": "daemon"}


def test_services_and_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Parsed((ParsedService(ECHO),))
    monkeypatch.setitem(parse._OTHERS, "given", lambda _texts, _dialect: found)
    assert PARSE({"/a": "x"}, "given") == {"services": [ECHO], "findings": []}


def test_files_are_a_mapping() -> None:
    with pytest.raises(AnsibleFilterError, match="must be a mapping"):
        PARSE("/etc/inetd.conf", "inetd")


def test_unknown_kind() -> None:
    with pytest.raises(AnsibleFilterError, match="upstart cannot be read yet"):
        PARSE({}, "upstart")
