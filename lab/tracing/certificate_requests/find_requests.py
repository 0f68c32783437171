"""Find the certificate requests in a trace, or why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from lab.diagnosis.evidence import Evidence, summarize
from lab.tls.code_points import HandshakeType
from lab.tls.events import Endpoint, Event, Malformed, MessageSeen, Undecoded
from lab.tls.messages import (
    Certificate,
    CertificateRequest,
    CompressedCertificate,
    Finished,
    HandshakeMessage,
    ServerHelloDone,
)
from lab.tracing.certificate_requests.results import (
    AskedConnection,
    ClientAnswer,
    NoRequest,
    RequestTime,
    SeenRequest,
)
from lab.tracing.results import Trace

MOST_OF_CONNECTION = 8
"""How many requests of one connection are kept; a server may ask again and again."""

UNREAD = "what followed cannot be read, and a request may be in it"

SentMessage = tuple[Endpoint, HandshakeMessage]


def asked_connection(trace: Trace, now: datetime) -> AskedConnection:
    """Return the requests of a trace; ``now`` (aware) is for a connection that was dialled."""
    evidence = summarize(trace.events)
    version = trace.negotiated_version or trace.requested_version
    messages = [
        (event.endpoint, event.message) for event in trace.events if isinstance(event, MessageSeen)
    ]
    hello = evidence.server_hello
    requests = requests_among(messages, tls13=hello is not None and hello.is_tls13)
    flow = trace.flow
    found = AskedConnection(
        server=trace.target,
        number=None if flow is None else flow.number,
        version=version,
        began=now if flow is None else datetime.fromtimestamp(flow.first, timezone.utc),
        requests=requests,
    )
    if requests:
        return found
    lack, detail = _lack(trace, evidence, messages)
    return dataclasses.replace(found, lack=lack, detail=detail)


def requests_among(messages: Sequence[SentMessage], *, tls13: bool) -> tuple[SeenRequest, ...]:
    """Return the requests among messages that are in their order, each with its answer."""
    return tuple(_requests(messages, tls13=tls13))[:MOST_OF_CONNECTION]


def _requests(messages: Sequence[SentMessage], *, tls13: bool) -> Iterator[SeenRequest]:
    finished = False
    for place, (sender, message) in enumerate(messages):
        if sender is not Endpoint.SERVER:
            continue
        finished = finished or isinstance(message, Finished)
        if isinstance(message, CertificateRequest):
            later = RequestTime.AFTER_HANDSHAKE if tls13 else RequestTime.RENEGOTIATION
            yield SeenRequest(
                request=message,
                time=later if finished else RequestTime.IN_HANDSHAKE,
                answer=_answer(messages[place + 1 :], message.certificate_request_context),
            )


def _answer(following: Sequence[SentMessage], context: bytes) -> ClientAnswer:
    """Return what the client did; several requests after a handshake may be open at once."""
    for sender, message in following:
        if sender is not Endpoint.CLIENT:
            continue
        sent: HandshakeMessage | None = message
        if isinstance(message, CompressedCertificate):
            sent = message.certificate
            if sent is None:
                return ClientAnswer.UNSEEN
        if isinstance(sent, Certificate) and sent.certificate_request_context == context:
            return ClientAnswer.EMPTY if sent.is_empty else ClientAnswer.CERTIFICATE
    return ClientAnswer.UNSEEN


def asks_for_none(messages: Sequence[SentMessage], *, tls13: bool) -> bool:
    """Return whether the server came past the place where it would have asked."""
    behind = Finished if tls13 else ServerHelloDone
    return any(sender is Endpoint.SERVER and isinstance(each, behind) for sender, each in messages)


def _lack(
    trace: Trace, evidence: Evidence, messages: Sequence[SentMessage]
) -> tuple[NoRequest, str]:
    hello, cause = evidence.server_hello, trace.causes[0].summary
    if detail := _undecoded(trace.events):
        return NoRequest.NOT_DECODED, detail
    if hello is not None and evidence.resumed:
        return NoRequest.RESUMED, ""
    if hello is not None and asks_for_none(messages, tls13=hello.is_tls13):
        return NoRequest.NOT_ASKED, UNREAD if evidence.sealed else ""
    if evidence.sealed:
        return NoRequest.SEALED, ""
    return NoRequest.ENDED_BEFORE, cause


def _undecoded(events: Sequence[Event]) -> str:
    """Return why a request was not decoded, "" where none was seen that was not."""
    for event in events:
        if isinstance(event, Undecoded) and event.message == HandshakeType.CERTIFICATE_REQUEST:
            return f"{event.where}: {event.limit}"
        if isinstance(event, Malformed) and event.where.startswith("CertificateRequest"):
            return f"{event.where}: {event.problem}"
    return ""
