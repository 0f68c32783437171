"""STARTTLS of XMPP, between a client and its server (RFC 6120 sections 4.2, 4.3 and 5.4).

Rules: nothing parses what the server sends as XML: a few tags are looked for, in bounded bytes.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import quoteattr

from lab.tracing.preludes.prelude_stream import MOST_OCTETS, PreludeStream

_OPENING = (
    "<?xml version='1.0'?><stream:stream to={} version='1.0' xml:lang='en' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
_STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
_ERROR = rb"<(?:\w+:)?error\b.*?</(?:\w+:)?error>"
_FEATURES = re.compile(
    rb"<(?:\w+:)?features\b[^>]*/>|<(?:\w+:)?features\b.*?</(?:\w+:)?features>|" + _ERROR, re.DOTALL
)
_OFFER = re.compile(rb"<(?:\w+:)?starttls\b")
_ANSWER = re.compile(
    rb"<(?:\w+:)?(?:proceed|failure)\b[^>]*/>|<(?:\w+:)?(proceed|failure)\b.*?</(?:\w+:)?\1>|"
    + _ERROR,
    re.DOTALL,
)
_PROCEED = re.compile(rb"<(?:\w+:)?proceed\b")


async def upgrade_xmpp(stream: PreludeStream, name: str) -> None:
    """Open a stream to the domain ``name``, and ask for TLS."""
    await stream.send(_OPENING.format(quoteattr(name)).encode())
    offer = await _element(stream, _FEATURES, "list of its features")
    if _OFFER.search(offer) is None:
        if b"features" in offer[:40]:
            remedy = "turn TLS on in the server, or use the port of TLS at once (xmpps)"
            raise stream.lacks(offer, "announces no <starttls/>", remedy)
        remedy = f"name a domain that the server serves (--sni): it was asked for {name}"
        raise stream.refused(offer, remedy)
    await stream.send(_STARTTLS)
    answer = await _element(stream, _ANSWER, "answer to <starttls/> (<proceed/>)")
    if _PROCEED.match(answer) is None:
        raise stream.refused(answer, "read the server's log: its TLS is not usable now")


async def _element(stream: PreludeStream, pattern: re.Pattern[bytes], what: str) -> bytes:
    """Return the first element that is looked for; what comes behind it is left."""
    seen = b""
    while len(seen) <= MOST_OCTETS:
        seen += await stream.some(what)
        if (found := pattern.search(seen)) is not None:
            stream.unread(seen[found.end() :])
            return found[0]
        stripped = seen.lstrip()
        if stripped and not stripped.startswith(b"<"):
            break
    raise stream.unexpected(seen)
