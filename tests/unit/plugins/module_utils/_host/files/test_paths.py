# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where root writes, with real files and somebody else who is at them."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files import paths, store
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.objections import objection
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import (
    Folder,
    append,
    private,
    put_aside,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.trust import Unsafe
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons.binder import bind_unix
from ansible_collections.ondemand.superserver.tests.unit.hostile import (
    LINKER,
    STRANGER,
    SWAPPER,
    as_root,
    does,
    place,
    stranger,
)

ROUNDS = 1000
PREY = "root's own\n"


@pytest.fixture
def top() -> Iterator[Path]:
    with place() as folder:
        yield folder


def prey(top: Path) -> Path:
    """What a stranger wants: a file of root's that nobody else can read."""
    file = top / "prey"
    file.write_text(PREY)
    file.chmod(0o600)
    return file


def untouched(file: Path) -> bool:
    status = file.stat()
    return (status.st_uid, stat.S_IMODE(status.st_mode), file.read_text()) == (0, 0o600, PREY)


def directory(path: Path, mode: int, owner: int = 0) -> Path:
    path.mkdir()
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


def bind(path: Path) -> None:
    group = grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name
    bind_unix("stream", str(path), "nobody", group, "0666", "5").close()


def log(path: Path) -> None:
    if append(str(path), b"a line\n", 0o640) >= 14:
        put_aside(str(path), 2)


WRITES = pytest.mark.parametrize("write", [bind, log])


@as_root
@WRITES
@pytest.mark.parametrize(("mode", "owner"), [(0o755, STRANGER), (0o1777, STRANGER), (0o777, 0), (0o775, 0)])
def test_a_directory_that_others_can_write_is_refused(
    top: Path, write: Callable[[Path], None], mode: int, owner: int
) -> None:
    folder = directory(top / "theirs", mode, owner)
    os.chown(folder, owner, STRANGER)
    below = directory(folder / "below", 0o755)
    for path in (folder / "x", below / "x"):
        with pytest.raises(Unsafe, match=f'"{folder}"'):
            write(path)
        assert f'"{folder}"' in objection(str(path))
        assert ("nobody" in objection(str(path))) == (owner == STRANGER)
        assert not os.path.lexists(path)


@as_root
@WRITES
@pytest.mark.parametrize("attack", [LINKER, SWAPPER], ids=["linker", "swapper"])
def test_no_race_is_won_in_a_directory_of_a_strangers(top: Path, write: Callable[[Path], None], attack: str) -> None:
    wanted, folder = prey(top), directory(top / "theirs", 0o755, STRANGER)
    target = folder / "x"
    if attack == SWAPPER:
        target = directory(folder / "inner", 0o755, STRANGER) / "x"
    arguments = (target, wanted) if attack == LINKER else (target.parent, top)
    with stranger(attack, *arguments):
        for _round in range(ROUNDS):
            with contextlib.suppress(OSError):
                write(target)
    assert untouched(wanted)
    assert sorted(path.name for path in top.iterdir()) == ["prey", "theirs"]


@as_root
@WRITES
def test_no_race_is_won_where_everybody_makes_entries(top: Path, write: Callable[[Path], None]) -> None:
    wanted, folder = prey(top), directory(top / "tmp", 0o1777)
    done = 0
    with stranger(LINKER, folder / "x", wanted):
        for _round in range(ROUNDS):
            with contextlib.suppress(OSError):
                write(folder / "x")
                done += 1
                (folder / "x").unlink(missing_ok=True)
    assert untouched(wanted)
    assert sorted(path.name for path in top.iterdir()) == ["prey", "tmp"]


@as_root
def test_what_is_roots_stays_where_everybody_makes_entries(top: Path) -> None:
    folder = directory(top / "tmp", 0o1777)
    log(folder / "x")
    assert not does("os.unlink(sys.argv[1])", folder / "x")
    assert not does("os.rename(sys.argv[1], sys.argv[1] + '.1')", folder / "x")
    log(folder / "x")
    assert (folder / "x.1").read_text() == "a line\na line\n"


@as_root
@pytest.mark.parametrize("what", ["link", "hard link", "theirs", "fifo", "directory", "socket"])
def test_a_log_that_is_something_else_is_refused(top: Path, what: str) -> None:
    wanted, folder = prey(top), directory(top / "tmp", 0o1777)
    path = folder / "x"
    made: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(wanted),
        "hard link": lambda: os.link(wanted, path),
        "theirs": lambda: does("open(sys.argv[1], 'w')", path),
        "fifo": lambda: os.mkfifo(path),
        "directory": path.mkdir,
        "socket": lambda: socket.socket(socket.AF_UNIX).bind(str(path)),
    }
    made[what]()
    with pytest.raises(Unsafe, match=f'"{path}"'):
        log(path)
    with Folder(str(folder)) as here:
        assert here.objection("x").startswith(f'"{path}"')
    assert untouched(wanted)


@as_root
def test_a_rotation_moves_nothing_into_directories(top: Path) -> None:
    folder, target = directory(top / "tmp", 0o1777), directory(top / "target", 0o755)
    assert does("os.symlink(sys.argv[2], sys.argv[1])", folder / "x.2", target)
    assert does("open(sys.argv[1], 'w').write('a program')", folder / "x.1")
    for _line in range(2):
        log(folder / "x")
    assert list(target.iterdir()) == []


def test_a_new_log_has_its_mode_whatever_the_mask_is(tmp_path: Path) -> None:
    for mask in (0o000, 0o077):
        before = os.umask(mask)
        try:
            append(str(tmp_path / f"{mask}"), b"x", 0o640)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{mask}").stat().st_mode) == 0o640


@as_root
def test_links_of_root_are_followed_and_others_are_not(top: Path) -> None:
    real = directory(top / "real", 0o755)
    (top / "absolute").symlink_to(real)
    (top / "relative").symlink_to("./absolute/../real")
    with Folder(str(top / "relative")) as folder:
        assert folder.path == str(real)
    os.lchown(top / "absolute", STRANGER, STRANGER)
    with pytest.raises(Unsafe, match="is a symbolic link that belongs to"):
        Folder(str(top / "relative"))
    (top / "round").symlink_to("round")
    with pytest.raises(OSError, match="symbolic links"):
        Folder(str(top / "round"))


def test_directories_that_are_made_have_their_mode_whatever_the_mask_is(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Folder(str(tmp_path / "a/b"), make=0o755).close()
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")] == [0o755, 0o755]
    with pytest.raises(FileNotFoundError):
        Folder(str(tmp_path / "c"))
    assert objection(str(tmp_path / "c/d")) == ""


@as_root
def test_a_group_of_roots_may_write_unless_an_access_list_says_who_else(top: Path) -> None:
    folder = directory(top / "shared", 0o775)
    assert objection(str(folder / "x")) == ""
    done = subprocess.run(["setfacl", "-m", "u:nobody:rwx", str(folder)], check=False) if has("setfacl") else None
    if done and done.returncode == 0:
        assert "its group" in objection(str(folder / "x"))


def has(program: str) -> bool:
    return any(os.access(f"{folder}/{program}", os.X_OK) for folder in os.environ["PATH"].split(":"))


@as_root
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_private_directory_is_closed_to_others(top: Path, mode: int) -> None:
    folder, wanted = directory(top / "run", mode), prey(top)
    (folder / "lock").touch()
    (folder / "below").mkdir()
    if mode == 0o777:
        assert does("os.symlink(sys.argv[2], sys.argv[1] + '/link'); os.mkdir(sys.argv[1] + '/theirs')", folder, wanted)
        os.link(wanted, folder / "hard")
    with private(str(folder)) as here:
        assert {name for name in os.listdir(here.number) if not name.startswith(".")} == {"lock", "below"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not does("os.listdir(sys.argv[1])", folder)
    assert not does("open(sys.argv[1] + '/lock')", folder)
    assert untouched(wanted)


@as_root
def test_a_private_directory_of_a_strangers_is_refused(top: Path) -> None:
    folder = directory(top / "run", 0o700, STRANGER)
    with pytest.raises(Unsafe, match="belongs to"):
        private(str(folder))


@as_root
def test_a_socket_that_nobody_serves_goes_and_others_stay(top: Path) -> None:
    path = top / "s"
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as dead:
            dead.bind(str(path))
        bind(path)
        assert path.stat().st_uid == STRANGER
        path.unlink()
    with socket.socket(socket.AF_UNIX) as full:
        full.bind(str(path))
        full.listen(0)
        clients = [socket.socket(socket.AF_UNIX) for _number in range(3)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(str(path))
        # Whoever fills its queue keeps nobody waiting.
        with pytest.raises(OSError, match="is in use"):
            bind(path)
        for client in clients:
            client.close()


@as_root
def test_files_of_the_system_may_be_in_a_directory_of_a_group(top: Path) -> None:
    folder = directory(top / "etc", 0o775)
    os.chown(folder, 0, STRANGER)
    seen = store.Seen("file", b"x", 0o644, "root", "root")
    store.restore(str(folder / "a/b"), seen)
    assert store.look(str(folder / "a/b")) == seen
    os.chown(folder, STRANGER, STRANGER)
    with pytest.raises(Unsafe):
        store.restore(str(folder / "a/b"), seen)


@as_root
def test_logs_of_the_collections_own_may_be_below_a_directory_of_a_group(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /var/log of some distributions."""
    folder = directory(top / "log", 0o775)
    os.chown(folder, 0, STRANGER)
    own = directory(folder / "superserver", 0o755)
    monkeypatch.setattr(paths, "_LOGS", f"{own}/")
    log(own / "x")
    assert objection(str(own / "x")) == ""
    for path in (folder / "x", folder / "superserver-other" / "x"):
        path.parent.mkdir(exist_ok=True)
        with pytest.raises(Unsafe, match=f'"{folder}" belongs to "root", but has mode 0775'):
            log(path)
