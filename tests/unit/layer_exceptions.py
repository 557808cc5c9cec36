# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not keep to the layers yet, exactly: ``test_layers`` fails for what is missing here, and for what is not
needed any more. Nothing is added without a reason."""

from __future__ import annotations

UTILS = "module_utils/"

# Which file reads which other one although the arrow points up, or into a backend's own package.
_ARROWS = {
    ("_handover/plan.py", "_converge/plan.py"): "what happens to a service is a type of the plan of a run",
}
ARROWS = {(UTILS + source, UTILS + target): reason for (source, target), reason in _ARROWS.items()}

# Which file outside of the host's layer uses what of the operating system, and why it still does.
_HANDOVER = {
    "_handover/fdholder.py": "os.fstat socket.socket",
    "_handover/hold.py": "os.path.exists os.unlink",
    "_handover/plan.py": "socket.socket",
    "_handover/reuseport.py": "open os.fstat os.path.isdir os.unlink socket.socket",
}
_CHECKS = {
    "_converge/preflight/accounts.py": "grp.getgrgid grp.getgrnam pwd.getpwnam pwd.getpwuid",
    "_converge/preflight/paths.py": "os.lstat os.path.isdir os.path.isfile os.path.lexists",
    "_converge/preflight/problems.py": "os.path.isdir os.path.isfile os.path.lexists os.path.realpath os.statvfs",
    "_converge/preflight/sandbox.py": "os.close os.open os.path.realpath os.read",
    "_converge/proof/listener.py": "os.path.lexists",
}
_STATE = {
    "_converge/state/generations.py": "os.listdir os.unlink",
    "_converge/state/journal.py": "open os.path.lexists os.unlink",
    "_converge/state/lock.py": "fcntl.flock os.getpid os.unlink",
    "_converge/state/stored.py": "open os.rename",
}
_PROCESS = {
    "_converge/recovery/boot.py": "os.path.exists os.path.isdir os.path.lexists",
    "_converge/recovery/confirm.py": "os.getpid signal.signal",
    "_converge/recovery/watch.py": "os.path.isdir",
}
REASONS = (
    (_HANDOVER, "has descriptors of sockets in its hands, or sysctls"),
    (_CHECKS, "asks for names and paths that a declaration has, one by one"),
    (_STATE, "files of the collection's own that are replaced by other rules than a host's"),
    (_PROCESS, "about the run's own process, or what kind of host this is"),
)
SYSTEM = {UTILS + source: uses for files, _reason in REASONS for source, uses in files.items()}
