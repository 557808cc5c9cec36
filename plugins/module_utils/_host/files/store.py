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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import paths
from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import (
    CONFIG,
    LIBRARY,
    LOGS,
    RUNTIME,
    SECRETS,
    File,
)

# Directories that hold nothing but the collection's files, so that an empty one is removed with its last file.
OWN_DIRECTORIES = (
    *(CONFIG, LIBRARY),
    *(f"/etc/systemd/system/xinetd.service.{kind}" for kind in ("d", "wants")),
)

# Whoever runs a handler finds its programs, and an administrator the logs.
OPEN = 0o755
# Nobody but root can enter some.
CLOSED = 0o700
PRIVATE_DIRECTORIES = (RUNTIME, SECRETS)

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
        if stat.S_ISREG(status.st_mode):
            return _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return _seen("link", os.fsencode(os.readlink(path)), status)
    return _seen("directory" if stat.S_ISDIR(status.st_mode) else "other", b"", status)


def _read(path: str) -> Seen:
    # Something else may have taken its place meanwhile.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return _seen("file", file.read(), os.fstat(file.fileno()))


def _seen(kind: str, content: bytes, status: os.stat_result) -> Seen:
    owner, group = _name(pwd.getpwuid, status.st_uid), _name(grp.getgrgid, status.st_gid)
    return Seen(kind, content, stat.S_IMODE(status.st_mode), owner, group)


def _name(lookup: object, number: int) -> str:
    try:
        return str(lookup(number)[0])  # type: ignore[operator]
    except KeyError:
        return str(number)


def matches(file: File, seen: Seen | None) -> bool:
    """Whether what is there is what is wanted. What is in directories is somebody else's, and seeds only have to
    exist."""
    if seen is None:
        return False
    if file.kind == "seed":
        return seen.kind == "file"
    if seen.kind != file.kind or seen.content != os.fsencode(file.content):
        return False
    return file.kind == "link" or (seen.mode, seen.owner, seen.group) == (file.mode, file.owner, file.group)


def with_folders(files: Iterable[File]) -> list[File]:
    """The same, and the collection's directories that these are in: what makes them may be told by its umask to keep
    everybody out. Directories come first, each before what is in it."""
    wanted = list(files)
    found = {file.path: file for file in wanted if file.kind == "directory"}
    for file in wanted:
        for folder in _own_folders(file.path):
            mode = CLOSED if folder in PRIVATE_DIRECTORIES else OPEN
            found.setdefault(folder, File(folder, mode=mode, kind="directory", backend=file.backend))
    return [*(found[path] for path in sorted(found)), *(file for file in wanted if file.kind != "directory")]


def _own_folders(path: str) -> Iterator[str]:
    folder = os.path.dirname(path)
    while _is_below(folder, OWN_DIRECTORIES):
        yield folder
        folder = os.path.dirname(folder)


def _is_below(path: str, tops: Iterable[str]) -> bool:
    """Whether a path is one of these, or below one."""
    return any(path == top or path.startswith(f"{top}/") for top in tops)


def install(file: File) -> None:
    """Put a file into place, atomically. Raises OSError."""
    if file.kind == "directory":
        _make_directory(file)
        return
    restore(
        file.path,
        Seen("link" if file.kind == "link" else "file", os.fsencode(file.content), file.mode, file.owner, file.group),
    )


def _make_directory(file: File) -> None:
    with _folder(file.path) as above:
        above.directory(os.path.basename(file.path), *_account(file), file.mode)


def restore(path: str, seen: Seen) -> None:
    """Make ``path`` be again what was seen there, atomically. Raises OSError."""
    name = os.path.basename(path)
    temporary = TEMPORARY + name
    with _folder(path) as folder:
        folder.remove(temporary)
        if seen.kind == "link":
            os.symlink(os.fsdecode(seen.content), temporary, dir_fd=folder.number)
        else:
            _write(folder, temporary, seen)
        folder.rename(temporary, name)
        folder.sync()


def _folder(path: str) -> paths.Folder:
    """The directory that an entry is in; it is made where it is not there."""
    for top in PRIVATE_DIRECTORIES:
        if _is_below(path, (top,)):
            paths.private(top).close()
    return paths.Folder(os.path.dirname(path), OPEN, groups=True)


def move(path: str, name: str) -> None:
    """Give a file another name in its directory. That is on the disk when this returns. Raises OSError."""
    with paths.Folder(os.path.dirname(path), groups=True) as folder:
        folder.rename(os.path.basename(path), name)
        folder.sync()


def discard_half(path: str) -> None:
    """Remove what a run that was killed has left of a file that it was writing."""
    unlink(os.path.join(os.path.dirname(path), TEMPORARY + os.path.basename(path)))


def discard_halves(folder: str) -> None:
    """The same for every file in a directory of the collection's own."""
    for path in glob.glob(f"{glob.escape(folder)}/{TEMPORARY}*"):
        unlink(path)


def _write(folder: paths.Folder, name: str, seen: Seen) -> None:
    with os.fdopen(folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(seen.content)
        file.flush()
        os.fchown(file.fileno(), *_account(seen))
        os.fchmod(file.fileno(), seen.mode)
        os.fsync(file.fileno())


def _account(of: File | Seen) -> tuple[int, int]:
    return _number(pwd.getpwnam, of.owner), _number(grp.getgrnam, of.group)


def _number(lookup: object, name: str) -> int:
    return int(name) if name.isdigit() else int(lookup(name)[2])  # type: ignore[operator]


def sync_folder(folder: str) -> None:
    """Have the disk know what a directory holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders_of(entries: Iterable[str]) -> None:
    """Have the disk know what is at each path, and what is not there any more."""
    for folder in sorted({_existing(os.path.dirname(path)) for path in entries}):
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
        unlink(path)
    prune(os.path.dirname(path), own)


def text(path: str) -> str:
    """The text of a file, empty where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def prune(folder: str, own: tuple[str, ...] = OWN_DIRECTORIES) -> None:
    """Remove empty directories from ``folder`` upwards, as far as they are below or among ``own``."""
    while _is_below(folder, own):
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
    paths.Folder(parent, 0o700, groups=True).close()
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


def unlink(path: str) -> None:
    """Remove what is at a path and is no directory; nothing there is no error."""
    try:
        with paths.Folder(os.path.dirname(path), groups=True) as folder:
            folder.remove(os.path.basename(path))
    except (FileNotFoundError, NotADirectoryError):
        return
