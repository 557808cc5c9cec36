# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common part of the scripts of xinetd's handlers: it redirects their standard error.

It is a shell script, because it runs for every connection. Most of the time it starts no program.
"""

from __future__ import annotations

PROGRAM = r"""#!/bin/sh
# Managed by ondemand.superserver
# . stderr
#
# Makes standard error a pipe to the logger of the service $name, and has $python start that if it does not run. Where
# that cannot be, standard error stays what it is. Sets $unprivileged if that is because the script is not root's.
#
# What goes wrong must neither end the script, nor be complained of to the client, nor keep the handler waiting. The
# logger is nobody's child, for the handler not to have one that it does not know, and it has the pipe from the
# beginning: what nobody has got open any more is lost.

# shellcheck disable=SC2154 # the script says which
logger=/usr/local/lib/superserver/logger
# shellcheck disable=SC2154
pipe=/run/superserver/xinetd/$name

# Standard input says which process writes, and when it was started: of its status that is the twentieth field behind
# the program's name, and the first one is the state.
writes() {
    read -r pid since && read -r stat <"/proc/$pid/stat" || return 1
    # shellcheck disable=SC2086 # they are several fields
    set -- ${stat##*) }
    [ "$1" != Z ] && [ "${20}" = "${since:-none}" ]
}

while read -r key user _; do
    [ "$key" != Uid: ] || break
done <"/proc/$$/status"
if [ "$key" = Uid: ] && [ "$user" != 0 ]; then
    # shellcheck disable=SC2034 # the script looks at it
    unprivileged=yes
elif ! [ -p "$pipe" ]; then
    /usr/bin/mkfifo -m 0622 "$pipe" || "$python" -IS "$logger" prepare "$pipe" </dev/null >/dev/null
fi
if [ -p "$pipe" ] && [ -x /usr/bin/flock ]; then
    command exec 2<>"$pipe"
fi
if [ -p /dev/fd/2 ] && ! { [ -e "$pipe.writer" ] && writes <"$pipe.writer"; } 2>/dev/null; then
    # Eleven megabytes at most.
    # shellcheck disable=SC2094 # a pipe is meant to be read and written at once
    (umask 077; {
        /usr/bin/flock -w 2 8 &&
            exec "$python" -IS "$logger" write "$pipe" "/var/log/superserver/$name.log" 1000000 10 <&9 9<&-
    } >/dev/null 2>&1 8>>"$pipe.lock" &) 9<"$pipe"
fi
"""
