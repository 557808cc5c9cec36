# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``tests/matrix.yml`` is well-formed, names only what there is, and leaves nothing out."""

from __future__ import annotations

import copy
import typing as t
from collections.abc import Callable

import pytest
from _images import RECIPES
from _matrix import EVERY_CASE, PREFIX, SYSTEMS, built, hosts_of, matrix, problems, sampled, systems_of

Change = Callable[[dict[str, t.Any]], t.Any]


def test_the_matrix_is_right() -> None:
    assert list(problems(matrix())) == []


@pytest.mark.parametrize(
    ("change", "gist"),
    [
        (lambda it: it.pop("usual"), "the matrix: usual is missing"),
        (lambda it: it.update(other={}), "the matrix: other is unknown"),
        (lambda it: it["newest_controller"].pop("pythons"), "newest_controller: pythons is missing"),
        (lambda it: it["newest_controller"].update(core="2"), "newest_controller: core is unknown"),
        (lambda it: it["newest_controller"]["scenarios"].append("nap"), "newest_controller: there is no nap"),
        (lambda it: it["usual"].append("debian1"), "usual: there is no debian1"),
        (lambda it: it["sampled"].append("sd10"), "sampled: there is no sd10"),
        (lambda it: it["everywhere"].append("nobody"), "everywhere: there is no nobody"),
        (lambda it: it["systems"]["debian11"].update(nap={}), "systems.debian11: nap is no scenario"),
        (lambda it: it["systems"]["debian11"]["s6"]["s611"].clear(), "systems.debian11: s611 has no lab_image"),
        (
            lambda it: it["systems"]["testing"]["s6"].update(s611={"lab_image": "a"}),
            "systems.testing: another host is called s611, too",
        ),
    ],
)
def test_what_is_wrong_is_reported(change: Change, gist: str) -> None:
    declared = copy.deepcopy(matrix())
    change(declared)
    assert list(problems(declared)) == [gist]


def test_the_images_are_those_of_the_lab() -> None:
    systems = matrix()["systems"].values()
    images = {host["lab_image"] for system in systems for hosts in system.values() for host in hosts.values()}
    assert images == {image for image in RECIPES if not image.endswith("-client")}


def test_every_scenario_has_hosts_when_no_system_is_chosen() -> None:
    """One without would pass."""
    groups = {group for system in matrix()["systems"].values() for group in system}
    assert hosts_of(matrix(), []).keys() == groups


def test_every_system_has_a_host_when_none_is_chosen() -> None:
    usual = {name for hosts in hosts_of(matrix(), []).values() for name in hosts}
    for groups in matrix()["systems"].values():
        assert usual & {name for hosts in groups.values() for name in hosts}


@pytest.mark.parametrize(
    ("chosen", "systems"),
    [("", ["debian12", "debian13"]), ("testing", ["testing"]), ("testing,debian11", ["debian11", "testing"])],
)
def test_the_systems_of_a_group_are_those_that_are_asked_for(
    chosen: str, systems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SYSTEMS, chosen)
    monkeypatch.delenv(PREFIX, raising=False)
    assert systems_of("systemd") == systems
    assert systems_of("of nobody") == []


@pytest.mark.parametrize(
    ("chosen", "systems", "hosts"),
    [
        ("", ["debian12", "debian13", "s6-networking", "s6-rc"], {"s6-networking": "s6net", "s6-rc": "s6rc"}),
        ("s6-rc", ["s6-rc"], {"s6-rc": "s6rc"}),
        ("debian12", ["debian12"], {}),
    ],
)
def test_programs_that_were_built_are_systems_of_s6(
    chosen: str, systems: list[str], hosts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SYSTEMS, chosen)
    monkeypatch.setenv(PREFIX, "/usr")
    assert systems_of("s6") == systems
    assert built() == hosts
    monkeypatch.delenv(PREFIX)
    assert built() == {}


def test_every_group_that_is_sampled_has_a_host_with_every_case() -> None:
    groups = [set(hosts) for hosts in hosts_of(matrix(), []).values()]
    assert all(hosts - set(sampled()) for hosts in groups)
    assert set(sampled()) <= set.union(*groups)


def test_nobody_is_sampled_where_every_case_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sampled()
    monkeypatch.setenv(EVERY_CASE, "1")
    assert sampled() == []
