# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of the plugins: a file imports from its own layer and those before it, and one layer touches the OS.

What does not yet keep to that is listed in ``layer_exceptions``, exactly: what is not needed any more fails, too.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from _checks import COLLECTION, ROOT

from ansible_collections.ondemand.superserver.tests.unit.layer_exceptions import ARROWS, SYSTEM

PLUGINS = ROOT / "plugins"
PACKAGE = f"ansible_collections.{COLLECTION}.plugins."

# In the order of the arrows. Names are relative to plugins/, without .py.
LAYERS = (
    ("model", r"module_utils/_model/.+"),
    ("host", r"module_utils/_host/.+"),
    ("capabilities", r"module_utils/_capabilities/.+"),
    ("programs", r"module_utils/_programs/.+"),
    ("guard", r"module_utils/_guard/.+"),
    ("backends", r"module_utils/_backends/.+"),
    ("handover", r"module_utils/_handover/.+"),
    ("foreign", r"module_utils/_foreign/.+"),
    ("converge", r"module_utils/_converge/.+"),
    ("module", r"module_utils/_module"),
    ("plugins", r"(?:modules|action|filter|doc_fragments)/\w+"),
)
HOST = "host"
# These only compute: they may import what is listed below, and nothing else, but for what SYSTEM knows of their files.
PURE = ("model", "capabilities", "guard", "backends")
# Wiring on the controller and in modules, which may ask for the process that they are.
WIRING = ("module", "plugins")

# A backend's own package. What lies beside them is what backends share.
BACKEND = re.compile(r"module_utils/_backends/(?P<name>\w+)/")
# The one place that knows all backends.
REGISTRY = "module_utils/_backends/registry.py"

# Programs that are installed on hosts: they are delivered as source, and nothing of the collection lies beside them but
# the parts that they share, which are put into each of them.
ASSEMBLER = "module_utils/_programs/assembly"
PROGRAM = r"module_utils/_programs/.+"
PARTS = ("module_utils/_host/files/paths", "module_utils/_host/files/trust")

# A pure layer may use what computes. The list grows when something of that kind is missing.
PURE_MODULES = frozenset({
    *("__future__", "abc", "collections", "collections.abc", "dataclasses", "enum", "types", "typing"),
    *("base64", "hashlib", "hmac", "json", "re", "shlex", "stat", "string", "struct", "textwrap", "unicodedata"),
    "urllib.parse",
    *("bisect", "contextlib", "copy", "datetime", "difflib", "fnmatch", "functools", "heapq", "itertools", "math"),
    *("fractions", "ipaddress", "operator", "posixpath"),
    "inspect",  # the source of a program
})  # fmt: skip
PURE_NAMES = frozenset({("pathlib", "PurePosixPath")})
IMPURE_BUILTINS = frozenset({"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"})

# What reads or changes the operating system; outside of the host's layer each use of them is an exception.
SYSTEM_MODULES = frozenset({
    *("ctypes", "fcntl", "glob", "grp", "mmap", "os", "pwd", "resource", "select", "selectors", "shutil", "signal"),
    *("socket", "socketserver", "ssl", "syslog", "tempfile", "termios"),
})  # fmt: skip
# What only computes although it is in such a module; so do constants.
COMPUTING = frozenset({
    *(f"os.path.{name}" for name in ("basename", "commonpath", "dirname", "isabs", "join", "normpath", "split")),
    *("os.path.splitext", "os.fsencode", "os.fsdecode", "os.strerror", "os.devnull"),
    *("socket.inet_ntop", "socket.inet_pton"),
})  # fmt: skip

# Modules run programs through AnsibleModule.run_command: it honours the locale, the umask and no_log.
FORBIDDEN_MODULES = frozenset({"subprocess", "pty", "commands"})
FORBIDDEN_ATTRIBUTES = frozenset({("os", "system"), ("os", "popen")})

# Who has got the id of a process since it was seen is to get no signal: one function sees to that. Programs on hosts
# may send some to themselves, and to children that they have not waited for.
SIGNALS = frozenset({("os", "kill"), ("os", "killpg"), ("signal", "pidfd_send_signal")})
SENDER = "module_utils/_host/processes/pidfd.py"

SOURCES = sorted(str(path.relative_to(PLUGINS)) for path in PLUGINS.rglob("*.py"))


def layer_of(path: str) -> int | None:
    """The index in LAYERS of a file by its path below plugins/, with or without .py."""
    stem = path[: -len(".py")] if path.endswith(".py") else path
    return next((index for index, (name, pattern) in enumerate(LAYERS) if re.fullmatch(pattern, stem)), None)


def named_layer(path: str) -> str:
    index = layer_of(path)
    return "" if index is None else LAYERS[index][0]


def is_program(source: str) -> bool:
    return re.fullmatch(PROGRAM, source) is not None and source != f"{ASSEMBLER}.py"


def imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Line, module and imported name (or "") of every import, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, "." * node.level + (node.module or ""), alias.name) for alias in node.names)


def import_violation(source: str, module: str, name: str) -> str | None:
    if module.startswith("."):
        return "relative import"
    shared = is_program(source) or source in {f"{part}.py" for part in PARTS}
    if shared and module in {PACKAGE + part.replace("/", ".") for part in PARTS}:
        return None
    if shared:
        standard = module.partition(".")[0] in sys.stdlib_module_names
        return None if standard else f"{module} is not there where this program is installed"
    if module.startswith(PACKAGE):
        return own_import_violation(source, module, name)
    if module.partition(".")[0] in FORBIDDEN_MODULES:
        return f"{module}: programs run through AnsibleModule.run_command"
    if named_layer(source) in PURE and not is_pure(source, module, name):
        return f"{module} is not for a pure layer"
    return None


def is_pure(source: str, module: str, name: str) -> bool:
    # Of such a module of the system, SYSTEM says what is used.
    if source in SYSTEM and module in SYSTEM_MODULES:
        return True
    return module in PURE_MODULES or (module, name) in PURE_NAMES


def own_import_violation(source: str, module: str, name: str) -> str | None:
    if target_of(module, name) is None or layer_of(source) is None:
        return f"{source if layer_of(source) is None else f'{module}.{name}'} belongs to no layer"
    return arrow(source, str(target_of(module, name)))


def target_of(module: str, name: str) -> str | None:
    """The file that an import of the collection's reads, with .py: the module itself, or one of the package."""
    path = module[len(PACKAGE) :].replace(".", "/")
    found = next((file for file in (f"{path}.py", f"{path}/{name}.py") if (PLUGINS / file).is_file()), None)
    return found if found and layer_of(found) is not None else None


def arrow(source: str, target: str) -> str | None:
    """What is wrong with one file's reading another one; see ARROWS for those that are known."""
    here, there = layer_of(source), layer_of(target)
    assert here is not None
    assert there is not None
    if there > here:
        return f"{LAYERS[here][0]} imports from {LAYERS[there][0]} ({target})"
    own, other = BACKEND.match(source), BACKEND.match(target)
    if not other or source == REGISTRY or (own and own["name"] == other["name"]):
        return None
    return f"a backend imports another one ({target})" if own else f"the inside of a backend ({target})"


def use_violation(source: str, node: ast.AST) -> str | None:
    forbidden = IMPURE_BUILTINS - set(SYSTEM.get(source, "").split()) if named_layer(source) in PURE else ()
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in forbidden:
        return f"{node.id}() is not for a pure layer"
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    if (node.value.id, node.attr) in FORBIDDEN_ATTRIBUTES:
        return f"{node.value.id}.{node.attr}: programs run through AnsibleModule.run_command"
    if (node.value.id, node.attr) in SIGNALS and not (is_program(source) or source == SENDER):
        return f"{node.value.id}.{node.attr}: signals are sent by {SENDER}"
    return None


def known(source: str, module: str, name: str) -> bool:
    target = target_of(module, name) if module.startswith(PACKAGE) else None
    return target is not None and (source, target) in ARROWS


def violations(source: str, text: str) -> list[str]:
    """Everything in a file's text that its place in the layers forbids, as "line: what"."""
    tree = ast.parse(text)
    found = [
        (line, import_violation(source, module, name))
        for line, module, name in imports(tree)
        if not known(source, module, name)
    ]
    found += [(getattr(node, "lineno", 0), use_violation(source, node)) for node in ast.walk(tree)]
    return [f"{line}: {what}" for line, what in sorted(found, key=lambda one: one[0]) if what]


def system_uses(text: str) -> set[str]:
    """What a file uses of the operating system: attributes of such modules, and ``open``."""
    tree = ast.parse(text)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    used = {dotted(node, names) for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Name))}
    # os.path.join is os.path as well.
    longest = {name for name in used if not any(other.startswith(f"{name}.") for other in used)}
    found = {name for name in longest if name.partition(".")[0] in SYSTEM_MODULES}
    return {name for name in found - COMPUTING if not name.rpartition(".")[2].isupper()} | (used & {"open"})


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        head = dotted(node.value, names)
        return f"{head}.{node.attr}" if head else ""
    if isinstance(node, ast.Name):
        return names.get(node.id, "open" if node.id == "open" else "")
    return ""


def test_there_is_something_to_check() -> None:
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_file_keeps_to_its_layer(source: str) -> None:
    assert layer_of(source) is not None, "this file belongs to no layer: LAYERS says which there are"
    assert violations(source, (PLUGINS / source).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_host_alone_touches_the_system(source: str) -> None:
    found = set()
    if named_layer(source) not in (HOST, *WIRING) and not is_program(source):
        found = system_uses((PLUGINS / source).read_text(encoding="utf-8"))
    assert sorted(found) == sorted(SYSTEM.get(source, "").split())


def test_every_exception_is_needed() -> None:
    assert [source for source in SYSTEM if source not in SOURCES] == []
    found = set()
    for source in SOURCES:
        tree = ast.parse((PLUGINS / source).read_text(encoding="utf-8"))
        targets = {target_of(module, name) for _line, module, name in imports(tree) if module.startswith(PACKAGE)}
        found |= {(source, target) for target in targets if target and arrow(source, target)}
    assert sorted(set(ARROWS) - found) == []
    assert [pair for pair, reason in ARROWS.items() if len(reason) < len("of a kind")] == []


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
