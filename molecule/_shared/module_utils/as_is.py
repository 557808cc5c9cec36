# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules of the collection as they are, from their sources, without a controller or another start of Python.

What they import comes along with the module that imports this.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import traceback
import typing as t

from ansible.module_utils.testing import patch_module_args

from ansible_collections.ondemand.superserver.plugins.module_utils import _module
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import run as _run
from ansible_collections.ondemand.superserver.plugins.module_utils._converge import status as _status
from ansible_collections.ondemand.superserver.plugins.module_utils._converge.proof import listener as _listener
from ansible_collections.ondemand.superserver.plugins.module_utils._model import confirmation as _confirmation

# What the sources of modules import, so that it comes along.
BUNDLED = (_module, _run, _status, _listener, _confirmation)

Result = dict[str, t.Any]

# linux/prctl.h and linux/capability.h
PR_CAPBSET_DROP = 24
CAPABILITIES = {"net_admin": 12}


def run(source: str, arguments: dict[str, t.Any], lacking: str = "") -> Result:
    """What the module of this source answers, in a process of its own; ``crashed`` says what it wrote when that is no
    answer, and ``killed`` by which signal it ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            os.close(writer)
            if lacking:
                ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAPABILITIES[lacking], 0, 0, 0)
            with patch_module_args(arguments):
                # The module under test, as Ansible runs it.
                exec(compile(source, "module.py", "exec"), {"__name__": "__main__"})  # noqa: S102
        except SystemExit:
            pass
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", errors="replace") as pipe:
        said = pipe.read()
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status)}
    try:
        result: Result = json.loads(said)
    except ValueError:
        return {"crashed": said}
    # The controller would make text of them.
    result["warnings"] = [warning["event"]["msg"] for warning in result.get("warnings", ())]
    return result
