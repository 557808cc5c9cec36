# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that lead to each other: what goes with one that is taken over, and what has to be named as well."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Foreign
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign import units
from ansible_collections.ondemand.superserver.tests.unit.systemctl import LIB, Systemctl, shown

SEVEN = "[::]:7 (Stream)"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(units, "UNITS", str(tmp_path / "etc"))
    monkeypatch.setattr(units, "FOLDERS", (str(tmp_path / "etc"), str(tmp_path / "run")))
    return tmp_path / "etc"


def look(names: t.Sequence[str], *states: str, own: t.Container[str] = ()) -> dict[str, Foreign]:
    return units.look_at_units(names, own, Systemctl(*states))


def enabled(folder: Path, unit: str, target: str, source: str = "") -> str:
    path = folder / target / unit
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(f"{LIB}/{source or unit}")
    return str(path)


def test_a_service_that_is_enabled_itself_goes_with_its_socket(folder: Path) -> None:
    links = {
        enabled(folder, "a.socket", "sockets.target.wants"),
        enabled(folder, "a.service", "multi-user.target.wants"),
    }
    (found,) = look(
        ["a.socket"],
        shown("a.socket", listen=[SEVEN], Triggers="a.service", WantedBy="sockets.target", RequiredBy="a.service"),
        shown("a.service", WantedBy="multi-user.target", TriggeredBy="a.socket"),
    ).values()
    assert set(found.links) == links
    assert found.running == ("a.socket", "a.service")
    assert (found.members, found.masks, found.obstacles, found.problem) == (("a.service",), (), (), "")


@pytest.mark.parametrize("named", ["a.socket", "a.service"])
def test_whatever_starts_the_same_service_goes_with_it(named: str) -> None:
    starters = "b.socket a.path a.timer a.socket"
    states = (
        shown("a.service", file="static", TriggeredBy=starters),
        shown("a.socket", listen=[SEVEN], Triggers="a.service"),
        shown("b.socket", listen=["[::]:8 (Stream)"], Triggers="a.service"),
        shown("a.path", Triggers="a.service"),
        shown("a.timer", "inactive", Triggers="a.service"),
    )
    (found,) = look([named], *states).values()
    assert {named, *found.members} == {"a.service", *starters.split()}
    assert set(found.running) == {"a.service", "a.socket", "b.socket", "a.path"}
    assert [listener.port for listener in sorted(found.claims, key=str)] == [7, 8]
    assert {unit for _kind, unit in found.owners} == {named, *found.members}


TIES = (
    ("RequiredBy", "active", "requires a.socket"),
    ("RequiredBy", "inactive", "requires a.socket"),
    ("BoundBy", "active", "requires a.socket"),
    ("RequisiteOf", "active", "requires a.socket"),
    ("ConsistsOf", "active", "is stopped with a.socket"),
    ("PropagatesStopTo", "active", "is stopped with a.socket"),
    ("ConsistsOf", "inactive", ""),
)


@pytest.mark.parametrize(("kind", "active", "words"), TIES)
def test_what_cannot_be_without_it_has_to_be_named(kind: str, active: str, words: str) -> None:
    states = (shown("a.socket", listen=[SEVEN], **{kind: "web.service"}), shown("web.service", active))
    (found,) = look(["a.socket"], *states).values()
    told = [f'is tied to "web.service": that {words}' in text and "name it as well" in text for text in found.obstacles]
    assert told == ([True] if words else [])
    both = look(["a.socket", "web.service"], *states)
    assert both["a.socket"].obstacles == ()
    assert both["web.service"].companions == {"a.socket"}
    assert both["a.socket"].companions == {"web.service"}


def test_what_is_tied_to_what_has_to_be_named_has_to_be_named_too() -> None:
    states = (
        shown("a.socket", listen=[SEVEN], RequiredBy="web.service"),
        shown("web.service", BoundBy="front.service"),
        shown("front.service"),
    )
    assert '"front.service"' in look(["a.socket", "web.service"], *states)["web.service"].obstacles[0]
    everything = look(["a.socket", "web.service", "front.service"], *states)
    assert not any(found.obstacles for found in everything.values())
    assert everything["front.service"].companions == {"a.socket", "web.service"}


def test_what_cannot_be_named_has_to_be_changed() -> None:
    states = (shown("a.socket", RequiredBy="site.target"), shown("site.target"))
    (text,) = look(["a.socket"], *states)["a.socket"].obstacles
    assert text.endswith(f"a unit of its type cannot be named; change that in {LIB}/site.target")


def test_a_unit_of_the_collection_that_requires_it_is_told_as_such() -> None:
    states = (shown("a.service", RequiredBy="px.service"), shown("px.service", FragmentPath="/ours/px.service"))
    (text,) = look(["a.service"], *states, own={"/ours/px.service"})["a.service"].obstacles
    assert "which belongs to this collection" in text


@pytest.mark.parametrize("kind", ["WantedBy", "UpheldBy", "OnFailureOf", "OnSuccessOf"])
def test_what_starts_it_without_a_link_finds_it_masked(folder: Path, kind: str) -> None:
    states = (shown("a.service", **{kind: "web.service"}), shown("web.service"))
    found = look(["a.service"], *states)["a.service"]
    assert (found.masks, found.obstacles) == ((f"{folder}/a.service",), ())
    (folder / "a.service").write_text("[Service]\n")
    (text,) = look(["a.service"], *states)["a.service"].obstacles
    assert (
        f'"web.service": that starts a.service, which cannot be masked because {folder}/a.service takes precedence over'
    ) in text


def test_a_mask_that_is_there_is_enough(folder: Path) -> None:
    (folder / "a.service").symlink_to("/dev/null")
    states = (
        shown("a.socket", listen=[SEVEN], Triggers="a.service"),
        shown("a.service", "inactive", "masked", LoadState="masked", WantedBy="web.service", TriggeredBy="a.socket"),
        shown("web.service"),
    )
    found = look(["a.socket"], *states)["a.socket"]
    assert (found.masks, found.obstacles) == ((), ())


def test_a_bus_name_starts_it_as_well(folder: Path) -> None:
    state = shown("a.service", BusName="org.example.A")
    assert look(["a.service"], state)["a.service"].masks == (f"{folder}/a.service",)


def test_links_that_cannot_be_removed_are_no_links_that_are(folder: Path) -> None:
    """A distribution's own, or a generator's."""
    enabled(folder, "a.socket", "sockets.target.wants")
    state = shown("a.socket", listen=[SEVEN], WantedBy="sockets.target site.target")
    assert look(["a.socket"], state)["a.socket"].masks == (f"{folder}/a.socket",)
    required = enabled(folder, "b.socket", "site.target.requires")
    found = look(["b.socket"], shown("b.socket", RequiredBy="site.target"))["b.socket"]
    assert (list(found.links), found.masks, found.obstacles) == ([required], (), ())


@pytest.mark.parametrize(
    ("active", "file", "refused"),
    [("active", "static", True), ("inactive", "enabled", True), ("inactive", "disabled", False)],
)
def test_units_that_are_enabled_together(tmp_path: Path, active: str, file: str, refused: bool) -> None:
    unit = tmp_path / "a.service"
    unit.write_text(
        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=x.target\nAlso=nonesuch.service \\\n  %p-ctl.service\n"
    )
    states = (shown("a.service", FragmentPath=str(unit)), shown("a-ctl.service", active, file))
    obstacles = look(["a.service"], *states)["a.service"].obstacles
    assert ["is enabled and disabled together with a.service (Also=)" in text for text in obstacles] == [True] * refused
    both = look(["a.service", "a-ctl.service"], *states)
    assert both["a.service"].obstacles == ()
    assert both["a-ctl.service"].companions == {"a.service"}


def test_an_instance_has_an_instance_started(folder: Path) -> None:
    link = enabled(folder, "f@1.socket", "sockets.target.wants", "f@.socket")
    found = look(
        ["f@1.socket"],
        shown("f@1.socket", Triggers="f@1.service", WantedBy="sockets.target", FragmentPath=f"{LIB}/f@.socket"),
        shown("f@1.service", file="static", TriggeredBy="f@1.socket"),
    )["f@1.socket"]
    assert (found.running, list(found.links)) == (("f@1.socket", "f@1.service"), [link])


def test_sessions_of_clients_are_no_part_of_it() -> None:
    session = "c@3-127.0.0.1:7-127.0.0.1:50000.service"
    states = (
        shown("c.socket", listen=[SEVEN], Accept="yes", Triggers=session, RequiredBy=session),
        shown(session, file="static", TriggeredBy="c.socket"),
    )
    found = look(["c.socket"], *states)["c.socket"]
    assert (found.running, found.members, found.obstacles) == (("c.socket",), (), ())
    assert look([session], *states)[session].problem == "serves one connection of c.socket; name that unit instead"


def test_what_a_generator_has_made(folder: Path) -> None:
    late = "/run/systemd/generator.late/a.service"
    states = (
        shown("a.socket", listen=[SEVEN], Triggers="a.service"),
        shown("a.service", file="generated", WantedBy="multi-user.target", TriggeredBy="a.socket", FragmentPath=late),
    )
    assert look(["a.socket"], *states)["a.socket"].masks == (f"{folder}/a.service",)
    assert look(["a.service"], states[1])["a.service"].masks == (f"{folder}/a.service",)
    early = shown("b.service", file="generated", FragmentPath="/run/systemd/generator.early/b.service")
    found = look(["b.service"], early)["b.service"]
    assert found.masks == ()
    assert "cannot be masked, because /run/systemd/generator.early/b.service" in found.obstacles[0]


def test_one_that_is_named_by_its_alias_is_enabled_by_links_of_its_name(folder: Path) -> None:
    link = enabled(folder, "ssh.service", "multi-user.target.wants")
    alias = folder / "sshd.service"
    alias.symlink_to(f"{LIB}/ssh.service")
    state = shown("ssh.service", Names="ssh.service sshd.service", WantedBy="multi-user.target")
    found = look(["sshd.service"], state)["sshd.service"]
    assert set(found.links) == {link, str(alias)}
    assert (found.masks, found.running) == ((), ("ssh.service",))


def test_a_member_that_could_not_be_started_again_keeps_all_of_it() -> None:
    states = (shown("a.socket", Triggers="a.service"), shown("a.service", file="transient"))
    assert look(["a.socket"], *states)["a.socket"].problem.startswith("goes with a.service, which has no unit file")


def test_each_unit_is_in_one_group() -> None:
    states = (
        shown("a.socket", listen=[SEVEN], Triggers="a.service"),
        shown("a.service", TriggeredBy="a.socket a.path"),
        shown("a.path", Triggers="a.service"),
    )
    found = look(["a.socket", "a.service"], *states)
    assert found["a.socket"].running == ("a.socket",)
    assert found["a.service"].running == ("a.service", "a.path")
    assert found["a.service"].companions == {"a.socket"}


def test_any_number_of_groups_costs_two_commands_and_what_they_lead_to_one_more() -> None:
    states = [
        text
        for number in range(9)
        for text in (
            shown(f"a{number}.socket", Triggers=f"a{number}.service", RequiredBy=f"web{number}.service"),
            shown(f"a{number}.service", TriggeredBy=f"a{number}.socket"),
            shown(f"web{number}.service"),
        )
    ]
    systemctl = Systemctl(*states)
    units.look_at_units([f"a{number}.socket" for number in range(9)], (), systemctl)
    assert len(systemctl.argvs) == 3
