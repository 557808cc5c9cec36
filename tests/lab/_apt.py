# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this machine's apt gets Debian from, for the releases that the lab needs."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from _system import LabError, run

# Releases that are updated no more: mirrors drop their suite of updates, and the day until which their index files are
# valid has gone by.
FROZEN = {"bullseye"}

DEBIAN_SUITE = re.compile(
    r"(bookworm|trixie|forky|sid|stable|oldstable|testing|unstable)(-updates|-security)?(/updates)?"
)


@dataclass(frozen=True)
class Source:
    """One suite of one archive, as this machine's apt knows it."""

    uri: str
    suite: str
    keyring: str
    frozen: bool = False

    def line(self) -> str:
        options = [f"signed-by={self.keyring}"] if self.keyring else []
        options += ["check-valid-until=no"] if self.frozen else []
        words = ["deb", *([f"[{' '.join(options)}]"] if options else []), self.uri, self.suite, "main"]
        return " ".join(words)

    @property
    def index(self) -> str:
        return f"{self.uri}/dists/{self.suite}/InRelease"


def deb822_sources(text: str) -> Iterator[Source]:
    text = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            key.lower(): value.split()
            for key, value in re.findall(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
            continue
        keyring = next((item for item in fields.get("signed-by", []) if item.startswith("/")), "")
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield Source(uri.rstrip("/"), suite, keyring)


def list_sources(text: str) -> Iterator[Source]:
    for options, uri, suite in re.findall(r"^\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)", text, re.MULTILINE):
        keyring = re.search(r"signed-by=(/[^\s,]+)", options)
        yield Source(uri.rstrip("/"), suite, keyring[1] if keyring else "")


def machine_sources() -> list[Source]:
    etc = Path("/etc/apt")
    found: list[Source] = []
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        reader = {".sources": deb822_sources, ".list": list_sources}.get(path.suffix)
        if reader and path.is_file():
            found.extend(reader(path.read_text(encoding="utf-8")))
    return found


def debian_sources(codename: str) -> list[Source]:
    """This machine's Debian archives, pointed at the given release: main archive, updates, security."""
    frozen = codename in FROZEN
    wanted: dict[str, Source] = {}
    for source in machine_sources():
        match = DEBIAN_SUITE.fullmatch(source.suite)
        if match and not (frozen and match[2] == "-updates"):
            suite = codename + (match[2] or "")
            wanted.setdefault(suite, Source(source.uri, suite, source.keyring, frozen))
    mirror = os.environ.get("SUPERSERVER_LAB_MIRROR", "").rstrip("/")
    if mirror:
        wanted = {codename: Source(mirror, codename, "", frozen)}
    if codename not in wanted:
        raise LabError(
            "apt's sources on this machine name no Debian archive: set SUPERSERVER_LAB_MIRROR to the URL of one"
        )
    return list(wanted.values())


def unreachable(sources: Iterable[Source]) -> list[str]:
    """The index files, of these sources, that their mirror does not give."""
    with tempfile.TemporaryDirectory() as scratch:
        fetch = ("/usr/lib/apt/apt-helper", "download-file")
        return [
            source.index
            for source in sources
            if run(*fetch, source.index, f"{scratch}/{source.suite}", check=False).returncode != 0
        ]


def apt_options() -> list[str]:
    """The machine's settings without which its mirror may not be reachable, or its old index files not acceptable."""
    if not shutil.which("apt-config"):
        return []
    dump = run("apt-config", "dump").stdout.splitlines()
    wanted = re.compile(r'Acquire::((https?|ftp)::\S*Proxy\S*|Check-Valid-Until|Check-Date) "[^"]+";')
    return [line.rstrip(";") for line in dump if wanted.fullmatch(line)]
