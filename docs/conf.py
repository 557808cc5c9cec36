# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings of the documentation; tests/quality/docs runs Sphinx."""

from __future__ import annotations

import re
import shutil
import typing as t
from pathlib import Path

from docutils import nodes

if t.TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "ondemand.superserver"
copyright = "Contributors to the ondemand.superserver collection"  # noqa: A001 (Sphinx's name for it)
html_title = html_short_title = project

extensions = ["sphinx_antsibull_ext"]

default_role = "any"
highlight_language = "YAML+Jinja"
pygments_style = "ansible"
nitpicky = True

html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_use_index = False
html_copy_source = False

# Where Ansible's own documentation has what generated pages refer to. Sphinx would download a list of all its labels,
# but a build that fetches nothing works everywhere.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
ANSIBLE_PAGES = (
    (r"action_plugins", r"plugins/action.html"),
    (r"ansible_configuration_settings", r"reference_appendices/config.html"),
    (r"common_return_values", r"reference_appendices/common_return_values.html"),
    (r"ansible_collections\.ansible\.builtin\.(\w+)", r"collections/ansible/builtin/\1.html"),
)


def refer_to_ansible(
    _app: Sphinx, _env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Resolves a label of Ansible's documentation; None leaves the reference to be reported."""
    for label, page in ANSIBLE_PAGES:
        match = re.fullmatch(label, node["reftarget"])
        if match:
            return nodes.reference("", "", content, internal=False, refuri=ANSIBLE + match.expand(page))
    return None


def copy_images(app: Sphinx) -> None:
    """Puts the pictures beside the pages that show them: antsibull-docs copies nothing but pages."""
    shutil.copytree(Path(app.confdir, "docsite/rst/images"), Path(app.srcdir, "docsite/images"), dirs_exist_ok=True)


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", copy_images)
    app.connect("missing-reference", refer_to_ansible)
