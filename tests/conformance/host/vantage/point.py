# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the client runs, and how it gets from there to a host."""

from __future__ import annotations

import socket
import typing as t

from vantage.common import PATIENCE, Step
from vantage.encrypted import Encrypted
from vantage.netcat import Netcat
from vantage.packets import Packets

Connection = t.Union[Netcat, Packets, Encrypted]


class Vantage:
    """Where this runs, and where one host is from here."""

    def __init__(self, own: dict[str, str], log: list[str], host: str, addresses: dict[str, str]) -> None:
        self.log = log
        self.host = host
        self._own = own
        self._addresses = addresses

    def target(self, step: Step) -> str:
        return str(self._addresses.get(step["to"]) or step["to"])

    def source(self, step: Step) -> str:
        """The address that the handler must see: the one asked for, or the one that the kernel chooses."""
        wanted = step.get("source")
        if wanted:
            return str(self._own.get(wanted) or wanted)
        target = self.target(step)
        with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((target, step["port"]))
            return str(probe.getsockname()[0])

    def connect(self, step: Step, port: int = 0) -> Connection:
        """``port`` is the client's own, 0 for any."""
        if "tls" in step:
            return Encrypted(self._plain(step, port), step["tls"])
        if step["transport"] == "unix":
            return self._connect_unix(step)
        options = ["-s", self.source(step)] if "source" in step else []
        options += ["-p", str(port)] if port else []
        options += ["-u"] if step["transport"] == "udp" else ["-N"]
        return Netcat(["nc", "-n", *options, self.target(step), str(step["port"])], step.get("as"))

    def _plain(self, step: Step, port: int) -> socket.socket:
        if step["transport"] == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(step["to"])
            return connection
        own = (self.source(step), port)
        return socket.create_connection((self.target(step), step["port"]), PATIENCE, source_address=own)

    def _connect_unix(self, step: Step) -> Connection:
        if step["type"] == "seqpacket":
            return Packets(step["to"])
        option = "-uU" if step["type"] == "datagram" else "-NU"
        return Netcat(["nc", option, step["to"]], step.get("as"))
