"""Traces of connections in which all that a peer may choose is a hostile text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.diagnosis.results import Cause
from lab.tls import messages as msg
from lab.tls.code_points import NameType, ProtocolVersion
from lab.tls.escape import escaped
from lab.tls.events import Event, Fact
from lab.tls.extensions import ApplicationLayerProtocols, ServerName, ServerNameList
from lab.tls.observer import Observer
from lab.tls.record_log import RecordLog
from lab.tracing.results import Trace
from tests.support.harness import Identities, Pair, client_context, server_context
from tests.support.hostile_identities import hostile_identities
from tests.support.traces import (
    CLIENT,
    FLOW,
    SERVER,
    VERSIONS,
    EventBuilder,
    sample,
    trace_of,
    with_facts,
)


def hostile_traces(text: str, identities: Identities, folder: Path) -> list[Trace]:
    """A connection of real certificates in both versions."""
    return [recorded(text, version, identities, folder) for version in VERSIONS]


def recorded(text: str, version: ProtocolVersion, identities: Identities, folder: Path) -> Trace:
    """Two OpenSSLs with certificates of the text, and HTTP of the same, with its records."""
    own = hostile_identities(text, folder)
    files = replace(identities, ca=own.ca)
    pair = Pair(
        client_context(files, own.client, version=VERSIONS[version]),
        server_context(files, own.server, version=VERSIONS[version]),
        folder / "keylog",
    )
    assert pair.handshake()
    pair.exchange(*hostile_http(text))
    pair.step(CLIENT, pair.client.unwrap)
    pair.pump()
    log = RecordLog()
    observer = Observer(record_log=log)
    observer.learn(pair.recording.key_log)
    events = [*pair.recording.replay(observer), *observer.finish()]
    trace = trace_of(
        with_facts(events, version),
        target=text,
        requested=version,
        certificate=own.client.der,
    )
    return replace(trace, records=log.records)


def hostile_http(text: str) -> tuple[bytes, bytes]:
    """A request and an answer, which need not be in order."""
    data = text.encode("utf-8", "surrogatepass")
    request = b"GET /" + data + b" HTTP/1.1\r\nHost: " + data + b"\r\n\r\n"
    answer = b"HTTP/1.1 200 " + data + b"\r\nX-" + data + b": " + data + b"\r\n\r\n" + data
    return request, answer


def hostile_words(text: str) -> list[Trace]:
    """What the wire and both ends' calls may say: SNI, ALPN, plain HTTP, errors, causes."""
    data = text.encode("utf-8", "surrogatepass")
    name = ServerName(name_type=NameType.HOST_NAME, name=data)
    hello = replace(
        sample(msg.ClientHello),
        in_sslv2_form=False,
        extensions=(
            ServerNameList(server_name_list=(name,)),
            ApplicationLayerProtocols(protocol_name_list=(data, b"h2")),
        ),
    )
    request = replace(sample(msg.CertificateRequest), certificate_authorities=(data,))
    make = EventBuilder()
    events: list[Event] = [
        make.message(CLIENT, hello),
        make.message(SERVER, request),
        make.data(CLIENT, hostile_http(text)[0]),
        make.data(SERVER, hostile_http(text)[1]),
        make.not_tls(SERVER, data),
        make.malformed(SERVER, text, text),
        make.sealed(SERVER, text),
        make.fact(SERVER, Fact.CERTIFICATE_REFUSED, text),
        make.fact(CLIENT, Fact.READ_FAILED, text),
        make.ended(SERVER),
    ]
    # The diagnosis escapes what of its sentences is a peer's.
    words = escaped(text)
    cause = Cause(code="x", summary=words, evidence=(words,), fix=words, reference="RFC 5280")
    trace = trace_of(events, target=text, diagnosis=[cause])
    return [trace, replace(trace, flow=replace(FLOW, prelude=text))]
