# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of tests/quality/lint that are more than a call of a tool still find what the tool finds."""

from __future__ import annotations

import subprocess
from pathlib import Path

from _checks import ROOT, find_tool, tool_environment

ANSIBLE_LINT = ROOT / "tests" / "quality" / "_ansible_lint.py"
GOOD = """\
---
- name: A play
  hosts: all
  tasks:
    - name: Ping
      ansible.builtin.ping:
"""


def test_one_bad_playbook_among_good_ones_is_reported(tmp_path: Path) -> None:
    """ansible-lint names it alone, although the syntax of all in its directory is checked at once."""
    (tmp_path / ".ansible-lint").write_text("offline: true\n", encoding="utf-8")
    (tmp_path / "playbooks").mkdir()
    for name in ("first", "second", "third"):
        text = GOOD.replace("ansible.builtin.ping", "no.such.module") if name == "second" else GOOD
        (tmp_path / "playbooks" / f"{name}.yml").write_text(text, encoding="utf-8")
    command = [find_tool("python3"), str(ANSIBLE_LINT), "--offline", "--strict", "-q"]
    done = subprocess.run(command, cwd=tmp_path, env=tool_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("playbooks/")] == ["playbooks/second.yml:5:7"]
    assert "syntax-check[unknown-module]" in done.stdout
