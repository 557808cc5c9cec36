# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own programs on hosts: where they are installed, and the text of each."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ondemand.superserver.plugins.module_utils._host.types import LIBRARY, File
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.assembly import program
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import (
    attendant as _helper_attendant,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import binder as _helper_binder
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import logger as _helper_logger
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.daemons import proxy as _helper_proxy
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    collector as _helper_collector,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import ender as _helper_ender
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    environment as _helper_environment,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import gate as _helper_gate
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    internal as _helper_internal,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import named as _helper_named
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import record as _helper_record
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import session as _helper_session
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import starter as _helper_starter
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import stderr as _helper_stderr
from ansible_collections.ondemand.superserver.plugins.module_utils._programs.handlers import (
    terminator as _helper_terminator,
)

INTERNAL = f"{LIBRARY}/internal"
BINDER = f"{LIBRARY}/binder"
COLLECTOR = f"{LIBRARY}/collector"
ENDER = f"{LIBRARY}/ender"
PROXY = f"{LIBRARY}/proxy"
ATTENDANT = f"{LIBRARY}/attendant"
ENVIRONMENT = f"{LIBRARY}/environment"
GATE = f"{LIBRARY}/gate"
SESSION = f"{LIBRARY}/session"
STARTER = f"{LIBRARY}/starter"
LOGGER = f"{LIBRARY}/logger"
NAMED = f"{LIBRARY}/named"
STDERR = f"{LIBRARY}/stderr"
RECORD = f"{LIBRARY}/record"
TERMINATOR = f"{LIBRARY}/terminator"


def shared_programs(argvs: Sequence[Sequence[str]]) -> list[File]:
    """The collection's own programs, those of them that any of these command lines runs."""
    words = {word for argv in argvs for word in argv}
    sources = {
        ATTENDANT: program(_helper_attendant),
        BINDER: program(_helper_binder),
        COLLECTOR: _helper_collector.PROGRAM,
        ENDER: program(_helper_ender),
        ENVIRONMENT: program(_helper_environment),
        GATE: _helper_gate.PROGRAM,
        INTERNAL: program(_helper_internal),
        LOGGER: program(_helper_logger),
        NAMED: program(_helper_named),
        RECORD: program(_helper_record),
        SESSION: _helper_session.PROGRAM,
        STDERR: _helper_stderr.PROGRAM,
        PROXY: program(_helper_proxy),
        STARTER: program(_helper_starter),
        TERMINATOR: _helper_terminator.PROGRAM,
    }
    return [File(path, source, 0o755) for path, source in sources.items() if path in words]
