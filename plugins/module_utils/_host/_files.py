# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on the host: what is there, and replacing it so that a reader sees the old or the new file, never half of
one."""

from __future__ import annotations

import glob
import grp
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._backends._base import (
    CONFIG,
    LIBRARY,
    LOGS,
    File,
    is_secret,
)

# Directories that hold nothing but the collection's files, so that an empty one is removed with its last file.
OWN_DIRECTORIES = (CONFIG, LIBRARY, "/etc/systemd/system/xinetd.service.d")

# Readers of directories of configuration files skip names with a dot in front, or with a dot at all.
TEMPORARY = ".superserver."


@dataclass(frozen=True)
class Seen:
    """What is at a path: its kind (``file``, ``link``, ``directory``, ``other``), content (of a link: its target), and
    who may do what with it."""

    kind: str
    content: bytes
    mode: int
    owner: str
    group: str

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def text(self) -> str:
        """The content as text, for people to read."""
        return self.content.decode("utf-8", "replace")


def look(path: str) -> Seen | None:
    """What is at ``path``; None when nothing is. A file's content is read, a link is not followed."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    mode = stat.S_IMODE(status.st_mode)
    owner, group = _name(pwd.getpwuid, status.st_uid), _name(grp.getgrgid, status.st_gid)
    if stat.S_ISLNK(status.st_mode):
        return Seen("link", os.fsencode(os.readlink(path)), mode, owner, group)
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            return Seen("file", file.read(), mode, owner, group)
    return Seen("directory" if stat.S_ISDIR(status.st_mode) else "other", b"", mode, owner, group)


def _name(lookup: object, number: int) -> str:
    try:
        return str(lookup(number)[0])  # type: ignore[operator]
    except KeyError:
        return str(number)


def matches(file: File, seen: Seen | None) -> bool:
    """Whether what is there is what is wanted. Directories and seeds only have to exist: what is in them, and who has
    been given access since, is somebody else's."""
    if seen is None:
        return False
    if file.kind in ("directory", "seed"):
        return seen.kind == ("file" if file.kind == "seed" else "directory")
    if seen.kind != file.kind or seen.content != os.fsencode(file.content):
        return False
    return file.kind == "link" or (seen.mode, seen.owner, seen.group) == (file.mode, file.owner, file.group)


def install(file: File) -> None:
    """Put a file into place, atomically. Raises OSError."""
    if file.kind == "directory":
        make_folder(file.path)
        _grant(file.path, file)
        return
    restore(
        file.path,
        Seen("link" if file.kind == "link" else "file", os.fsencode(file.content), file.mode, file.owner, file.group),
    )


def restore(path: str, seen: Seen) -> None:
    """Make ``path`` be again what was seen there, atomically. Raises OSError."""
    folder = os.path.dirname(path)
    make_folder(folder, 0o700 if is_secret(path) else 0o777)
    temporary = _temporary(path)
    discard_half(path)
    if seen.kind == "link":
        os.symlink(os.fsdecode(seen.content), temporary)
    else:
        _write(temporary, seen)
    os.replace(temporary, path)
    sync_folder(folder)


def make_folder(path: str, mode: int = 0o777) -> None:
    """Make a directory and those above it, where they are not there yet; they are on the disk when this returns.
    ``mode``: of the last one."""
    if not path or os.path.isdir(path):
        return
    above = os.path.dirname(path)
    make_folder(above)
    os.makedirs(path, mode, exist_ok=True)
    sync_folder(above)


def discard_half(path: str) -> None:
    """Remove what a run that was killed has left of a file that it was writing."""
    _unlink(_temporary(path))


def discard_halves(folder: str) -> None:
    """The same for every file in a directory of the collection's own."""
    for path in glob.glob(f"{glob.escape(folder)}/{TEMPORARY}*"):
        _unlink(path)


def _temporary(path: str) -> str:
    return os.path.join(os.path.dirname(path), TEMPORARY + os.path.basename(path))


def _write(path: str, seen: Seen) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(seen.content)
        file.flush()
        os.fchown(file.fileno(), _number(pwd.getpwnam, seen.owner), _number(grp.getgrnam, seen.group))
        os.fchmod(file.fileno(), seen.mode)
        os.fsync(file.fileno())


def _grant(path: str, file: File) -> None:
    os.chown(path, _number(pwd.getpwnam, file.owner), _number(grp.getgrnam, file.group))
    os.chmod(path, file.mode)


def _number(lookup: object, name: str) -> int:
    return int(name) if name.isdigit() else int(lookup(name)[2])  # type: ignore[operator]


def sync_folder(folder: str) -> None:
    """Have the disk know what a directory holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders_of(paths: Iterable[str]) -> None:
    """Have the disk know what is at each path, and what is not there any more."""
    for folder in sorted({_existing(os.path.dirname(path)) for path in paths}):
        sync_folder(folder)


def _existing(folder: str) -> str:
    """A directory, or the one that is left of those above it."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def remove(path: str, own: tuple[str, ...] = OWN_DIRECTORIES) -> None:
    """Remove a file or link, and directories below ``own`` that it leaves empty.

    A directory goes only when it is empty, and a log only when nothing was logged.
    """
    discard_half(path)
    seen = look(path)
    if seen is not None and seen.kind == "directory":
        prune(path, (path,))
    elif seen is not None and not (path.startswith(f"{LOGS}/") and seen.content):
        os.unlink(path)
    prune(os.path.dirname(path), own)


def prune(folder: str, own: tuple[str, ...] = OWN_DIRECTORIES) -> None:
    """Remove empty directories from ``folder`` upwards, as far as they are below or among ``own``."""
    while any(folder == top or folder.startswith(f"{top}/") for top in own):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


def remove_tree(path: str) -> None:
    """Remove a directory with all that is in it; nothing there is no error."""
    shutil.rmtree(path, ignore_errors=True)


def stage(files: list[File], parent: str) -> str:
    """Write files below a new directory, each at its own path, for checkers to look at. Returns the directory."""
    os.makedirs(parent, mode=0o700, exist_ok=True)
    root = tempfile.mkdtemp(prefix="stage-", dir=parent)
    try:
        for file in files:
            if file.kind == "file":
                _stage(root, file)
    except OSError:
        remove_tree(root)
        raise
    return root


def _stage(root: str, file: File) -> None:
    path = root + file.path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as staged:
        staged.write(file.content)
    os.chmod(path, file.mode)


def _unlink(path: str) -> None:
    # On a read-only file system even a file that is not there cannot be removed.
    if os.path.lexists(path):
        os.unlink(path)
