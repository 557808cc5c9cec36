# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What README and the guides show and name is what there is."""

from __future__ import annotations

import re
import textwrap
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from _checks import ROOT

from ansible_collections.ondemand.superserver.docs import generate
from ansible_collections.ondemand.superserver.plugins.filter.render import FilterModule
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.offline import render_offline
from ansible_collections.ondemand.superserver.plugins.module_utils._capabilities.answers import ROWS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import Problem
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.structures import leaves
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.table import SERVICE
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.types import collector

README = ROOT / "README.md"
ROLE_PAGES = sorted((ROOT / "roles").glob("*/README.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", *ROLE_PAGES, *sorted((ROOT / "docs/docsite/rst").glob("*.rst"))]
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]

LAYER = re.compile(r"superserver_services(__\w+)?")
RST_YAML = re.compile(r"^\.\. code-block:: yaml\n\n(?P<text>(?:   .*\n|\n)+)", re.MULTILINE)
MARKDOWN_YAML = re.compile(r"^```yaml\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN_FILE = re.compile(r"^`(?P<path>/[^`\n]+)`\n\n```\w+\n(?P<content>.*?)^```$", re.DOTALL | re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def declarations(name: str) -> Iterator[dict[str, t.Any]]:
    """The variables of every declaration that a page shows, but for the one that is to be refused."""
    pattern = MARKDOWN_YAML if name.endswith(".md") else RST_YAML
    for block in pattern.finditer(text_of(name)):
        text = textwrap.dedent(block["text"])
        if text.startswith("# refused"):
            continue
        loaded = yaml.safe_load(text)
        variables = loaded.get("all", {}).get("vars", loaded) if isinstance(loaded, dict) else {}
        if any(LAYER.fullmatch(key) for key in variables):
            yield variables


def options() -> set[str]:
    """Every variable of every role, and of the playbooks."""
    found = set()
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        for entry_point in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found.update(entry_point.get("options", {}))
    for path in (ROOT / "playbooks").glob("*.yml"):
        found.update(re.findall(r"superserver_\w+", path.read_text(encoding="utf-8")))
    return found


def roles() -> set[str]:
    return {path.name for path in (ROOT / "roles").iterdir()}


def test_generated_parts_are_fresh() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in generate.pages().items() if text_of(str(path)) != text]
    assert stale == [], "run: .venv/bin/python docs/generate.py"


def test_generated_parts_are_on_the_pages() -> None:
    """None has lost the comments around it, and none is empty."""
    parts = [part for text in generate.pages().values() for part in generate.GENERATED.finditer(text)]
    shown = ["refusal", "schema", "capabilities", "supported systems", "tried hosts", "tried fields"]
    expected = [*BACKENDS, *shown, *["role"] * len(roles())]
    assert sorted(part["name"] for part in parts) == sorted(expected)
    assert [part["name"] for part in parts if len(part[0].splitlines()) < 6] == []


@pytest.mark.parametrize("role", sorted(roles()))
def test_readme_of_a_role_has_every_variable(role: str) -> None:
    """Found without the generator: in meta/argument_specs.yml, a variable stands where its indentation says so."""
    specification = text_of(f"roles/{role}/meta/argument_specs.yml")
    variables = re.findall(r"^ {6}(superserver_\w+):$", specification, re.MULTILINE)
    readme = text_of(f"roles/{role}/README.md")
    assert readme.startswith(f"# Role {role}\n")
    assert re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE) == variables


def test_every_field_and_every_capability_stands_in_the_reference() -> None:
    schema, capabilities = (text_of(f"docs/docsite/rst/reference_{page}.rst") for page in ("schema", "capabilities"))
    paths = {path for path, _field in leaves(SERVICE)}
    assert {path for path in paths if f"``{path}``" not in schema} == set()
    assert {row.field for row in ROWS if f"``{row.field}``" not in capabilities} == set()


@pytest.mark.parametrize("backend", BACKENDS)
def test_readme_shows_the_files_of_the_filter(backend: str) -> None:
    """Line by line; a cut line is the beginning of the real one."""
    services = generate.shown_inventory(text_of("README.md"))["superserver_services"]
    rendered = FilterModule().filters()["render"](services, backend=backend)
    contents = {file["path"]: file["content"].splitlines() for file in rendered}
    (part,) = (part for part in generate.GENERATED.finditer(text_of("README.md")) if part["name"] == backend)
    shown = {file["path"]: file["content"].splitlines() for file in SHOWN_FILE.finditer(part[0])}
    assert shown
    for path, lines in shown.items():
        assert len(lines) == len(contents[path])
        for line, real in zip(lines, contents[path]):
            assert real == line or (line.endswith(generate.CUT) and real.startswith(line[: -len(generate.CUT)]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_readme_inventory_is_accepted(backend: str) -> None:
    variables = generate.shown_inventory(text_of("README.md"))
    assert len(variables) == 2
    assert render_offline(variables["superserver_services"], backend, None, {}, Platform())


def test_declarations_are_found() -> None:
    assert sum(len(list(declarations(name))) for name in NAMES) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_declarations_are_accepted(name: str) -> None:
    """Each entry by itself; those that are whole, together, also as what a backend can do."""
    problems: list[Problem] = []
    for variables in declarations(name):
        for key, services in variables.items():
            if not LAYER.fullmatch(key):
                assert key in options() or key.startswith("ansible_")
                continue
            for index, service in enumerate(services):
                SERVICE.check(service, f"{key}[{index}]", collector(problems))
            whole = [service for service in services if "listen" in service]
            backend = variables.get("superserver_backend", "systemd")
            made = render_offline(whole, backend, variables.get("superserver_defaults"), {}, Platform())
            assert bool(made) == bool(whole)
    assert problems == []


@pytest.mark.parametrize("name", NAMES)
def test_variables_exist(name: str) -> None:
    found = {word.rstrip("_") for word in re.findall(r"\bsuperserver_\w+", text_of(name))}
    unknown = found - options() - roles()
    assert {word for word in unknown if not LAYER.fullmatch(word)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_make_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z ]+):", text_of("Makefile"), re.MULTILINE))
    targets = {target for line in targets for target in line.split()}
    assert "test" in targets
    assert set(re.findall(r"(?:`|\$ )make ([a-z]+)", text_of(name))) - targets == set()


@pytest.mark.parametrize("name", NAMES)
def test_content_of_the_collection_exists(name: str) -> None:
    """``ondemand.superserver.x`` is a role, a playbook, a module or a filter."""
    content = {
        path.stem
        for folder in ("playbooks", "plugins/modules", "plugins/filter")
        for path in (ROOT / folder).glob("*.*")
    }
    named = set(re.findall(r"\bondemand\.superserver\.([a-z_0-9]+)\b", text_of(name)))
    # Labels of pages, and the anchors that antsibull-docs makes.
    named = {re.sub(r"_(module|role|filter)$", "", word) for word in named} - {"docsite"}
    assert named - content - roles() == set()


@pytest.mark.parametrize("name", NAMES)
def test_files_of_the_checkout_exist(name: str) -> None:
    text = text_of(name)
    linked = {target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("https://")}
    literal = set(re.findall(r"`((?:\.ci|docs|examples|molecule|playbooks|plugins|tests)/[\w./-]*)`", text))
    assert {path for path in linked | literal if not (ROOT / path).exists()} == set()


def test_pictures_exist() -> None:
    for path in PAGES:
        for target in re.findall(r"^\.\. (?:figure|image):: (\S+)", text_of(str(path)), re.MULTILINE):
            assert Path(path.parent, target).is_file()
