# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""xinetd's configuration: which of its services a socket belongs to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader import config as xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.config import XinetdService
from ansible_collections.ondemand.superserver.plugins.module_utils._host.sockets.table import Socket


def service(body: str, name: str = "echo") -> str:
    return f"service {name}\n{{\n{body}\n}}\n"


# What every service needs besides.
REST = "wait = no\nuser = root\nserver = /bin/sh"
STREAM = f"type = UNLISTED\nsocket_type = stream\nport = 7\n{REST}"


def read(tmp_path: Path, text: str) -> list[XinetdService]:
    path = tmp_path / "xinetd.conf"
    path.write_text(text)
    return xinetd.read_services(str(path))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (STREAM, ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\nid = echo-stream", ("echo-stream", "tcp", 7, "", "any")),
        (f"type = UNLISTED\nsocket_type = dgram\nport = 69\n{REST}", ("echo", "udp", 69, "", "any")),
        (f"type = UNLISTED\nprotocol = udp\nport = 69\n{REST}", ("echo", "udp", 69, "", "any")),
        (f"{STREAM}\nbind = 127.0.0.1", ("echo", "tcp", 7, "127.0.0.1", "any")),
        (f"{STREAM}\ninterface = ::1", ("echo", "tcp", 7, "::1", "any")),
        (f"{STREAM}\nflags = IPv4 NODELAY", ("echo", "tcp", 7, "", "ipv4")),
        (f"{STREAM}\nflags = IPv6", ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\nFLAGS = ipv4 IPV6", ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\nflags = IPv6\nv6only = no", ("echo", "tcp", 7, "", "ipv6")),
        (f"{STREAM}\nflags = IPv4\nbind = ::1", ("echo", "tcp", 7, "", "ipv4")),
        (f"{STREAM}\nbind = 127.0.0.9\ninterface = ::1", ("echo", "tcp", 7, "127.0.0.9", "any")),
        (f"{STREAM}\nbind = name.example\nbind = ::1", ("echo", "tcp", 7, "name.example", "any")),
        (f"nice = high\n{STREAM}\ndisable = no", ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\ndisable += yes", ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\ndisable = no\ndisable = yes", ("echo", "tcp", 7, "", "any")),
        (
            f"type = UNLISTED WRONG\n{STREAM.replace('type = UNLISTED', '')}\ndisable = no",
            ("echo", "tcp", 7, "", "any"),
        ),
        ("type = INTERNAL\nsocket_type = stream\nwait = no", ("echo", "tcp", 7, "", "any")),
        (f"protocol = mptcp\n{STREAM}", ("echo", "tcp", 7, "", "any")),
        (f"# port = 8\n{STREAM}\nport = 9", ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\nserver_args = x # y\ndisable = no", ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\nid = one\u2028word", ("one\u2028word", "tcp", 7, "", "any")),
        (f"{STREAM}\nid = two words", ("echo", "tcp", 7, "", "any")),
        (f"socket_type = stream\nprotocol = tcp\n{REST}", ("echo", "tcp", 7, "", "any")),
        (STREAM.replace("= ", "=") + "\ndisable =no", ("echo", "tcp", 7, "", "any")),
        (f"port =\nport = 1 2\nport += 9\n{STREAM}", ("echo", "tcp", 7, "", "any")),
        ("\v" + STREAM.replace(" =", "\f="), ("echo", "tcp", 7, "", "any")),
    ],
)
def test_one_service(tmp_path: Path, body: str, expected: tuple[object, ...]) -> None:
    (found,) = read(tmp_path, service(body))
    assert (found.id, found.transport, found.port, found.bind, found.family) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        service(f"{STREAM}\ndisable = yes"),
        service(f"{STREAM}\nDISABLE = YES"),
        service(f"{STREAM}\nwait= no"),
        service(f"nice\n = 5\n{STREAM}"),
        service(STREAM.replace("= 7", "= 7 # seven")),
        service(STREAM.replace("UNLISTED", "TCPMUX UNLISTED")),
        service(STREAM.replace("UNLISTED", "RPC UNLISTED")),
        service(f"type = UNLISTED\nport = 7\n{REST}"),
        service(f"socket_type = stream\n{REST}", name="no-such-name"),
        *(service(STREAM.replace(f"{line}\n", "") + "\n") for line in REST.split("\n")[:2]),
        service(f"socket_type = stream\nport = 8\n{REST}"),
        service(f"{STREAM}\nnice = high"),
        service(f"{STREAM}\ndisable = no\nnice = high\ndisable = no"),
        service(f"{STREAM}\nuser = no-such-user\ndisable = perhaps"),
        service(STREAM.replace("/bin/sh", "/nonexistent")),
        service(f"{STREAM}\nredirect = 127.0.0.1 80\nflags = NAMEINARGS"),
        service(STREAM.replace("stream", "seqpacket")),
        f"defaults\n{{\ndisabled = ECHO\n}}\n{service(STREAM)}",
        f"defaults\n{{\ninstances = many\n}}\n{service(STREAM)}",
        f"{service(STREAM)}defaults\n{{\nlog_on_success = TRAFFIC\n}}\n",
        f"defaults\n{{\nenabled =\n}}\n{service(STREAM)}",
        f"service echo {{\n{STREAM}\n}}\n",
        f"service echo\n{STREAM}\n{{\n}}\n",
        f"service echo\n{{\n{STREAM}\n",
        f"defaults\n{{\ndisabled = other echo\n}}\n{service(STREAM)}",
        f"defaults\n{{\nenabled = other\n}}\n{service(STREAM)}",
        f"defaults\n{{\ndisabled = other\ndisabled += echo\n}}\n{service(STREAM)}",
    ],
)
def test_what_does_not_listen(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == []


def test_defaults_bind_what_is_not_bound_itself(tmp_path: Path) -> None:
    defaults = "defaults\n{\nbind = 127.0.0.9\ninterface = 127.0.0.10\n}\n"
    found = read(tmp_path, service(STREAM, "b") + service(f"{STREAM}\nbind = ::1", "c") + defaults)
    assert [(entry.id, entry.bind) for entry in found] == [("b", "127.0.0.9"), ("c", "::1")]


def at(port: int, name: str) -> str:
    return service(STREAM.replace("= 7", f"= {port}"), name)


def test_included_files(tmp_path: Path) -> None:
    folder = tmp_path / "xinetd.d"
    folder.mkdir()
    for port, name in enumerate(("b", "a", "B", "saved~", "a.rpmsave"), 1):
        (folder / name).write_text(at(port, name.strip("~").replace(".", "-")))
    (folder / "directory").mkdir()
    single = tmp_path / "single.conf"
    single.write_text(at(9, "single") + f"include {tmp_path}/xinetd.conf\n")
    found = read(tmp_path, f"includedir {folder}\nINCLUDE {single}\ninclude {tmp_path}/none\nincludedir /no/such\n")
    assert [entry.id for entry in found] == ["B", "a", "b", "single"]


def test_a_file_that_is_included_twice_is_read_twice(tmp_path: Path) -> None:
    (tmp_path / "more").write_text(service(STREAM, "more"))
    (tmp_path / "xinetd.conf").write_text(f"include {tmp_path}/more\n" * 2)
    assert [entry.name for entry in xinetd.read_entries(str(tmp_path / "xinetd.conf"))[0]] == ["more", "more"]


def test_a_fifo_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert [entry.id for entry in read(tmp_path, f"include {tmp_path}/fifo\n{service(STREAM)}")] == ["echo"]


def test_defaults_grow_from_file_to_file(tmp_path: Path) -> None:
    """Only one entry of each file counts, lists grow with every operator, and the first of other values stays."""
    (tmp_path / "more").write_text("defaults\n{\ndisabled = two\nbind = 127.0.0.2\n}\n")
    first = "defaults\n{\ndisabled = one\nbind = 127.0.0.1\n}\n"
    second = "defaults\n{\ndisabled = three\n}\ndefaults\n{\ndisabled -= four\n}\n"
    names = ("one", "two", "three", "four")
    services = "".join(at(port, name) for port, name in enumerate(names, 1))
    found = read(tmp_path, f"{first}include {tmp_path}/more\n{second}{services}")
    assert [(entry.id, entry.bind) for entry in found] == [("three", "127.0.0.1"), ("four", "127.0.0.1")]
    found = read(tmp_path, f"defaults\n{{\ndisabled = one two\ndisabled -= two four\n}}\n{services}")
    assert [entry.id for entry in found] == ["three"]


def test_entries_have_copies_of_what_stands_before_them(tmp_path: Path) -> None:
    defaults = "defaults\n{\nonly_from = 192.0.2.1\n}\n"
    added = service(f"{STREAM}\nonly_from += 192.0.2.2", "added")
    (tmp_path / "xinetd.conf").write_text(service(STREAM, "before") + defaults + service(STREAM, "after") + added)
    entries, _defaults = xinetd.read_entries(str(tmp_path / "xinetd.conf"))
    assert [sorted(entry.many("only_from")) for entry in entries] == [[], ["192.0.2.1"], ["192.0.2.1", "192.0.2.2"]]


def test_a_list_of_those_that_are_enabled_takes_wrong_values_too(tmp_path: Path) -> None:
    text = f"defaults\n{{\nenabled = ECHO\n}}\n{service(STREAM + chr(10) + 'nice = high')}{at(8, 'other')}"
    assert [entry.id for entry in read(tmp_path, text)] == ["echo"]


def test_nothing_is_read_behind_what_disables_an_entry(tmp_path: Path) -> None:
    """Neither a list of those that are enabled makes it one, nor does a mistake behind it reach beyond it."""
    off = service(f"disable = yes\n{STREAM}\n-b", "off")
    text = f"defaults\n{{\nenabled = off echo\n}}\n{off}{service(STREAM)}"
    assert [entry.id for entry in read(tmp_path, text)] == ["echo"]


def test_two_at_one_address(tmp_path: Path) -> None:
    """Of what is bound, the duplicate of an earlier one goes; else the kernel says who is first. UDP may be shared."""
    bound = [service(f"{STREAM}\nbind = {address}", name) for address, name in (("127.1", "a"), ("127.0.0.1", "b"))]
    assert [entry.id for entry in read(tmp_path, "".join([*bound, service(STREAM, "c")]))] == ["a"]
    assert [entry.id for entry in read(tmp_path, "".join([service(STREAM, "c"), *bound]))] == ["c"]
    datagrams = STREAM.replace("stream", "dgram")
    found = read(tmp_path, service(STREAM) + service(datagrams, "a") + service(datagrams, "b"))
    assert [entry.id for entry in found] == ["echo", "a", "b"]


def test_both_families_side_by_side(tmp_path: Path) -> None:
    four = service(f"{STREAM}\nbind = 0.0.0.0\nflags = IPv4", "four")
    six = service(f"{STREAM}\nbind = ::\nflags = IPv6\nv6only = yes", "six")
    assert [entry.listener.family for entry in read(tmp_path, four + six)] == ["ipv4", "ipv6"]


def test_no_configuration_at_all(tmp_path: Path) -> None:
    assert xinetd.read_services(str(tmp_path / "none")) == []


def test_an_inetd_configuration(tmp_path: Path) -> None:
    path = tmp_path / "inetd.conf"
    path.write_text(
        "# comment\n#<off># telnet stream tcp nowait root /bin/x x\n\n"
        "time\tstream tcp nowait root /bin/date date\n"
        "tftp dgram udp wait nobody /bin/x x\n"
        "echo stream tcp6 nowait root /bin/cat cat\n"
        "echo stream tcp nowait\n"
    )
    expected = [XinetdService("time", "tcp", 37, "", "any"), XinetdService("tftp", "udp", 69, "", "any")]
    assert xinetd.read_inetd_services(str(path)) == expected


def socket_at(address: str, transport: str = "tcp", port: int = 7) -> Socket:
    family = "ipv6" if ":" in address else "ipv4"
    kind = "stream" if transport == "tcp" else "datagram"
    return Socket(transport, family, address, port, address == "::", kind, 1, 0, 64, "")


def entry(name: str, bind: str = "", family: str = "any", transport: str = "tcp", port: int = 7) -> XinetdService:
    return XinetdService(name, transport, port, bind, family)


@pytest.mark.parametrize(
    ("found", "services", "expected"),
    [
        (socket_at("::"), [entry("echo")], "echo"),
        (socket_at("0.0.0.0"), [entry("echo")], "echo"),
        (socket_at("0.0.0.0"), [entry("four", family="ipv4"), entry("six", family="ipv6")], "four"),
        (socket_at("::"), [entry("four", family="ipv4"), entry("six", family="ipv6")], "six"),
        (socket_at("127.0.0.1"), [entry("all", bind=""), entry("one", bind="127.0.0.1")], "one"),
        (socket_at("::"), [entry("all", bind=""), entry("one", bind="127.0.0.1")], "all"),
        (socket_at("::1"), [entry("long", bind="0:0:0:0:0:0:0:1")], "long"),
        (socket_at("127.0.0.1"), [entry("named", bind="localhost")], "named"),
        (socket_at("0.0.0.0", "udp"), [entry("tcp"), entry("udp", transport="udp")], "udp"),
        (socket_at("127.0.0.1"), [entry("echo")], ""),
        (socket_at("::"), [entry("echo", port=8)], ""),
        (socket_at("::"), [entry("one"), entry("other")], ""),
        (socket_at("::"), [], ""),
    ],
)
def test_the_service_of_a_socket(found: Socket, services: list[XinetdService], expected: str) -> None:
    assert xinetd.service_of(found, services) == expected


def test_words_after_the_name_of_a_service_are_no_part_of_it(tmp_path: Path) -> None:
    (found,) = read(tmp_path, f"service echo more words\n{{\n{STREAM}\n}}\n")
    assert found.id == "echo"


def test_what_is_no_entry_is_skipped_up_to_the_next_closing_brace(tmp_path: Path) -> None:
    text = f"nonsense\n{service(STREAM)}{service(STREAM, 'second')}"
    assert [found.id for found in read(tmp_path, text)] == ["second"]


def test_a_directory_with_a_slash_at_its_end_gives_the_same_paths(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "echo").write_text(service(STREAM))
    config = tmp_path / "xinetd.conf"
    config.write_text(f"includedir {tmp_path}//d/\n")
    entries = xinetd.read_entries(str(config))[0]
    assert [entry.path for entry in entries] == [str(tmp_path / "d" / "echo")]


def test_a_word_alone_takes_the_end_of_the_next_line_with_it(tmp_path: Path) -> None:
    """As in the second line of arguments after a backslash: the entry goes, and the head of the one behind it."""
    text = service(f"{STREAM}\n-b") + service(STREAM, "second") + service(STREAM, "third")
    assert [found.id for found in read(tmp_path, text)] == ["third"]
