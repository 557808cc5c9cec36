# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration as it was found in the field: one file for each case, with the lines of its files by their paths, and
beside it what is made of them.

``SUPERSERVER_RENEW_GOLDEN=1`` writes the latter anew; the difference must be looked at.
"""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._parsing.findings import Parsed

CORPUS = Path(__file__).parents[1] / "corpus"
# The names of ports that the cases use and every host knows; others are in their own /etc/services.
_USUAL = """
amanda=10080 auth=113 bootps=67 chargen=19 comsat=512 csync2=30865 cvspserver=2401 daytime=13 dict=2628
discard=9 distcc=3632 echo=7 exec=512 finger=79 ftp=21 git=9418 gopher=70 http=80 ident=113 imap=143 ircd=6667
klogin=543 kshell=544 login=513 netbios-ns=137 netbios-ssn=139 netstat=15 nntp=119 nrpe=5666 nsca=5667
ntalk=518 pop-3=110 pop3=110 predict=1210 printer=515 qotd=17 rsync=873 sane-port=6566 shell=514 smtp=25
smtps=465 ssh=22 submission=587 svn=3690 systat=11 talk=517 tcpmux=1 telnet=23 tftp=69 time=37 uucp=540
uucpd=540 webmin=10000
"""
PORTS = {name: int(number) for name, number in (word.split("=") for word in _USUAL.split())}


def cases(kind: str) -> list[str]:
    """The names of the cases of a kind."""
    return sorted(path.stem for path in (CORPUS / kind).glob("*.json"))


def files_of(kind: str, case: str) -> dict[str, str]:
    """The texts of the files of a case."""
    lines: dict[str, list[str]] = json.loads((CORPUS / kind / f"{case}.json").read_text(encoding="utf-8"))
    return {path: "\n".join(text) for path, text in lines.items()}


def as_text(parsed: Parsed) -> str:
    """Services and findings for people to read."""
    return "".join(
        [
            *(f"service {service.place}\n{_fields(service.fields)}" for service in parsed.services),
            *(
                f"finding {json.dumps(finding.to_json(), indent=1, ensure_ascii=False)}\n"
                for finding in parsed.findings
            ),
        ]
    )


def _fields(fields: t.Mapping[str, t.Any]) -> str:
    return "".join(f"    {name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())


def compare(kind: str, case: str, parsed: Parsed) -> None:
    """Fail unless the case's golden file has exactly this."""
    golden, text = CORPUS / kind / f"{case}.txt", as_text(parsed)
    if os.environ.get("SUPERSERVER_RENEW_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"{golden} was written anew")
    assert text == golden.read_text(encoding="utf-8")
