# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this process is, which is another one here each time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.processes import own

SSH = "192.0.2.7 50022 192.0.2.1 22"
PROGRAM = f"""
import os, signal, sys
sys.path[:0] = {sys.path!r}
from {own.__name__} import outlive_connection, own_connection
# A test that goes on without its terminal has this from whoever started it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if sys.argv[1:]:
    outlive_connection()
os.kill(os.getpid(), signal.SIGHUP)
print(own_connection())
"""


@pytest.mark.parametrize(
    ("arguments", "code", "said"), [((), -signal.SIGHUP, ""), (("stay",), 0, f"{SSH}\n")], ids=["ends", "stays"]
)
def test_a_process_outlives_its_connection(arguments: tuple[str, ...], code: int, said: str) -> None:
    argv = [sys.executable, "-c", PROGRAM, *arguments]
    environment = {**os.environ, "SSH_CONNECTION": SSH}
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, text=True, env=environment)
    assert (done.returncode, done.stdout) == (code, said)
