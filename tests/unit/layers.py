# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of the plugins, and what each forbids its files: imports that go up, and uses of the operating system."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from _checks import COLLECTION, ROOT

PLUGINS = ROOT / "plugins"
PACKAGE = f"ansible_collections.{COLLECTION}.plugins."

# In the order of the arrows. Names are relative to plugins/, without .py.
LAYERS = (
    ("model", r"module_utils/_model/.+"),
    ("host", r"module_utils/_host/.+"),
    ("capabilities", r"module_utils/_capabilities/.+"),
    ("programs", r"module_utils/_programs/.+"),
    ("guard", r"module_utils/_guard/.+"),
    ("parsing", r"module_utils/_parsing/.+"),
    ("backends", r"module_utils/_backends/.+"),
    ("handover", r"module_utils/_handover/.+"),
    ("foreign", r"module_utils/_foreign/.+"),
    ("converge", r"module_utils/_converge/.+"),
    ("module", r"module_utils/_module"),
    ("plugins", r"(?:modules|action|filter|doc_fragments)/\w+"),
)
HOST = "host"
# These only compute: they may import what is listed below, and nothing else.
PURE = ("model", "capabilities", "guard", "parsing", "backends")
# Wiring on the controller and in modules, which may ask for the process that they are.
WIRING = ("module", "plugins")

# A backend's own package. What lies beside them is what backends share.
BACKEND = re.compile(r"module_utils/_backends/(?P<name>\w+)/")
# The one place that knows all backends.
REGISTRY = "module_utils/_backends/registry.py"

# Programs that are installed on hosts: they are delivered as source, and nothing of the collection lies beside them but
# the parts that they share, which are put into each of them.
# What puts programs together, and says where they are installed, is no program.
ASSEMBLER = "module_utils/_programs/assembly"
INSTALLED = "module_utils/_programs/installed"
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


def layer_of(path: str) -> int | None:
    """The index in LAYERS of a file by its path below plugins/, with or without .py."""
    stem = path[: -len(".py")] if path.endswith(".py") else path
    return next((index for index, (name, pattern) in enumerate(LAYERS) if re.fullmatch(pattern, stem)), None)


def named_layer(path: str) -> str:
    index = layer_of(path)
    return "" if index is None else LAYERS[index][0]


def is_program(source: str) -> bool:
    return re.fullmatch(PROGRAM, source) is not None and source not in (f"{ASSEMBLER}.py", f"{INSTALLED}.py")


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
    if named_layer(source) in PURE and not (module in PURE_MODULES or (module, name) in PURE_NAMES):
        return f"{module} is not for a pure layer"
    return None


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
    """What is wrong with one file's reading another one; None where it may."""
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
    forbidden = IMPURE_BUILTINS if named_layer(source) in PURE else ()
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in forbidden:
        return f"{node.id}() is not for a pure layer"
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    if (node.value.id, node.attr) in FORBIDDEN_ATTRIBUTES:
        return f"{node.value.id}.{node.attr}: programs run through AnsibleModule.run_command"
    if (node.value.id, node.attr) in SIGNALS and not (is_program(source) or source == SENDER):
        return f"{node.value.id}.{node.attr}: signals are sent by {SENDER}"
    return None


def violations(source: str, text: str) -> list[str]:
    """Everything in a file's text that its place in the layers forbids, as "line: what"."""
    tree = ast.parse(text)
    found = [(line, import_violation(source, module, name)) for line, module, name in imports(tree)]
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
