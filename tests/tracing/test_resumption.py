"""Sessions that are resumed, or not, by the lab's server and by others; and what is known then."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki.files.lab_set import load_set
from lab.pki.identity import Identity, certificates_pem
from lab.pki.lab_ca import new_lab_authority
from lab.serving.temporary_server import temporary_server
from lab.stream.contexts import ClientTls, TlsVersion
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint
from lab.tracing.results import IdentitySource, Resumption, SessionKind, SessionUse, Trace
from lab.tracing.resumption import names_client, trace_resumptions
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan
from tests.support.late_apache import PRIVATE, late_apache
from tests.support.peers import MAKES, served_by
from tests.support.serving import PATIENCE, server_tls

BOTH = list(TlsVersion)


def plan(certs: Path, port: int, identity: Identity | None = None) -> Plan:
    return Plan(
        target=Target(host="127.0.0.1", port=port),
        tls=ClientTls(server_ca=certs / "ca.crt"),
        identity=identity,
        request="/todo",
        limit=PATIENCE,
    )


def client(certs: Path) -> Identity:
    return load_set(certs, now=datetime.now(timezone.utc)).client


def resumptions(traces: tuple[Trace, ...]) -> list[Resumption]:
    return [trace.resumption for trace in traces if trace.resumption is not None]


async def test_of_the_labs_server_its_own_facts_tell_who_it_is(certs: Path) -> None:
    identity = client(certs)
    async with temporary_server(server_tls(certs)) as server:
        traces = await trace_resumptions(plan(certs, server.port, identity), BOTH, server.events_of)
    assert [trace.offers_session for trace in traces] == [False, True, False, True]
    assert all(trace.outcome.accepted for trace in traces)
    der = traces[0].client_certificate
    for found, kind in zip(
        resumptions(traces), (SessionKind.TICKET_12, SessionKind.TICKET_13), strict=True
    ):
        assert (found.use, found.kind, found.lifetime) == (SessionUse.RESUMED, kind, 7200)
        assert found.certificate_requested is False
        assert (found.identity, found.source) == (der, IdentitySource.SERVER)


async def test_without_its_facts_its_answer_tells_it(certs: Path) -> None:
    async with temporary_server(server_tls(certs)) as server:
        traces = await trace_resumptions(plan(certs, server.port, client(certs)), BOTH)
    for found in resumptions(traces):
        assert found.use is SessionUse.RESUMED
        assert (found.identity, found.source) == (
            traces[0].client_certificate,
            IdentitySource.ANSWER,
        )


async def test_an_answer_that_names_nobody_tells_nothing(certs: Path, tmp_path: Path) -> None:
    with served_by(MAKES["haproxy"], certs, tmp_path) as port:
        traces = await trace_resumptions(plan(certs, port, client(certs)), BOTH)
    found = resumptions(traces)
    assert [each.use for each in found] == [SessionUse.RESUMED] * 2
    assert {(each.identity, each.source) for each in found} == {(None, IdentitySource.UNKNOWN)}


@contextmanager
def python_server(certs: Path, *, tickets: bool, shared: bool) -> Iterator[int]:
    """A server of Python's ssl, with one context for all, or a new one for each connection."""

    def context() -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(certs / "server.crt", certs / "server.key")
        if not tickets:
            made.num_tickets = 0
            made.options |= ssl.OP_NO_TICKET
        return made

    def serve(listener: socket.socket) -> None:
        one = context()
        while True:
            try:
                tcp, _ = listener.accept()
            except OSError:
                return
            used = one if shared else context()
            with tcp, used.wrap_socket(tcp, server_side=True) as tls:
                tls.recv(1000)
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                tls.recv(1)  # the client closes first
                tls.unwrap().close()  # OpenSSL forgets a session that it keeps, if it was cut

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


async def test_a_server_that_forgets_its_sessions_makes_full_handshakes(certs: Path) -> None:
    with python_server(certs, tickets=True, shared=False) as port:
        traces = await trace_resumptions(plan(certs, port), BOTH)
    found = resumptions(traces)
    assert [each.use for each in found] == [SessionUse.NOT_RESUMED] * 2
    assert [each.certificate_requested for each in found] == [False, False]
    assert {each.source for each in found} == {IdentitySource.UNKNOWN}


async def test_without_tickets(certs: Path) -> None:
    """In TLS 1.2 the session has an ID all the same, in TLS 1.3 there is nothing to offer."""
    with python_server(certs, tickets=False, shared=True) as port:
        traces = await trace_resumptions(plan(certs, port), BOTH)
    by_id, none = resumptions(traces)
    assert (by_id.kind, by_id.lifetime) == (SessionKind.ID, None)
    assert by_id.use is SessionUse.RESUMED
    assert none == Resumption(use=SessionUse.NOT_ISSUED)
    assert [trace.requested_version for trace in traces].count(ProtocolVersion.TLS_1_3) == 1


async def test_a_client_that_is_refused_has_nothing_to_resume(certs: Path) -> None:
    async with temporary_server(server_tls(certs)) as server:
        traces = await trace_resumptions(plan(certs, server.port), BOTH, server.events_of)
    assert [trace.outcome.rejected for trace in traces] == [True, True]
    assert resumptions(traces) == [Resumption(use=SessionUse.NOT_ISSUED)] * 2


async def test_a_client_that_refuses_the_server_has_no_session(certs: Path, tmp_path: Path) -> None:
    """In TLS 1.2 OpenSSL then has the beginning of one, which Python cannot read."""
    other = new_lab_authority(datetime.now(timezone.utc)).root
    (tmp_path / "ca.crt").write_bytes(certificates_pem((other,)))
    async with temporary_server(server_tls(certs)) as server:
        doubting = replace(plan(certs, server.port), tls=ClientTls(server_ca=tmp_path / "ca.crt"))
        traces = await trace_resumptions(doubting, BOTH)
    assert [trace.outcome.by for trace in traces] == [Endpoint.CLIENT] * 2
    assert resumptions(traces) == [Resumption(use=SessionUse.NOT_ISSUED)] * 2


async def test_a_server_that_asks_by_renegotiation_or_after_the_handshake(
    certs: Path, tmp_path: Path
) -> None:
    """What is resumed is the session of the handshake; what comes later is another matter."""
    with late_apache(certs, tmp_path) as port:
        asking = replace(plan(certs, port, client(certs)), request=PRIVATE)
        traces = await trace_resumptions(asking, BOTH)
    assert all(trace.outcome.accepted for trace in traces)
    found = resumptions(traces)
    assert [each.kind for each in found] == [SessionKind.TICKET_12, SessionKind.TICKET_13]
    assert [each.use for each in found] == [SessionUse.RESUMED] * 2
    assert [each.certificate_requested for each in found] == [True, True]


@pytest.mark.parametrize("asked", [b"Host: mtls-client", b"GET /of/mtls-client HTTP/1.1"])
def test_a_name_that_the_request_has_may_be_an_echo(certs: Path, asked: bytes) -> None:
    certificate = client(certs).certificate.public_bytes(Encoding.DER)
    answer = b"<address>Apache Server at mtls-client Port 443</address>"
    assert names_client(answer, certificate, b"Host: localhost")
    assert not names_client(answer, certificate, asked)


@pytest.mark.parametrize(
    ("name", "answer", "found"),
    [
        ("mtls-client", b'{"client": "mtls-client"}', True),
        ("mtls-client", b"not-mtls-client-either", False),
        ("mtls-client", b"mtls-client.example", False),
    ],
)
def test_a_name_counts_as_a_word_of_its_own(
    certs: Path, name: str, answer: bytes, found: bool
) -> None:
    certificate = client(certs).certificate.public_bytes(Encoding.DER)
    assert name in client(certs).certificate.subject.rfc4514_string()
    assert names_client(answer, certificate) is found
