# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renews what the documentation takes from the code.

A page marks such a part by two comments, ``begin generated: NAME`` and ``end generated: NAME``; everything between them
is replaced. ``.venv/bin/python docs/generate.py`` does that; ``tests/unit/test_docs.py`` fails when a page is stale.
"""

from __future__ import annotations

import importlib
import re
import sys
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Started by itself, this has to make the checkout importable under the collection's name, as the tests do.
sys.path[:0] = [str(ROOT / "tests" / "quality"), str(ROOT / ".cache")]

import yaml  # noqa: E402
from _checks import link_collection  # noqa: E402

link_collection()
# In a new checkout Python has looked there before the link was made.
importlib.invalidate_caches()

from ansible_collections.ondemand.superserver.docs import record  # noqa: E402
from ansible_collections.ondemand.superserver.docs.roles import ROLES, role  # noqa: E402
from ansible_collections.ondemand.superserver.docs.tables import COLUMN_TITLES, table  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.filter.render import FilterModule  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import render_offline  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import (  # noqa: E402
    COLUMNS,
    NEEDS,
    ROWS,
    Cell,
    Row,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import (  # noqa: E402
    Field,
    Listing,
    Record,
    leaves,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import Kind, Text  # noqa: E402
from ansible_collections.ondemand.superserver.plugins.module_utils._module import explain  # noqa: E402

README = ROOT / "README.md"
PAGES = ROOT / "docs" / "docsite" / "rst"
LABEL = "ansible_collections.ondemand.superserver.docsite.schema."

# Lines of a shown file that are longer end in an ellipsis.
WIDTH = 140
CUT = " ..."

GENERATED = re.compile(
    r"(?P<begin>^(?:<!-- |\.\. )begin generated: (?P<name>[a-z0-9 ]+?)(?: -->)?\n)"
    r".*?"
    r"(?P<end>^(?:<!-- |\.\. )end generated: (?P=name)(?: -->)?$)",
    re.DOTALL | re.MULTILINE,
)
_YAML_BLOCK = re.compile(r"^```yaml\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def renewed(text: str, makers: Mapping[str, Callable[[], Iterable[str]]]) -> str:
    """A page with every generated part made anew. Raises KeyError for a part that nothing makes."""

    def make(match: re.Match[str]) -> str:
        lines = "\n".join(makers[match["name"]]())
        return f"{match['begin']}\n{lines}\n\n{match['end']}"

    return GENERATED.sub(make, text)


# --- The schema reference ---------------------------------------------------------------------------------------------


def schema_tables() -> Iterator[str]:
    """A table of the fields of a service, and one for each field that has fields of its own."""
    yield from _field_table([(field.name, field) for field in SERVICE.fields])
    for field in SERVICE.fields:
        record = _record_of(field.kind)
        if record is None:
            continue
        yield from ["", f".. _{LABEL}{field.name}:", "", field.name, "-" * len(field.name), ""]
        yield from [_sentence(rst(field.doc)), ""]
        yield from _field_table(leaves(record, f"{field.name}."))


def _record_of(kind: Kind) -> Record | None:
    inner = kind.item if isinstance(kind, Listing) else kind
    return inner if isinstance(inner, Record) else None


def _field_table(fields: Iterable[tuple[str, Field]]) -> Iterator[str]:
    rows = (
        (_field_name(path, field), _kind(field.kind), _default(field), _sentence(rst(field.doc)))
        for path, field in fields
    )
    yield from table(("Field", "Kind", "Default", "Meaning"), rows, (20, 25, 15, 40))


def _field_name(path: str, field: Field) -> str:
    return f":ref:`{path} <{LABEL}{path}>`" if _record_of(field.kind) else f"``{path}``"


def _kind(kind: Kind) -> str:
    if isinstance(kind, Text) and kind.hint:
        return rst(f"{kind.describe()}; {kind.hint}")
    return rst(kind.describe())


def _default(field: Field) -> str:
    if field.required:
        return "required"
    if field.default is None or _record_of(field.kind):
        return ""
    return f"``{yaml.safe_dump(field.default, default_flow_style=True).splitlines()[0]}``"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# --- The capability matrix --------------------------------------------------------------------------------------------


def capability_table() -> Iterator[str]:
    """Every row, a cell for each column."""
    rows = [(_row_name(row), *(_cell(column.cell(row)) for column in COLUMNS.values())) for row in ROWS]
    yield from table(("Field", *(COLUMN_TITLES[column] for column in COLUMNS)), rows, (20, 20, 20, 20, 20))


def _row_name(row: Row) -> str:
    return f"``{row.field}``" + (f" ({rst(row.case)})" if row.case else "")


def _cell(cell: Cell) -> str:
    text = f"**{cell.how}**: {rst(cell.note)}"
    if not cell.needs:
        return text
    needs = " and ".join(rst(NEEDS.get(need, need)) for need in cell.needs)
    instead = f"; else {_cell(cell.otherwise)}" if cell.otherwise else "; else refused"
    return f"{text}. Needs {needs}{instead}"


# --- What README shows ------------------------------------------------------------------------------------------------


def shown_inventory(readme: str) -> dict[str, t.Any]:
    """The variables of the first inventory in README."""
    for block in _YAML_BLOCK.finditer(readme):
        variables = (yaml.safe_load(block["text"]) or {}).get("all", {}).get("vars", {})
        if "superserver_services" in variables:
            return dict(variables)
    raise ValueError("README shows no inventory with superserver_services")


def shown_files(services: t.Any, backend: str) -> Iterator[str]:
    """The files that the filter ``render`` gives for a backend, long lines cut, and the names of the others."""
    rendered = FilterModule().filters()["render"](services, backend=backend)
    shown = [file for file in rendered if file["kind"] == "file" and file["service"]]
    for file in shown:
        language = "sh" if file["content"].startswith("#!") else "ini"
        lines = (_cut(line) for line in file["content"].splitlines())
        yield from [f"`{file['path']}`", "", f"```{language}", *lines, "```", ""]
    others = [f"`{file['path']}` ({_what(file)})" for file in rendered if file not in shown]
    yield f"And {', '.join(others)}." if others else "And nothing else."


def _what(file: Mapping[str, str]) -> str:
    if file["kind"] == "link":
        return f"link to `{file['content']}`"
    return {"seed": "made empty, then left alone"}.get(file["kind"], file["kind"])


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - len(CUT)].rstrip() + CUT


def refusal(readme: str) -> Iterator[str]:
    """What the declaration that README calls refused is answered with."""
    backend, services = refused_example(readme)
    try:
        render_offline(services, backend, None, {}, Platform())
    except InvalidDeclaration as exc:
        yield from ["```text", *explain(exc).splitlines(), "```"]
    else:
        raise ValueError("README's example of a refusal is accepted")


def refused_example(readme: str) -> tuple[str, t.Any]:
    """Backend and services of the block of README that begins with the comment ``# refused``."""
    for block in _YAML_BLOCK.finditer(readme):
        if block["text"].startswith("# refused"):
            variables = yaml.safe_load(block["text"])
            return variables["superserver_backend"], variables["superserver_services"]
    raise ValueError("README shows no refused declaration")


# --- reStructuredText -------------------------------------------------------------------------------------------------


def rst(text: str) -> str:
    """Text with ``literals`` between single backquotes."""
    plain, literals = text.split("`")[::2], text.split("`")[1::2]
    escaped = [re.sub(r"[*|\\]|_(?!\w)", r"\\\g<0>", part) for part in plain]
    return "".join(part + f"``{literal}``" for part, literal in zip(escaped, literals, strict=False)) + escaped[-1]


# --- Pages ------------------------------------------------------------------------------------------------------------


def pages() -> dict[Path, str]:
    """Every page with generated parts, as it should be."""
    readme = README.read_text(encoding="utf-8")
    services = shown_inventory(readme)["superserver_services"]
    known = record.load()
    makers: dict[str, Callable[[], Iterable[str]]] = {
        "schema": schema_tables,
        "capabilities": capability_table,
        "refusal": lambda: refusal(readme),
        "systemd": lambda: shown_files(services, "systemd"),
        "xinetd": lambda: shown_files(services, "xinetd"),
        "s6": lambda: shown_files(services, "s6"),
        "supported systems": lambda: record.supported(known),
        "tried hosts": lambda: record.hosts_table(known),
        "tried fields": lambda: record.fields_table(known),
    }
    texts = {path: path.read_text(encoding="utf-8") for path in (README, *sorted(PAGES.glob("*.rst")))}
    renewed_pages = {path: renewed(text, makers) for path, text in texts.items() if GENERATED.search(text)}
    return renewed_pages | dict(map(role_page, sorted(ROLES.glob("*/README.md"))))


def role_page(path: Path) -> tuple[Path, str]:
    return path, renewed(path.read_text(encoding="utf-8"), {"role": lambda: role(path.parent.name)})


if __name__ == "__main__":
    for page, wanted in pages().items():
        if page.read_text(encoding="utf-8") != wanted:
            page.write_text(wanted, encoding="utf-8")
            print(f"renewed {page.relative_to(ROOT)}")
