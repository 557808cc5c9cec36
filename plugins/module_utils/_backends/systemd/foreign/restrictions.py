# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restrictions of clients of units: addresses, numbers of connections, interfaces, modes of sockets, TCP wrappers."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping

from ansible_collections.ondemand.superserver.plugins.module_utils._backends.foreign import Restriction
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.restrictions import (
    Filter,
    SocketMode,
    networks,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._backends.systemd.foreign.states import State
from ansible_collections.ondemand.superserver.plugins.module_utils._host.network import libwrap as _libwrap
from ansible_collections.ondemand.superserver.plugins.module_utils._model.endpoints import Listener

_OFF = "0"


def restrictions(
    states: Mapping[str, State], handlers: Mapping[str, State], claims: Mapping[str, tuple[Listener, ...]]
) -> tuple[Restriction, ...]:
    """Of the units of a group. ``handlers`` are what sockets start for connections, by socket."""
    found: list[Restriction] = []
    sockets = [unit for unit in states if unit.endswith(".socket")]
    for unit in sockets:
        for look in _OF_SOCKETS:
            found += look(states[unit], claims[unit])
        if unit in handlers:
            found += _wrapped(handlers[unit], claims[unit])
    for unit, state in states.items():
        if unit.endswith(".service"):
            # What systemd has opened for it is filtered where it was opened.
            found += [] if sockets else _filters(state, ())
            found += _wrapped(state, ())
    return tuple(found)


def _filters(state: State, listeners: tuple[Listener, ...]) -> Iterator[Restriction]:
    """A client that any allow has is let in, whatever denies it."""
    denied, allowed = state.many("IPAddressDeny"), state.many("IPAddressAllow")
    if denied:
        told = f"denies {' '.join(denied)}" + (f", except {' '.join(allowed)}" if allowed else "")
        rule = Filter(denied=networks(denied), excepted=networks(allowed))
        yield Restriction("IPAddressDeny", told, "access", rule, listeners)


def _numbers(state: State, listeners: tuple[Listener, ...]) -> Iterator[Restriction]:
    """systemd has a number for each socket unit that has none of its own."""
    if state.one("Accept") != "yes":
        return
    most, each = state.one("MaxConnections"), state.one("MaxConnectionsPerSource")
    if most.isdigit() and state.written("Socket", "MaxConnections"):
        yield Restriction("MaxConnections", f"serves at most {most} clients at a time", "max", int(most), listeners)
    if each.isdigit() and each != _OFF:
        text = f"serves at most {each} clients of one address at a time"
        yield Restriction("MaxConnectionsPerSource", text, "per_source", int(each), listeners)


def _devices(state: State, listeners: tuple[Listener, ...]) -> Iterator[Restriction]:
    device = state.one("BindToDevice")
    if device:
        yield Restriction(
            "BindToDevice", f"serves only clients of the interface {device}", "interface", device, listeners
        )


def _modes(state: State, listeners: tuple[Listener, ...]) -> Iterator[Restriction]:
    paths = tuple(listener for listener in listeners if listener.path.startswith("/"))
    mode = state.one("SocketMode")
    if paths and mode.isdigit():
        owner, group = state.one("SocketUser") or "root", state.one("SocketGroup") or "root"
        text = f"has a socket of {owner}:{group} with mode {mode}"
        yield Restriction("SocketMode", text, "mode", SocketMode(int(mode, 8), owner, group), paths)


def _wrapped(state: State, listeners: tuple[Listener, ...]) -> Iterator[Restriction]:
    names = {posixpath.basename(name) for program, name in state.programs if _libwrap.wraps(program)}
    rules = _libwrap.rules(names) if names else []
    if rules:
        yield Restriction("libwrap", f"applies the rules {'; '.join(rules)}", "rules", None, listeners)


_OF_SOCKETS: tuple[Callable[[State, tuple[Listener, ...]], Iterable[Restriction]], ...] = (
    _filters,
    _numbers,
    _devices,
    _modes,
)
