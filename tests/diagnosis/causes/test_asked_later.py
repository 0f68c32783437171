"""Servers that ask for a certificate after the handshake: Apache, the lab's; both versions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.diagnosis.causes.later_clients import LATER_CLIENTS
from lab.diagnosis.results import Result, Signal
from lab.pki.files.lab_set import Role, load_role
from lab.stream.contexts import ClientAuth, ClientTls, TlsVersion
from lab.tls.events import MessageSeen
from lab.tls.messages import Finished, NewSessionTicket
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan, record, trace_of
from tests.support.late_apache import PRIVATE, late_apache
from tests.support.serving import PATIENCE, blocking, client_tls, running

BY_PHA = ["CertificateRequest", "Certificate", "CertificateVerify", "Finished"]
BY_RENEGOTIATION = [
    *("HelloRequest", "ClientHello", "ServerHello", "Certificate", "ServerKeyExchange"),
    *("CertificateRequest", "ServerHelloDone", "Certificate", "ClientKeyExchange"),
    *("CertificateVerify", "Finished", "Finished"),
]
VERSIONS = pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)


@pytest.fixture(scope="module")
def apache(certs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with late_apache(certs, tmp_path_factory.mktemp("apache")) as port:
        yield port


@asynccontextmanager
async def lab(certs: Path) -> AsyncIterator[int]:
    async with running(certs, client_auth=ClientAuth.ON_DEMAND) as server:
        yield server.port


async def traced(
    certs: Path,
    port: int,
    path: str,
    version: TlsVersion,
    *,
    presents: bool = True,
    offers: bool = True,
) -> Trace:
    client = load_role(certs, Role.CLIENT, now=datetime.now(timezone.utc)).identity
    plan = Plan(
        target=Target(host="localhost", port=port),
        tls=ClientTls(
            server_ca=certs / "ca.crt",
            minimum=version,
            maximum=version,
            post_handshake_auth=offers,
        ),
        identity=client if presents else None,
        request=path,
        limit=PATIENCE,
    )
    return trace_of(plan, (await record(plan)).events)


def after_handshake(trace: Trace) -> list[str]:
    """The messages behind both ends' first Finished, but for tickets."""
    seen = [event.message for event in trace.events if isinstance(event, MessageSeen)]
    finished = [at for at, message in enumerate(seen) if isinstance(message, Finished)]
    later = seen[finished[1] + 1 :]
    return [message.name for message in later if not isinstance(message, NewSessionTicket)]


def codes(trace: Trace) -> list[str]:
    return [cause.code for cause in trace.causes]


@VERSIONS
async def test_apache_asks_by_location(certs: Path, apache: int, version: TlsVersion) -> None:
    trace = await traced(certs, apache, PRIVATE, version)
    assert (trace.outcome.result, trace.outcome.http_status) == (Result.ACCEPTED, 200)
    in_13 = version is TlsVersion.TLS13
    assert after_handshake(trace) == (BY_PHA if in_13 else BY_RENEGOTIATION)
    assert codes(trace) == ["mutual-tls", "asked-after-handshake"]
    how = "by post-handshake authentication" if in_13 else "by renegotiation"
    assert how in trace.causes[1].summary
    assert trace.causes[1].clients == LATER_CLIENTS
    elsewhere = await traced(certs, apache, "/", version)
    assert (after_handshake(elsewhere), codes(elsewhere)) == ([], ["not-mutual"])


@VERSIONS
async def test_apache_refuses_who_has_none(certs: Path, apache: int, version: TlsVersion) -> None:
    trace = await traced(certs, apache, PRIVATE, version, presents=False)
    assert trace.outcome.signal is Signal.ALERT
    assert codes(trace)[0] == "no-client-certificate"


async def test_who_cannot_be_asked_is_told_why(certs: Path, apache: int) -> None:
    async with lab(certs) as port:
        for there, path in ((apache, PRIVATE), (port, "/todo")):
            trace = await traced(certs, there, path, TlsVersion.TLS13, offers=False)
            assert trace.outcome.http_status == 403
            assert codes(trace) == ["no-post-handshake-authentication"]
            fix = trace.causes[0].fix
            for name in ("Chromium", "Go", "Java", "Node", "rustls", "curl with GnuTLS"):
                assert name in fix
            assert "wget" not in fix


@pytest.mark.parametrize("presents", [True, False])
async def test_apache_does_not_ask_twice_in_tls13(
    certs: Path, tmp_path: Path, presents: bool
) -> None:
    """It refuses good certificates too, and whoever has none need not be told to get one."""
    with late_apache(certs, tmp_path, "SSLVerifyClient optional") as port:
        for offers in (True, False):
            trace = await traced(
                certs, port, PRIVATE, TlsVersion.TLS13, presents=presents, offers=offers
            )
            assert trace.outcome.http_status == 403
            assert codes(trace) == ["later-request-failed"]
            assert "the server had asked in the handshake already" in trace.causes[0].evidence
            has = "has" if offers else "has no"
            assert f"the ClientHello {has} post_handshake_auth" in trace.causes[0].evidence
        renegotiated = await traced(certs, port, PRIVATE, TlsVersion.TLS12)
        assert renegotiated.outcome.http_status == 200
        log = (tmp_path / "error.log").read_text("utf-8")
    assert "cannot perform post-handshake authentication" in log
    assert "invalid config" in log


@VERSIONS
def test_apache_refuses_a_long_body_before_it_asks(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    settings = f"<Location {PRIVATE}>\nSSLRenegBufferSize 1000\n</Location>"
    with late_apache(certs, tmp_path, settings) as port:
        for length, status in ((900, b"200"), (1100, b"413")):
            with blocking(port, client_tls(certs, version=version)) as tls:
                tls.do_handshake()
                head = f"POST {PRIVATE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}"
                tls.sendall(head.encode() + b"\r\n\r\n" + bytes(length))
                assert tls.recv(100).split()[1] == status


async def test_the_labs_server_asks_in_tls13_only(certs: Path) -> None:
    async with lab(certs) as port:
        late = await traced(certs, port, "/todo", TlsVersion.TLS13)
        early = await traced(certs, port, "/todo", TlsVersion.TLS12)
        declined = await traced(certs, port, "/todo", TlsVersion.TLS13, presents=False)
    assert after_handshake(late) == BY_PHA
    assert codes(late) == ["mutual-tls", "asked-after-handshake"]
    assert early.outcome.http_status == 403
    assert codes(early) == ["later-certificate-needs-tls13"]
    assert codes(declined)[0] == "http-wants-certificate"
    assert any("asked after the handshake" in line for line in declined.causes[0].evidence)
