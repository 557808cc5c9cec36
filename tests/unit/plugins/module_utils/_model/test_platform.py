# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about a host, and the needs that they meet."""

from __future__ import annotations

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Platform, version_tuple

NEEDS: tuple[tuple[str, Platform, bool], ...] = (
    ("nft", Platform(), True),
    ("nft", Platform(nft=False), False),
    ("nft", Platform(policy="always"), True),
    ("nft", Platform(policy="never"), False),
    ("bpf", Platform(), True),
    ("bpf", Platform(bpf=False), False),
    ("mounts", Platform(), True),
    ("mounts", Platform(mounts=False), False),
    ("bpf", Platform(policy="always"), False),
    ("bpf", Platform(policy="never"), True),
    ("systemd>=255", Platform(systemd=257), True),
    ("systemd>=255", Platform(systemd=255), True),
    ("systemd>=255", Platform(systemd=252), False),
    ("systemd>=1", Platform(systemd=0), False),
    ("xinetd>=2.3.15.4", Platform(xinetd="2.3.15.4"), True),
    ("xinetd>=2.3.15.4", Platform(xinetd="2.3.15.10"), True),
    ("xinetd>=2.3.15.4", Platform(xinetd="2.3.15.3"), False),
    ("xinetd>=2.3.15.4", Platform(xinetd=""), False),
)


@pytest.mark.parametrize(("need", "platform", "met"), NEEDS)
def test_need(need: str, platform: Platform, met: bool) -> None:
    assert platform.able(need) is met


@pytest.mark.parametrize("need", ["", "ntf", "nonesuch", "systemd", "systemd<255"])
def test_unknown_need_is_a_mistake(need: str) -> None:
    with pytest.raises(ValueError, match="unknown need"):
        Platform().able(need)


def test_program() -> None:
    platform = Platform(programs={"nft": "/usr/sbin/nft"})
    assert platform.program("nft") == "/usr/sbin/nft"
    assert platform.program("setpriv") == "/usr/bin/setpriv"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("2.3.15.4", (2, 3, 15, 4)), ("252", (252,)), ("257.9-1~deb13u1", (257, 9, 1, 13, 1)), ("", ())],
)
def test_version(text: str, numbers: tuple[int, ...]) -> None:
    assert version_tuple(text) == numbers
