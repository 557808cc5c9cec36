# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The admission check: the program that decides whether a connection is served.

It is a shell script, because it runs for every connection of a service that has it: Python would take ten times as
long to start.
"""

from __future__ import annotations

PROGRAM = r"""#!/bin/sh
# Managed by ondemand.superserver
# gate [-l LOAD] [-w WINDOW]... [-c FILE] [-r FILE]
#
# Ends with 0 when a connection, which is standard output, is to be served now, else with 1.
#
# -l  serve nobody while the load of the last minute, times 100, is this or more
# -w  serve nobody outside of this window, or of all windows; DAYS:HHMM-HHMM, where DAYS are the digits of date +%u
# -c  what to tell a client that is served
# -r  what to tell a client that is not

umask 077
load='' windows='' welcome='' farewell=''
while getopts l:w:c:r: option; do
    case $option in
    l) load=$OPTARG ;;
    w) windows="$windows $OPTARG" ;;
    c) welcome=$OPTARG ;;
    r) farewell=$OPTARG ;;
    *) exit 2 ;;
    esac
done

tell() {
    [ -z "$1" ] || /bin/cat -- "$1" 2>/dev/null
}

turn_away() {
    tell "$farewell"
    exit 1
}

begins_on() {
    case $days in
    *"$1"*) ;;
    *) return 1 ;;
    esac
}

is_open() {
    days=${1%%:*} hours=${1#*:}
    begin=${hours%-*} end=${hours#*-}
    if [ "$begin" -lt "$end" ]; then
        begins_on "$today" && [ "$now" -ge "$begin" ] && [ "$now" -lt "$end" ]
    else
        { begins_on "$today" && [ "$now" -ge "$begin" ]; } || { begins_on "$yesterday" && [ "$now" -lt "$end" ]; }
    fi
}

any_is_open() {
    for window in $windows; do
        if is_open "$window"; then
            return 0
        fi
    done
    return 1
}

if [ -n "$load" ]; then
    read -r current _ </proc/loadavg
    [ "${current%.*}${current#*.}" -lt "$load" ] || turn_away
fi
if [ -n "$windows" ]; then
    # The host's time zone, whatever the handler's environment says.
    clock=$(unset TZ && /bin/date '+%u %H%M')
    today=${clock% *} now=${clock#* }
    yesterday=$(((today + 5) % 7 + 1))
    any_is_open || turn_away
fi
tell "$welcome"
exit 0
"""
