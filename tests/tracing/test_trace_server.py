"""Tracing servers of other makes: real ones, each asking for certificates in three ways."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Cause, Result, Signal, TrustVerdict
from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.catalogue import rsa_1024
from lab.pki.files.lab_set import load_set
from lab.pki.identity import Identity, KeyKind, cached
from lab.pki.lab_ca import new_lab_authority
from lab.stream.contexts import ClientTls, TlsVersion
from lab.tls.application_protocol import Application
from lab.tls.code_points import AlertDescription, ExtensionType
from lab.tls.events import (
    ApplicationDataSeen,
    Endpoint,
    Fact,
    LocalFact,
)
from lab.tracing import trace_server
from lab.tracing.connection import NoConnection
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import (
    ClientTrust,
    NotLoaded,
    NoTrace,
    Plan,
    PlanRefused,
    listens,
    presenting,
    record,
    require_tls,
    trace_of,
)
from tests.support.peers import (
    MAKES,
    CommandLine,
    Setup,
    VerifyMode,
    free_port,
    nginx,
    served_by,
)
from tests.support.serving import PATIENCE

VERSIONS = pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)


def plan(certs: Path, port: int, version: TlsVersion, identity: Identity | None = None) -> Plan:
    return Plan(
        target=Target(host="127.0.0.1", port=port),
        tls=ClientTls(server_ca=certs / "ca.crt", minimum=version, maximum=version),
        identity=identity,
        limit=PATIENCE,
    )


async def traced(plan: Plan) -> Trace:
    return require_tls(trace_of(plan, (await record(plan)).events))


def good(certs: Path) -> Identity:
    return load_set(certs, now=datetime.now(timezone.utc)).client


def stranger() -> Identity:
    """A client of a CA that nobody here trusts."""
    now = datetime.now(timezone.utc)
    ca = self_signed(profiles.root_ca("Another CA"), cached(KeyKind.EC_P256, 7), now=now)
    key = cached(KeyKind.EC_P256, 8)
    return Authority(identity=ca).issue(profiles.client("stranger"), key, now=now)


@VERSIONS
@pytest.mark.parametrize("make", list(MAKES))
async def test_the_client_without_a_certificate(
    certs: Path, tmp_path: Path, make: str, version: TlsVersion
) -> None:
    """Whatever the alert's number: the cause is found, and it is found to be TLS or HTTP."""
    with served_by(MAKES[make], certs, tmp_path) as port:
        trace = await traced(plan(certs, port, version))
    outcome = trace.outcome
    assert (outcome.result, outcome.by) == (Result.REJECTED, Endpoint.SERVER)
    if make == "nginx":
        assert (outcome.signal, outcome.http_status) == (Signal.HTTP_STATUS, 400)
        assert trace.causes[0].code == "http-wants-certificate"
        assert outcome.client_handshake_returned
    else:
        assert outcome.signal is Signal.ALERT
        assert trace.causes[0].code == "no-client-certificate"
        assert outcome.client_handshake_returned is (version is TlsVersion.TLS13)
    assert outcome.after == "Finished"
    assert outcome.server_handshake_returned is None


# What each make's TLS 1.2 says to a client without a certificate, as seen with Debian 12's; no
# conclusion may rest on it.
def test_alerts_differ_from_make_to_make(certs: Path, tmp_path: Path) -> None:
    seen = set()
    for make in ("haproxy", "gnutls-serv"):
        folder = tmp_path / make
        folder.mkdir()
        with served_by(MAKES[make], certs, folder) as port:
            trace = asyncio.run(traced(plan(certs, port, TlsVersion.TLS12)))
        assert trace.outcome.alert is not None
        assert trace.causes[0].code == "no-client-certificate"
        seen.add(trace.outcome.alert.description)
    assert AlertDescription.HANDSHAKE_FAILURE in seen
    assert len(seen) == 2


@VERSIONS
@pytest.mark.parametrize("make", list(MAKES))
async def test_the_client_with_a_certificate(
    certs: Path, tmp_path: Path, make: str, version: TlsVersion
) -> None:
    with served_by(MAKES[make], certs, tmp_path) as port:
        trace = await traced(plan(certs, port, version, good(certs)))
    assert trace.outcome.result is Result.ACCEPTED
    assert trace.outcome.http_status == 200
    assert [each.code for each in trace.causes] == ["mutual-tls"]


@VERSIONS
@pytest.mark.parametrize("make", list(MAKES))
async def test_a_server_that_takes_clients_without(
    certs: Path, tmp_path: Path, make: str, version: TlsVersion
) -> None:
    with served_by(MAKES[make], certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        trace = await traced(plan(certs, port, version))
    assert trace.outcome.result is Result.ACCEPTED
    assert [each.code for each in trace.causes] == ["certificate-optional"]


@VERSIONS
@pytest.mark.parametrize("make", list(MAKES))
async def test_a_server_that_does_not_ask(
    certs: Path, tmp_path: Path, make: str, version: TlsVersion
) -> None:
    with served_by(MAKES[make], certs, tmp_path, ask=VerifyMode.NONE) as port:
        trace = await traced(plan(certs, port, version, good(certs)))
    assert [each.code for each in trace.causes] == ["not-mutual"]


@VERSIONS
@pytest.mark.parametrize("make", list(MAKES))
async def test_the_client_of_another_ca(
    certs: Path, tmp_path: Path, make: str, version: TlsVersion
) -> None:
    with served_by(MAKES[make], certs, tmp_path) as port:
        trace = await traced(plan(certs, port, version, stranger()))
    assert trace.outcome.result is Result.REJECTED
    assert trace.outcome.by is Endpoint.SERVER
    codes = [each.code for each in trace.causes]
    if make == "nginx":
        assert codes[0] == "client-ca-not-trusted"
        assert codes[-1] == "http-certificate-refused"
    else:
        # Whatever the alert's number: the names that the server asks for do not fit.
        assert "client-ca-not-trusted" in codes[:2]


@VERSIONS
async def test_our_own_refusal_is_not_blamed_on_the_server(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    other = tmp_path / "other.crt"
    now = datetime.now(timezone.utc)
    ca = self_signed(profiles.root_ca("Another CA"), cached(KeyKind.EC_P256, 7), now=now)
    other.write_bytes(ca.chain_pem())
    with served_by(MAKES["openssl s_server"], certs, tmp_path) as port:
        asked = plan(certs, port, version)
        trace = await traced(replace(asked, tls=replace(asked.tls, server_ca=other)))
    assert (trace.outcome.result, trace.outcome.by) == (Result.REJECTED, Endpoint.CLIENT)
    assert trace.outcome.alert is not None
    assert trace.outcome.alert.description == AlertDescription.UNKNOWN_CA
    assert trace.causes[0].code == "server-ca-not-trusted"
    assert trace.outcome.client_handshake_returned is False


@pytest.mark.parametrize("write_first", [False, True])
async def test_writing_first(certs: Path, tmp_path: Path, write_first: bool) -> None:
    """TLS 1.3: the request is on the wire before the verdict, or not at all."""
    with served_by(MAKES["openssl s_server"], certs, tmp_path) as port:
        asked = replace(plan(certs, port, TlsVersion.TLS13), write_first=write_first)
        trace = await traced(asked)
    wrote = [
        event
        for event in trace.events
        if isinstance(event, ApplicationDataSeen) and event.endpoint is Endpoint.CLIENT
    ]
    assert bool(wrote) is write_first
    assert trace.outcome.signal is Signal.ALERT
    assert trace.causes[0].code == "no-client-certificate"


def nginx_h2(setup: Setup) -> CommandLine:
    words = nginx(setup)
    config = setup.folder / "nginx.conf"
    config.write_text(config.read_text().replace(" ssl;", " ssl http2;"))
    return words


async def test_http2_is_spoken_where_alpn_agrees_on_it(certs: Path, tmp_path: Path) -> None:
    with served_by(nginx_h2, certs, tmp_path) as port:
        asked = plan(certs, port, TlsVersion.TLS13)
        asked = replace(asked, tls=replace(asked.tls, alpn=("h2",)))
        trace = await traced(asked)
        silent = await traced(replace(asked, after=Application.NONE))
    outcome = trace.outcome
    assert (outcome.http_status, outcome.signal) == (400, Signal.HTTP_STATUS)
    assert "No required SSL certificate was sent" in outcome.http_text
    assert trace.causes[0].code == "http-wants-certificate"
    assert silent.outcome.accepted and silent.outcome.http_status is None
    assert silent.causes[0].code == "certificate-optional"
    assert "no HTTP response was read" in " ".join(silent.causes[0].evidence)


@pytest.mark.parametrize(
    "change",
    [
        *({"sni": name} for name in ("", ".foo", "a" * 300, "a b", "a\r\nX: y")),
        {"target": Target(host="localhost", port=1, user="a" * 1001)},
        *({"request": path} for path in ("", "a", "/a b", "/ü", "/a\r\nX: y")),
        {"request": "/a%0d%0aRSET", "after": Application.SMTP},
        {"request": "/a%00", "after": Application.POSTGRES},
    ],
)
def test_what_no_client_can_send(certs: Path, change: dict[str, str]) -> None:
    with pytest.raises(PlanRefused):
        replace(plan(certs, 1, TlsVersion.TLS13), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["", "ü", "a" * 256])
def test_what_is_no_application_protocol(certs: Path, protocol: str) -> None:
    asked = plan(certs, 1, TlsVersion.TLS13)
    with pytest.raises(PlanRefused):
        replace(asked, tls=replace(asked.tls, alpn=(protocol,)))


def test_who_listens_is_found_out_without_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens("127.0.0.1", port)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not listens("127.0.0.1", port)


async def test_the_key_log_opens_the_same_records(certs: Path, tmp_path: Path) -> None:
    key_log = tmp_path / "secrets.keylog"
    with served_by(MAKES["openssl s_server"], certs, tmp_path) as port:
        await traced(replace(plan(certs, port, TlsVersion.TLS13, good(certs)), key_log=key_log))
    labels = {line.split()[0] for line in key_log.read_text().splitlines() if line[0] != "#"}
    assert {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"} <= labels


@contextlib.asynccontextmanager
async def answering(data: bytes | None) -> AsyncIterator[int]:
    """A TCP server that answers the first bytes with ``data`` and closes; None: with silence."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(65536)
            if data is None:
                await reader.read()
            else:
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "first bytes are not TLS: they look like plain HTTP"),
        (b"220 mail.example ESMTP\r\n", "STARTTLS"),
        (None, "timed out waiting for the server"),
    ],
    ids=["http", "smtp", "silent"],
)
async def test_a_port_that_speaks_no_tls(certs: Path, data: bytes | None, says: str) -> None:
    async with answering(data) as port:
        patience = 0.3 if data is None else PATIENCE
        asked = replace(plan(certs, port, TlsVersion.TLS13), limit=patience)
        seen = (await record(asked)).events
    with pytest.raises(NoTrace, match=says) as error:
        require_tls(trace_of(asked, seen))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"127.0.0.1:{port}: ")


async def test_a_server_that_hangs_up_on_the_hello_is_traced(certs: Path) -> None:
    async with answering(b"") as port:
        trace = await traced(plan(certs, port, TlsVersion.TLS13))
    assert (trace.outcome.by, trace.outcome.signal) == (Endpoint.SERVER, Signal.FIN)
    assert trace.outcome.after == "ClientHello"
    # OpenSSL's own answer to the bare end is nobody's refusal.
    assert trace.outcome.alert is None
    assert "refused-without-alert" in [each.code for each in trace.causes]


async def test_nothing_listens(certs: Path) -> None:
    port = free_port()
    with pytest.raises(NoConnection, match=f"cannot connect to 127.0.0.1:{port}: "):
        await record(plan(certs, port, TlsVersion.TLS13))


async def test_no_such_name(certs: Path) -> None:
    asked = plan(certs, 443, TlsVersion.TLS13)
    with pytest.raises(NoConnection, match=r"cannot connect to no-such-host\.invalid:443: "):
        await record(replace(asked, target=Target(host="no-such-host.invalid", port=443)))


async def test_the_moment_of_return_stands_where_it_happened(certs: Path, tmp_path: Path) -> None:
    """TLS 1.3: between the client's Finished and the alert."""
    with served_by(MAKES["haproxy"], certs, tmp_path) as port:
        trace = await traced(plan(certs, port, TlsVersion.TLS13))
    facts = [event.fact for event in trace.events if isinstance(event, LocalFact)]
    assert facts.index(Fact.HANDSHAKE_RETURNED) < facts.index(Fact.READ_FAILED)
    assert trace.outcome.alert is not None
    returned = next(
        event
        for event in trace.events
        if isinstance(event, LocalFact) and event.fact is Fact.HANDSHAKE_RETURNED
    )
    assert trace.events.index(returned) < trace.events.index(trace.outcome.alert)


@contextlib.contextmanager
def https_server(certs: Path, answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A TLS server that keeps the request of one client, and gives this answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server.crt", certs / "server.key")
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.settimeout(PATIENCE)
            with context.wrap_socket(connection, server_side=True) as tls:
                requests.append(tls.recv(65536))
                tls.sendall(answer)
                tls.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], requests
        thread.join(PATIENCE)


@VERSIONS
async def test_the_host_field_follows_the_name_that_is_asked_for(
    certs: Path, version: TlsVersion
) -> None:
    with https_server(certs, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, requests):
        asking = plan(certs, port, version)
        trace = await traced(replace(asking, sni="localhost"))
    assert trace.outcome.result is Result.ACCEPTED
    assert f"\r\nHost: localhost:{port}\r\n".encode() in requests[0]


async def test_a_name_with_other_letters_is_sent_in_ascii(certs: Path) -> None:
    with https_server(certs, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, requests):
        asking = plan(certs, port, TlsVersion.TLS13)
        tls = replace(asking.tls, verify_server=False)
        trace = await traced(replace(asking, sni="b\u00fccher.example", tls=tls))
    assert trace.outcome.result is Result.ACCEPTED
    assert f"\r\nHost: xn--bcher-kva.example:{port}\r\n".encode() in requests[0]


async def test_what_an_http_refusal_says_is_told(certs: Path) -> None:
    body = b"<html><title>400 The SSL certificate error</title>\x1b[31m</html>"
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with https_server(certs, head + body) as (port, _):
        trace = await traced(plan(certs, port, TlsVersion.TLS13))
    assert trace.outcome.http_text == "400 The SSL certificate error; \\x1b[31m"
    assert any(trace.outcome.http_text in line for line in trace.causes[0].evidence)


def test_a_weak_certificate_is_the_clients_limit_and_level_0_presents_it(certs: Path) -> None:
    weak = rsa_1024(new_lab_authority(datetime.now(timezone.utc)))
    tls = ClientTls(server_ca=certs / "ca.crt", security_level=2)
    with pytest.raises(NotLoaded, match=r"not asked; lab\.trace --security-level 0 presents it"):
        presenting(tls, weak)
    presenting(replace(tls, security_level=0), weak)


@pytest.mark.parametrize("offered", [True, False])
async def test_post_handshake_authentication_is_offered_unless_told_otherwise(
    certs: Path, offered: bool
) -> None:
    with https_server(certs, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, _):
        asking = plan(certs, port, TlsVersion.TLS13)
        tls = replace(asking.tls, post_handshake_auth=offered)
        trace = await traced(replace(asking, tls=tls))
    hello = summarize(trace.events).client_hello
    assert hello is not None
    assert hello.has(ExtensionType.POST_HANDSHAKE_AUTH) is offered


@pytest.mark.parametrize("trusted", [True, False])
async def test_the_chain_is_judged_by_what_the_server_is_said_to_trust(
    certs: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts: list[TrustVerdict | None] = []

    def keep(*args: Any, trust: TrustVerdict | None, **kwargs: Any) -> tuple[Cause, ...]:
        verdicts.append(trust)
        return diagnose(*args, trust=trust, **kwargs)

    monkeypatch.setattr(trace_server, "diagnose", keep)
    ca = load_set(certs, now=datetime.now(timezone.utc)).ca.certificate.public_bytes(Encoding.DER)
    with https_server(certs, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, _):
        asking = plan(certs, port, TlsVersion.TLS13, good(certs) if trusted else stranger())
        client_trust = ClientTrust(authorities=(ca,), files="ca.crt")
        await traced(replace(asking, client_trust=client_trust))
    (verdict,) = verdicts
    assert verdict is not None
    assert (verdict.accepted, verdict.files) == (trusted, "ca.crt")
    assert verdict.code == (0 if trusted else 20)


def test_what_no_security_level_mends_is_not_said_to_be_a_matter_of_it() -> None:
    now = datetime.now(timezone.utc)
    ca = self_signed(profiles.root_ca("A CA"), cached(KeyKind.EC_P256, 7), now=now)
    mismatched = replace(ca, key=cached(KeyKind.EC_P256, 8))
    with pytest.raises(NotLoaded, match=r"here \(key values mismatch\), so .* asked$"):
        presenting(ClientTls(verify_server=False), mismatched)
