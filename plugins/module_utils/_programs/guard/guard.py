# Managed by ondemand.superserver
# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's keeper: loads the rules and sees to it that they stay.

Where the kernel lets a table belong to a process, the table is this one's for as long as it runs, and nobody else can
change it: ``nft flush ruleset`` passes it over. Elsewhere it waits for messages of the kernel about changes of the
ruleset, and loads again what others have removed. In both cases it sleeps until it gets a request or a message.

``guard keep [DESCRIPTOR]`` runs, and says on the descriptor (or to systemd) that the rules are loaded.
``guard apply SECONDS`` has the one that runs load the rules, and waits so long for it to be there.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import select
import signal
import socket
import subprocess
import sys
import time
import typing as t

from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.paths import private

SOCKET = "/run/superserver/guard.socket"
BESIDE = "guard_rules.py"
# Attempts to repair foreign changes, and the seconds in between.
ATTEMPTS, PAUSE = 50, 0.1
# Exit codes of "apply": nft refuses the rules, or no keeper runs.
REFUSED, NOBODY = 1, 3

LIBRARY = "libnftables.so.1"
# Of what nft prints: not what was counted, but the number of each thing.
STATELESS, HANDLES = 1 << 2, 1 << 3
CLONE_NEWNET = 0x40000000

# What a table may be, best first: this process's own and left behind when it dies; its own; anybody's.
OWNERSHIPS = ("owner, persist", "owner", "")

# linux/netfilter/nfnetlink.h: the protocol, and the group of messages about the ruleset.
NETLINK_NETFILTER, NFNLGRP_NFTABLES = 12, 7


class Failed(Exception):
    """nft refused a command; the text is its message."""


def say(text: str) -> None:
    sys.stderr.write(f"guard: {text}\n")
    sys.stderr.flush()


def rules_module() -> t.Any:
    """The file beside this program that knows rules."""
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), BESIDE)
    spec = importlib.util.spec_from_file_location("guard_rules", path)
    if spec is None or spec.loader is None:
        raise Failed(f"{path} does not exist")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Nft:
    """nftables by its library: a table can belong to this process only if the process makes it itself."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        self._library.nft_ctx_new.restype = ctypes.c_void_p
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(self._library, name).restype = ctypes.c_char_p
        self._context = ctypes.c_void_p(self._library.nft_ctx_new(0))
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, text: str, listing: bool = False) -> str:
        """What nft prints for these commands, which are one transaction. Raises Failed."""
        self._library.nft_ctx_output_set_flags(self._context, STATELESS | HANDLES if listing else 0)
        code = self._library.nft_run_cmd_from_buffer(self._context, ctypes.c_char_p(text.encode()))
        out = self._library.nft_ctx_get_output_buffer(self._context) or b""
        err = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if code:
            raise Failed(err.decode(errors="replace").strip() or "nft failed without a message")
        return str(out.decode())

    def close(self) -> None:
        """Release the table of this process before it becomes another program."""
        self._library.nft_ctx_free(self._context)


class Program:
    """nftables by its program, for hosts whose nft comes without the library. No table belongs to anybody there."""

    def run(self, text: str, listing: bool = False) -> str:
        """As :meth:`Nft.run`."""
        argv = ["nft", *(["-s", "-a"] if listing else []), "-f", "-"]
        done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
        if done.returncode:
            raise Failed(done.stderr.strip() or "nft failed without a message")
        return done.stdout

    def close(self) -> None:
        """As :meth:`Nft.close`; nothing belongs to this process."""


def tool() -> Nft | Program:
    try:
        return Nft()
    except (OSError, AttributeError):
        return Program()


class Keeper:
    """Keeps the table as the file of rules says. ``ownership``: one of :data:`OWNERSHIPS`."""

    def __init__(self) -> None:
        self.rules = rules_module()
        self.nft = tool()
        self.ownership = ""
        # Whether it is known how much the table can be this process's own.
        self._placed = False
        self._text = ""
        self._want: t.Any = None

    @property
    def owns(self) -> bool:
        """Whether nobody else can change the table."""
        return bool(self.ownership)

    @property
    def replaceable(self) -> bool:
        """Whether the table stays when another keeper takes the place of this one."""
        return self.ownership in OWNERSHIPS[::2]

    def apply(self) -> None:
        """Make the kernel's table as the file says. Raises Failed and OSError."""
        with open(self.rules.RULES, encoding="utf-8") as file:
            text = file.read()
        if text != self._text or self._want is None:
            self._want = self._wanted(text)
            self._text = text
        have = self.kernel()
        if not self._placed:
            have = self._place(have, text)
        if have is None:
            self._load(text, False, self.ownership)
        elif self.rules.differences(have, self._want):
            self._edit(have, text)
        left = self.rules.differences(self.kernel(), self._want)
        if left:
            raise Failed("; ".join(left))

    def kernel(self) -> t.Any:
        """What the kernel has now."""
        return self._listed(self.nft, self.rules.TABLE)

    def _listed(self, nft: Nft | Program, table: str) -> t.Any:
        try:
            return self.rules.content(nft.run(f"list table inet {table}\n", listing=True))
        except Failed as exc:
            if "No such file or directory" in str(exc):
                return None
            raise

    def _place(self, have: t.Any, text: str) -> t.Any:
        """Make the table this process's own, as far as this host can do that; what there is then."""
        if have is not None and self._adopt():
            self.ownership = OWNERSHIPS[0]
        else:
            self.ownership = next(
                (kind for kind in OWNERSHIPS if kind and self._load(text, have is not None, kind)), ""
            )
        self._placed = True
        return self.kernel()

    def _adopt(self) -> bool:
        """Own a table that a keeper left behind when it died; with it all that it has counted stays."""
        try:
            self.nft.run(f"table inet {self.rules.TABLE} {{ flags {OWNERSHIPS[0]}; }}\n")
        except Failed:
            return False
        return isinstance(self.nft, Nft)

    def _load(self, text: str, there: bool, ownership: str) -> bool:
        """Load the whole table anew, in the place of the one that is there; whether it can be owned like this."""
        if ownership and not isinstance(self.nft, Nft):
            return False
        opening = f"table inet {self.rules.TABLE} {{\n"
        body = text.split(opening, 1)[1]
        flags = f"\tflags {ownership};\n" if ownership else ""
        # To name a table that belongs to somebody would change it.
        before = f"delete table inet {self.rules.TABLE}\n" if there else ""
        try:
            self.nft.run(f"{before}{opening}{flags}{body}")
        except Failed:
            if not ownership or self._placed:
                raise
            return False
        return True

    def _edit(self, have: t.Any, text: str) -> None:
        try:
            self.nft.run("\n".join(self.rules.edits(have, self._want, text)) + "\n")
        except Failed:
            # The changes of others may be impossible to repair one by one.
            self._load(text, True, self.ownership)

    def _wanted(self, text: str) -> t.Any:
        """The rules as nft prints them: they are loaded in a separate network namespace or, if that is
        impossible, in a table that no packet passes."""
        listing = in_own_network(lambda: self._listing_of(text))
        if listing is not None:
            return self.rules.content(listing)
        self.nft.run(self.rules.draft(text))
        try:
            return self._listed(self.nft, self.rules.DRAFT)
        finally:
            self.nft.run(f"delete table inet {self.rules.DRAFT}\n")

    def _listing_of(self, text: str) -> str:
        nft = tool()
        nft.run(text)
        return nft.run(f"list table inet {self.rules.TABLE}\n", listing=True)


def in_own_network(job: t.Callable[[], str]) -> str | None:
    """The result of a job that a child does in a network namespace of its own; None where that is not permitted."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reading)
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0:
                with os.fdopen(writing, "w") as pipe:
                    pipe.write(job())
                code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        result = pipe.read()
    _pid, status = os.waitpid(child, 0)
    return result if status == 0 else None


def changes() -> socket.socket:
    """A socket that the kernel writes to when somebody changes the ruleset."""
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    events.bind((0, 1 << (NFNLGRP_NFTABLES - 1)))
    events.setblocking(False)
    return events


def changed(events: socket.socket, rules: t.Any) -> bool:
    """Whether the messages that wait are about the table; also where some were lost."""
    found = False
    while True:
        try:
            found = rules.concerns(events.recv(1 << 16)) or found
        except BlockingIOError:
            return found
        except OSError:
            found = True


def listen() -> socket.socket:
    """The socket where ``apply`` asks; only root may."""
    folder, name = os.path.split(SOCKET)
    with private(folder) as here:
        here.remove(name)
        before = os.umask(0o177)
        try:
            server = socket.socket(socket.AF_UNIX)
            server.bind(SOCKET)
        finally:
            os.umask(before)
    server.listen(64)
    return server


def answer(server: socket.socket, keeper: Keeper) -> None:
    """Do what is asked for, and say what came of it: nothing where all is well."""
    client, _address = server.accept()
    with client:
        try:
            keeper.apply()
            said = "ok"
        except (Failed, OSError) as exc:
            said = str(exc)
        try:
            client.sendall(said.encode())
        except OSError:
            return


def announce(descriptor: str) -> None:
    """Say that the rules are loaded: to s6 on a descriptor, to systemd on its socket."""
    if descriptor:
        os.write(int(descriptor), b"\n")
        os.close(int(descriptor))
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.connect("\0" + address[1:] if address[0] == "@" else address)
            manager.sendall(b"READY=1")


def installed() -> tuple[int, ...]:
    """The files of this program as they are now, nothing where they are gone: each is replaced as a whole."""
    program = os.path.realpath(__file__)
    try:
        return tuple(os.stat(path).st_ino for path in (program, os.path.join(os.path.dirname(program), BESIDE)))
    except FileNotFoundError:
        return ()


def end(number: int, _frame: t.Any) -> None:
    """Remove the socket, and end by the signal."""
    if os.path.lexists(SOCKET):
        os.unlink(SOCKET)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def wakes() -> socket.socket:
    """What has something to read when a signal has come. One that comes right before this waits for sockets would not
    end the waiting otherwise, since Python runs handlers afterwards only."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach())
    return reader


def keep(descriptor: str = "") -> None:
    """Load the rules and stay."""
    signal.signal(signal.SIGTERM, end)
    woken = wakes()
    begun = installed()
    # Changes that happen while the rules are loaded are read afterwards.
    events = changes()
    keeper = Keeper()
    keeper.apply()
    server = listen()
    announce(descriptor)
    waiting: list[socket.socket] = [woken, server] if keeper.owns else [woken, server, events]
    if keeper.owns:
        events.close()
    while True:
        ready, _writable, _failed = select.select(waiting, [], [])
        if server in ready:
            answer(server, keeper)
            if keeper.replaceable and installed() not in (begun, ()):
                keeper.nft.close()
                os.execv(sys.executable, [sys.executable, "-BIS", sys.argv[0], "keep"])
        if events in ready and changed(events, keeper.rules):
            mend(keeper)


def mend(keeper: Keeper) -> None:
    """Load removed rules again; others may still be changing them."""
    for _attempt in range(ATTEMPTS):
        try:
            return keeper.apply()
        except (Failed, OSError) as exc:
            say(str(exc))
            time.sleep(PAUSE)
    raise SystemExit(1)


def apply(seconds: float) -> tuple[int, str]:
    """Have the keeper load the rules; the code to end with, and what is wrong, in words."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(SOCKET)
                said = client.recv(1 << 16).decode()
            if said:
                return (0, "") if said == "ok" else (REFUSED, said)
        except OSError:
            pass
        if time.monotonic() > deadline:
            return NOBODY, f"the keeper of the rules does not answer at {SOCKET}"
        time.sleep(0.05)


def main() -> None:
    os.umask(0o077)
    sys.dont_write_bytecode = True
    if sys.argv[1] == "keep":
        try:
            keep(*sys.argv[2:])
        except (Failed, OSError) as exc:
            raise SystemExit(f"guard: {exc}") from exc
        return
    code, said = apply(float(sys.argv[2]))
    if said:
        say(said)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
