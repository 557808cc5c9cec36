# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of the plugins: a file imports from its own layer and those before it; the first three touch no OS."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _checks import COLLECTION, ROOT

PLUGINS = ROOT / "plugins"
PACKAGE = f"ansible_collections.{COLLECTION}.plugins."

# In the order of the arrows. Names are relative to plugins/, without .py.
LAYERS = (
    ("model", r"module_utils/_model\w*"),
    ("capabilities", r"module_utils/_capabilities\w*"),
    ("backends", r"module_utils/_backends/\w+"),
    ("host", r"module_utils/_host/\w+"),
    ("converge", r"module_utils/_converge/(?:steps/)?\w+"),
    ("module", r"module_utils/_module"),
    ("plugins", r"(?:modules|action|filter|doc_fragments)/\w+"),
)
PURE = ("model", "capabilities", "backends")

# The one place that knows all backends.
REGISTRY = "_registry"

# Programs that are installed on hosts: they are delivered as source, and nothing of the collection lies beside them but
# the one part that they share, which is put into each of them.
HELPER = r"module_utils/_(?:backends|converge)/_helper_\w+"
PART = "module_utils/_host/_paths"
ASSEMBLER = "module_utils/_backends/_programs"

# A pure layer may use what computes. The list grows when something of that kind is missing.
PURE_MODULES = frozenset({
    *("__future__", "abc", "collections", "collections.abc", "dataclasses", "enum", "types", "typing"),
    *("base64", "hashlib", "hmac", "json", "re", "shlex", "string", "struct", "textwrap", "unicodedata"),
    "urllib.parse",
    *("bisect", "contextlib", "copy", "datetime", "difflib", "fnmatch", "functools", "heapq", "itertools", "math"),
    *("fractions", "ipaddress", "operator", "posixpath"),
    "inspect",  # the source of a helper
})  # fmt: skip
PURE_NAMES = frozenset({("pathlib", "PurePosixPath")})
IMPURE_BUILTINS = frozenset({"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"})

# Modules run programs through AnsibleModule.run_command: it honours the locale, the umask and no_log.
FORBIDDEN_MODULES = frozenset({"subprocess", "pty", "commands"})
FORBIDDEN_ATTRIBUTES = frozenset({("os", "system"), ("os", "popen")})

# Who has got the id of a process since it was seen is to get no signal: one function sees to that. Programs on hosts
# may send some to themselves, and to children that they have not waited for.
SIGNALS = frozenset({("os", "kill"), ("os", "killpg"), ("signal", "pidfd_send_signal")})
SENDER = "module_utils/_host/_pidfd.py"

SOURCES = sorted(str(path.relative_to(PLUGINS)) for path in PLUGINS.rglob("*.py"))


def layer_of(path: str) -> int | None:
    """The index in LAYERS of a file by its path below plugins/, with or without .py."""
    stem = path[: -len(".py")] if path.endswith(".py") else path
    return next((index for index, (name, pattern) in enumerate(LAYERS) if re.fullmatch(pattern, stem)), None)


def is_helper(name: str) -> bool:
    return re.fullmatch(HELPER, name[: -len(".py")]) is not None


def is_pure(name: str) -> bool:
    index = layer_of(name)
    return index is not None and LAYERS[index][0] in PURE and not is_helper(name)


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
    if is_helper(source) and module == PACKAGE + PART.replace("/", "."):
        return None
    if is_helper(source) or source == f"{PART}.py":
        standard = module.partition(".")[0] in sys.stdlib_module_names
        return None if standard else f"{module} is not there where this program is installed"
    if module.startswith(PACKAGE):
        return own_import_violation(source, module, name)
    if module.partition(".")[0] in FORBIDDEN_MODULES:
        return f"{module}: programs run through AnsibleModule.run_command"
    if is_pure(source) and module not in PURE_MODULES and (module, name) not in PURE_NAMES:
        return f"{module} is not for a pure layer"
    return None


def own_import_violation(source: str, module: str, name: str) -> str | None:
    path = module[len(PACKAGE) :].replace(".", "/")
    # What is imported is the module itself, or a module of the package that was named.
    target = path if layer_of(path) is not None else f"{path}/{name}"
    here, there = layer_of(source), layer_of(target)
    if here is None or there is None:
        return f"{target if there is None else source} belongs to no layer"
    if there > here and (source, target) != (f"{ASSEMBLER}.py", PART):
        return f"{LAYERS[here][0]} imports from {LAYERS[there][0]} ({target})"
    # What backends share has a leading underscore; one that leans on another cannot be taken out or replaced.
    if LAYERS[there][0] == "backends" == LAYERS[here][0] and not Path(target).name.startswith("_"):
        return None if Path(source).stem == REGISTRY else f"a backend imports another one ({target})"
    return None


def use_violation(source: str, node: ast.AST) -> str | None:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in IMPURE_BUILTINS and is_pure(source):
        return f"{node.id}() is not for a pure layer"
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    if (node.value.id, node.attr) in FORBIDDEN_ATTRIBUTES:
        return f"{node.value.id}.{node.attr}: programs run through AnsibleModule.run_command"
    if (node.value.id, node.attr) in SIGNALS and not (is_helper(source) or source == SENDER):
        return f"{node.value.id}.{node.attr}: signals are sent by {SENDER}"
    return None


def violations(source: str, text: str) -> list[str]:
    """Everything in a file's text that its place in the layers forbids, as "line: what"."""
    tree = ast.parse(text)
    found = [(line, import_violation(source, module, name)) for line, module, name in imports(tree)]
    found += [(getattr(node, "lineno", 0), use_violation(source, node)) for node in ast.walk(tree)]
    return [f"{line}: {what}" for line, what in sorted(found, key=lambda one: one[0]) if what]


def test_there_is_something_to_check() -> None:
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_file_keeps_to_its_layer(source: str) -> None:
    assert layer_of(source) is not None, "this file belongs to no layer: LAYERS says which there are"
    assert violations(source, (PLUGINS / source).read_text(encoding="utf-8")) == []


UTILS = f"{PACKAGE}module_utils."


@pytest.mark.parametrize(
    ("source", "text", "complaint"),
    [
        ("module_utils/_model.py", "import os", "os is not for a pure layer"),
        ("module_utils/_model_x.py", "from os import path", "os is not for a pure layer"),
        ("module_utils/_model.py", "from pathlib import Path", "pathlib is not for a pure layer"),
        ("module_utils/_capabilities.py", "import socket as s", "socket is not for a pure layer"),
        ("module_utils/_backends/systemd.py", "def f():\n    import tempfile", "2: tempfile is not for a pure layer"),
        ("module_utils/_backends/_guard.py", "from ansible.module_utils.basic import AnsibleModule", "not for a pure"),
        ("module_utils/_backends/s6.py", "open('/etc/services')", "open() is not for a pure layer"),
        ("module_utils/_host/_x.py", "import subprocess", "programs run through"),
        ("modules/services.py", "import os\nos.system('true')", "2: os.system: programs run through"),
        ("module_utils/_converge/_x.py", "import os\nos.kill(1, 9)", "2: os.kill: signals are sent by"),
        ("module_utils/_model.py", "from ._model_types import x", "relative import"),
        ("module_utils/_model.py", f"from {UTILS}_capabilities import x", "model imports from capabilities"),
        ("module_utils/_backends/s6.py", f"import {UTILS}_host._sockets", "backends imports from host"),
        ("module_utils/_backends/s6.py", f"from {UTILS}_host import _sockets", "backends imports from host"),
        ("module_utils/_host/_x.py", f"from {PACKAGE}modules.services import x", "host imports from plugins"),
        ("module_utils/_model.py", f"from {UTILS}_nowhere import x", "_nowhere/x belongs to no layer"),
        ("module_utils/_backends/_helper_x.py", f"from {UTILS}_model import x", "not there where this program"),
        ("module_utils/_backends/_helper_x.py", "import yaml", "not there where this program"),
        ("module_utils/_backends/_helper_x.py", f"from {UTILS}_host._files import x", "not there where this program"),
        ("module_utils/_host/_paths.py", f"from {UTILS}_model import x", "not there where this program"),
        ("module_utils/_backends/_process.py", f"from {UTILS}_host import _paths", "backends imports from host"),
        ("module_utils/helpers.py", f"from {UTILS}_model import x", "belongs to no layer"),
        ("module_utils/_backends/_x.py", f"from {UTILS}_backends.systemd import x", "a backend imports another one"),
        ("module_utils/_backends/s6.py", f"from {UTILS}_backends import systemd", "a backend imports another one"),
    ],
)
def test_violation_is_found(source: str, text: str, complaint: str) -> None:
    found = violations(source, text)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("module_utils/_model.py", "from pathlib import PurePosixPath\nimport ipaddress"),
        ("module_utils/_capabilities.py", f"from {UTILS}_model import x"),
        ("module_utils/_backends/_x.py", f"from {UTILS}_backends import _helper_x"),
        ("module_utils/_backends/_registry.py", f"from {UTILS}_backends import systemd, s6, _base"),
        ("module_utils/_backends/_helper_x.py", f"from {UTILS}_host._paths import x"),
        ("module_utils/_backends/_programs.py", f"from {UTILS}_host import _paths"),
        ("module_utils/_backends/_helper_x.py", "import os\nimport socket\nopen('/dev/null')"),
        ("module_utils/_backends/_helper_x.py", "import os\nos.kill(os.getpid(), 9)"),
        ("module_utils/_converge/_x.py", f"import os\nfrom {UTILS}_backends.systemd import x"),
        ("modules/services.py", f"from {UTILS}_model import x\nfrom ansible.module_utils.basic import AnsibleModule"),
    ],
)
def test_allowed_is_allowed(source: str, text: str) -> None:
    assert violations(source, text) == []
