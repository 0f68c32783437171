"""The outcome: how a connection ended, who ended it, by what, and when.

Rules: an outcome states what was seen; why it happened is ``diagnosis.py``'s to say. Nothing is
concluded from an alert's number. An alert that an endpoint writes after the other one has already
ended the connection is an echo, and a warning that ends nothing is no rejection.

This module must not know where events come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.diagnosis.results import Outcome, Result, Signal, http_status
from lab.tls.code_points import AlertDescription, ExtensionType
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    Malformed,
    MessageSeen,
    NotTls,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
    is_fatal,
)
from lab.tls.messages import (
    CertificateRequest,
    Finished,
    NewSessionTicket,
    ServerHello,
)

# The answers by which an HTTP server refuses a client for who it is: RFC 9110 sections 15.5.1,
# 15.5.2 and 15.5.4, and nginx's own codes for a bad and for a missing certificate.
HTTP_REFUSALS = frozenset({400, 401, 403, 495, 496})


@dataclass(frozen=True, slots=True)
class _Ending:
    """The event that decided, read as a signal. ``position`` is its index among the events."""

    position: int
    result: Result
    by: Endpoint | None
    signal: Signal | None
    alert: AlertSeen | None = None
    http_status: int | None = None


def judge(events: Sequence[Event]) -> Outcome:
    """The outcome of a connection from all its events, in the order in which they were seen.

    The events may be one end's, or both ends' merged: bytes as one of them saw them, and the local
    facts of both.
    """
    tls13 = _is_tls13(events)
    ending = _ending(events, tls13)
    after, sealed = _last_message(events[: ending.position], ending.by)
    closing = ending.alert is not None or ending.signal in (Signal.FIN, Signal.RST)
    return Outcome(
        result=ending.result,
        by=ending.by,
        signal=ending.signal,
        alert=ending.alert,
        http_status=ending.http_status,
        after=after,
        sealed=sealed,
        client_handshake_returned=_returned(events, Endpoint.CLIENT),
        server_handshake_returned=_returned(events, Endpoint.SERVER),
        exception=_exception(events),
        echoes=_echoes(events[ending.position + 1 :], ending, tls13) if closing else (),
        warnings=tuple(_warnings(events, tls13)),
    )


def _ending(events: Sequence[Event], tls13: bool) -> _Ending:
    """The first event that settles the matter; else what the last ones leave."""
    for position, event in enumerate(events):
        if isinstance(event, AlertSeen) and is_fatal(event, tls13=tls13):
            return _Ending(
                position, _broken_or_refused(events, position), event.endpoint, Signal.ALERT, event
            )
        if isinstance(event, NotTls):
            return _Ending(position, Result.FAILED, event.endpoint, Signal.NOT_TLS)
        if isinstance(event, LocalFact) and event.fact is Fact.TIMED_OUT:
            return _Ending(position, Result.FAILED, event.endpoint.other, Signal.TIME_OUT)
        if isinstance(event, StreamEnded):
            return _ended(events, position, event, tls13)
        if isinstance(event, ApplicationDataSeen) and event.endpoint is Endpoint.SERVER:
            return _answered(events, position)
    if _completion(events) is not None:
        return _Ending(len(events), Result.ACCEPTED, None, None)
    for position, event in enumerate(events):
        # Last, because the ends themselves may have taken what our parser does not.
        if isinstance(event, Malformed):
            return _Ending(position, Result.FAILED, event.endpoint, Signal.MALFORMED)
    return _Ending(len(events), Result.FAILED, None, None)


def _answered(events: Sequence[Event], position: int) -> _Ending:
    """The server sent data, so TLS let the client in; HTTP may say otherwise."""
    said = b"".join(
        event.data
        for event in events[position:]
        if isinstance(event, ApplicationDataSeen) and event.endpoint is Endpoint.SERVER
    )
    status = http_status(said)
    if status in HTTP_REFUSALS:
        signal = Signal.HTTP_STATUS
        return _Ending(position, Result.REJECTED, Endpoint.SERVER, signal, http_status=status)
    return _Ending(position, Result.ACCEPTED, None, None, http_status=status)


def _ended(events: Sequence[Event], position: int, event: StreamEnded, tls13: bool) -> _Ending:
    """TCP ended and no fatal alert came before."""
    before = events[:position]
    # A reset may be seen first, and then the alert that it had overtaken.
    behind = _fatal_alerts(events[position:], tls13)
    alert = next((seen for seen in behind if seen.endpoint is event.endpoint), None)
    if alert is not None:
        result = _broken_or_refused(events, position)
        return _Ending(position, result, event.endpoint, Signal.ALERT, alert)
    # Whoever said goodbye first ended it; the other one only answered.
    goodbye = next((at for at, seen in enumerate(before) if _is_close_notify(seen)), None)
    if goodbye is not None:
        return _parted(events, goodbye)
    signal = Signal.RST if event.end is StreamEnd.RESET else Signal.FIN
    if any(isinstance(seen, MessageSeen | SealedSeen | Undecoded) for seen in before):
        return _Ending(position, _broken_or_refused(events, position), event.endpoint, signal)
    # Before a single message has passed, nothing can have been refused.
    return _Ending(position, Result.FAILED, event.endpoint, signal)


def _parted(events: Sequence[Event], position: int) -> _Ending:
    """The end came in order, by a close_notify at ``position``."""
    by = events[position].endpoint
    if _completion(events[:position]) is not None:
        return _Ending(position, Result.ACCEPTED, None, Signal.CLOSE_NOTIFY)
    # A client that leaves in order has heard neither yes nor no.
    result = Result.REJECTED if by is Endpoint.SERVER else Result.FAILED
    return _Ending(position, result, by, Signal.CLOSE_NOTIFY)


def _broken_or_refused(events: Sequence[Event], position: int) -> Result:
    """What an end without a goodbye means: after the handshake was accepted, no refusal.

    Unless a certificate was asked for once more: after the handshake (RFC 9846 section 4.7.2), or
    by renegotiation.
    """
    accepted = _completion(events[:position])
    if accepted is None:
        return Result.REJECTED
    asked_again = any(
        isinstance(event, MessageSeen) and isinstance(event.message, CertificateRequest)
        for event in events[accepted:position]
    )
    return Result.REJECTED if asked_again else Result.FAILED


def _completion(events: Sequence[Event]) -> int | None:
    """Where the server is known to have accepted the client's last flight; None: it is not.

    In TLS 1.2 both ends' ChangeCipherSpec say so: the server sends its own only after it has
    judged the client's certificate (RFC 5246 section 7.3). In TLS 1.3 the server's flight comes
    before that; what tells is a ticket behind the client's Finished (RFC 9846 section 4.7.1), or
    that the server's own handshake call returned.
    """
    tls13 = client_finished = False
    changed: set[Endpoint] = set()
    for position, event in enumerate(events):
        if isinstance(event, LocalFact):
            if event.fact is Fact.HANDSHAKE_RETURNED and event.endpoint is Endpoint.SERVER:
                return position
        elif isinstance(event, ChangeCipherSpecSeen):
            changed.add(event.endpoint)
            if len(changed) == 2 and not tls13:
                return position
        elif isinstance(event, MessageSeen):
            if isinstance(event.message, ServerHello):
                tls13 = event.message.has(ExtensionType.SUPPORTED_VERSIONS)
            elif isinstance(event.message, Finished) and event.endpoint is Endpoint.CLIENT:
                client_finished = True
            elif isinstance(event.message, NewSessionTicket) and tls13 and client_finished:
                return position
    return None


def _is_tls13(events: Sequence[Event]) -> bool:
    return any(
        isinstance(event, MessageSeen)
        and isinstance(event.message, ServerHello)
        and event.message.has(ExtensionType.SUPPORTED_VERSIONS)
        for event in events
    )


def _is_close_notify(event: Event) -> bool:
    return isinstance(event, AlertSeen) and event.description == AlertDescription.CLOSE_NOTIFY


def _last_message(events: Sequence[Event], by: Endpoint | None) -> tuple[str, bool]:
    """The other end's last handshake message, and whether it was sealed."""
    if by is None:
        return "", False
    for event in reversed(events):
        if event.endpoint is not by.other:
            continue
        if isinstance(event, MessageSeen):
            return event.message.name, False
        if isinstance(event, Undecoded):
            return event.name if event.message is not None else "bytes, not decoded here", False
        if isinstance(event, SealedSeen):
            named = event.inference.startswith(("a ", "an "))
            sealed = f"an encrypted record of {event.length} bytes"
            return event.inference if named else sealed, True
    return "", False


def _returned(events: Sequence[Event], endpoint: Endpoint) -> bool | None:
    facts = [
        event.fact
        for event in events
        if isinstance(event, LocalFact) and event.endpoint is endpoint
    ]
    return Fact.HANDSHAKE_RETURNED in facts if facts else None


def _exception(events: Sequence[Event]) -> str:
    """What a watched end's library said: the client's if it said anything, else the server's."""
    failures = (Fact.HANDSHAKE_FAILED, Fact.READ_FAILED, Fact.WRITE_FAILED, Fact.TIMED_OUT)
    said = {
        event.endpoint: event.reason
        for event in reversed(events)
        if isinstance(event, LocalFact) and event.fact in failures
    }
    return said.get(Endpoint.CLIENT, said.get(Endpoint.SERVER, ""))


def _echoes(events: Sequence[Event], ending: _Ending, tls13: bool) -> tuple[AlertSeen, ...]:
    """Alerts of the other end, or of an end that had only closed, after it was over."""
    return tuple(alert for alert in _fatal_alerts(events, tls13) if alert is not ending.alert)


def _fatal_alerts(events: Sequence[Event], tls13: bool) -> list[AlertSeen]:
    return [
        event for event in events if isinstance(event, AlertSeen) and is_fatal(event, tls13=tls13)
    ]


def _warnings(events: Sequence[Event], tls13: bool) -> list[AlertSeen]:
    return [
        event
        for event in events
        if isinstance(event, AlertSeen)
        and not is_fatal(event, tls13=tls13)
        and event.description != AlertDescription.CLOSE_NOTIFY
    ]
