# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that take a declaration; in step with the documentation fragment ``_declaration``."""

from __future__ import annotations

import secrets
import typing as t
from collections.abc import Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.inputs import Request
from ansible_collections.ondemand.superserver.plugins.module_utils._model.layers import BASE, Layer
from ansible_collections.ondemand.superserver.plugins.module_utils._model.names import BACKENDS
from ansible_collections.ondemand.superserver.plugins.module_utils._model.platform import Rc
from ansible_collections.ondemand.superserver.plugins.module_utils._model.problems import InvalidDeclaration


class DeclarationModule(AnsibleModule):
    """A module that takes a declaration. Secrets are taken out of its parameters before anybody looks at these, so that
    they are neither logged nor returned."""

    def __init__(self, **options: t.Any) -> None:
        self.withheld: dict[str, t.Any] = {}
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _load_params(self) -> None:
        super()._load_params()  # type: ignore[no-untyped-call]
        self.params = withhold(self.params, self.withheld)

    def options(self) -> dict[str, t.Any]:
        """The parameters as they were given."""
        return dict(reveal(self.params, self.withheld))


def withhold(value: t.Any, withheld: dict[str, t.Any], secret: bool = False) -> t.Any:
    """A value with placeholders instead of secrets, and of values that may be meant as secrets."""
    if isinstance(value, Mapping):
        return {name: withhold(entry, withheld, secret or _is_secret(name)) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [withhold(entry, withheld, secret) for entry in value]
    if not secret:
        return value
    word = f"(secret {secrets.token_hex(8)})"
    withheld[word] = value
    return word


def _is_secret(name: t.Any) -> bool:
    return isinstance(name, str) and name.lower().startswith("secret")


def reveal(value: t.Any, withheld: Mapping[str, t.Any]) -> t.Any:
    """The value that :func:`withhold` got."""
    if isinstance(value, Mapping):
        return {name: reveal(entry, withheld) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [reveal(entry, withheld) for entry in value]
    return withheld.get(value, value) if isinstance(value, str) else value


def declaration_options() -> dict[str, t.Any]:
    """The argument specification."""
    return {
        "services": {"type": "list", "elements": "raw"},
        "layers": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "services": {"type": "raw", "required": True},
            },
        },
        "defaults": {"type": "dict"},
        "backend": {"type": "str", "choices": ["auto", *BACKENDS], "default": "auto"},
        "on_unsupported": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
        "guard": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
        "policy": {"type": "raw"},
        "adopt": {"type": "list", "elements": "raw", "default": []},
        "s6_bin_dir": {"type": "str", "default": ""},
        "s6_rc": {
            "type": "dict",
            "options": {
                "sources": {"type": "list", "elements": "path", "required": True},
                "bundle": {"type": "path"},
                "live": {"type": "path", "default": Rc.live},
                "compiled": {"type": "path", "default": Rc.compiled},
            },
        },
    }


def request_of(options: Mapping[str, t.Any], check: bool) -> Request:
    """The request that a module's options make."""
    layers = [Layer(entry["name"], entry["services"]) for entry in options["layers"] or ()]
    if options["services"] is not None:
        layers = [Layer(BASE, options["services"])]
    return Request(
        layers=layers,
        defaults=options["defaults"],
        backend=options["backend"],
        on_unsupported=options["on_unsupported"],
        guard=options["guard"],
        policy=options["policy"],
        handover=options.get("handover", "auto"),
        drain_timeout=options.get("drain_timeout", 0),
        verify=options.get("verify", True),
        bin_directory=options["s6_bin_dir"],
        s6_rc=_manager_of(options["s6_rc"]),
        installed=options.get("installed") or (),
        makes_account=options.get("makes_account", False),
        installs_nftables=options.get("installs_nftables", False),
        adopt=options["adopt"],
        check=check,
        confirm=options.get("confirm", "never"),
        confirm_timeout=options.get("confirm_timeout", 0),
        generations=options.get("generations", 0),
    )


def _manager_of(options: Mapping[str, t.Any] | None) -> Rc | None:
    """By convention the bundle of the boot is called ``default``."""
    if not options:
        return None
    sources = tuple(options["sources"])
    bundle = options["bundle"] or f"{next(iter(sources), '')}/default"
    return Rc(sources, bundle, options["live"], options["compiled"])


def explain(problem: InvalidDeclaration) -> str:
    """The one message about everything that is wrong."""
    count = len(problem.problems)
    return f"The declaration has {count} problem{'s' if count > 1 else ''}; nothing was changed.\n{problem}"
