# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration that is given as texts: where everything in it is, and what services have in the end."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import (
    Configuration,
    GivenTexts,
    Place,
    effective,
    fits_somewhere,
    read_entries,
    service_from,
)

FILES = {
    "/etc/xinetd.conf": """\
# Of the administrator.
defaults
{
    only_from = 192.0.2.0/24
    instances = 60
    cps       = 25 30
}

service echo
{
    type        = UNLISTED
    socket_type = stream
    port        = 7
    wait        = no
    user        = nobody-here
    server      = /nonexistent/server
    only_from  += 198.51.100.1
    instances   = 5
}
include more
includedir /etc/d//
""",
    "/more": "service off\n{\n\tdisable = yes\n\tport = 9\n}\ndefaults\n{\ninstances = 9\nonly_from = 10.0.0.0\n}\n",
    "/etc/d/one": "\n\nservice one\n\n# brace\n{\n}\n",
    "/etc/d/one.rpmsave": "service saved\n{\n}\n",
    "/etc/d/own": "service own\n{\n}\n",
    "/etc/d/deep/two": "service deep\n{\n}\n",
}
TEXTS = GivenTexts(FILES)


def read(path: str = "/etc/xinetd.conf", only_main: bool = False) -> Configuration:
    return Configuration(path, TEXTS, fits_somewhere, only_main)


def test_everything_is_somewhere() -> None:
    found = read()
    assert [(entry.name, entry.path, entry.line) for entry in found.entries] == [
        ("echo", "/etc/xinetd.conf", 9),
        ("off", "/more", 1),
        ("one", "/etc/d/one", 3),
        ("own", "/etc/d/own", 1),
    ]
    assert [entry.dropped for entry in found.entries] == [False, True, False, False]
    assert found.parts == [Place("/etc/xinetd.conf", 2), Place("/more", 6)]
    assert str(found.parts[0]) == "/etc/xinetd.conf:2"
    assert found.files == ["/etc/xinetd.conf", "/more", "/etc/d/one", "/etc/d/own"]
    assert found.directories == ["/etc/d"]
    lines = [(given.name, given.path, given.line) for given in found.entries[1].given]
    assert lines == [("disable", "/more", 3), ("port", "/more", 4)]


def test_directories_and_single_files_may_be_left_out() -> None:
    main = read(only_main=True)
    assert (main.files, main.directories) == (["/etc/xinetd.conf", "/more"], ["/etc/d"])
    found = Configuration("/etc/xinetd.conf", TEXTS, fits_somewhere, left_out=lambda path: path.endswith("/own"))
    assert found.files == [*main.files, "/etc/d/one"]


def test_values_have_an_origin() -> None:
    found = read()
    values = {
        name: (words, [f"{given.path}:{given.line}" for given in lines])
        for name, (words, lines) in effective(found.entries[0], found.defaults).items()
    }
    assert values["port"] == (["7"], ["/etc/xinetd.conf:13"])
    # What was read later, in another file, is not of it; the first of several counts, and its own before any.
    assert values["only_from"] == (["192.0.2.0/24", "198.51.100.1"], ["/etc/xinetd.conf:4", "/etc/xinetd.conf:17"])
    assert values["instances"] == (["5"], ["/etc/xinetd.conf:18"])
    assert values["cps"] == (["25", "30"], ["/etc/xinetd.conf:6"])
    later = effective(found.entries[2], found.defaults)
    assert later["only_from"][0] == ["192.0.2.0/24", "10.0.0.0"]
    assert [str(given.line) for given in later["instances"][1]] == ["5"]
    assert [given.path for given in later["only_from"][1]] == ["/etc/xinetd.conf", "/more"]


def test_accounts_and_programs_may_be_those_of_another_host() -> None:
    (echo, *_others), defaults = read_entries("/etc/xinetd.conf", TEXTS, fits_somewhere)
    service = service_from(echo, defaults)
    assert service is not None
    assert (echo.marked, service.id, service.port) == (False, "echo", 7)
    # This host has neither.
    assert read_entries("/etc/xinetd.conf", TEXTS)[0][0].marked


def test_wrong_values_are_wrong_on_every_host() -> None:
    text = FILES["/etc/xinetd.conf"].replace("instances   = 5", "instances   = few")
    assert read_entries("/c", GivenTexts({"/c": text}), fits_somewhere)[0][0].marked


def test_nothing_is_read_where_nothing_is() -> None:
    found = read("/nonexistent")
    assert (found.files, found.entries, found.parts) == ([], [], [])
    assert TEXTS.names("/etc/d") == ["deep", "one", "one.rpmsave", "own"]
    assert TEXTS.names("/nonexistent") == []
