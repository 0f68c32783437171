"""Attempts of scenarios made up by hand: an outcome, and the events that a test needs."""

from __future__ import annotations

from dataclasses import replace

from lab.diagnosis.results import Outcome, Result, Signal
from lab.probing.attempt import ScenarioTrace
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.probing.scenarios.scenario import TlsClient
from lab.stream.contexts import TlsVersion
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    CompressionMethod,
    ProtocolVersion,
)
from lab.tls.events import AlertSeen, Endpoint, Event, MessageSeen
from lab.tls.messages import (
    Certificate,
    CertificateEntry,
    CertificateRequest,
    HandshakeMessage,
    ServerHello,
)
from lab.tracing.results import Trace

ACCEPTED = Outcome(result=Result.ACCEPTED, http_status=200, client_handshake_returned=True)


def alert(number: int) -> AlertSeen:
    return AlertSeen(
        time=0.0,
        endpoint=Endpoint.SERVER,
        records=(),
        encrypted=True,
        level=AlertLevel.FATAL,
        description=AlertDescription(number),
    )


def rejected_by_server(signal: Signal, status: int | None = None) -> Outcome:
    return Outcome(result=Result.REJECTED, by=Endpoint.SERVER, signal=signal, http_status=status)


def rejected_by_alert(number: int) -> Outcome:
    return replace(rejected_by_server(Signal.ALERT), alert=alert(number))


# The server asked for a certificate; else nothing that it does can be about one.
CERTIFICATE_REQUEST = MessageSeen(
    time=0.0,
    endpoint=Endpoint.SERVER,
    records=(),
    encrypted=True,
    message=CertificateRequest(),
    raw=b"",
)


LEAF = b"the scenario's certificate"


def message(endpoint: Endpoint, content: HandshakeMessage) -> MessageSeen:
    return MessageSeen(
        time=0.0, endpoint=endpoint, records=(), encrypted=True, message=content, raw=b""
    )


SERVER_HELLO = message(
    Endpoint.SERVER,
    ServerHello(
        legacy_version=ProtocolVersion.TLS_1_2,
        random=bytes(32),
        legacy_session_id_echo=b"",
        cipher_suite=CipherSuite["TLS_AES_128_GCM_SHA256"],
        legacy_compression_method=CompressionMethod.NULL,
    ),
)


def client_certificates(*certificates: bytes) -> MessageSeen:
    """The client's Certificate message."""
    entries = tuple(CertificateEntry(cert_data=certificate) for certificate in certificates)
    return message(Endpoint.CLIENT, Certificate(certificate_list=entries))


def scenario_trace(
    name: str,
    outcome: Outcome,
    *events: Event,
    asked: bool = True,
    presented: bool = True,
    leaf: bytes = LEAF,
) -> ScenarioTrace:
    """A trial that was answered; asked for a certificate, it sends its own."""
    client = find_scenario(name).client
    has_leaf = isinstance(client, TlsClient) and client.identity is not None
    hello = (SERVER_HELLO,) if isinstance(client, TlsClient) else ()
    answer = (client_certificates(*([leaf] if has_leaf and presented else [])),) if asked else ()
    trace = Trace(
        target="server.example:443",
        requested_version=None,
        negotiated_version=None,
        client_certificate=leaf if has_leaf else None,
        start=0.0,
        events=(*hello, *((CERTIFICATE_REQUEST,) if asked else ()), *answer, *events),
        both_ends=False,
        outcome=outcome,
        causes=(),
    )
    return ScenarioTrace(scenario=find_scenario(name), version=TlsVersion.TLS13, trace=trace)
