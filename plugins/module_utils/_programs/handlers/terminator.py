# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TLS wrapper: the program that runs stunnel for a connection, and lasts as long as the handler behind it.

stunnel goes when its client does. What a handler still has to do is then ended by systemd, and not counted any more by
the others, both unlike without TLS.
"""

from __future__ import annotations

PROGRAM = r"""#!/bin/bash -p
# Managed by ondemand.superserver
# terminator SECONDS COMMAND...
#
# Runs stunnel on the connection that is standard input and output, and ends when nobody has descriptor 5 any more. The
# handler's session keeps that until the handler has ended. What stunnel starts for its client writes a line there. If
# there was none after so many seconds, stunnel is ended: its own limit begins anew with each byte of the client's.

# A super-server that has not read its new configuration yet says nothing of seconds, and starts a handler that writes
# nothing.
case $1 in
*[!0-9]*) seconds='' ;;
*) seconds=$1 && shift ;;
esac

pass() {
    [ -n "$!" ] || exit 143
    # The job, which bash knows the end of; its process id may be another one's by now.
    kill -s "$1" %1 2>/dev/null
}

for signal in HUP INT QUIT TERM; do
    # shellcheck disable=SC2064 # it is known now
    trap "pass $signal" "$signal"
done
# A pipe: 8 to read from, 9 to write to.
exec 8< <(:)
exec 9>/proc/self/fd/8
(
    trap - HUP INT QUIT TERM
    exec "$@" 5>&9 3>&- 8<&- 9>&-
) <&0 &
# It is stunnel's alone: it ends when that closes it.
exec </dev/null >/dev/null 3>&- 9>&-
if [ -n "$seconds" ]; then
    read -r -t "$seconds" -u 8
    # 128 and the number of SIGALRM.
    [ $? -ne 142 ] || kill -s TERM %1 2>/dev/null
fi
while
    read -r -u 8
    [ $? -ne 1 ]
do :; done
wait "$!"
"""
