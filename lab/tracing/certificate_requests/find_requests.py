"""Find the certificate requests in a trace, or why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from lab.diagnosis.evidence import Evidence, summarize
from lab.tls.code_points import HandshakeType
from lab.tls.events import Endpoint, Event, Malformed, MessageSeen, NotCaptured, Undecoded
from lab.tls.messages import (
    Certificate,
    CertificateRequest,
    CompressedCertificate,
    Finished,
    HandshakeMessage,
    HelloRequest,
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

_RENEGOTIATES = "it then asked for a renegotiation, in which it may ask, and none was seen"
_UNREAD = "what followed cannot be read, and a request may be in it"

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
            if sent.raw_public_key is not None:
                return ClientAnswer.RAW_KEY
            return ClientAnswer.EMPTY if sent.is_empty else ClientAnswer.CERTIFICATE
    return ClientAnswer.UNSEEN


def lack_among(
    messages: Sequence[SentMessage], *, tls13: bool, sealed: bool, missing: bool
) -> tuple[NoRequest, str] | None:
    """Return why there is no request, and what else is known of that; None: it ended before.

    ``sealed`` tells that something could not be read, ``missing`` that something was not captured.
    """
    behind = Finished if tls13 else ServerHelloDone
    sent = [message for sender, message in messages if sender is Endpoint.SERVER]
    if any(isinstance(message, behind) for message in sent):  # where it would have asked
        if any(isinstance(message, HelloRequest) for message in sent):
            return NoRequest.NOT_ASKED, _RENEGOTIATES
        return NoRequest.NOT_ASKED, _UNREAD if sealed or missing else ""
    if missing:
        return NoRequest.NOT_CAPTURED, ""
    return (NoRequest.SEALED, "") if sealed else None


def _lack(
    trace: Trace, evidence: Evidence, messages: Sequence[SentMessage]
) -> tuple[NoRequest, str]:
    hello = evidence.server_hello
    if detail := _undecoded(trace.events):
        return NoRequest.NOT_DECODED, detail
    if hello is not None and evidence.resumed:
        return NoRequest.RESUMED, ""
    missing = any(isinstance(event, NotCaptured) and not event.gap.is_end for event in trace.events)
    tls13 = hello is not None and hello.is_tls13
    found = lack_among(messages, tls13=tls13, sealed=evidence.sealed, missing=missing)
    return found or (NoRequest.ENDED_BEFORE, trace.causes[0].summary)


def _undecoded(events: Sequence[Event]) -> str:
    """Return why a request was not decoded, "" where none was seen that was not."""
    for event in events:
        if isinstance(event, Undecoded) and event.message == HandshakeType.CERTIFICATE_REQUEST:
            return f"{event.where}: {event.limit}"
        if isinstance(event, Malformed) and event.where.startswith("CertificateRequest"):
            return f"{event.where}: {event.problem}"
    return ""
