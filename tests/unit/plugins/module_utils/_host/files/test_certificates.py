# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of certificates and keys, with real ones."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.ondemand.superserver.plugins.module_utils._converge.preflight.certificates import (
    certificate_problems,
    expiry_warnings,
    exposure_problems,
)
from ansible_collections.ondemand.superserver.plugins.module_utils._host.files.certificates import expiry
from ansible_collections.ondemand.superserver.tests.unit.declarations import service
from ansible_collections.ondemand.superserver.tests.unit.hostile import STRANGER, as_root, place

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
UTC = datetime.timezone.utc


def make(folder: Path, name: str, *words: str) -> Path:
    """A certificate that is its own authority, with its key beside it."""
    path = folder / f"{name}.pem"
    made = [*("-subj", f"/CN={name}"), "-keyout", str(folder / f"{name}.key"), "-out", str(path)]
    words = words or (*EC, "-nodes", "-days", "30")
    subprocess.run(["openssl", "req", "-x509", *words, *made], check=True, capture_output=True)
    return path


def problems(**tls: Path) -> list[str]:
    declared = {name: str(path) for name, path in tls.items()}
    return [
        f"{problem.path.rpartition('].')[2]}: {problem.message}"
        for problem in certificate_problems(service(tls=declared))
    ]


def test_what_is_right_is_not_complained_of(tmp_path: Path) -> None:
    for name, words in (("ec", ()), ("rsa", ("-newkey", "rsa:2048", "-nodes", "-days", "30"))):
        path = make(tmp_path, name, *words)
        assert problems(certificate=path, key=path.with_suffix(".key"), client_ca=path) == []
    assert certificate_problems(service()) == []


def test_keys_of_others(tmp_path: Path) -> None:
    mine, other = make(tmp_path, "mine"), make(tmp_path, "other")
    rsa = make(tmp_path, "rsa", "-newkey", "rsa:2048", "-nodes", "-days", "30")
    locked = make(tmp_path, "locked", *EC, "-passout", "pass:secret", "-days", "30")
    for key in (other, rsa):
        (problem,) = problems(certificate=mine, key=key.with_suffix(".key"))
        assert problem == f'tls.key: "{key.with_suffix(".key")}" does not belong to the certificate {mine}'
    (problem,) = problems(certificate=locked, key=locked.with_suffix(".key"))
    assert "is protected by a passphrase" in problem
    (problem,) = problems(certificate=mine, key=other)
    assert "there is no private key in PEM format" in problem


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    path = make(tmp_path, "mine")
    key = path.with_suffix(".key")
    assert problems(certificate=key, key=key, client_ca=key) == [
        f'tls.certificate: "{key}" has no certificate in PEM format',
        f'tls.client_ca: "{key}" has no certificate in PEM format',
    ]
    found = problems(certificate=tmp_path / "none", key=tmp_path)
    assert [text.split(":")[0] for text in found] == ["tls.certificate", "tls.key"]
    assert all("is not a file on the host" in text for text in found)


def test_what_a_sandbox_hides() -> None:
    declared = service(tls={"certificate": "/etc/hostname", "key": "/etc/hostname"}, sandbox="strict")
    assert not any("sandbox" in problem.message for problem in certificate_problems(declared))


def test_a_certificate_that_expires_is_told_with_its_date(tmp_path: Path) -> None:
    path = make(tmp_path, "mine")
    end = expiry(str(path))
    assert abs(end - datetime.datetime.now(UTC) - datetime.timedelta(30)) < datetime.timedelta(hours=1)
    declared = service(tls={"certificate": str(path), "key": str(path)})
    assert expiry_warnings(declared, end - datetime.timedelta(15)) == []
    (warning,) = expiry_warnings(declared, end - datetime.timedelta(13))
    assert f"expires on {end:%Y-%m-%d}" in warning
    (warning,) = expiry_warnings(declared, end + datetime.timedelta(1))
    assert f"expired on {end:%Y-%m-%d}" in warning
    assert expiry_warnings(service(), end) == []


def test_times_far_away_are_written_otherwise(tmp_path: Path) -> None:
    path = make(tmp_path, "late", *EC, "-nodes", "-days", "36500")
    assert expiry(str(path)).year > 2100


@as_root
def test_a_key_that_everybody_can_read_is_refused() -> None:
    with place() as folder:
        path = make(folder, "mine")
        key = path.with_suffix(".key")
        assert problems(certificate=path, key=key) == []
        key.chmod(0o640)
        assert problems(certificate=path, key=key) == []
        for mode in (0o644, 0o604):
            key.chmod(mode)
            (problem,) = problems(certificate=path, key=key)
            assert problem.startswith(f'tls.key: "{key}" can be read by every account of the host; change its mode')
        # Nobody gets there.
        folder.chmod(0o700)
        assert problems(certificate=path, key=key) == []


@as_root
def test_a_key_that_somebody_else_can_replace_is_refused() -> None:
    with place() as folder:
        path = make(folder, "mine")
        key = path.with_suffix(".key")
        for owner, mode in ((0, 0o777), (STRANGER, 0o755)):
            os.chown(folder, owner, 0)
            folder.chmod(mode)
            found = problems(certificate=path, key=key, client_ca=path)
            assert [text.split(":")[0] for text in found] == ["tls.key", "tls.client_ca"]
            assert all("can be replaced" in text and "let only root own" in text for text in found)


@as_root
def test_what_is_served_already_is_looked_at_too() -> None:
    with place() as folder:
        key = make(folder, "mine").with_suffix(".key")
        made = service(tls={"certificate": "/none", "key": str(key)})
        assert exposure_problems(made) == []
        key.chmod(0o644)
        assert [problem.path for problem in exposure_problems(made)] == ["superserver_services[0].tls.key"]
        assert exposure_problems(service()) == []
