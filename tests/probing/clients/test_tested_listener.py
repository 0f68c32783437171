"""Servers for clients under test, met by the lab's own client: what they do, and what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timezone

import pytest

from lab.pki import catalogue
from lab.pki.files.secret_files import temporary_pem
from lab.pki.identity import certificates_pem
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.clients import tested_listener
from lab.probing.clients.client_connection import ClientConnection, Progress, connection_of
from lab.probing.clients.openssl_context import NotAvailable, context_of
from lab.probing.clients.server_selection import find_server
from lab.probing.clients.tested_listener import MOST_CONNECTIONS, RunningListener, listening
from lab.probing.clients.tested_server import OpenSslServer
from lab.stream.contexts import TlsVersion
from lab.tls.events import AlertSeen, Endpoint, StreamEnd, StreamEnded
from tests.support.serving import PATIENCE

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    return new_lab_authority(datetime.now(timezone.utc))


def context(ca: LabAuthority, *, with_certificate: bool = True) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=certificates_pem((ca.root,)).decode())
    if with_certificate:
        with temporary_pem(catalogue.good(ca)) as path:
            made.load_cert_chain(path)
    return made


@contextlib.asynccontextmanager
async def met(
    name: str, ca: LabAuthority, version: TlsVersion | None = None
) -> AsyncIterator[RunningListener]:
    async with listening(find_server(name).server, ca, version) as listener:
        yield listener


def talk(port: int, tls: ssl.SSLContext, data: bytes = REQUEST, host: str = "127.0.0.1") -> bytes:
    """Connect, send, and return what came until the end."""
    with (
        socket.create_connection((host, port), PATIENCE) as tcp,
        tls.wrap_socket(tcp, server_hostname="localhost") as stream,
    ):
        stream.sendall(data)
        answer = b""
        with contextlib.suppress(ssl.SSLEOFError):
            while part := stream.recv(65536):
                answer += part
                if answer.endswith(b"from the lab\n") and b"close" not in answer:
                    break
        return answer


async def seen(listener: RunningListener, at: int = 0) -> ClientConnection:
    await listener.closed(PATIENCE)
    return connection_of(listener.buffers[at].events)


async def test_a_client_that_asks_is_answered_and_seen(ca: LabAuthority) -> None:
    async with met("good", ca) as listener:
        answer = await asyncio.to_thread(talk, listener.port, context(ca))
        connection = await seen(listener)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert connection.progress is Progress.ASKED
    assert (connection.answered, connection.presented) == (True, True)
    assert (connection.alert, connection.server_alert) == (None, None)
    assert listener.peers[0].host == "127.0.0.1"


async def test_it_listens_on_both_addresses_of_localhost(ca: LabAuthority) -> None:
    async with met("good", ca) as listener:
        try:
            answer = await asyncio.to_thread(talk, listener.port, context(ca), REQUEST, "::1")
        except OSError:
            pytest.skip("needs a user who may use ::1")
    assert answer.endswith(b"from the lab\n")


async def test_an_alert_is_the_clients_refusal(ca: LabAuthority) -> None:
    async with met("expired", ca) as listener:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(talk, listener.port, context(ca))
        connection = await seen(listener)
    assert connection.progress is Progress.STOPPED
    assert (
        connection.alert is not None and str(connection.alert.description) == "certificate_expired"
    )
    assert connection.presented is None


async def test_who_connects_and_says_nothing_or_something_else(ca: LabAuthority) -> None:
    async with met("good", ca) as listener:
        for data in (b"", REQUEST, b"\0" * 50):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(data)
            writer.write_eof()
            await reader.read()
            writer.close()
        found = [await seen(listener, at) for at in range(3)]
    assert [each.progress for each in found] == [
        Progress.NOTHING,
        Progress.IN_CLEAR,
        Progress.STOPPED,
    ]
    assert found[0].ended is StreamEnd.FIN


async def test_a_version_is_held_to_where_the_server_speaks_it(ca: LabAuthority) -> None:
    for version in TlsVersion:
        async with met("good", ca, version) as listener:
            await asyncio.to_thread(talk, listener.port, context(ca))
            connection = await seen(listener)
        assert str(connection.evidence.version) == f"TLS {version.value}"
    async with met("no-encryption", ca, TlsVersion.TLS13) as listener:
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(talk, listener.port, context(ca))
        assert (await seen(listener)).progress is Progress.TURNED_AWAY


async def test_a_spoilt_signature_is_refused_and_nothing_else_is_changed(ca: LabAuthority) -> None:
    async with met("key-exchange-signature", ca) as listener:
        with pytest.raises(ssl.SSLError, match=r"(?i)signature|decrypt"):
            await asyncio.to_thread(talk, listener.port, context(ca))
        connection = await seen(listener)
    assert connection.alert is not None and str(connection.alert.description) == "decrypt_error"


@pytest.mark.parametrize(
    ("name", "length"), [("no-close-notify", b"Content-Length: 19"), ("answer-cut-off", b": 1000")]
)
async def test_tcp_ends_without_close_notify(name: str, length: bytes, ca: LabAuthority) -> None:
    tls = context(ca)
    async with met(name, ca) as listener:
        answer = await asyncio.to_thread(talk, listener.port, tls)
        await listener.closed(PATIENCE)
        events = [e for e in listener.buffers[0].events if e.endpoint is Endpoint.SERVER]
    assert length in answer and answer.endswith(b"hello from the lab\n")
    assert any(isinstance(e, StreamEnded) and e.end is StreamEnd.FIN for e in events)
    assert not any(isinstance(event, AlertSeen) for event in events)


async def test_the_second_connection_meets_another_certificate(ca: LabAuthority) -> None:
    tls = context(ca)
    async with met("certificate-on-return", ca) as listener:
        first = await asyncio.to_thread(talk, listener.port, tls)
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(talk, listener.port, tls)
    assert first.startswith(b"HTTP/1.1 303 ") and b"Location: /again\r\n" in first
    assert listener.returned == [1]


async def test_a_connection_that_is_not_used_is_none_to_return_from(ca: LabAuthority) -> None:
    tls = context(ca)
    async with met("certificate-on-return", ca) as listener:
        with socket.create_connection(("127.0.0.1", listener.port), PATIENCE):
            first = await asyncio.to_thread(talk, listener.port, tls)
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(talk, listener.port, tls)
    assert first.startswith(b"HTTP/1.1 303 ")
    assert listener.returned == [2]


@pytest.mark.parametrize(
    ("offers", "has", "status"),
    [(True, True, b"200"), (True, False, b"200"), (False, True, b"403")],
)
async def test_a_certificate_is_asked_for_later(
    offers: bool, has: bool, status: bytes, ca: LabAuthority
) -> None:
    tls = context(ca, with_certificate=has)
    tls.post_handshake_auth = offers
    async with met("asked-later", ca) as listener:
        answer = await asyncio.to_thread(talk, listener.port, tls)
        connection = await seen(listener)
    assert answer.split()[1] == status
    assert connection.presented is (has if offers else None)


async def test_plain_http_answers_a_client_hello(ca: LabAuthority) -> None:
    async with met("plain-http", ca) as listener:
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(talk, listener.port, context(ca))
        assert (await seen(listener)).evidence.client_hello is not None


async def test_connections_are_bounded(ca: LabAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested_listener, "MOST_CONNECTIONS", 2)
    assert MOST_CONNECTIONS > 2
    async with met("good", ca) as listener:
        for _ in range(4):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
    assert (len(listener.buffers), listener.surplus) == (2, 2)


def test_what_openssl_cannot_be_is_said(ca: LabAuthority) -> None:
    with pytest.raises(NotAvailable, match="OpenSSL cannot be this server here: "):
        context_of(OpenSslServer(ciphers="NO-SUCH"), catalogue.good_server(ca), ca)
