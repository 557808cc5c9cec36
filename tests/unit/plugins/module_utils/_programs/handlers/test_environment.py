# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that gives a handler variables of files: what it takes, what it refuses, and what the handler gets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.delivery import escaped
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import PATH
from ansible_collections.ondemand.superserver.plugins.module_utils._model.schema.values import RESERVED_VARIABLES
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import environment as helper
from ansible_collections.ondemand.superserver.tests.unit.drawn import VALUES
from ansible_collections.ondemand.superserver.tests.unit.programs import installed

PROGRAM = [sys.executable, "-IS", installed(helper)]
NULL = ["/usr/bin/env", "-0"]


@pytest.fixture(scope="module")
def folder() -> t.Iterator[Path]:
    """A directory that nobody else can write, up to the root; those for temporary files are for everybody."""
    home = Path(os.path.realpath(os.path.expanduser("~")))
    with tempfile.TemporaryDirectory(prefix=".superserver-", dir=home) as path:
        yield Path(path)


def written(folder: Path, text: bytes | str, name: str = "variables") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return str(path)


def lines(output: bytes) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in output.decode().split("\0") if entry)


def delivered(opening: list[str], entering: list[str], **process: t.Any) -> dict[str, str]:
    """The environment of a handler."""
    words = [*PROGRAM, "open", *opening, "--", *PROGRAM, "enter", *entering, "--", *NULL]
    return lines(subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=30, **process).stdout)


# Lines, and what comes of them.
TAKEN: tuple[tuple[str, dict[str, str]], ...] = (
    ("", {}),
    ("A=b", {"A": "b"}),
    ("# A=b\n\nB=c\n", {"B": "c"}),
    ("A=\n_b1=x=y\n", {"A": "", "_b1": "x=y"}),
    ("A=a \"b\" 'c' $HOME %n #d ;e\tf\n", {"A": "a \"b\" 'c' $HOME %n #d ;e\tf"}),
    ("A=grüße 日本\nPATH=/bin", {"A": "grüße 日本", "PATH": "/bin"}),
)


@pytest.mark.parametrize(("text", "found"), TAKEN)
def test_lines_that_are_taken(text: str, found: dict[str, str]) -> None:
    assert helper.parse(text.encode(), "x") == {name.encode(): value.encode() for name, value in found.items()}


REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"A", "line 1: is neither NAME=value"),
    (b"A=1\nexport B=c", "line 2: is neither NAME=value"),
    (b" A=b", "is neither NAME=value"),
    (b"A =b", "is neither NAME=value"),
    (b" # A", "is neither NAME=value"),
    (b"; A", "is neither NAME=value"),
    (b"1A=b", "is neither NAME=value"),
    (b"\xef\xbb\xbfA=b", "is neither NAME=value"),
    (b"A=1\nB=2\nA=3", "line 3: sets a variable a second time"),
    (b"REMOTE_ADDR=::1", "super-server itself"),
    (b"SUPERSERVER_ENVIRONMENT=3", "super-server itself"),
    (b"A=b\r\n", "control character"),
    (b"A=b\0c", "control character"),
    (b"A=\x1b[1m", "control character"),
    (b"A=\xff", "UTF-8"),
    (b"A=b\\\nc", "backslash"),
    (b"A=b\\c", "backslash"),
    (b'A="b"', "in quotes"),
    (b"A='b'", "in quotes"),
    (b"A= b", "blanks"),
    (b"A=b ", "blanks"),
    (b"A=b\t", "blanks"),
    (b"A=" + b"x" * helper.LONGEST, "longer than"),
)


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_lines_that_are_refused(text: bytes, reason: str) -> None:
    with pytest.raises(helper.Refused, match=reason) as refused:
        helper.parse(text, "/a/b")
    assert str(refused.value).startswith("/a/b, line ")


def test_what_is_refused_is_not_told(folder: Path) -> None:
    path = written(folder, "A=b\nB= geheim\n")
    words = [*PROGRAM, "open", "-f", path, "--", *NULL]
    done = subprocess.run(words, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (helper.WRONG, b"")
    assert done.stderr.startswith(f"superserver: {path}, line 2: has blanks".encode())
    assert b"geheim" not in done.stderr


def test_nothing_is_sent_to_the_client_either(folder: Path) -> None:
    words = [*PROGRAM, "open", "-f", str(folder / "missing"), "-q", "--", *NULL]
    done = subprocess.run(words, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (helper.WRONG, b"", b"")


def made_link(path: Path) -> None:
    path.symlink_to(written(path.parent, "A=b", "target"))


def made_below_a_link(path: Path) -> None:
    path.parent.rmdir()
    path.parent.symlink_to(path.parent.parent)
    os.lchown(path.parent, 65534, 0)


def made_open(path: Path) -> None:
    path.write_text("A=b")
    path.chmod(0o602)


def made_in_an_open_directory(path: Path) -> None:
    path.write_text("A=b")
    path.chmod(0o600)
    path.parent.chmod(0o777)


def made_in_a_sticky_directory(path: Path) -> None:
    made_in_an_open_directory(path)
    path.parent.chmod(0o1777)


def made_somebodys(path: Path) -> None:
    path.write_text("A=b")
    os.chown(path, 65534, 0)


def made_somebodys_directory(path: Path) -> None:
    path.write_text("A=b")
    os.chown(path.parent, 65534, 0)


def made_a_groups(path: Path) -> None:
    path.write_text("A=b")
    os.chown(path, 0, 65534)
    path.chmod(0o660)


def made_big(path: Path) -> None:
    path.write_text("#" * (helper.MOST + 1))
    path.chmod(0o600)


PLACES: tuple[tuple[t.Callable[[Path], object], str], ...] = (
    (lambda path: None, "No such file"),
    (Path.mkdir, "is not a file"),
    (lambda path: os.mkfifo(path, 0o600), "is not a file"),
    (lambda path: socket.socket(socket.AF_UNIX).bind(str(path)), "cannot be read"),
    (made_link, "is a symbolic link"),
    (made_below_a_link, "is a symbolic link that belongs to"),
    (made_open, "can be written by accounts other than root"),
    (made_in_an_open_directory, "everybody can write to it"),
    (made_in_a_sticky_directory, "can be written by accounts other than root"),
    (made_somebodys, "does not belong to root"),
    (made_somebodys_directory, "belongs to .*, who can replace it"),
    (made_a_groups, "can be written by accounts other than root"),
    (made_big, "has more than"),
)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away, which takes root")
@pytest.mark.parametrize(("make", "reason"), PLACES)
def test_files_that_are_refused(make: t.Callable[[Path], object], reason: str, folder: Path) -> None:
    inner = Path(tempfile.mkdtemp(dir=folder))
    make(inner / "variables")
    with pytest.raises(helper.Refused, match=reason):
        helper.read_variables(str(inner / "variables"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only links of root are followed")
def test_a_file_below_a_link_of_roots(folder: Path) -> None:
    inner = Path(tempfile.mkdtemp(dir=folder))
    (folder / "link").symlink_to(inner)
    written(inner, "A=b")
    assert helper.read_variables(str(folder / "link/variables")) == {b"A": b"b"}


def test_what_is_left_alone_is_what_the_model_reserves() -> None:
    assert {name.decode() for name in helper.RESERVED} == {*RESERVED_VARIABLES, helper.MARK.decode()}
    assert helper.PATH.decode() == PATH


@given(VALUES)
def test_a_secret_is_read_as_it_was_written(value: str) -> None:
    line = escaped(value)
    assert "\n" not in line
    assert helper.unescape(line.encode()) == value.encode()


NAMES = st.sampled_from(["A", "HOME", "IFS", "LD_PRELOADED", "_", "PYTHONPATH", "LC_ALL"])


@given(secrets=st.dictionaries(NAMES, VALUES), declared=st.dictionaries(st.sampled_from(["B", "TZ", "LANG"]), VALUES))
@settings(max_examples=15, deadline=None)
def test_secrets_arrive_byte_for_byte(secrets: dict[str, str], declared: dict[str, str], folder: Path) -> None:
    text = "".join(f"{name}={escaped(value)}\n" for name, value in secrets.items())
    found = delivered(["-s", written(folder, f"# x\n{text}")], [f"{name}={value}" for name, value in declared.items()])
    assert found == {"PATH": PATH, **secrets, **declared}


def test_which_of_several_goes_first(folder: Path) -> None:
    file = written(folder, "FILE=1\nDECLARED=file\nSECRET=file\nPATH=/file\nKEPT=file\n")
    secrets = written(folder, "SECRET=2\n", "secrets")
    given_before = {"KEPT": "k", "SURPLUS": "s", "ALSO": "a"}
    found = delivered(
        ["-f", file, "-s", secrets], ["-k", "KEPT", "-k", "ABSENT", "DECLARED=3", "SIGN=-k"], env=given_before
    )
    assert found == {"FILE": "1", "DECLARED": "3", "SECRET": "2", "PATH": "/file", "KEPT": "k", "SIGN": "-k"}


def test_nothing_on_the_way_has_the_values(folder: Path) -> None:
    """Neither in its arguments nor in its environment, and the handler has no descriptor of it."""
    file, secrets = written(folder, "A=geheim-a\n"), written(folder, "B=geheim-b\n", "secrets")
    look = "tr '\\0' '\\n' </proc/$$/environ; tr '\\0' '\\n' </proc/$$/cmdline; exec \"$@\""
    between = ["/bin/sh", "-c", look, "sh"]
    handler = ["/bin/sh", "-c", "ls -l /proc/$$/fd; echo $A $B"]
    words = [*PROGRAM, "open", "-f", file, "-s", secrets, "--", *between, *PROGRAM, "enter", "--", *handler]
    output = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=30).stdout.decode()
    before, _sign, after = output.rpartition("\ngeheim-a geheim-b\n")
    assert (after, "geheim" in before, "memfd" in before) == ("", False, False)
    assert "SUPERSERVER_ENVIRONMENT=" in before


def test_the_handler_is_the_process_that_was_started(folder: Path) -> None:
    handler = ["/bin/sh", "-c", "echo $$; grep SigIgn /proc/$$/status; ulimit -n"]
    secrets = written(folder, "B=x\n")
    words = [*PROGRAM, "open", "-s", secrets, "--", *PROGRAM, "enter", "--", *handler]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.read().splitlines()
    assert told[0] == str(process.pid)
    # Whoever runs the tests may have left something ignored that Python cannot change.
    by_itself = subprocess.run(handler, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert told[1:] == by_itself[1:]


def test_a_handler_that_is_not_there(folder: Path) -> None:
    words = [*PROGRAM, "open", "-s", written(folder, "B=x\n"), "--", *PROGRAM, "enter", "--", "/missing"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (helper.ABSENT, b"superserver: /missing: No such file or directory\n")
