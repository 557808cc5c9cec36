# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the schema has of the backends: their names, and which raw directives each takes. The one place below their own
packages that names them; whoever registers another backend adds its name."""

from __future__ import annotations

from dataclasses import dataclass

BACKENDS = ["systemd", "xinetd", "s6"]


@dataclass(frozen=True)
class Raw:
    """Raw directives of one kind: the field below ``native``, what they are, an example as YAML, and what people may
    call them."""

    field: str
    doc: str
    example: str
    words: str = ""

    @property
    def backend(self) -> str:
        return self.field.partition(".")[0]


RAW = (
    Raw("systemd.socket", "[Socket]", "{Mark: 1}"),
    Raw("systemd.service", "[Service]", "{OOMPolicy: kill}", "systemd directives slice oompolicy"),
    Raw("xinetd", "attributes of the xinetd service", "{flags: NOLIBWRAP}", "flags xinetd"),
    Raw("s6", "files of the s6 service directory", '{notification-fd: "3"}', "s6"),
)
# Of a backend that has several kinds.
RAW_GROUPS = {"systemd": "directives of the socket and of the service unit"}
