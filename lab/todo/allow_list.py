"""The allow-list: clients that are served because one of their names is on it; all others are not.

Rules: names are compared whole, never by prefix or pattern. What RFC 5280, 7 lets differ in case
(hosts, the domain of an address, a URI's scheme and host) may differ in case, and nothing else. A
name counts only in the type that it was listed for: a CN is no DNS name.

This module must not know requests, nor where the names come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lab.http.message import Response, error_response
from lab.tls.escape import escaped
from lab.todo.application import certificate_required
from lab.x509.client_identity import ClientIdentity

_SHOWN = 200  # characters of a certificate's subject in an answer
_LABEL = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.IGNORECASE)
_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):(?://(?P<host>[^/?#]*))?(?P<rest>.*)", re.I)
# SPIFFE-ID, 2.1 and 2.2: a trust domain in lower case, a path without empty, "." or ".." segments.
_SPIFFE = re.compile(r"spiffe://[a-z0-9._-]{1,255}(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)*")
_SPIFFE_SCHEME = "URI:spiffe:"
_MAX_SPIFFE = 2048


class NotAName(ValueError):
    """A text is no name that a certificate could have. Its message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """A policy: 401 without a certificate, 403 without a name on the list, else let in.

    ``alternative_names`` are in the form in which they are compared; ``of`` makes it.
    """

    common_names: frozenset[str]
    alternative_names: frozenset[str]

    @classmethod
    def of(cls, *, common_names: Iterable[str], alternative_names: Iterable[str]) -> AllowList:
        """Return a list of these names, alternative ones as ``TYPE:NAME``. Raises NotAName."""
        common = frozenset(common_names)
        if "" in common:
            raise NotAName("--allow-cn: the name is empty; give the commonName of a client")
        return cls(
            common_names=common, alternative_names=frozenset(map(_checked, alternative_names))
        )

    def __call__(self, client: ClientIdentity | None) -> Response | None:
        """Judge a client, as a ``Policy`` does."""
        if client is None:
            return certificate_required(client)
        if client.common_name in self.common_names or self._knows(client.alternative_names):
            return None
        names = escaped(", ".join((client.subject or "no subject", *client.alternative_names)))
        return error_response(
            403,
            "the client certificate is valid, but none of its names is on the server's "
            f"allow-list: {names[:_SHOWN]}",
        )

    def _knows(self, names: tuple[str, ...]) -> bool:
        known = self.alternative_names.intersection(map(_comparable, names))
        if sum(name.startswith("URI:") for name in names) != 1:
            # X509-SVID, 2: a certificate with more than one URI must not be taken for a SPIFFE ID.
            known = frozenset(name for name in known if not name.startswith(_SPIFFE_SCHEME))
        return bool(known)


def _checked(text: str) -> str:
    """Return ``TYPE:NAME`` in the form in which it is compared. Raises NotAName."""
    kind, _, name = text.partition(":")
    if kind == "DNS" and not _HOST.fullmatch(name):
        raise _invalid(text, "DNS: needs a host name in ASCII, such as DNS:client.example")
    if kind == "email" and not (name.isascii() and re.fullmatch(r"[^@\s]+@[^@\s]+", name)):
        raise _invalid(text, "email: needs an address in ASCII, such as email:ops@client.example")
    if kind == "URI":
        _check_uri(text, name)
    if kind not in ("DNS", "email", "URI"):
        raise _invalid(text, "write DNS:HOST, URI:URI or email:ADDRESS")
    return _comparable(text)


def _check_uri(text: str, uri: str) -> None:
    if not uri.isascii() or not uri.isprintable() or " " in uri or not _URI.fullmatch(uri):
        raise _invalid(
            text, "URI: needs an absolute URI in ASCII, such as URI:spiffe://lab.example/client"
        )
    spiffe = uri.lower().startswith("spiffe:")
    if spiffe and (not _SPIFFE.fullmatch(uri) or len(uri) > _MAX_SPIFFE):
        raise _invalid(
            text,
            "a SPIFFE ID is spiffe://TRUST-DOMAIN/PATH, the trust domain in lower case, "
            "without port, query, fragment or trailing slash",
        )


def _comparable(text: str) -> str:
    """Return a typed name in lower case where case does not count (RFC 5280, 7.2, 7.4, 7.5)."""
    kind, _, name = text.partition(":")
    if kind == "DNS":
        return f"DNS:{name.lower()}"
    if kind == "email":
        local, _, domain = name.rpartition("@")
        return f"email:{local}@{domain.lower()}"
    uri = _URI.fullmatch(name) if kind == "URI" else None
    if uri is None:
        return text
    user, at, host = (uri["host"] or "").rpartition("@")
    slashes = "" if uri["host"] is None else "//"
    return f"URI:{uri['scheme'].lower()}:{slashes}{user}{at}{host.lower()}{uri['rest']}"


def _invalid(text: str, remedy: str) -> NotAName:
    return NotAName(f"--allow-san: {text!r} is not a valid name; {remedy}")
