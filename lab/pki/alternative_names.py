"""subjectAltName entries as a user writes them: ``DNS:``, ``IP:``, ``URI:`` and ``email:``.

This module must not know certificates; names and limits are those of RFC 5280, 4.2.1.6.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from cryptography import x509

from lab.pki.errors import PlanError
from lab.pki.requests import general_name

MAX_URI = 2048  # SPIFFE-ID, 2.3
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9.-]{1,253})")
# SPIFFE-ID, 2.1 and 2.2: a trust domain in lower case, a path without empty, "." or ".." segments.
_SPIFFE = re.compile(r"spiffe://[a-z0-9._-]{1,255}(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)*")


def alternative_name(text: str) -> x509.GeneralName:
    """Parse an entry of the form ``TYPE:NAME``. Raises :class:`~lab.pki.errors.PlanError`."""
    kind, _, name = text.partition(":")
    if kind in ("DNS", "IP"):
        made = general_name(name)
        if isinstance(made, x509.IPAddress) is (kind == "IP"):
            return made
        raise _bad(text, "it is an IP address" if kind == "DNS" else "it is not an IP address")
    if kind == "URI":
        return x509.UniformResourceIdentifier(_uri(text, name))
    if kind == "email":
        found = _MAILBOX.fullmatch(name)
        if found is None:
            raise _bad(text, "it is not a mail address in ASCII")
        general_name(found[1])
        return x509.RFC822Name(name)
    raise _bad(text, "it does not begin with DNS:, IP:, URI: or email:")


def _uri(text: str, uri: str) -> str:
    if not (uri.isascii() and uri.isprintable()) or " " in uri or len(uri) > MAX_URI:
        raise _bad(text, f"a URI is 1 to {MAX_URI} printable ASCII characters without spaces")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise _bad(text, "it is not a URI") from None
    if not parts.scheme or not (parts.netloc or parts.path):
        raise _bad(text, "it has no scheme, or nothing after it")
    if parts.scheme == "spiffe" and not _SPIFFE.fullmatch(uri):
        raise _bad(
            text,
            "a SPIFFE ID is spiffe://TRUST-DOMAIN/PATH, the trust domain in lower case, "
            "with no port, query, fragment or slash at its end",
        )
    return uri


def _bad(text: str, reason: str) -> PlanError:
    return PlanError(
        f"{text!r} is not a subjectAltName: {reason}",
        remedy="Give one such as DNS:host.example, IP:192.0.2.1, "
        "URI:spiffe://lab.example/client or email:ops@lab.example",
    )
