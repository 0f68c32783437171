"""Whether a request that changes something comes from a page of this server itself.

A browser presents its client certificate whoever made it send the request (ambient authority), so
a page of another site could use it. What tells is Origin (RFC 6454 section 7; sent with every POST)
and Sec-Fetch-Site (Fetch Metadata), which a page cannot set. A form is a matter of browsers only,
so a request with neither is refused too: who sends none could be anyone's tool, and has the JSON
interface.

This module must not know routes, nor what is said to a client.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.tls.escape import escaped

_SHOWN = 100  # characters of an origin
_DEFAULT_PORT = ":443"


def foreign_origin(headers: Mapping[bytes, bytes]) -> str:
    """Return why a request over HTTPS is not known to come from this server's own page, or "".

    ``headers`` have lower-case names. A phrase, which shows no more than a part of what the client
    sent, and escaped.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None and site not in (b"same-origin", b"none"):
        return f"Sec-Fetch-Site is {_shown(site)}"
    origin = headers.get(b"origin")
    if origin is None:
        return "" if site is not None else "it has neither Origin nor Sec-Fetch-Site"
    host = headers.get(b"host", b"").lower().removesuffix(_DEFAULT_PORT.encode())
    if not host or origin != b"https://" + host:
        return f"Origin is {_shown(origin)}"
    return ""


def _shown(value: bytes) -> str:
    return escaped(value[:_SHOWN].decode("latin-1")) or "empty"
