# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's defaults and its argument specification say the same."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from _checks import ROOT

ROLES = ("superserver", "superserver_migrate", "superserver_s6", "superserver_systemd", "superserver_xinetd")

Mapping = dict[str, t.Any]


def load(path: Path) -> Mapping:
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict), path
    return loaded


def defaults_of(role: str) -> Mapping:
    return load(ROOT / "roles" / role / "defaults" / "main.yml")


def options_of(role: str) -> Mapping:
    """Every option of the role; entry points share the role's defaults, so they describe an option alike."""
    entry_points = load(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    options: Mapping = {}
    for entry_point, specification in entry_points.items():
        for name, option in specification.get("options", {}).items():
            assert options.setdefault(name, option) == option, f"{entry_point} describes {name} in its own way"
    return options


def test_every_role_is_tested() -> None:
    assert sorted(path.name for path in (ROOT / "roles").iterdir()) == sorted(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_options_are_the_same_variables(role: str) -> None:
    assert sorted(defaults_of(role)) == sorted(options_of(role))


@pytest.mark.parametrize("role", ROLES)
def test_documented_default_is_the_default(role: str) -> None:
    defaults = defaults_of(role)
    documented = {name: option["default"] for name, option in options_of(role).items() if "default" in option}
    assert documented == {name: defaults[name] for name in documented}


@pytest.mark.parametrize("role", ROLES)
def test_nothing_with_a_default_is_required(role: str) -> None:
    assert [name for name, option in options_of(role).items() if option.get("required")] == []


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_name_of_their_role(role: str) -> None:
    assert [name for name in defaults_of(role) if not name.startswith(f"{role}_")] == []
