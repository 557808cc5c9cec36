# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not keep to the layers yet, exactly: ``test_layers`` fails for what is missing here, and for what is not
needed any more. Nothing is added without a reason."""

from __future__ import annotations

UTILS = "module_utils/"

FOREIGN = "xinetd and systemd are the two kinds of service that can be taken over; there is no table of such kinds"
BOOT = "starts a program at boot by each init system's own means, which the backends have for their runtimes"

# Which file reads which other one although the arrow points up, or into a backend's own package.
_ARROWS = {
    ("_handover/plan.py", "_converge/plan.py"): "what happens to a service is a type of the plan of a run",
    ("_foreign/adoptable.py", "_backends/systemd/foreign/units.py"): FOREIGN,
    ("_foreign/adoptable.py", "_backends/xinetd/foreign.py"): FOREIGN,
    ("_foreign/change.py", "_backends/systemd/foreign/units.py"): FOREIGN,
    ("_foreign/change.py", "_backends/xinetd/daemon.py"): FOREIGN,
    ("_foreign/change.py", "_backends/xinetd/foreign.py"): FOREIGN,
    ("_foreign/change.py", "_backends/xinetd/reader/config.py"): FOREIGN,
    ("_foreign/plan.py", "_backends/systemd/foreign/units.py"): FOREIGN,
    ("_foreign/plan.py", "_backends/xinetd/foreign.py"): FOREIGN,
    ("_foreign/record.py", "_backends/xinetd/reader/config.py"): FOREIGN,
    ("_converge/preflight/problems.py", "_backends/systemd/foreign/units.py"): FOREIGN,
    ("_converge/recovery/boot.py", "_backends/s6/servers.py"): BOOT,
    ("_converge/recovery/boot.py", "_backends/xinetd/boot.py"): BOOT,
}
ARROWS = {(UTILS + source, UTILS + target): reason for (source, target), reason in _ARROWS.items()}

# Which file outside of the host's layer uses what of the operating system, and why it still does.
_READERS = {
    "_backends/s6/description/tracing.py": "os.path.realpath os.readlink",
    "_backends/systemd/foreign/groups.py": "os.path.lexists",
    "_backends/systemd/foreign/units.py": "os.listdir os.path.islink",
    "_backends/systemd/sockets.py": "os.path.exists os.path.isdir os.scandir",
    "_backends/xinetd/foreign.py": "os.path.realpath",
    "_backends/xinetd/reader/config.py": "open os.listdir os.stat",
    "_backends/xinetd/reader/values.py": ("grp.getgrnam os.access pwd.getpwnam socket.getaddrinfo"),
}
_CHECKS = {
    "_foreign/plan.py": "os.path.realpath",
}
REASONS = (
    (_READERS, "reads the configuration of a super-server; nothing hands a host to these functions yet"),
    (_CHECKS, "asks for names and paths that a declaration has, one by one"),
)
SYSTEM = {UTILS + source: uses for files, _reason in REASONS for source, uses in files.items()}
