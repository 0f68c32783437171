"""STARTTLS of XMPP, between a client and its server (RFC 6120 sections 4.2, 4.3 and 5.4).

Rules: nothing parses what the server sends as XML: a few tags are looked for, in bounded bytes.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import quoteattr

from lab.tls.escape import escaped
from lab.tracing.preludes.prelude_stream import PreludeStream

_MOST_OCTETS = 1 << 14
_MOST_TAG = 1 << 10
_OPENING = (
    "<?xml version='1.0'?><stream:stream to={} version='1.0' xml:lang='en' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
_STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
# With any prefix of a namespace, and each in time that grows with the bytes alone.
_FEATURES_END = re.compile(
    rb"<(?:\w{1,20}:)?features\b[^<>]*/>|</(?:\w{1,20}:)?(?:features|error)>", re.ASCII
)
_ANSWER_END = re.compile(
    rb"<(?:\w{1,20}:)?(?:proceed|failure)\b[^<>]*/>"
    rb"|</(?:\w{1,20}:)?(?:proceed|failure|error)>",
    re.ASCII,
)
_FEATURES = re.compile(rb"<(?:\w{1,20}:)?features\b")
_OFFER = re.compile(rb"<(?:\w{1,20}:)?starttls\b")
_PROCEED = re.compile(rb"<(?:\w{1,20}:)?proceed\b")


async def upgrade_xmpp(stream: PreludeStream, name: str) -> None:
    """Open a stream to the domain ``name``, and ask for TLS."""
    await stream.send(_OPENING.format(quoteattr(name)).encode())
    offer = await _up_to(stream, _FEATURES_END, "list of its features")
    if _FEATURES.search(offer) is None:
        remedy = f"name a domain that the server serves (--sni): it was asked for {escaped(name)}"
        raise stream.refused(offer, remedy)
    if _OFFER.search(offer) is None:
        remedy = "turn TLS on in the server, or use the port of TLS at once (xmpps)"
        raise stream.lacks(offer, "announces no <starttls/>", remedy)
    await stream.send(_STARTTLS)
    answer = await _up_to(stream, _ANSWER_END, "answer to <starttls/> (<proceed/>)")
    if _PROCEED.search(answer) is None:
        raise stream.refused(answer, "read the server's log: its TLS is not usable now")


async def _up_to(stream: PreludeStream, end: re.Pattern[bytes], what: str) -> bytes:
    """Return what comes up to the end of an element; what comes behind it is left."""
    seen = b""
    while len(seen) <= _MOST_OCTETS:
        begin = max(0, len(seen) - _MOST_TAG)  # an end may have come in part
        seen += await stream.some(what)
        if (found := end.search(seen, begin)) is not None:
            stream.unread(seen[found.end() :])
            return seen[: found.end()]
        if seen.lstrip()[:1] not in (b"", b"<"):
            break
    raise stream.unexpected(seen)
