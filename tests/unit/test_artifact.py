# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as it is published: built, installed somewhere else, and used from there."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from _checks import COLLECTION, ROOT, find_tool, tool_environment

PLAYBOOKS = ("site", "verify", "status", "adopt", "migrate", "rollback")
# Beside these an artifact holds MANIFEST.json and FILES.json. What is missing here must not be needed at run time.
PUBLISHED = {"CHANGELOG.rst", "CONTRIBUTING.md", "LICENSE", "README.md", "changelogs", "docs", "examples"} | {
    *("meta", "playbooks", "plugins", "roles")
}
NEEDED = PUBLISHED - {"CHANGELOG.rst"}  # written by the first release

INVENTORY = """\
all:
  hosts:
    localhost:
      ansible_connection: local
  vars:
    superserver_services:
      - name: echo
        listen: [{tcp: "7"}]
        exec: [/bin/cat]
        user: nobody
"""


def run(*argv: str, cwd: Path, collections: Path | None = None) -> str:
    """Output of a command that must succeed, away from the checkout and from what the user has configured."""
    (cwd / "ansible.cfg").touch()
    environment = {
        **tool_environment(),
        "ANSIBLE_CONFIG": str(cwd / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections or cwd),
        "ANSIBLE_HOME": str(cwd / "home"),
    }
    done = subprocess.run(
        [find_tool(argv[0]), *argv[1:]], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tarball."""
    here = tmp_path_factory.mktemp("built")
    run("ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(here), cwd=here)
    (tarball,) = here.glob("*.tar.gz")
    return tarball


@pytest.fixture(scope="module")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of collections that the tarball was installed into."""
    here = tmp_path_factory.mktemp("installed")
    run("ansible-galaxy", "collection", "install", "--offline", "--no-deps", str(artifact), "-p", str(here), cwd=here)
    return here


def test_artifact_is_named_after_galaxy_yml(artifact: Path) -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert f"{galaxy['namespace']}.{galaxy['name']}" == COLLECTION
    assert artifact.name == f"{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"


def test_artifact_holds_what_is_published(artifact: Path) -> None:
    with tarfile.open(artifact) as tar:
        names = tar.getnames()
    top = {name.split("/")[0] for name in names} - {"MANIFEST.json", "FILES.json"}
    assert top <= PUBLISHED
    assert top >= NEEDED
    assert [name for name in names if name.endswith(".pyc") or "/." in name] == []


def test_metadata_for_execution_environments(installed: Path) -> None:
    """What ansible-builder reads; a list of files that must be there, none because nothing is needed."""
    meta = installed.joinpath("ansible_collections", *COLLECTION.split("."), "meta", "execution-environment.yml")
    assert yaml.safe_load(meta.read_text(encoding="utf-8")) == {"version": 1, "dependencies": {}}


@pytest.mark.parametrize("playbook", PLAYBOOKS)
@pytest.mark.parametrize("option", ["--syntax-check", "--list-tasks"])
def test_playbook_runs_by_name(installed: Path, tmp_path: Path, playbook: str, option: str) -> None:
    (tmp_path / "inventory.yml").write_text(INVENTORY, encoding="utf-8")
    argv = ("ansible-playbook", f"{COLLECTION}.{playbook}", option, "-i", "inventory.yml")
    output = run(*argv, cwd=tmp_path, collections=installed)
    assert (
        str(installed.joinpath("ansible_collections", *COLLECTION.split("."), "playbooks", f"{playbook}.yml")) in output
    )
    if option == "--list-tasks":
        assert "TAGS: " in output.partition("tasks:")[2], "the playbook has no task"


def test_missing_playbook_fails(installed: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no_such_playbook"):
        run("ansible-playbook", f"{COLLECTION}.no_such_playbook", "--syntax-check", cwd=tmp_path, collections=installed)


def test_plugins_are_found(installed: Path, tmp_path: Path) -> None:
    """Every module and filter of the checkout is documented from the installed artifact."""
    for kind, directory in (("module", "modules"), ("filter", "filter")):
        expected = {f"{COLLECTION}.{path.stem}" for path in (ROOT / "plugins" / directory).glob("*.py")}
        assert expected
        listed = run("ansible-doc", "-t", kind, "-l", COLLECTION, cwd=tmp_path, collections=installed)
        assert {line.split()[0] for line in listed.splitlines() if line.strip()} == expected
