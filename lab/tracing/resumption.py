"""Resumption traced: a first connection, then a second one with the session that it left.

A resumed handshake has no CertificateRequest and no Certificate (RFC 9846 section 2.2, RFC 5246
section 7.3): whom the server takes the client for, it has from the session.

Rules: for whom a server takes the client is told by its own facts or by what its application
answers, and else not at all. That the session was resumed is OpenSSL's own word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.diagnosis.evidence import summarize
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import ApplicationDataSeen, Endpoint, Event, Fact, LocalFact, MessageSeen
from lab.tls.extensions import SessionTicket
from lab.tls.messages import ClientHello, NewSessionTicket
from lab.tracing.connection import ReturningClient
from lab.tracing.results import IdentitySource, Resumption, SessionKind, SessionUse, Trace
from lab.tracing.trace_server import (
    Plan,
    ServerView,
    presenting,
    record,
    require_tls,
    trace_of,
)
from lab.x509.client_identity import ClientIdentity, UnreadableCertificate

_ANSWER = 1 << 16
"""How many bytes of an answer are searched for a name."""
_SHORTEST_NAME = 3
_ENDS = (Endpoint.CLIENT, Endpoint.SERVER)
_KNOWN_BY = (Fact.SESSION_RESUMED, Fact.CERTIFICATE_VERIFIED)


async def trace_resumptions(
    plan: Plan, versions: Sequence[TlsVersion], server_view: ServerView | None = None
) -> tuple[Trace, ...]:
    """Trace the plan's target in each of ``versions``, then again with the session that it issued.

    Where it issues none, there is one trace of that version. Arguments and errors are those of
    :func:`~lab.tracing.trace_server.trace_versions`.
    """
    traces: list[Trace] = []
    for version in versions:
        single = replace(plan, tls=replace(plan.tls, minimum=version, maximum=version))
        client = ReturningClient(context=presenting(single.tls, single.identity))
        first = require_tls(await traced_again(single, client, server_view))
        if client.session is None:
            if first.negotiated_version is not None:
                first = replace(first, resumption=Resumption(use=SessionUse.NOT_ISSUED))
            traces.append(first)
            continue
        second = await traced_again(single, client, server_view)
        traces += first, replace(second, resumption=resumption_of(first, second, client.resumed))
    return tuple(traces)


async def traced_again(
    plan: Plan, client: ReturningClient, server_view: ServerView | None = None
) -> Trace:
    """Connect with the session of ``client``, if it has one, and explain what happened.

    Raises what :func:`~lab.tracing.trace_server.record` raises.
    """
    buffer = await record(plan, client)
    server_events = await server_view(buffer.local_address) if server_view else None
    return trace_of(plan, buffer.events, server_events, buffer.records)


def resumption_of(first: Trace, second: Trace, resumed: bool) -> Resumption:
    """Return what became of the session of ``first`` in ``second``, where it was offered."""
    evidence = summarize(second.events)
    use = SessionUse.RESUMED
    if not resumed:
        answered = evidence.server_hello is not None
        use = SessionUse.NOT_RESUMED if answered else SessionUse.UNKNOWN
    requested: bool | None = evidence.request is not None
    if evidence.request is None and (use is SessionUse.UNKNOWN or evidence.sealed):
        requested = None
    kind = _kind(second)
    identity, source = None, IdentitySource.UNKNOWN
    if use is SessionUse.RESUMED:
        identity, source = _identity(first, second)
    return Resumption(
        use=use,
        kind=kind,
        lifetime=None if kind is SessionKind.ID else _lifetime(first.events),
        certificate_requested=requested,
        identity=identity,
        source=source,
    )


def _kind(second: Trace) -> SessionKind:
    if second.requested_version == ProtocolVersion.TLS_1_3:
        return SessionKind.TICKET_13
    for event in second.events:
        if isinstance(event, MessageSeen) and isinstance(event.message, ClientHello):
            ticket = event.message.find(SessionTicket)
            return SessionKind.TICKET_12 if ticket and ticket.ticket else SessionKind.ID
    return SessionKind.ID


def _lifetime(events: Sequence[Event]) -> int | None:
    """Return the ``ticket_lifetime`` of the last ticket, in seconds; 0 says nothing (RFC 5077)."""
    for event in reversed(events):
        if isinstance(event, MessageSeen) and isinstance(event.message, NewSessionTicket):
            return event.message.ticket_lifetime or None
    return None


def _identity(first: Trace, second: Trace) -> tuple[bytes | None, IdentitySource]:
    """Return for whom the server takes the client that resumed, and by what that is known."""
    if second.both_ends:
        # After the handshake it may have asked for another certificate.
        for event in reversed(second.events):
            of_server = event.endpoint is Endpoint.SERVER
            if isinstance(event, LocalFact) and of_server and event.fact in _KNOWN_BY:
                return event.certificate, IdentitySource.SERVER
        return None, IdentitySource.SERVER
    chain = summarize(first.events).client_chain
    asked, answer = (_application_data(second.events, by) for by in _ENDS)
    if chain and names_client(answer, chain[0], asked):
        return chain[0], IdentitySource.ANSWER
    return None, IdentitySource.UNKNOWN


def _application_data(events: Sequence[Event], by: Endpoint) -> bytes:
    parts = bytearray()
    for event in events:
        if isinstance(event, ApplicationDataSeen) and event.endpoint is by:
            parts += event.data[: _ANSWER - len(parts)]
    return bytes(parts)


def names_client(answer: bytes, certificate: bytes, asked: bytes = b"") -> bool:
    """Tell whether a name of the certificate stands in the answer as a word of its own.

    One that stands in what was ``asked``, too, such as the server's, may be an echo.
    """
    return any(
        _has_word(answer, name) and not _has_word(asked, name) for name in _names(certificate)
    )


def _has_word(text: bytes, word: bytes) -> bool:
    return re.search(rb"(?<![\w.-])" + re.escape(word) + rb"(?![\w.-])", text) is not None


def _names(certificate: bytes) -> Iterator[bytes]:
    try:
        identity = ClientIdentity.from_der(certificate)
    except UnreadableCertificate:
        return
    typed = (name.partition(":")[2] for name in identity.alternative_names)
    for name in (identity.common_name, *typed):
        encoded = (name or "").encode()
        if len(encoded) >= _SHORTEST_NAME:
            yield encoded
