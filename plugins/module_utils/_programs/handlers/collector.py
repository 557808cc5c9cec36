# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that copies the standard error of a service's handlers to systemd's journal.

The journal's own end would be a socket, which cannot be opened by a path such as /dev/stderr. So handlers
write to a pipe, which this program reads. It runs while new handlers may start; its reader of a pipe runs
until the last handler has closed the pipe.
"""

from __future__ import annotations

PROGRAM = r"""#!/bin/sh
# Managed by ondemand.superserver
# collector prepare PIPE
# collector copy PIPE
# collector remove PIPE
#
# prepare  makes the pipe, in a directory that only root can enter; who has it may open it anew for writing, as programs
#          do with /dev/stderr
# copy     copies what comes from it to standard output

pipe=$2
case $1 in
prepare)
    [ -p "$pipe" ] || { rm -rf -- "$pipe" && mkfifo -m 0622 -- "$pipe"; }
    ;;
copy)
    # While this runs there is somebody who writes, and nobody has to wait for somebody who reads.
    exec 3<>"$pipe" || exit 1
    # Ends by itself only when this has ended and there is no handler left.
    while :; do
        /bin/cat <"$pipe" 3<&-
    done
    ;;
remove)
    rm -f -- "$pipe"
    ;;
*)
    exit 2
    ;;
esac
"""
