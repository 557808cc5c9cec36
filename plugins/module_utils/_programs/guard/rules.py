# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the guard: the differences between the kernel's rules and the wanted ones, and the commands that apply them.

Both sides are what ``nft list table`` says, so that they are written alike whatever its version. Rules that are as
wanted stay where they are, with what they have counted. On hosts the program ``guard`` loads this file, which
lies beside it.
"""

from __future__ import annotations

import difflib
import re
import struct
import typing as t

TABLE = "superserver"
# Where rules are laid out for comparison in a table that no packet meets.
DRAFT = f"{TABLE}-draft"
RULES = "/etc/superserver/guard.nft"

# How a listing's lines end, with the option that has it tell the number of each thing.
_HANDLE = re.compile(r"\s+# (?:.* )?handle (\d+).*$")
_COUNTED = re.compile(r"counter packets \d+ bytes \d+")
_HOOK = "type filter hook "
_ELEMENTS = "elements = "
# linux/netfilter/nfnetlink.h: what a message of the kernel about the ruleset begins with, and the subsystem's number.
# Of every message that is about a thing in a table, the first attribute is the table's name.
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NFNL_SUBSYS_NFTABLES = 10
_TABLE, _FAMILY_BYTES, _NFT_MSG_GENERATION = 1, 4, 15
# Chains that packets come to, which a draft has no hooks for.
_HOOKED = ("input", "output")


def hooked(name: str) -> str:
    """How packets come to a chain, as nft prints it."""
    return f"{_HOOK}{name} priority filter - 10; policy accept;"


class Content(t.NamedTuple):
    """A table. ``sets`` and ``chains``: definitions by name; ``elements`` of sets that have fixed ones; ``rules`` by
    chain, as text that is equal for equal rules, and their ``handles``. ``rest``: what else is in the table."""

    sets: dict[str, str]
    elements: dict[str, list[str]]
    chains: dict[str, str]
    rules: dict[str, list[str]]
    handles: dict[str, list[int]]
    rest: list[str]


def content(listing: str) -> Content | None:
    """Read what ``nft -a -s list table`` printed, of a draft as if packets met it; None where that is nothing."""
    if not listing.strip():
        return None
    found = Content({}, {}, {}, {}, {}, [])
    for kind, name, body in _blocks(listing):
        if kind == "set":
            _read_set(name, [line for line, _handle in body], found)
        elif kind == "chain":
            found.chains[name] = " ".join(line for line, handle in body if not handle)
            found.rules[name] = [_COUNTED.sub("counter", line) for line, handle in body if handle]
            found.handles[name] = [int(handle) for _line, handle in body if handle]
        else:
            found.rest.append(f"{kind} {name}".strip())
    if listing.lstrip().startswith(f"table inet {DRAFT} "):
        found.chains.update({name: hooked(name) for name in _HOOKED if name in found.chains})
    return found


def _read_set(name: str, body: list[str], found: Content) -> None:
    found.sets[name] = "; ".join(line for line in body if not line.startswith(_ELEMENTS))
    for line in body:
        if line.startswith(_ELEMENTS):
            found.elements[name] = sorted(line[len(_ELEMENTS) :].strip("{} ").split(", "))


def _blocks(listing: str) -> t.Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """What is in a table: kind and name of each thing, and the lines in it."""
    kind = name = ""
    body: list[tuple[str, str]] = []
    for line, handle in _statements(listing):
        words = line.split()
        if line == "}" and kind:
            yield kind, name, body
            kind = ""
        elif kind:
            body.append((line, handle))
        elif words[-1] == "{" and words[0] != "table":
            kind, name, body = words[0], words[1], []
        elif words[0] not in ("table", "flags", "}"):
            yield line, "", []


def _statements(listing: str) -> t.Iterator[tuple[str, str]]:
    """Lines without white space around them, each with its handle; elements of a set are one line."""
    begun = ""
    for raw in listing.splitlines():
        line = f"{begun} {raw.strip()}".strip()
        begun = ""
        if line.startswith(_ELEMENTS) and not line.endswith("}"):
            begun = line
            continue
        handle = _HANDLE.search(line)
        line = _HANDLE.sub("", line)
        if line:
            yield line, handle.group(1) if handle else ""


def differences(have: Content | None, want: Content | None) -> list[str]:
    """The differences between the kernel's rules and the wanted ones, in words."""
    if want is None:
        return []
    if have is None:
        return ["it is not loaded"]
    found = [f"there is an unexpected {thing}" for thing in have.rest]
    for kind, there, wanted in (("set", have.sets, want.sets), ("chain", have.chains, want.chains)):
        found += [f"the {kind} {name} is missing" for name in wanted if name not in there]
        found += [f"there is an unexpected {kind} {name}" for name in there if name not in wanted]
        found += [
            f"the {kind} {name} has another type" for name in wanted if there.get(name, wanted[name]) != wanted[name]
        ]
    found += [
        f"the set {name} has other elements"
        for name, wanted_elements in want.elements.items()
        if name in have.sets and have.elements.get(name) != wanted_elements
    ]
    for name, rules in want.rules.items():
        there_rules = have.rules.get(name)
        if there_rules is not None and there_rules != rules:
            found.append(f"the chain {name} has other rules")
    return found


def lines(table: Content | None) -> list[str]:
    """A table for people to compare with another one, a line for each thing."""
    if table is None:
        return []
    found = [f"set {name} {text} {table.elements.get(name, '')}".strip() for name, text in sorted(table.sets.items())]
    for name, text in sorted(table.chains.items()):
        found += [f"chain {name} {text}", *(f"chain {name} rule {rule}" for rule in table.rules[name])]
    return found


class Written(t.NamedTuple):
    """The file of rules: bodies of sets, hooks and rules of chains, as nft reads them."""

    sets: dict[str, list[str]]
    hooks: dict[str, str]
    rules: dict[str, list[str]]


def written(text: str) -> Written:
    """Read the file of rules, which has one thing a line."""
    found = Written({}, {}, {})
    kind = name = ""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] in ("set", "chain") and words[2] == "{":
            kind, name = words[0], words[1]
            (found.sets if kind == "set" else found.rules)[name] = []
        elif words == ["}"]:
            kind = ""
        elif kind == "set":
            found.sets[name].append(line.strip())
        elif kind == "chain" and line.strip().startswith(_HOOK):
            found.hooks[name] = line.strip()
        elif kind == "chain":
            found.rules[name].append(line.strip())
    return found


def draft(text: str) -> str:
    """The same rules in a table that no packet meets."""
    named = text.replace(f"table inet {TABLE}", f"table inet {DRAFT}")
    return "\n".join(line for line in named.split("\n") if not line.strip().startswith(_HOOK))


def edits(have: Content, want: Content, text: str) -> list[str]:
    """Commands of one transaction that turn ``have`` into ``want``, which is what ``text`` comes to. Rules and sets
    that are as wanted are not touched, nor what they have counted."""
    new = written(text)
    stale = {name for name in have.sets if want.sets.get(name) != have.sets[name]}
    gone = {name for name in have.chains if want.chains.get(name) != have.chains[name]}
    deletions: list[str] = []
    additions: list[str] = []
    for name, rules in have.rules.items():
        deleted, added = _rule_edits(
            name,
            [None if name in gone or _refers(rule, stale, gone) else rule for rule in rules],
            have.handles[name],
            want.rules.get(name, []),
            new.rules.get(name, []),
        )
        deletions += deleted
        additions += added
    for name, rules_text in new.rules.items():
        if name not in have.chains:
            additions += [f"add rule inet {TABLE} {name} {rule}" for rule in rules_text]
    deletions += [f"delete chain inet {TABLE} {name}" for name in sorted(gone)]
    deletions += [f"delete set inet {TABLE} {name}" for name in sorted(stale)]
    sets = [
        f"add set inet {TABLE} {name} {{ {'; '.join(line.rstrip(';') for line in body)}; }}"
        for name, body in new.sets.items()
        if name not in have.sets or name in stale
    ]
    chains = [
        f"add chain inet {TABLE} {name}" + (f" {{ {new.hooks[name]} }}" if name in new.hooks else "")
        for name in new.rules
        if name not in have.chains or name in gone
    ]
    return [*deletions, *sets, *_element_edits(have, want, new, stale), *chains, *additions]


def _refers(rule: str, sets: set[str], chains: set[str]) -> bool:
    """Whether a rule uses a set that goes, or jumps to a chain that does."""
    return any(f"@{name}" in rule.split() for name in sets) or any(
        rule.endswith((f"jump {name}", f"goto {name}")) for name in chains
    )


def _rule_edits(
    chain: str,
    have: list[str | None],
    handles: list[int],
    want: list[str],
    texts: list[str],
) -> tuple[list[str], list[str]]:
    """Commands for one chain: what is deleted, and what is put between the rules that stay."""
    deleted: list[str] = []
    added: list[str] = []
    matcher = difflib.SequenceMatcher(None, have, want, autojunk=False)
    for _kind, first, last, start, end in matcher.get_opcodes():
        if _kind == "equal":
            continue
        deleted += [f"delete rule inet {TABLE} {chain} handle {handles[index]}" for index in range(first, last)]
        place = f"insert rule inet {TABLE} {chain} handle {handles[last]}" if last < len(handles) else ""
        added += [f"{place or f'add rule inet {TABLE} {chain}'} {texts[index]}" for index in range(start, end)]
    return deleted, added


def _element_edits(have: Content, want: Content, new: Written, stale: set[str]) -> list[str]:
    """Commands that give sets which stay their elements."""
    commands = []
    for name, elements in want.elements.items():
        if name in have.sets and name not in stale and have.elements.get(name) != elements:
            body = next(line[len(_ELEMENTS) :] for line in new.sets[name] if line.startswith(_ELEMENTS))
            commands += [f"flush set inet {TABLE} {name}", f"add element inet {TABLE} {name} {body}"]
    return commands


def concerns(message: bytes) -> bool:
    """Whether any of the kernel's messages in a datagram is about the table."""
    while len(message) >= _HEADER.size:
        length, kind, _flags, _sequence, _port = _HEADER.unpack_from(message)
        if length < _HEADER.size:
            return True
        if kind >> 8 == _NFNL_SUBSYS_NFTABLES and kind & 0xFF != _NFT_MSG_GENERATION:
            place = _HEADER.size + _FAMILY_BYTES
            size, attribute = _ATTRIBUTE.unpack_from(message, place)
            name = message[place + _ATTRIBUTE.size : place + size].rstrip(b"\0")
            if attribute == _TABLE and name == TABLE.encode():
                return True
        message = message[length + 3 & ~3 :]
    return False
