# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the READMEs of roles take from their argument specifications."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml
from antsibull_docs_parser import dom
from antsibull_docs_parser.parser import Context, parse

ROLES = Path(__file__).resolve().parents[1] / "roles"


def role(name: str) -> Iterator[str]:
    """What the argument specification of a role says: what it is for, and its variables."""
    specification = ROLES / name / "meta" / "argument_specs.yml"
    for entry_point, spec in yaml.safe_load(specification.read_text(encoding="utf-8"))["argument_specs"].items():
        heading = [] if entry_point == "main" else [f"## Entry point `{entry_point}`", ""]
        yield from [*heading, f"{markdown(spec['short_description'])}."]
        for paragraph in spec["description"]:
            yield from ["", markdown(paragraph)]
        yield ""
        yield from _option_table(spec["options"]) if spec["options"] else ["It has no variables."]


def _option_table(options: Mapping[str, t.Any]) -> Iterator[str]:
    yield from ["| Variable | Kind | Default | Meaning |", "| --- | --- | --- | --- |"]
    for name, option in _with_suboptions(options):
        cells = (f"`{name}`", _option_kind(option), _option_default(option), markdown(" ".join(option["description"])))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _with_suboptions(options: Mapping[str, t.Any], parent: str = "") -> Iterator[tuple[str, t.Any]]:
    for name, option in options.items():
        yield parent + name, option
        yield from _with_suboptions(option.get("options", {}), f"{parent}{name}.")


def _option_kind(option: Mapping[str, t.Any]) -> str:
    if "choices" in option:
        return f"one of {', '.join(f'`{choice}`' for choice in option['choices'])}"
    return f"list of {option['elements']}" if option["type"] == "list" else str(option["type"])


def _option_default(option: Mapping[str, t.Any]) -> str:
    if "default" not in option:
        return "required" if option.get("required") else ""
    default = option["default"]
    return f"`{default if isinstance(default, str) and default else json.dumps(default)}`"


# What stands between backquotes instead of the markup of Ansible's documentation. Other markup is a KeyError.
_MARKUP: Mapping[dom.PartType, Callable[[t.Any], str]] = {
    dom.PartType.CODE: lambda part: part.text,
    dom.PartType.MODULE: lambda part: part.fqcn,
    dom.PartType.OPTION_NAME: lambda part: part.name,
    dom.PartType.OPTION_VALUE: lambda part: part.value,
    dom.PartType.PLUGIN: lambda part: part.plugin.fqcn,
}


def markdown(text: str) -> str:
    """Text in the markup of Ansible's documentation as Markdown."""
    parts = parse(text, Context())[0]
    return "".join(part.text if part.type is dom.PartType.TEXT else f"`{_MARKUP[part.type](part)}`" for part in parts)
