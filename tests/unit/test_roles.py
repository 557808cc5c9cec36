# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's defaults and its argument specification say the same; packages are installed in one place."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from _checks import ROOT

ROLES = ("superserver", "superserver_migrate", "superserver_s6", "superserver_systemd", "superserver_xinetd")

# Modules that install packages, whatever collection they are named with.
INSTALLERS = {"apk", "apt", "apt_rpm", "dnf", "dnf5", "package", "pacman", "xbps", "yum", "zypper"}
PACKAGES = "superserver/tasks/packages.yml"

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


def tasks_in(entries: list[Mapping]) -> Iterator[Mapping]:
    """Tasks in their order, also those inside of blocks."""
    for entry in entries:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from tasks_in(entry.get(part, []))


def installs(task: Mapping) -> bool:
    return any(key.split(".")[-1] in INSTALLERS and value.get("state") != "absent" for key, value in task.items())


def test_packages_are_installed_in_one_place() -> None:
    found = {
        str(path.relative_to(ROOT / "roles"))
        for path in (ROOT / "roles").rglob("*.yml")
        if isinstance(entries := yaml.safe_load(path.read_text(encoding="utf-8")), list)
        and any(installs(task) for task in tasks_in(entries))
    }
    assert found == {PACKAGES}


def test_lists_are_refreshed_before_packages_are_installed() -> None:
    tasks = list(tasks_in(yaml.safe_load((ROOT / "roles" / PACKAGES).read_text(encoding="utf-8"))))
    refresh = next(at for at, task in enumerate(tasks) if task.get("ansible.builtin.include_tasks") == "refresh.yml")
    assert [at > refresh for at, task in enumerate(tasks) if installs(task) and not task.get("check_mode")] == [True]
