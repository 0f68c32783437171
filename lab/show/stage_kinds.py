"""What an event of a connection is to the server's log.

This module must not know how a line is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.results import Outcome, Signal
from lab.tls.code_points import AlertDescription
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    Malformed,
    MessageSeen,
    NotTls,
    StreamEnded,
    Undecoded,
    is_fatal,
)
from lab.tls.messages import CertificateRequest, Finished, KeyUpdate, NewSessionTicket

ABOUT_CERTIFICATE = (Fact.CERTIFICATE_VERIFIED, Fact.CERTIFICATE_REFUSED, Fact.SESSION_RESUMED)
"""Facts about a certificate of the other end."""

_FAILURES = (Fact.HANDSHAKE_FAILED, Fact.WRITE_FAILED)


def is_renewed_handshake(event: Event) -> bool:
    """Return whether an event of an accepted connection belongs to another handshake."""
    if isinstance(event, AlertSeen):
        return event.description is AlertDescription.NO_RENEGOTIATION or is_fatal(event)
    if isinstance(event, LocalFact):
        return event.fact in ABOUT_CERTIFICATE
    return isinstance(event, MessageSeen) and not isinstance(
        event.message, NewSessionTicket | KeyUpdate
    )


def answers_late_request(event: Event, certificate: bytes | None) -> bool:
    """Return whether an event after the handshake is the last of an answer that was taken.

    ``certificate`` is the one that the client has just presented: without one, its Finished is all
    that there is to see.
    """
    if isinstance(event, LocalFact):
        return event.fact is Fact.CERTIFICATE_VERIFIED
    if certificate is not None or event.endpoint is Endpoint.SERVER:
        return False
    return isinstance(event, MessageSeen) and isinstance(event.message, Finished)


def is_late(event: Event) -> bool:
    """Return whether it is the alert that OpenSSL writes where TCP ended without close_notify."""
    return isinstance(event, AlertSeen) and event.description is AlertDescription.DECODE_ERROR


def left_at_request(events: Sequence[Event], outcome: Outcome) -> bool:
    """Return whether a client closed, without an alert, when it was asked for a certificate."""
    if outcome.by is not Endpoint.CLIENT or outcome.signal not in (Signal.FIN, Signal.RST):
        return False
    asked = False
    for event in events:
        if asked and is_byte_of_client(event):
            return False
        if isinstance(event, MessageSeen):
            asked = asked or isinstance(event.message, CertificateRequest)
    return asked


def is_failure(event: Event) -> bool:
    """Return whether this end reports that its handshake or a write failed."""
    return isinstance(event, LocalFact) and event.fact in _FAILURES


def is_byte_of_client(event: Event) -> bool:
    """Return whether an event shows that the client has sent something."""
    is_end = isinstance(event, StreamEnded) and not event.truncated
    return event.endpoint is Endpoint.CLIENT and not is_end


def is_rare(event: Event) -> bool:
    """Return whether an event is one of the few of its kind, and may tell how it ended."""
    if isinstance(event, AlertSeen):
        return is_fatal(event)
    if isinstance(event, Undecoded):
        return event.message is None
    return isinstance(event, LocalFact | StreamEnded | Malformed | NotTls)
