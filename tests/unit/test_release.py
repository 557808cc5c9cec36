# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions are the same wherever they stand, the changelog has what there is, and what Galaxy would refuse is found."""

from __future__ import annotations

import re
import shutil
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import yaml
from _checks import OLDEST, ROOT, find_tool, tool_environment
from _galaxy import accepted
from packaging.version import Version

OLDEST_ANSIBLE = "2.19"
STARTED = "docs/docsite/rst/guide_getting_started.rst"
# Where the oldest supported version of a program stands: the files, the version, and how to find it there.
SUPPORTED = (
    ("meta/runtime.yml", OLDEST_ANSIBLE, r"requires_ansible: \">=(\d+\.\d+)\.0\""),
    ("roles/*/meta/main.yml", OLDEST_ANSIBLE, r"min_ansible_version: \"(.+)\""),
    ("requirements.txt", OLDEST_ANSIBLE, r"^ansible-core==(\d+\.\d+)\."),
    ("examples/execution-environment.yml", OLDEST_ANSIBLE, r"ansible-core>=(.+)"),
    ("README.md", OLDEST_ANSIBLE, r"ansible-core (\d+\.\d+) or newer"),
    ("README.md", OLDEST, r"managed hosts need .*Python (\d\.\d+) or newer"),
    (STARTED, OLDEST_ANSIBLE, r"ansible-core (\d+\.\d+) or newer"),
    (STARTED, OLDEST, r"managed host: .*Python (\d\.\d+) or newer"),
    ("CONTRIBUTING.md", OLDEST, r"managed hosts must work with Python (\d\.\d+)"),
)
RENEW = "run: PATH=.venv/bin:$PATH antsibull-changelog release --update-existing --reload-plugins"


def load(name: str) -> t.Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


GALAXY = load("galaxy.yml")
RELEASES: dict[str, t.Any] = load("changelogs/changelog.yaml")["releases"]


def found(pattern: str, *globs: str) -> dict[str, list[str]]:
    """What a pattern finds in each file that a glob names."""
    paths = [path for glob in globs for path in sorted(ROOT.glob(glob))]
    assert paths, globs
    return {str(path.relative_to(ROOT)): re.findall(pattern, path.read_text("utf-8"), re.MULTILINE) for path in paths}


# --- Versions ---------------------------------------------------------------------------------------------------------


def test_changelog_ends_with_the_version_of_galaxy_yml() -> None:
    assert max(RELEASES, key=Version) == GALAXY["version"]


def test_documentation_has_the_version_of_galaxy_yml() -> None:
    tarball = rf"\b{GALAXY['namespace']}-{GALAXY['name']}-(\S+?)\.tar\.gz"
    places = found(tarball, "*.md", "docs/docsite/rst/*.rst", "examples/*.*", "roles/*/README.md")
    assert {version for versions in places.values() for version in versions} == {GALAXY["version"]}
    assert all(places[path] for path in ("README.md", STARTED, "examples/execution-environment.yml"))


def test_nothing_was_added_in_a_later_version() -> None:
    added = found(r"^\s*version_added: *[\"']?([^\s\"']+)", "plugins/**/*.py", "roles/*/meta/argument_specs.yml")
    documented = re.compile(r"plugins/(?:modules|filter)/|roles/")
    assert {path for path, versions in added.items() if documented.match(path) and not versions} == set()
    late = {path for path, versions in added.items() for one in versions if Version(one) > Version(GALAXY["version"])}
    assert late == set()


def test_supported_versions_agree() -> None:
    named = {
        (path, oldest): min(versions, key=Version, default="nothing")
        for place, oldest, pattern in SUPPORTED
        for path, versions in found(pattern, place).items()
    }
    assert {path: version for (path, oldest), version in named.items() if version != oldest} == {}


# --- The changelog ----------------------------------------------------------------------------------------------------


def content() -> Iterator[tuple[str, str]]:
    for kind, paths in (
        ("module", "plugins/modules/*.py"),
        ("filter", "plugins/filter/*.py"),
        ("role", "roles/*"),
        ("playbook", "playbooks/*.yml"),
    ):
        yield from ((kind, path.stem) for path in ROOT.glob(paths))


def announced() -> Iterator[tuple[str, str]]:
    for release in RELEASES.values():
        kinds = {"module": release.get("modules", []), **release.get("plugins", {}), **release.get("objects", {})}
        yield from ((kind, entry["name"]) for kind, entries in kinds.items() for entry in entries)


def test_changelog_announces_what_there_is() -> None:
    """A new playbook needs a fragment that says so; modules, filters and roles are found by version_added."""
    assert set(content()) - set(announced()) == set(), RENEW


def test_changelog_is_fresh(tmp_path: Path) -> None:
    shutil.copy(ROOT / "galaxy.yml", tmp_path)
    shutil.copytree(ROOT / "changelogs", tmp_path / "changelogs")
    subprocess.run([find_tool("antsibull-changelog"), "generate"], cwd=tmp_path, env=tool_environment(), check=True)
    assert (tmp_path / "CHANGELOG.rst").read_text("utf-8") == (ROOT / "CHANGELOG.rst").read_text("utf-8"), RENEW


# --- Galaxy's checker -------------------------------------------------------------------------------------------------


def test_what_is_no_collection_is_refused(tmp_path: Path) -> None:
    tarball = tmp_path / "ondemand-superserver-1.0.0.tar.gz"
    tarball.write_bytes(b"")
    assert accepted(tarball, tmp_path).failed


def test_what_the_importer_only_warns_of_is_refused(tmp_path: Path) -> None:
    """The smallest collection that passes but for a task without a name, which ansible-lint says in the importer."""
    source = tmp_path / "source"
    for name in ("galaxy.yml", "README.md", "LICENSE", "CHANGELOG.rst", "meta/runtime.yml"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    (source / "playbooks").mkdir()
    (source / "playbooks" / "site.yml").write_text(
        "---\n- name: A play\n  hosts: all\n  tasks:\n    - ansible.builtin.ping:\n", encoding="utf-8"
    )
    build = [find_tool("ansible-galaxy"), "collection", "build", str(source), "--output-path", str(tmp_path)]
    subprocess.run(build, env=tool_environment(), check=True)
    outcome = accepted(next(tmp_path.glob("*.tar.gz")), tmp_path, run_ansible_doc="false")
    assert outcome.failed
    (complaint,) = [line for line in outcome.output.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert complaint.startswith("WARNING: playbooks/site.yml:5: name[missing]")
