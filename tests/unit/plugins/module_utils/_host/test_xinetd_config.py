# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""xinetd's configuration: which of its services a socket belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host import _xinetd_config as xinetd
from ansible_collections.ondemand.superserver.plugins.module_utils._host._sockets import Socket
from ansible_collections.ondemand.superserver.plugins.module_utils._host._xinetd_config import XinetdService


def service(body: str, name: str = "echo") -> str:
    return f"service {name}\n{{\n{body}\n}}\n"


STREAM = "type = UNLISTED\nsocket_type = stream\nport = 7"


def read(tmp_path: Path, text: str) -> list[XinetdService]:
    path = tmp_path / "xinetd.conf"
    path.write_text(text)
    return xinetd.read_services(str(path))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (STREAM, ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\nid = echo-stream", ("echo-stream", "tcp", 7, "", "any")),
        ("socket_type = dgram\nport = 69", ("echo", "udp", 69, "", "any")),
        ("protocol = udp\nport = 69", ("echo", "udp", 69, "", "any")),
        (f"{STREAM}\nbind = 127.0.0.1", ("echo", "tcp", 7, "127.0.0.1", "any")),
        (f"{STREAM}\ninterface = ::1", ("echo", "tcp", 7, "::1", "any")),
        (f"{STREAM}\nflags = IPv4 NODELAY", ("echo", "tcp", 7, "", "ipv4")),
        (f"{STREAM}\nflags = IPv6", ("echo", "tcp", 7, "", "ipv6")),
        (f"{STREAM}\nFLAGS = ipv4 IPV6", ("echo", "tcp", 7, "", "ipv6")),
        (f"# port = 8\n{STREAM}\nport = 9", ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\nserver_args = x # y\ndisable = no", ("echo", "tcp", 7, "", "any")),
        (f"{STREAM}\nid = one\u2028word", ("one\u2028word", "tcp", 7, "", "any")),
        (f"{STREAM}\nid = two words", ("echo", "tcp", 7, "", "any")),
        ("socket_type = stream\nprotocol = tcp", ("echo", "tcp", 7, "", "any")),
        ("type =UNLISTED\nsocket_type =stream\nport =7\ndisable =no", ("echo", "tcp", 7, "", "any")),
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
        service("type = UNLISTED\nsocket_type = stream\nport = 7 # seven"),
        service("type = TCPMUX UNLISTED\nsocket_type = stream\nport = 7"),
        service("type = RPC UNLISTED\nsocket_type = stream\nport = 7"),
        service("type = UNLISTED\nport = 7"),
        service("socket_type = stream", name="no-such-name"),
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
    defaults = "defaults\n{\nbind = 127.0.0.9\ndisabled = a b\ndisabled -= b\n}\n"
    found = read(tmp_path, service(STREAM, "b") + service(f"{STREAM}\nbind = ::1", "c") + defaults)
    assert [(entry.id, entry.bind) for entry in found] == [("b", "127.0.0.9"), ("c", "::1")]


def test_included_files(tmp_path: Path) -> None:
    folder = tmp_path / "xinetd.d"
    folder.mkdir()
    for name in ("b", "a", "saved~", "a.rpmsave"):
        (folder / name).write_text(service(STREAM, name.strip("~").replace(".", "-")))
    (folder / "directory").mkdir()
    single = tmp_path / "single.conf"
    single.write_text(service(STREAM, "single") + f"include {tmp_path}/xinetd.conf\n")
    found = read(tmp_path, f"includedir {folder}\nINCLUDE {single}\ninclude {tmp_path}/none\nincludedir /no/such\n")
    assert [entry.id for entry in found] == ["a", "b", "single"]


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
    entries, _ = xinetd.read_entries(str(config))
    assert [entry.path for entry in entries] == [str(tmp_path / "d" / "echo")]
