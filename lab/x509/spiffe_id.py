"""The syntax of SPIFFE IDs (SPIFFE-ID section 2)."""

from __future__ import annotations

import re

SCHEME = "spiffe"
MAX_ID = 2048
"""The length of a SPIFFE ID, in bytes, that every implementation supports (section 2.3)."""

_MAX_TRUST_DOMAIN = 255
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]+")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


def has_spiffe_scheme(uri: str) -> bool:
    """Return whether a URI is meant as a SPIFFE ID; schemes have no case (RFC 3986 section 3.1)."""
    return uri.lower().startswith(f"{SCHEME}:")


def id_flaw(uri: str) -> str:
    """Return why a URI with the scheme is no SPIFFE ID, with the section; "" if it is one.

    A capital letter in scheme or trust domain is told by :func:`has_capitals`.
    """
    if not uri.lower().startswith(f"{SCHEME}://"):
        return "no // follows the scheme (section 2)"
    domain, slash, path = uri[len(SCHEME) + 3 :].partition("/")
    if not domain or domain[0] in "?#":
        return "it names no trust domain (section 2)"
    if "?" in uri or "#" in uri:
        return "it has a query or a fragment (section 2)"
    if "@" in domain or ":" in domain:
        return "its trust domain has a user or a port (section 2.1)"
    if not _TRUST_DOMAIN.fullmatch(domain.lower()) or not domain.isascii():
        return "its trust domain has other characters than a-z, 0-9, dot, - and _ (section 2.1)"
    if len(domain) > _MAX_TRUST_DOMAIN:
        return f"its trust domain is longer than {_MAX_TRUST_DOMAIN} bytes (section 2.3)"
    return _path_flaw(path) if slash else ""


def _path_flaw(path: str) -> str:
    segments = path.split("/")
    if not segments[-1]:
        return "it ends with a slash (section 2.2)"
    if not all(segments):
        return "its path has an empty segment (section 2.2)"
    if any(segment in (".", "..") for segment in segments):
        return "its path has a segment . or .. (section 2.2)"
    if not all(map(_SEGMENT.fullmatch, segments)):
        return (
            "its path has other characters than letters, digits, dot, - and _, which may not be "
            "percent-encoded either (section 2.2)"
        )
    return ""


def has_capitals(uri: str) -> bool:
    """Return whether scheme or trust domain has capital letters: both are in lower case."""
    head = "/".join(uri.split("/", 3)[:3])
    return head != head.lower()


def has_path(uri: str) -> bool:
    """Return whether a SPIFFE ID names a workload, not a whole trust domain."""
    return "/" in uri[len(SCHEME) + 3 :]
