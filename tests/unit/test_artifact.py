# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as it is published: built, installed somewhere else, and used from there."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from _checks import COLLECTION, ROOT, find_tool, tool_environment
from packaging.requirements import Requirement

PLAYBOOKS = ("site", "verify", "status", "adopt", "migrate", "rollback")
# Beside these an artifact holds MANIFEST.json and FILES.json. What is missing here must not be needed at run time.
PUBLISHED = {"CHANGELOG.rst", "CONTRIBUTING.md", "LICENSE", "README.md", "changelogs", "docs", "examples"} | {
    *("meta", "playbooks", "plugins", "roles")
}
EE_REQUIREMENTS = ROOT / "meta" / "ee-requirements.txt"

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
    assert top == PUBLISHED
    assert [name for name in names if name.endswith(".pyc") or "/." in name] == []
    assert [name for name in names if name.endswith(".py") and not name.startswith("plugins/")] == []


def requirements(path: Path) -> dict[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {wanted.name: wanted for wanted in (Requirement(line) for line in lines if line)}


def test_execution_environment_has_what_filters_use(artifact: Path, tmp_path: Path) -> None:
    """The context that the definition in examples makes, and what the image would get of it. Needs no container."""
    shutil.copy(artifact, tmp_path)
    shutil.copy(ROOT / "examples" / "execution-environment.yml", tmp_path)
    run("ansible-builder", "create", "--context", "context", cwd=tmp_path)
    build = tmp_path / "context" / "_build"
    image = (tmp_path / "context" / "Containerfile").read_text(encoding="utf-8")
    assert "COPY _build /build\nWORKDIR /build\n" in image
    assert "ansible-galaxy collection install $ANSIBLE_GALAXY_CLI_COLLECTION_OPTS -r requirements.yml" in image
    assert "/output/scripts/introspect.py introspect" in image

    # Those two steps of the image, with the files of the context.
    collections = tmp_path / "collections"
    run(
        "ansible-galaxy",
        "collection",
        "install",
        "--offline",
        "-r",
        "requirements.yml",
        "-p",
        str(collections),
        cwd=build,
    )
    script = ("python3", "scripts/introspect.py", "introspect", str(collections))
    run(*script, "--write-pip=pip.txt", "--write-bindep=bindep.txt", cwd=build)
    assert requirements(build / "pip.txt") == requirements(EE_REQUIREMENTS)
    assert "jmespath" in requirements(EE_REQUIREMENTS)
    assert not (build / "bindep.txt").exists(), "packages of the distribution are not needed"


def test_requirements_of_execution_environments_are_those_that_are_tested() -> None:
    """requirements.txt pins a version of each that meta/ee-requirements.txt accepts."""
    pinned = requirements(ROOT / "requirements.txt")
    for name, wanted in requirements(EE_REQUIREMENTS).items():
        (pin,) = pinned[name].specifier
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version)
        assert importlib.metadata.version(name) == pin.version


def test_ansible_builder_finds_the_requirements(installed: Path, tmp_path: Path) -> None:
    """In a collection that was installed; the requirements that pin development tools are not among them."""
    found = yaml.safe_load(run("ansible-builder", "introspect", str(installed), cwd=tmp_path))
    assert found["system"] == []
    wanted = requirements(EE_REQUIREMENTS).values()
    assert found["python"] == [f"{requirement}  # from collection {COLLECTION}" for requirement in wanted]


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
