# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether certificates and keys are fit to be used, in words; an empty text means that they are."""

from __future__ import annotations

import datetime
import re
import ssl

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

# X.690: tags of what a certificate is made of, and how its times are written.
_VERSION = 0xA0
_TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}


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
    with open(path, encoding="ascii", errors="replace") as file:
        found = _PEM.search(file.read())
    if not found:
        raise ValueError(f"{path} has no certificate")
    return _not_after(ssl.PEM_cert_to_DER_cert(found.group()))


def _not_after(der: bytes) -> datetime.datetime:
    """RFC 5280, 4.1: version (may be missing), number, algorithm, issuer, and then the two times."""
    ((_tag, certificate), *_rest) = _elements(der)
    ((_tag, signed), *_rest) = _elements(certificate)
    fields = [element for element in _elements(signed) if element[0] != _VERSION]
    _begin, (tag, text) = _elements(fields[3][1])
    if tag not in _TIMES:
        raise ValueError(f"a time with the tag {tag}")
    return datetime.datetime.strptime(text.decode("ascii"), _TIMES[tag]).replace(tzinfo=datetime.timezone.utc)


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of what stands side by side."""
    found = []
    while data:
        tag, length, start = data[0], data[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        found.append((tag, data[start : start + length]))
        data = data[start + length :]
    return found
