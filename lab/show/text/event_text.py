"""The words for an event, for all faces: a headline, and what a log line adds to it.

Rules: what a peer chose is escaped. This module must not know how the words are laid out.
"""

from __future__ import annotations

from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Event,
    LeftOut,
    LocalFact,
    Malformed,
    MessageSeen,
    NotTls,
    Protocol,
    SealedSeen,
    StreamEnded,
    Undecoded,
    Unfinished,
    escaped,
)
from lab.tls.messages import Certificate, CompressedCertificate, HandshakeMessage


def headline(event: Event) -> str:
    """Return the event in a few words, such as "ClientHello" or "alert fatal unknown_ca (48)"."""
    if isinstance(event, MessageSeen):
        return event.message.name + (" (empty)" if _is_empty_certificate(event.message) else "")
    if isinstance(event, LocalFact):
        return event.fact.value
    if isinstance(event, AlertSeen):
        return f"alert {event.level} {event.description} ({event.description.value})"
    if isinstance(event, ChangeCipherSpecSeen):
        return "ChangeCipherSpec"
    if isinstance(event, ApplicationDataSeen):
        return "application data"
    if isinstance(event, SealedSeen):
        return f"undecrypted record ({event.content_type})"
    if isinstance(event, StreamEnded):
        return f"TCP {event.end.value}"
    return _of_what_was_not_read(event)


def _of_what_was_not_read(event: Event) -> str:
    if isinstance(event, NotTls):
        plain = event.protocol is Protocol.UNKNOWN
        return "not TLS" if plain else f"not TLS: {event.protocol.value}"
    if isinstance(event, Unfinished):
        return f"unfinished {event.part.value}"
    if isinstance(event, LeftOut):
        return f"{event.count} more, not kept"
    if isinstance(event, Undecoded):
        return f"{event.name} not decoded"
    assert isinstance(event, Malformed)
    return "malformed bytes"


def on_one_line(event: Event) -> str:
    """Return the headline, and behind it what the event says besides."""
    details = _details(event)
    return f"{headline(event)}{details}" if details else headline(event)


def _details(event: Event) -> str:
    if isinstance(event, MessageSeen | ChangeCipherSpecSeen):
        return " (out of order)" if event.out_of_order else ""
    if isinstance(event, LocalFact):
        return f": {escaped(event.reason)}" if event.reason else ""
    if isinstance(event, ApplicationDataSeen):
        return f", {len(event.data)} bytes"
    if isinstance(event, SealedSeen):
        return f": {event.inference}" if event.inference else f", {event.length} bytes"
    if isinstance(event, Undecoded):
        return f": {event.where}: {event.limit}"
    if isinstance(event, Malformed):
        return f": {event.where}: {event.problem}"
    if isinstance(event, Unfinished):
        whole = "header incomplete" if event.expected is None else f"of {event.expected}"
        return f": {event.came} bytes, {whole}"
    return ""


def _is_empty_certificate(message: HandshakeMessage) -> bool:
    if isinstance(message, CompressedCertificate) and message.certificate is not None:
        message = message.certificate
    return isinstance(message, Certificate) and not message.certificate_list
