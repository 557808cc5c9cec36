# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of the plugins: a file imports from its own layer and those before it, and one layer touches the OS."""

from __future__ import annotations

import subprocess
import sys

import pytest
from _checks import ROOT

from ansible_collections.ondemand.superserver.tests.unit.layers import (
    ASSEMBLER,
    HOST,
    PACKAGE,
    PARTS,
    PLUGINS,
    REGISTRY,
    WIRING,
    is_program,
    layer_of,
    named_layer,
    system_uses,
    violations,
)

SOURCES = sorted(str(path.relative_to(PLUGINS)) for path in PLUGINS.rglob("*.py"))


def test_there_is_something_to_check() -> None:
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_file_keeps_to_its_layer(source: str) -> None:
    assert layer_of(source) is not None, "this file belongs to no layer: LAYERS says which there are"
    assert violations(source, (PLUGINS / source).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_host_alone_touches_the_system(source: str) -> None:
    if named_layer(source) not in (HOST, *WIRING) and not is_program(source):
        assert system_uses((PLUGINS / source).read_text(encoding="utf-8")) == set()


LOADED = """
import sys
sys.path.insert(0, sys.argv[2])
__import__(sys.argv[1])
prefix = "ansible_collections.ondemand.superserver.plugins.module_utils."
print(*(name[len(prefix):] for name, module in sys.modules.items() if name.startswith(prefix) and module.__file__))
"""


def loaded(plugin: str) -> list[str]:
    """The files of module_utils that a plugin loads on the controller."""
    argv = [sys.executable, "-c", LOADED, f"{PACKAGE}{plugin}", str(ROOT / ".cache")]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize(
    ("plugin", "files"),
    [("action.services", ["_model.confirmation"]), ("filter.batches", []), ("filter.table", [])],
)
def test_plugins_of_the_controller_load_what_they_use(plugin: str, files: list[str]) -> None:
    assert loaded(plugin) == files


def test_rendering_loads_nothing_that_carries_out() -> None:
    found = loaded("filter.render")
    assert "_backends.offline" in found
    assert [name for name in found if name.startswith(("_converge.", "_handover.", "_foreign."))] == []


UTILS = f"{PACKAGE}module_utils."


@pytest.mark.parametrize(
    ("source", "text", "complaint"),
    [
        ("module_utils/_model/service.py", "import os", "os is not for a pure layer"),
        ("module_utils/_model/x.py", "from os import path", "os is not for a pure layer"),
        ("module_utils/_model/schema/x.py", "from pathlib import Path", "pathlib is not for a pure layer"),
        ("module_utils/_capabilities/cells.py", "import socket as s", "socket is not for a pure layer"),
        ("module_utils/_backends/systemd/x.py", "def f():\n    import tempfile", "2: tempfile is not for a pure layer"),
        ("module_utils/_guard/x.py", "from ansible.module_utils.basic import AnsibleModule", "not for a pure"),
        ("module_utils/_backends/s6/x.py", "open('/etc/services')", "open() is not for a pure layer"),
        ("module_utils/_host/x.py", "import subprocess", "programs run through"),
        ("modules/services.py", "import os\nos.system('true')", "2: os.system: programs run through"),
        ("module_utils/_converge/x.py", "import os\nos.kill(1, 9)", "2: os.kill: signals are sent by"),
        ("module_utils/_model/x.py", "from .types import x", "relative import"),
        ("module_utils/_model/x.py", f"from {UTILS}_capabilities.cells import x", "model imports from capabilities"),
        ("module_utils/_host/x.py", f"import {UTILS}_backends.base", "host imports from backends"),
        ("module_utils/_host/x.py", f"from {UTILS}_backends import base", "host imports from backends"),
        ("module_utils/_guard/x.py", f"from {UTILS}_backends.base import x", "guard imports from backends"),
        ("module_utils/_handover/x.py", f"from {UTILS}_foreign import plan", "handover imports from foreign"),
        ("module_utils/_backends/x.py", f"from {UTILS}_converge.run import x", "backends imports from converge"),
        ("module_utils/_host/x.py", f"from {PACKAGE}modules.services import x", "host imports from plugins"),
        ("module_utils/_model/x.py", f"from {UTILS}_nowhere import x", "_nowhere.x belongs to no layer"),
        ("module_utils/_programs/x.py", f"from {UTILS}_model.service import x", "not there where this program"),
        ("module_utils/_programs/x/y.py", "import yaml", "not there where this program"),
        ("module_utils/_programs/x.py", f"from {UTILS}_host.files.store import x", "not there where this program"),
        (f"{PARTS[0]}.py", f"from {UTILS}_model.service import x", "not there where this program"),
        ("module_utils/helpers.py", f"from {UTILS}_model.service import x", "belongs to no layer"),
        ("module_utils/_backends/s6/x.py", f"from {UTILS}_backends.xinetd import boot", "a backend imports another"),
        ("module_utils/_backends/x.py", f"from {UTILS}_backends.s6.control import x", "the inside of a backend"),
        ("module_utils/_converge/x.py", f"from {UTILS}_backends.systemd.backend import x", "the inside of a backend"),
    ],
)
def test_violation_is_found(source: str, text: str, complaint: str) -> None:
    found = violations(source, text)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("module_utils/_model/service.py", "from pathlib import PurePosixPath\nimport ipaddress"),
        ("module_utils/_capabilities/x.py", f"from {UTILS}_model.service import x"),
        ("module_utils/_capabilities/x.py", f"from {UTILS}_host.types import x"),
        ("module_utils/_backends/x.py", f"from {UTILS}_programs.daemons import binder"),
        ("module_utils/_backends/s6/x.py", f"from {UTILS}_backends.s6 import control\nimport {UTILS}_backends.base"),
        (REGISTRY, f"from {UTILS}_backends.s6 import backend"),
        ("module_utils/_programs/x.py", f"from {UTILS}_host.files.paths import x"),
        (f"{PARTS[0]}.py", f"from {UTILS}_host.files.trust import x"),
        (f"{ASSEMBLER}.py", f"from {UTILS}_host.files import paths"),
        ("module_utils/_programs/x.py", "import os\nimport socket\nopen('/dev/null')"),
        ("module_utils/_programs/x.py", "import os\nos.kill(os.getpid(), 9)"),
        ("module_utils/_converge/x.py", f"from {UTILS}_backends.registry import x"),
        ("modules/x.py", f"from {UTILS}_model.service import x\nfrom ansible.module_utils.basic import AnsibleModule"),
    ],
)
def test_allowed_is_allowed(source: str, text: str) -> None:
    assert violations(source, text) == []


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("import os\nos.path.join('a', os.fsdecode(b'b'))", set()),
        ("import os\nos.path.join(os.readlink('a'), 'b')", {"os.readlink"}),
        ("import os\nos.path.exists('a')", {"os.path.exists"}),
        ("import signal\nimport socket as s\ns.socket(s.AF_INET)\nsignal.SIGTERM", {"socket.socket"}),
        ("from socket import getservbyname as name\nname('a')", {"socket.getservbyname"}),
        ("from contextlib import suppress\nwith suppress(OSError), open('a') as file:\n    file.read()", {"open"}),
    ],
)
def test_use_of_the_system_is_found(text: str, uses: set[str]) -> None:
    assert system_uses(text) == uses
