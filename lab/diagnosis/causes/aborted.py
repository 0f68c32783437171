"""Causes of failed connections: those that neither end accepted or rejected.

This module must not know certificates: where one was judged, the outcome is a rejection.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.causes.other_protocols import no_tls, port_hint
from lab.diagnosis.evidence import Evidence
from lab.diagnosis.outcome_wording import what_was_seen
from lab.diagnosis.results import Cause, Outcome, Signal
from lab.tls.code_points import AlertDescription
from lab.tls.events import (
    AlertSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    LeftOut,
    LocalFact,
    Malformed,
    MessageSeen,
    SealedSeen,
    Undecoded,
    Unfinished,
    WireEvent,
)
from lab.tls.messages import Finished

# More messages and records than any handshake has from one end.
_MOST = 100


def failure(
    events: Sequence[Event], summary: Evidence, outcome: Outcome, port: int | None = None
) -> Cause | None:
    """Return the cause of an outcome that is neither acceptance nor rejection; None: not known."""
    whose = outcome.by.value if outcome.by else "other end"
    if outcome.signal is Signal.NOT_TLS:
        return no_tls(events, whose, port)
    if outcome.signal is Signal.TIME_OUT:
        assert outcome.by is not None
        return _no_completion(events, summary, outcome.by, port)
    if outcome.signal is Signal.MALFORMED:
        return _malformed(events, whose)
    if outcome.handshake_accepted:
        return _broken_off(events, outcome, whose)
    undecoded = next((event for event in events if isinstance(event, Undecoded)), None)
    if undecoded is not None and (outcome.signal is None or summary.server_hello is None):
        return _not_decoded(undecoded)
    if outcome.signal is None:
        return None
    if outcome.signal is Signal.CLOSE_NOTIFY:
        return _no_verdict()
    if outcome.signal is Signal.FIN and outcome.by is Endpoint.CLIENT and _completed(events):
        return _no_verdict()
    if any(isinstance(event, MessageSeen | SealedSeen) for event in events):
        return _left_at_request(outcome) if _is_at_request(summary, outcome) else left(outcome)
    return Cause(
        code="closed-at-once",
        summary=f"the {whose} closed the connection before any TLS message",
        evidence=(
            "the TCP connection was established, and ended without a TLS record from the other end",
            *port_hint(port),
        ),
        reference="RFC 9846 section 4",
        fix="check that the port serves TLS, and whether a proxy or firewall is in the path",
    )


def _completed(events: Sequence[Event]) -> bool:
    """Whether the client sent a last flight, as far as that can be read."""
    return any(
        event.endpoint is Endpoint.CLIENT
        and (
            isinstance(event, SealedSeen)
            or (isinstance(event, MessageSeen) and isinstance(event.message, Finished))
        )
        for event in events
    )


def left(outcome: Outcome) -> Cause:
    """Return the cause where an end aborted the handshake and did not say why."""
    assert outcome.by is not None
    whose = outcome.by.value
    return Cause(
        code=f"{whose}-left",
        summary=f"the {whose} aborted the handshake",
        evidence=(what_was_seen(outcome),),
        reference="RFC 9846 section 6.1",
        fix=f"read the {whose}'s error message or log",
    )


def _is_at_request(summary: Evidence, outcome: Outcome) -> bool:
    """Return whether a client that gave no reason left after it was asked for a certificate."""
    asked = summary.request is not None and summary.client_chain is None
    silent = outcome.alert is None and not summary.sealed
    return outcome.by is Endpoint.CLIENT and asked and silent


def _left_at_request(outcome: Outcome) -> Cause:
    """Return the cause where a client closed when it was asked for a certificate.

    Chromium 156 closes with FIN, and without an alert, as soon as it has read CertificateRequest;
    it connects again when it knows which certificate to present, or that it is to present none.
    """
    return Cause(
        code="client-left",
        summary="the client left before presenting a certificate, as browsers do while they ask "
        "their user for one",
        evidence=(what_was_seen(outcome), "the server had requested a certificate"),
        reference="RFC 9846 section 4.4.2; RFC 5246 section 7.4.4",
        fix="none, if the client connects again and is accepted; else read its output or log",
    )


def _no_verdict() -> Cause:
    return Cause(
        code="no-verdict",
        summary="the client closed the connection before the server accepted or rejected it",
        evidence=("the server sent no application data, no session ticket and no alert",),
        reference="RFC 9846 section 4.5.3",
        fix="send a request and read the response",
    )


def _no_completion(
    events: Sequence[Event], summary: Evidence, by: Endpoint, port: int | None
) -> Cause:
    """Time ran out: ``by`` was slow, or sent what completes nothing, or sent nothing more."""
    end = next(at for at, event in enumerate(events) if _is_time_out(event))
    heard = [
        event
        for event in events[:end]
        if event.endpoint is by and isinstance(event, WireEvent | LeftOut | Undecoded)
    ]
    number = sum(event.count if isinstance(event, LeftOut) else 1 for event in heard)
    if number > _MOST or any(getattr(event, "out_of_order", False) for event in heard):
        return _flood(heard, number, by)
    for event in events[end:]:  # it is told when the waiting is over
        if isinstance(event, Unfinished) and event.endpoint is by:
            return _slowness(event, by)
    return _silence(heard, summary, by, port)


def _is_time_out(event: Event) -> bool:
    return isinstance(event, LocalFact) and event.fact is Fact.TIMED_OUT


def _slowness(begun: Unfinished, by: Endpoint) -> Cause:
    what = begun.part.value
    whole = "the header incomplete" if begun.expected is None else f"of {begun.expected}"
    return Cause(
        code="unfinished",
        summary=f"the {by.value} began a {what} and did not finish it in time",
        evidence=(f"{begun.came} bytes of the {what} arrived, {whole}",),
        reference="RFC 9846 section 5.1",
        fix=f"check whether the {by.value} stalls, or the network delays its packets",
    )


def _flood(heard: Sequence[Event], number: int, by: Endpoint) -> Cause:
    return Cause(
        code="endless-handshake",
        summary=f"the {by.value} kept sending without completing the handshake",
        evidence=(f"messages and records from the {by.value}: {number}, the last {_last(heard)}",),
        reference="RFC 9846 section 4",
        fix=f"look for a bug in the {by.value}, or an attack: no handshake needs that",
    )


def _silence(heard: Sequence[Event], summary: Evidence, by: Endpoint, port: int | None) -> Cause:
    if heard:
        nothing = f"nothing arrived after the {by.value}'s {_last(heard)}"
    elif summary.client_hello is None:
        nothing = "no message arrived"
    else:
        nothing = "no answer to ClientHello"
    hint = () if heard or by is Endpoint.CLIENT else port_hint(port)
    return Cause(
        code="silence",
        summary=f"timed out waiting for the {by.value}",
        evidence=(nothing, *hint),
        reference="RFC 9846 section 4",
        fix="check that both ends are running, and whether a firewall or proxy drops packets",
    )


def _last(heard: Sequence[Event]) -> str:
    """The last thing that was read, by its name."""
    event = next(event for event in reversed(heard) if not isinstance(event, LeftOut))
    if isinstance(event, MessageSeen):
        return event.message.name
    if isinstance(event, AlertSeen):
        return f"alert {event.description}"
    if isinstance(event, Undecoded):
        return f"{event.name}, not decoded here"
    return "ChangeCipherSpec" if isinstance(event, ChangeCipherSpecSeen) else "undecrypted record"


def _malformed(events: Sequence[Event], whose: str) -> Cause:
    broken = next(event for event in events if isinstance(event, Malformed))
    return Cause(
        code="malformed",
        summary=f"the {whose} sent malformed data",
        evidence=(f"{broken.where}, at byte {broken.offset}: {broken.problem}",),
        reference="RFC 9846 section 6.2 (decode_error)",
        fix="look for corrupted data, or a bug in that implementation",
    )


def _not_decoded(event: Undecoded) -> Cause:
    return Cause(
        code="not-decoded",
        summary="how this connection ended cannot be told: part of it is not decoded",
        evidence=(
            f"{event.name} of what the {event.endpoint.value} sent: {event.where}: {event.limit}",
        ),
        reference="RFC 9846 section 4",
        fix="this is a limit of this program; look at a capture of the connection with another",
    )


def _no_renegotiation(outcome: Outcome) -> Cause:
    return Cause(
        code="no-renegotiation",
        summary="one end began another handshake on the connection, and the other one does not "
        "renegotiate",
        evidence=("an end answered with the warning no_renegotiation (100)", _then(outcome)),
        reference="RFC 5246 section 7.2.2; RFC 9846 section 4.2.1",
        fix="do without renegotiation: ask for the certificate in the first handshake, for the "
        "whole host; or allow it (Options = ClientRenegotiation in openssl.cnf), if that must be",
    )


def _then(outcome: Outcome) -> str:
    return what_was_seen(outcome) if outcome.by else "then the connection ended"


def _broken_off(events: Sequence[Event], outcome: Outcome, whose: str) -> Cause:
    refused = (event for event in events if isinstance(event, AlertSeen))
    if any(event.description == AlertDescription.NO_RENEGOTIATION for event in refused):
        return _no_renegotiation(outcome)
    assert outcome.signal is not None
    how = outcome.signal.value
    if outcome.alert is not None:
        how = f"the alert {outcome.alert.description} ({outcome.alert.description.value})"
    return Cause(
        code="broken-off-afterwards",
        summary=f"the handshake completed; the {whose} aborted the connection afterwards",
        evidence=(
            "the server had accepted the client's last flight",
            f"then came {how}, without a response or close_notify",
        ),
        reference="RFC 9846 section 6.1",
        fix=f"read the log of the {whose}",
    )
