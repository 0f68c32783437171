"""Causes where part of a connection could not be read, or was not captured."""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.causes.remedies import SUPPLY_KEYS, give_certificate
from lab.diagnosis.evidence import Evidence
from lab.diagnosis.outcome_wording import alert_in_words, what_was_seen
from lab.diagnosis.results import Cause, Outcome
from lab.tls.events import AlertSeen, Event, Gap, NotCaptured, SealedSeen, is_fatal

_HIDDEN = "TLS 1.3 encrypts the certificates: without keys nothing of them can be seen"
_PARTLY = "the handshake could not be read whole"
_REMEDIES = {
    Gap.START: "begin the capture before the client connects",
    Gap.MISSING: "capture on one of the two machines, with a larger buffer (tcpdump -B 65536)",
    Gap.SNAPPED: "capture whole packets (tcpdump -s 0)",
    Gap.DIRECTION: "capture both directions: on one of the two machines, not behind a router that "
    "sends the other way by another path",
    Gap.END: "capture until the connection has ended",
    Gap.STOPPED: "let the connection end before the tap is stopped",
}


def accepted_unseen(events: Sequence[Event], outcome: Outcome, unknown: str) -> Cause:
    """The server accepted the client; ``unknown`` is what cannot be seen."""
    gaps = dict.fromkeys(event.gap for event in events if isinstance(event, NotCaptured))
    unread = [gap.value for gap in gaps if not gap.is_end] or [*_limits(events)] or [_PARTLY]
    return Cause(
        code="accepted-unseen",
        summary=f"the handshake accepted the client; whether {unknown} cannot be seen",
        evidence=(*([outcome.ground] if outcome.ground else []), *unread),
        reference="RFC 9846 section 5.2",
        fix="; ".join(_REMEDIES[gap] for gap in gaps) or _supply_keys(events),
    )


def accepted_unread(outcome: Outcome, compression: str) -> Cause:
    """The server accepted a client whose Certificate is compressed in a way not undone here."""
    compressed = f"the client's Certificate is compressed with {compression}, not undone here"
    return Cause(
        code="accepted-unseen",
        summary="the handshake accepted the client; what certificate it presented cannot be seen",
        evidence=(*([outcome.ground] if outcome.ground else []), compressed),
        reference="RFC 8879 section 4; RFC 9846 section 4.5",
        fix="",
    )


def accepted_by_tls(events: Sequence[Event], outcome: Outcome) -> Cause:
    """The server accepted a client with a certificate, and its answer cannot be read."""
    return Cause(
        code="accepted-by-tls",
        summary="the handshake accepted the client with its certificate; whether the server "
        "refused it inside cannot be read",
        evidence=(
            outcome.ground,
            *_limits(events),
            "some servers refuse a certificate by HTTP only, as nginx does",
        ),
        reference="RFC 5246 section 7.4.8",
        fix=_supply_keys(events),
    )


def cannot_be_told(events: Sequence[Event], outcome: Outcome) -> Cause:
    """The outcome is open: something that could decide it is missing, or cannot be read."""
    gaps = dict.fromkeys(event.gap for event in events if isinstance(event, NotCaptured))
    remedies = [_REMEDIES[gap] for gap in gaps] or [_supply_keys(events)]
    seen = [event for event in events if isinstance(event, AlertSeen) and is_fatal(event)]
    return Cause(
        code="cannot-be-told",
        summary="how this connection ended cannot be told from what was observed",
        evidence=(outcome.ground, *map(alert_in_words, seen[:1])),
        reference="RFC 9846 section 6",
        fix="; ".join(remedies),
    )


def _limits(events: Sequence[Event]) -> dict[str, None]:
    """Return what no secret opens here, in words."""
    return dict.fromkeys(
        event.limit for event in events if isinstance(event, SealedSeen) and event.limit
    )


def _supply_keys(events: Sequence[Event]) -> str:
    """Return the advice to supply keys, or another one where they would open nothing here."""
    sealed = [event for event in events if isinstance(event, SealedSeen)]
    useless = sealed and all(event.limit for event in sealed)
    return "read the log of one of the ends" if useless else SUPPLY_KEYS


def refused_unread(summary: Evidence, outcome: Outcome, ending: str) -> Cause:
    """The server refused the client, and only keys would show by which alert."""
    hidden = () if summary.client_chain is not None or summary.request else (_HIDDEN,)
    return Cause(
        code="refused-by-unread-alert",
        summary="the server refused the client, as far as its records show; by which alert cannot "
        "be read",
        evidence=(ending, outcome.ground, *hidden),
        reference="RFC 9846 sections 5.2 and 6.2",
        fix=f"{SUPPLY_KEYS}, or read the server's log",
    )


def refused_unseen(ending: str) -> Cause:
    """The client refused a server whose certificate cannot be seen."""
    return Cause(
        code="server-certificate-refused",
        summary="the client refused the server, most likely because of its certificate, which "
        "cannot be seen",
        evidence=(ending, _HIDDEN),
        reference="RFC 9846 section 4.5.1.3",
        fix=f"read the client's error message or log, or {SUPPLY_KEYS}",
    )


def left_unread(outcome: Outcome, ending: str) -> Cause:
    """The client ended the handshake, and only keys would show by which alert."""
    return Cause(
        code="client-left-by-unread-alert",
        summary="the client refused the server, or left: by which alert cannot be read",
        evidence=(ending, outcome.ground, _HIDDEN),
        reference="RFC 9846 sections 5.2 and 6",
        fix=f"read the client's error message or log, or {SUPPLY_KEYS}",
    )


def empty_likely(summary: Evidence, ending: str) -> Cause:
    """The client's flight begins as one without a certificate does."""
    return Cause(
        code="no-client-certificate",
        summary="the server seems to require a client certificate, and the client seems to have "
        "sent none",
        evidence=(
            "the client's first encrypted record is as long as an empty Certificate message",
            ending,
        ),
        reference="RFC 9846 section 4.5.1.3",
        fix=f"{give_certificate(summary)}; where it has one it may withhold it: python -m "
        "lab.explain --request HOST:PORT --cert FILE tells which kinds of client do",
    )


def inconclusive(outcome: Outcome) -> Cause:
    """Nothing that was observed shows why the connection ended."""
    ending = what_was_seen(outcome) if outcome.by else "no end of the connection was observed"
    return Cause(
        code="unknown",
        summary="inconclusive: what was observed does not show why the connection ended",
        evidence=(ending,),
        reference="RFC 9846 section 6",
        fix="observe the connection from its first byte",
    )
