"""Connections that came to nothing, and by no decision of either end: what fits them.

This module must not know of certificates: where one was judged, somebody decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.tls.cause import Diagnosis
from lab.tls.events import Event, NotTls
from lab.tls.outcome import Outcome, Signal
from lab.tls.summary import Summary
from lab.tls.text import escaped


def failures(events: Sequence[Event], summary: Summary, outcome: Outcome) -> Iterator[Diagnosis]:
    """The causes of an outcome that is neither acceptance nor rejection."""
    whose = outcome.by.value if outcome.by else "other end"
    if outcome.signal is Signal.NOT_TLS:
        alien = next(event for event in events if isinstance(event, NotTls))
        sample = escaped(alien.sample[:32].decode("latin-1"))
        yield Diagnosis(
            code="no-tls",
            summary=f"the {whose} does not speak TLS here, but {alien.protocol.value}",
            evidence=(f'its first bytes are "{sample}"',),
            reference="RFC 8446 section 5.1",
            fix="check the port, and whether TLS must be asked for first (STARTTLS)",
        )
    elif outcome.signal is Signal.TIME_OUT:
        yield Diagnosis(
            code="silence",
            summary=f"the {whose} fell silent",
            evidence=(_last_heard(summary, outcome),),
            reference="RFC 8446 section 4",
            fix="check that something serves this port, and what stands between the ends",
        )
    elif outcome.signal is Signal.MALFORMED:
        yield Diagnosis(
            code="malformed",
            summary=f"what the {whose} sent breaks the protocol's syntax",
            evidence=("see the malformed structure in the events",),
            reference="RFC 8446 section 6.2 (decode_error)",
            fix="look for a damaged stream, or a fault in that implementation",
        )
    elif outcome.signal is Signal.CLOSE_NOTIFY:
        yield Diagnosis(
            code="no-verdict",
            summary="the client left before the server had shown what it makes of it",
            evidence=("neither data, nor a ticket, nor an alert came from the server",),
            reference="RFC 8446 section 4.4.4",
            fix="send a request and wait for its answer",
        )
    elif summary.server_hello is not None:
        yield Diagnosis(
            code="broken-off-afterwards",
            summary=f"the handshake was accepted; the {whose} broke the connection off after it",
            evidence=("the server had taken the client's last flight", _how_it_ended(outcome)),
            reference="RFC 8446 section 6.1",
            fix=f"read the log of the {whose}: this is not about the handshake",
        )
    else:
        yield Diagnosis(
            code="closed-at-once",
            summary=f"the {whose} ended the connection before any TLS message had passed",
            evidence=("TCP was set up, and ended without a TLS record of the other end",),
            reference="RFC 8446 section 4",
            fix="check that the port serves TLS, and whether a proxy or filter stands before it",
        )


def _how_it_ended(outcome: Outcome) -> str:
    how = outcome.signal.value if outcome.signal else "nothing more"
    return f"then came {how}, with no answer and no close_notify"


def _last_heard(summary: Summary, outcome: Outcome) -> str:
    if outcome.after:
        return f"nothing came after the other end's {outcome.after}"
    return "not one message came" if summary.client_hello is None else "no answer to ClientHello"
