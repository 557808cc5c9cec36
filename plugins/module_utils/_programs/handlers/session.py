# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection logger: the program that logs connections in the same form under every super-server.

It is bash, because dash cannot start a process in the background that does not ignore the interrupt, which the handler
would inherit.
"""

from __future__ import annotations

PROGRAM = r"""#!/bin/bash -p
# Managed by ondemand.superserver
# session -n NAME -w WHAT [-r] [-j | -l | -f FILE -s SIZE -k KEEP -p PYTHON -a RECORD] -- COMMAND...
#
# Runs a command on the connection that is standard input and output, logs that, and ends as the command does. Until
# then it keeps descriptor 5, which the command does not get: see the terminator.
#
# -w  what is logged: any of host, pid, exit, duration, with commas
# -r  the command is the gate: log the host where it turns a client away, and nothing else
# -j  log to the journal
# -l  log to syslog
# -f  log to a file, which is put aside once it has SIZE bytes; KEEP old ones stay
# -p  runs the program that is
# -a  who writes it: no shell can open a file without following links

name='' what='' gate='' where='' file='' size=0 keep=1 python='' record=''
while getopts n:w:rjlf:s:k:p:a: option; do
    case $option in
    n) name=$OPTARG ;;
    w) what=$OPTARG ;;
    r) gate=yes ;;
    j) where=journal ;;
    l) where=syslog ;;
    f) where=file file=$OPTARG ;;
    s) size=$OPTARG ;;
    k) keep=$OPTARG ;;
    p) python=$OPTARG ;;
    a) record=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

# As the super-servers call it; nothing else that a client might choose gets into the log.
host=${REMOTE_ADDR:-${TCPREMOTEIP:-$REMOTE_HOST}}
host=${host#::ffff:} host=${host%%%*}
case $host in
'' | *[!0-9a-f:.]*) host=- ;;
esac

is_wanted() {
    case ,$what, in
    *,"$1",*) ;;
    *) return 1 ;;
    esac
}

# say EVENT KEY VALUE...: one line, with those of the pairs that are wanted.
say() {
    local line="$name $1"
    shift
    while [ $# -gt 0 ]; do
        if is_wanted "$1"; then
            line="$line $1=$2"
        fi
        shift 2
    done
    "to_$where" "$line" >/dev/null 2>&1
}

to_journal() {
    /usr/bin/systemd-cat -t "superserver-$name" -p info /bin/echo "$1"
}

to_syslog() {
    /usr/bin/logger -t "superserver-$name" -p daemon.info -- "$1"
}

to_file() {
    "$python" -IS "$record" "$file" "$size" "$keep" "$1"
}

# Hundredths of a second since the host was started.
clock() {
    local seconds
    read -r seconds _ </proc/uptime
    now=$((10#${seconds/./}))
}

if [ -n "$gate" ]; then
    umask 077
    "$@"
    status=$?
    [ "$status" -ne 1 ] || say refused host "$host"
    exit "$status"
fi

# pass SIGNAL: on to the handler, if there is one already.
pass() {
    [ -n "$!" ] || exit 143
    # The job, which bash knows the end of; its process id may be another one's by now.
    kill -s "$1" %1 2>/dev/null
    interrupted=$1
}

for signal in HUP INT QUIT TERM USR1 USR2; do
    # shellcheck disable=SC2064 # it is known now
    trap "pass $signal" "$signal"
done
clock
begin=$now
(
    trap - HUP INT QUIT TERM USR1 USR2
    exec "$@" 5>&-
) <&0 &
# The mask until now is the handler's.
umask 077
# Nobody but the handler may hold the connection: it ends when the handler closes it.
exec </dev/null >/dev/null 2>&1 3>&-
if is_wanted host || is_wanted pid; then
    say connect host "$host" pid "$!"
fi
passed=''
while
    interrupted=''
    wait "$!"
    status=$?
    [ -n "$interrupted" ]
do
    passed=$interrupted
done
# What is left to do is not to be interrupted.
trap '' HUP INT QUIT TERM USR1 USR2
# A bash whose child ends when a signal comes may have lost the status (it leaves wait before it has noted that).
[ "$status" -ge 0 ] || status=$((128 + $(kill -l "$passed")))
if is_wanted exit || is_wanted duration; then
    clock
    spent=$((now - begin))
    printf -v duration '%d.%02d' $((spent / 100)) $((spent % 100))
    say end host "$host" pid "$!" exit "$status" duration "$duration"
fi
exit "$status"
"""
