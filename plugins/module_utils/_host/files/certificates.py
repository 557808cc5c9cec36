# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether certificates and keys are fit to be used, in words; an empty text means that they are."""

from __future__ import annotations

import datetime
import ssl

# The standard library reads a certificate of a file by no other name, and a command would be one for each service.
_DECODE = getattr(getattr(ssl, "_ssl", None), "_test_decode_cert", None)


class _Locked(Exception):
    """A key asks for a passphrase."""


def certificates_problem(path: str) -> str:
    """What is wrong with a file of certificates. Raises OSError where it cannot be read."""
    try:
        _context().load_verify_locations(cafile=path)
    except ssl.SSLError:
        return "has no certificate in PEM format"
    return ""


def key_problem(certificate: str, key: str) -> str:
    """What is wrong with the key of a certificate. Raises OSError where it cannot be read."""
    try:
        _context().load_cert_chain(certificate, key, _ask)
    except _Locked:
        return "is protected by a passphrase, which nothing could enter at a start; store it without one"
    except ssl.SSLError as exc:
        if exc.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            return f"does not belong to the certificate {certificate}"
        return f"cannot be used: {exc.reason or 'there is no private key in PEM format'}"
    return ""


def _context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def _ask() -> str:
    raise _Locked


def expiry(path: str) -> datetime.datetime:
    """When the first certificate of a file expires. Raises OSError and ValueError."""
    if _DECODE is None:
        raise ValueError("this Python does not tell what is in a certificate")
    end = ssl.cert_time_to_seconds(_DECODE(path)["notAfter"])
    return datetime.datetime.fromtimestamp(end, datetime.timezone.utc)
