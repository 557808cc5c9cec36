# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a program under a name of its own.

``named PROGRAM NAME [ARGUMENT...]`` becomes the program, which finds NAME where others find the path that they were
started by (argv[0]).

This file is installed on hosts as a program of its own, so it imports nothing but the standard library. It is started
once for each connection.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import sys


def given() -> dict[bytes, bytes]:
    """The environment as it was handed over: Python adds a variable where none says what the locale is."""
    with open("/proc/self/environ", "rb") as file:
        entries = file.read().split(b"\0")
    return dict(entry.partition(b"=")[::2] for entry in entries if entry)


def main() -> None:
    """Become the program."""
    program, *words = map(os.fsencode, sys.argv[1:])
    environment = given()
    # Python ignores these, and an ignored signal stays ignored.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    try:
        os.execve(program, words, environment)
    except OSError as problem:
        sys.stderr.write(f"superserver: {os.fsdecode(program)}: {problem.strerror}\n")
        # As env(1) says it.
        raise SystemExit(127) from problem


if __name__ == "__main__":
    main()
