# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes variables from files to a handler without an argument list.

``environment open [-f FILE] [-s FILE] [-q] -- COMMAND...`` reads a file of variables and a file of secrets, as root.
``environment enter [-k NAME]... [NAME=VALUE]... -- COMMAND...`` is what the command ends in, as the handler's account.

What was read passes from the one to the other in an unnamed file in memory, so that nothing that runs as root on the
way, such as setpriv, has the variables in its own environment. The handler's environment is made of nothing but PATH,
what was read, what is given here, and the variables that are kept, where there are such. A secret goes before
everything else, and what is given here before the file.

``-q``: standard error is the client's, so that errors go to syslog.

This file is installed on hosts as a program of its own, with what it imports of the collection in its place. It is
started twice for each connection: without ``re``, ``signal`` and ``typing`` that takes half the time.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import stat
import sys
import syslog

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import Folder, declared
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.trust import Unsafe, trusted

PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Tells the second call where the first one has put what it read.
MARK = b"SUPERSERVER_ENVIRONMENT"

# Set by the super-server.
RESERVED = (b"REMOTE_ADDR", b"REMOTE_PORT", b"LISTEN_FDS", b"LISTEN_PID", b"LISTEN_FDNAMES", MARK)

# Linux takes no longer variable, and this many bytes of all of them together (execve(2)).
LONGEST = 131071
MOST = 1 << 20

DIGITS = b"0123456789"
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
# All but tabs.
CONTROL = bytes({*range(32), 127} - {9})

# sysexits.h: something is configured wrong. env(1): no such program.
WRONG, ABSENT = 78, 127


class Refused(Exception):
    """A file that cannot be used; the text says why, and nothing of what the file says."""


def read_variables(path: str) -> dict[bytes, bytes]:
    """The variables of a file; see :func:`parse`."""
    return parse(content(path), path)


def read_secrets(path: str) -> dict[bytes, bytes]:
    """The variables of a file that the collection wrote."""
    lines = [line for line in content(path).split(b"\n") if line and not line.startswith(b"#")]
    return {name: unescape(value) for name, _sign, value in (line.partition(b"=") for line in lines)}


def unescape(value: bytes) -> bytes:
    """A value that may have had line breaks."""
    # What is left between two of a pair of backslashes has no other.
    return b"\\".join(part.replace(b"\\n", b"\n") for part in value.split(b"\\\\"))


def parse(text: bytes, path: str) -> dict[bytes, bytes]:
    """Lines of the form NAME=value, empty ones, and such that begin with "#".

    A value reaches to the end of its line and means itself. What systemd and others would read as something else is
    refused.
    """
    found: dict[bytes, bytes] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line or line.startswith(b"#"):
            continue
        name, sign, value = line.partition(b"=")
        problem = line_problem(name, sign, value, found)
        if problem:
            raise Refused(f"{path}, line {number}: {problem}")
        found[name] = value
    return found


def line_problem(name: bytes, sign: bytes, value: bytes, before: dict[bytes, bytes]) -> str:
    """What is wrong with a line; empty when it can be used."""
    problems = (
        (not sign or not is_name(name), "is neither NAME=value, nor a comment that begins with #, nor empty"),
        (name in RESERVED, "sets a variable that the super-server itself sets"),
        (name in before, "sets a variable a second time"),
        (len(name) + 1 + len(value) > LONGEST, "is longer than Linux allows for a variable"),
        (value != value.translate(None, CONTROL), "has a control character"),
        (not is_text(value), "is not UTF-8"),
        (b"\\" in value, "has a backslash, which programs read in different ways"),
        (value[:1] in (b'"', b"'"), "has a value in quotes, which programs read in different ways"),
        (value != value.strip(b" \t"), "has blanks around its value, which programs read in different ways"),
    )
    return next((problem for holds, problem in problems if holds), "")


def is_name(text: bytes) -> bool:
    return bool(text) and text[:1] not in DIGITS and not text.translate(None, LETTERS + DIGITS)


def is_text(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def content(path: str) -> bytes:
    """What stands in a file that nobody but root can have written or put there. Raises Refused."""
    folder, name = os.path.split(path)
    try:
        with declared(folder) as here:
            check_entry(here, name)
            descriptor = here.open(name, os.O_RDONLY)
    except Unsafe as unsafe:
        raise Refused(str(unsafe)) from None
    except OSError as exc:
        raise Refused(f"{exc.filename or path} cannot be read: {exc.strerror}") from None
    try:
        check_file(os.fstat(descriptor), path)
        return read_all(descriptor)
    finally:
        os.close(descriptor)


def check_entry(folder: Folder, name: str) -> None:
    """What everybody can write, such as /tmp, would not do harm, but whoever comes first would have the name."""
    if folder.shared:
        raise Refused(f"{folder.path} can be written by accounts other than root, which could replace the file")
    status = folder.look(name)
    if status is not None and stat.S_ISLNK(status.st_mode):
        raise Refused(f"{folder.at(name)} is a symbolic link, which is not followed")


def check_file(status: os.stat_result, path: str) -> None:
    """Whoever can write the file, also by another name, says what the handler gets."""
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{path} is not a file")
    if not trusted(status.st_uid):
        raise Refused(f"{path} does not belong to root")
    if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid not in (0, os.getegid())):
        raise Refused(f"{path} can be written by accounts other than root")
    if status.st_size > MOST:
        raise Refused(f"{path} has more than {MOST} bytes")


def read_all(descriptor: int) -> bytes:
    parts: list[bytes] = []
    while True:
        part = os.read(descriptor, 65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def open_files(words: list[str]) -> None:
    """``environment open``."""
    given, command = divided(words)
    quiet = "-q" in given
    pairs = dict(zip(given, given[1:]))
    try:
        found = read_variables(pairs["-f"]) if "-f" in given else {}
        secrets = read_secrets(pairs["-s"]) if "-s" in given else {}
    except Refused as refused:
        say(str(refused), quiet)
        raise SystemExit(WRONG) from refused
    descriptor = os.memfd_create("environment", 0)
    os.set_inheritable(descriptor, True)
    data = b"\0\0".join(b"\0".join(b"%b=%b" % pair for pair in each.items()) for each in (found, secrets))
    while data:
        data = data[os.write(descriptor, data) :]
    become(command, {**os.environb, MARK: b"%d" % descriptor}, quiet)


def enter(words: list[str]) -> None:
    """``environment enter``."""
    given, command = divided(words)
    kept = [os.fsencode(name) for sign, name in zip(given, given[1:]) if sign == "-k"]
    declared = dict(os.fsencode(word).partition(b"=")[::2] for word in given if "=" in word)
    descriptor = int(os.environb[MARK])
    os.lseek(descriptor, 0, os.SEEK_SET)
    found, secrets = (variables(part) for part in read_all(descriptor).split(b"\0\0"))
    os.close(descriptor)
    passed = {name: os.environb[name] for name in kept if name in os.environb}
    become(command, {b"PATH": PATH, **found, **declared, **passed, **secrets}, False)


def variables(part: bytes) -> dict[bytes, bytes]:
    return dict(entry.partition(b"=")[::2] for entry in part.split(b"\0") if entry)


def divided(words: list[str]) -> tuple[list[str], list[str]]:
    """What is meant for this program, and the command."""
    end = words.index("--")
    return words[:end], words[end + 1 :]


def become(command: list[str], environment: dict[bytes, bytes], quiet: bool) -> None:
    # Python ignores these, and an ignored signal stays ignored.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    try:
        os.execve(command[0], command, environment)
    except OSError as exc:
        say(f"{command[0]}: {exc.strerror}", quiet)
        raise SystemExit(ABSENT) from exc


def say(text: str, quiet: bool) -> None:
    if quiet:
        syslog.openlog("superserver")
        syslog.syslog(syslog.LOG_DAEMON | syslog.LOG_ERR, text)
    else:
        sys.stderr.write(f"superserver: {text}\n")


def main() -> None:
    """``environment open`` or ``environment enter``."""
    {"open": open_files, "enter": enter}[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    main()
