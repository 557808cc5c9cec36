# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way to paths that root writes to: those that a declaration names, and the collection's own.

A path is followed one directory at a time, each opened from the one before it. Where nobody but root can write, nobody
else can put something in the place of what was looked at; so a directory that others can write is refused. One like
/tmp (sticky) is not: others make new entries there, but cannot touch those of root, and entries of others are refused.
Links are followed where they are root's own, like /var/run, and lie in such a directory; the last name never is.

This file and ``trust`` become parts of programs that are installed on hosts, so they import nothing but the standard
library, and little of that: some of them start once for each connection.
"""

from __future__ import annotations

import errno
import os
import stat

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.trust import (
    Unsafe,
    account,
    group,
    no_file_of_root,
    trusted,
)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO does not keep anybody waiting.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# Writing for a group is told by the mode of an access list, too.
_ACCESS_LIST = "system.posix_acl_access"
# As many as the kernel follows (path_resolution(7)).
_MOST_LINKS = 40
# Some distributions let a group have directories in the one above.
_LOGS = "/var/log/superserver/"


class Folder:
    """An open directory. Everything is done by its descriptor, to names in it that are never followed.

    ``make``: the mode of directories that are not there yet; None: they must be there. ``groups``: whether those that
    a group can write are taken, as for files of the system, which the host's own rules are for.
    """

    def __init__(self, path: str, make: int | None = None, groups: bool = False) -> None:
        self._make = make
        self._groups = groups
        self._links = 0
        # Whether others have entries there, too.
        self.shared = False
        self.path = "/"
        self.number = os.open("/", _DIRECTORY)
        try:
            self._check()
            self._go(path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_details: object) -> None:
        self.close()

    def close(self) -> None:
        if self.number >= 0:
            os.close(self.number)
            self.number = -1

    def _go(self, path: str) -> None:
        names = path.split("/")[::-1]
        while names:
            name = names.pop()
            if name in ("", "."):
                continue
            target = self._own_link(name)
            if target is None:
                self._enter(name)
            else:
                names += target.split("/")[::-1]
                if target.startswith("/"):
                    self._move(os.open("/", _DIRECTORY), "/")

    def _own_link(self, name: str) -> str | None:
        """The target of a link; None where there is none. Raises Unsafe for one that is not root's."""
        status = self.look(name)
        if status is None or not stat.S_ISLNK(status.st_mode):
            return None
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self.at(name))
        if not trusted(status.st_uid):
            raise Unsafe(self.at(name), f"is a symbolic link that belongs to {account(status.st_uid)}")
        return os.readlink(name, dir_fd=self.number)

    def _enter(self, name: str) -> None:
        try:
            beneath = self.open(name, _DIRECTORY)
        except FileNotFoundError:
            if self._make is None:
                raise
            beneath = self._made(name, self._make)
        self._move(beneath, os.path.normpath(self.at(name)))
        self._check()

    def _made(self, name: str, mode: int) -> int:
        made = self.make(name)
        beneath = self.open(name, _DIRECTORY)
        if made:
            # mkdir(2) goes by the mask and by the directory's own flags.
            os.fchmod(beneath, mode)
        return beneath

    def make(self, name: str) -> bool:
        """Make a directory that only root can enter; False where somebody else has made one. It is on the disk when
        this returns."""
        try:
            os.mkdir(name, 0o700, dir_fd=self.number)
        except FileExistsError:
            return False
        self.sync()
        return True

    def directory(self, name: str, user: int, group: int, mode: int) -> None:
        """Have a directory there, whether or not there was one, with this owner and mode."""
        self.make(name)
        number = self.open(name, _DIRECTORY)
        try:
            os.fchown(number, user, group)
            os.fchmod(number, mode)
        finally:
            os.close(number)

    def _move(self, number: int, path: str) -> None:
        os.close(self.number)
        self.number, self.path = number, path

    def _check(self) -> None:
        status = os.fstat(self.number)
        if not trusted(status.st_uid):
            raise Unsafe(self.path, f"belongs to {account(status.st_uid)}, who can replace it")
        mode = stat.S_IMODE(status.st_mode)
        writers = mode & (stat.S_IWGRP | stat.S_IWOTH)
        if self._groups or (status.st_gid == 0 and not self._has_access_list()):
            writers &= ~stat.S_IWGRP
        self.shared = bool(writers)
        if writers and not mode & stat.S_ISVTX:
            whose = "everybody" if writers & stat.S_IWOTH else f"its group, {group(status.st_gid)}"
            raise Unsafe(
                self.path,
                f"belongs to {account(status.st_uid)}, but has mode {mode:04o}, so that {whose} can write to it "
                "and replace files",
            )

    def _has_access_list(self) -> bool:
        try:
            return bool(os.getxattr(self.number, _ACCESS_LIST))
        except OSError:
            return False

    def at(self, name: str) -> str:
        """Where an entry is, in words."""
        return os.path.join(self.path, name)

    def look(self, name: str) -> os.stat_result | None:
        """What an entry is, None where there is none."""
        try:
            return os.stat(name, dir_fd=self.number, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open an entry; a new one has exactly this mode."""
        try:
            number = os.open(name, flags | _FILE, 0o600, dir_fd=self.number)
        except OSError as problem:
            problem.filename = self.at(name)
            raise
        if flags & os.O_EXCL:
            os.fchmod(number, mode)
        return number

    def file(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a file of root's that is no other file's second name, or make it. Raises Unsafe for anything else."""
        while True:
            try:
                number = self.open(name, flags)
            except FileNotFoundError:
                try:
                    return self.open(name, flags | os.O_CREAT | os.O_EXCL, mode)
                except FileExistsError:
                    # Another process changes it at the same time.
                    continue
            except OSError as problem:
                if problem.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                    raise
                raise Unsafe(self.at(name), "is not a file") from problem
            reason = no_file_of_root(os.fstat(number))
            if reason:
                os.close(number)
                raise Unsafe(self.at(name), reason)
            return number

    def objection(self, name: str) -> str:
        """Why an entry cannot be written as a file of root's, in words; empty where it can, or is not there."""
        status = self.look(name)
        return f'"{self.at(name)}" {no_file_of_root(status)}' if status and no_file_of_root(status) else ""

    def grant(self, name: str, user: int, group: int, mode: int) -> None:
        """Give away an entry, which is no link. Its mode first keeps out whoever is not to be let in."""
        number = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.number)
        try:
            if stat.S_ISLNK(os.fstat(number).st_mode):
                raise Unsafe(self.at(name), "is a link")
            # The entry itself, whatever its name leads to by now.
            entry = f"/proc/self/fd/{number}"
            os.chown(entry, user, group)
            os.chmod(entry, mode)
        finally:
            os.close(number)

    def rename(self, old: str, new: str) -> None:
        """Have an entry take another one's place."""
        try:
            os.replace(old, new, src_dir_fd=self.number, dst_dir_fd=self.number)
        except OSError as problem:
            problem.filename, problem.filename2 = self.at(old), self.at(new)
            raise

    def remove(self, name: str) -> None:
        """Remove an entry that is no directory; nothing there is no error."""
        # On a read-only file system even a file that is not there cannot be removed.
        if self.look(name) is not None:
            os.unlink(name, dir_fd=self.number)

    def sync(self) -> None:
        """Have what was done here on the disk."""
        os.fsync(self.number)


def private(path: str) -> Folder:
    """A directory that only root can enter, so that nobody else can lock or open what is there. It is made where it is
    not there, and what others have put there while they could goes."""
    above, name = os.path.split(path)
    with Folder(above, 0o755, groups=True) as parent:
        parent.make(name)
        number = parent.open(name, _DIRECTORY)
        try:
            status = os.fstat(number)
            if not trusted(status.st_uid):
                raise Unsafe(path, f"belongs to {account(status.st_uid)}")
            os.fchmod(number, 0o700)
        finally:
            os.close(number)
    found = Folder(path, groups=True)
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        _clear_of_others(found)
    return found


def _clear_of_others(folder: Folder) -> None:
    for name in os.listdir(folder.number):
        status = folder.look(name)
        if status is None or (trusted(status.st_uid) and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1)):
            continue
        if stat.S_ISDIR(status.st_mode):
            folder.rename(name, f".{name}.{os.getpid()}")
        else:
            folder.remove(name)


def declared(folder: str, make: int | None = None) -> Folder:
    """The directory of a path that a declaration names. On the way to the collection's own logs the host's rules are
    for a group."""
    return Folder(folder, make, groups=os.path.join(folder, "").startswith(_LOGS))


def append(path: str, data: bytes, mode: int) -> int:
    """Add to a file, which is made where there is none; its size then. Raises OSError."""
    folder, name = os.path.split(path)
    with declared(folder) as here:
        number = here.file(name, os.O_WRONLY | os.O_APPEND, mode)
        try:
            os.write(number, data)
            return os.fstat(number).st_size
        finally:
            os.close(number)


def put_aside(path: str, keep: int) -> None:
    """Have a file's place free for a new one; this many old ones stay, the last one as ``.1``. Raises OSError."""
    folder, name = os.path.split(path)
    with declared(folder) as here:
        for number in range(keep - 1, 0, -1):
            if here.look(f"{name}.{number}") is not None:
                here.rename(f"{name}.{number}", f"{name}.{number + 1}")
        here.rename(name, f"{name}.1")
