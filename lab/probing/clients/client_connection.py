"""What the server saw of one connection of a client under test, in the terms of a verdict.

Rules: what a client did is what it sent. That it went through the handshake is seen by its Finished
or, in TLS 1.2, by its ClientKeyExchange; that it refused, by its alert or by its leaving before.

This module must not judge.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from lab.diagnosis.evidence import Evidence, summarize
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Outcome
from lab.probing.clients.served_answers import HEAD
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    MessageSeen,
    NotTls,
    Protocol,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    WireEvent,
    is_fatal,
)
from lab.tls.messages import CertificateRequest, ClientKeyExchange, Finished

_LONGEST_ALERT = 19  # bytes: two, the content type, and the tag (RFC 9846 section 5.2)


class Progress(enum.Enum):
    """How far a client went."""

    NOTHING = "it sent nothing"
    IN_CLEAR = "it sent its request in the clear"
    STOPPED = "it ended the connection within the handshake"
    TURNED_AWAY = "the server ended the connection within the handshake"
    OPEN = "it neither went on nor ended the connection"
    WENT_THROUGH = "it went through the handshake, and sent nothing behind it"
    ASKED = "it went through the handshake, and sent application data"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConnection:
    """One connection. ``alert`` is the client's first fatal one, ``server_alert`` the server's.

    ``ended`` is how the client ended TCP, None where it did not; ``answered`` tells that the server
    sent application data, ``bodiless`` that the client asked for a head alone. ``presented`` is
    whether the client showed a certificate, None where it was not asked, or did not come to it.
    ``sent_unread`` tells that it sent what was not read, since the server had ended TLS before, and
    that is longer than an alert.
    """

    progress: Progress
    outcome: Outcome
    evidence: Evidence
    alert: AlertSeen | None
    server_alert: AlertSeen | None
    ended: StreamEnd | None
    answered: bool
    bodiless: bool
    presented: bool | None
    sent_unread: bool
    server_failure: str


def connection_of(events: Sequence[Event]) -> ClientConnection:
    """Return what the events of one connection, as the server saw it, say of the client."""
    evidence = summarize(events)
    alerts = {end: _fatal(events, end, evidence) for end in Endpoint}
    chain = evidence.client_chain
    asked = _has(events, Endpoint.SERVER, CertificateRequest)
    return ClientConnection(
        progress=_progress(events, alerts),
        outcome=judge(events),
        evidence=evidence,
        alert=alerts[Endpoint.CLIENT],
        server_alert=alerts[Endpoint.SERVER],
        ended=_ended(events),
        answered=any(
            isinstance(event, ApplicationDataSeen) and event.endpoint is Endpoint.SERVER
            for event in events
        ),
        bodiless=_first_data(events).startswith(HEAD),
        presented=bool(chain) if asked and chain is not None else None,
        sent_unread=any(
            isinstance(event, SealedSeen)
            and event.endpoint is Endpoint.CLIENT
            and event.length > _LONGEST_ALERT
            for event in events
        ),
        server_failure=evidence.server_failure,
    )


def _progress(events: Sequence[Event], alerts: dict[Endpoint, AlertSeen | None]) -> Progress:
    clear = next(
        (e for e in events if isinstance(e, NotTls) and e.endpoint is Endpoint.CLIENT), None
    )
    if clear is not None:
        is_http = clear.protocol is Protocol.HTTP
        return Progress.IN_CLEAR if is_http else Progress.STOPPED
    if not any(isinstance(e, WireEvent) and e.endpoint is Endpoint.CLIENT for e in events):
        return Progress.NOTHING
    if _went_through(events):
        asked = bool(_first_data(events))
        return Progress.ASKED if asked else Progress.WENT_THROUGH
    first = next((end for end in _ends(events, alerts)), None)
    if first is None:
        return Progress.OPEN
    return Progress.STOPPED if first is Endpoint.CLIENT else Progress.TURNED_AWAY


def _first_data(events: Sequence[Event]) -> bytes:
    """The first application data that the client sent and that is not empty, b"" for none."""
    for event in events:
        is_of_client = event.endpoint is Endpoint.CLIENT
        if is_of_client and isinstance(event, ApplicationDataSeen) and event.data:
            return event.data
    return b""


def _went_through(events: Sequence[Event]) -> bool:
    if any(isinstance(e, LocalFact) and e.fact is Fact.HANDSHAKE_RETURNED for e in events):
        return True
    return _has(events, Endpoint.CLIENT, Finished, ClientKeyExchange)


def _has(events: Sequence[Event], sender: Endpoint, *kinds: type) -> bool:
    return any(
        isinstance(event, MessageSeen)
        and event.endpoint is sender
        and isinstance(event.message, kinds)
        for event in events
    )


def _ends(events: Sequence[Event], alerts: dict[Endpoint, AlertSeen | None]) -> list[Endpoint]:
    """Who ended the connection, in the order in which they did: by an alert, or by TCP."""
    fatal = tuple(alert for alert in alerts.values() if alert is not None)
    return [
        event.endpoint
        for event in events
        if isinstance(event, StreamEnded) or any(event is alert for alert in fatal)
    ]


def _ended(events: Sequence[Event]) -> StreamEnd | None:
    for event in events:
        if isinstance(event, StreamEnded) and event.endpoint is Endpoint.CLIENT:
            return event.end
    return None


def _fatal(events: Sequence[Event], sender: Endpoint, evidence: Evidence) -> AlertSeen | None:
    hello = evidence.server_hello
    tls13 = hello is not None and hello.is_tls13
    for event in events:
        if isinstance(event, StreamEnded) and event.endpoint is not sender:
            return None  # what follows is an echo of that end
        if (
            isinstance(event, AlertSeen)
            and event.endpoint is sender
            and is_fatal(event, tls13=tls13)
        ):
            return event
    return None
