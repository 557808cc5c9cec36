# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many clients there may be, what they are sent and what is logged of them."""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.parsing.source import Source
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.lines import fold
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.xinetd.reader.values import load, number

UNLIMITED = "unlimited"
# What xinetd does where nothing is written.
RATE = ("50", "10")
_MOST_COUNT, _LONGEST_PAUSE, _HIGHEST_LOAD = 10000, 86400, 10000
_WHAT = ("host", "pid", "exit", "duration")
# Of these nothing is logged under any backend.
_UNLOGGED = {
    "userid": "no backend asks the client's host for the name of an account (ident)",
    "traffic": "no backend counts bytes",
}


def rate(source: Source) -> None:
    """What limits starts of a waiting server does not limit clients."""
    count, pause = (number(value) or 0 for value in source.values("cps") or RATE)
    where = source.at("cps")
    if not source.accepts or not source.stream:
        if source.has("cps"):
            source.draft.dropped(where, "cps limits how often the server is started, which each backend limits itself")
    elif count > _MOST_COUNT:
        source.draft.dropped(where, f"cps allows {count} connections a second, which is no limit")
    elif count > 0:
        source.draft.set("connections.rate", {"count": count, "pause": min(max(pause, 0), _LONGEST_PAUSE)}, where)


def instances(source: Source) -> None:
    _count(source, "instances", "connections.max")


def per_source(source: Source) -> None:
    _count(source, "per_source", "connections.per_source")


def _count(source: Source, attribute: str, field: str) -> None:
    value, where = source.one(attribute), source.at(attribute)
    most = number(value)
    if fold(value) == UNLIMITED or most is None:
        return
    if not source.accepts:
        source.draft.dropped(where, f"{attribute} counts servers, and with wait = yes there is one at most")
    elif most == 0:
        source.draft.runs = False
        source.draft.differs(where, "every client is refused", f"{attribute} = {value}", "the service is disabled")
    else:
        source.draft.set(field, most, where)


def max_load(source: Source) -> None:
    value, where = load(source.one("max_load")), source.at("max_load")
    if value is None or not 0 <= value <= _HIGHEST_LOAD:
        source.draft.dropped(where, f"max_load = {source.one('max_load')} is no limit")
    else:
        source.draft.set("connections.max_load", value, where)


def banner(source: Source) -> None:
    """The first of two; one for those who are refused stays with xinetd, which refuses more than others can tell."""
    for attribute in ("banner", "banner_success"):
        if not source.has(attribute):
            continue
        where, path = source.at(attribute), source.one(attribute)
        if source.draft.get("banner") or not source.accepts:
            source.draft.set(f"native.xinetd.{attribute}", path, where)
            continue
        source.draft.set("banner", {"file": path}, where)
        if attribute == "banner" and source.draft.get("access"):
            source.draft.differs(
                where,
                "xinetd sends it to every client; a declaration only to those who are let in",
                f"banner = {path}",
                "clients that are let in get it",
            )


def banner_fail(source: Source) -> None:
    """A declaration knows only some of the reasons for which a client is refused."""
    source.draft.set("native.xinetd.banner_fail", source.one("banner_fail"), source.at("banner_fail"))


def log(source: Source) -> None:
    """Without a destination nothing is logged."""
    words = [(name, fold(word)) for name in ("log_on_success", "log_on_failure") for word in source.values(name)]
    if not source.has("log_type"):
        for name in dict(words):
            source.draft.dropped(source.at(name), f"{name} has no effect without log_type")
        return
    if not source.accepts:
        if words:
            source.draft.dropped(source.at("log_type"), "with wait = yes xinetd logs starts of the server, not clients")
        return
    for name, word in words:
        if word in _UNLOGGED:
            source.draft.dropped(source.at(name), f"{name}: {word.upper()} is left out, because {_UNLOGGED[word]}")
    what = [word for word in _WHAT if ("log_on_success", word) in words]
    what += _refused(source)
    if what:
        _log(source, what)


def _refused(source: Source) -> list[str]:
    """Only what refuses by the hour or the load says so in the same way everywhere."""
    if not source.has("log_on_failure"):
        return []
    if source.draft.get("access.hours") or source.draft.get("connections.max_load") is not None:
        return ["refused"]
    about = "that a client is refused for its address, or because there are too many, leaves no record"
    source.draft.dropped(source.at("log_on_failure"), f"log_on_failure: {about}")
    return []


def _log(source: Source, what: list[str]) -> None:
    values, where = source.values("log_type"), source.at("log_type")
    kind = fold(values[0])
    source.draft.set("log", {"what": what, "where": "syslog" if kind == "syslog" else "file"}, where)
    own = "syslog with the facility daemon" if kind == "syslog" else "a file of each service below /var/log/superserver"
    source.draft.differs(where, "a log has another form and place", f"log_type = {' '.join(values)}", own)
