# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backend ``auto`` is, and which programs are looked for."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.registry import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.detection import choose_backend
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import Process


@pytest.mark.parametrize(
    ("programs", "backend"),
    [
        (("systemd", "xinetd"), "systemd"),
        (("systemd", "s6-svscan"), "systemd"),
        (("s6-svscan", "sh"), "s6"),
        (("init", "s6-svscan", "xinetd"), "s6"),
        (("init", "systemd"), "xinetd"),
        (("init", "xinetd"), "xinetd"),
        ((), "xinetd"),
    ],
)
def test_what_auto_is(programs: tuple[str, ...], backend: str) -> None:
    processes = [Process(pid, 0, program, (), 0) for pid, program in enumerate(programs, 1)]
    assert choose_backend(processes) == backend


def test_no_program_is_looked_for_twice() -> None:
    names = [name for backend in BACKENDS.values() for name in backend.programs]
    assert sorted(set(names)) == sorted(names)
