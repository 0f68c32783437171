"""The handshake that is written here, against OpenSSL's client, curl and arbitrary bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.pki import catalogue
from lab.pki.files.secret_files import temporary_pem
from lab.pki.identity import certificates_pem
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.clients.client_connection import ClientConnection, Progress, connection_of
from lab.probing.clients.handmade_handshake import HandmadeHandshake
from lab.probing.clients.handmade_records import ClientLeft, HandmadeRecords
from lab.probing.clients.server_selection import find_server
from lab.probing.clients.tested_listener import RunningListener, listening
from lab.probing.clients.tested_server import HandmadeServer, Spoilt
from lab.tls.events import Event, Malformed, MessageSeen, SealedSeen
from tests.support.scripted_wire import ScriptedWire
from tests.support.serving import PATIENCE

CA = new_lab_authority(datetime.now(timezone.utc))


def context(ca: LabAuthority = CA) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=certificates_pem((ca.root,)).decode())
    with temporary_pem(catalogue.good(ca)) as path:
        made.load_cert_chain(path)
    return made


def talk(port: int, tls: ssl.SSLContext) -> tuple[bytes, str | None]:
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as tcp,
        tls.wrap_socket(tcp, server_hostname="localhost") as stream,
    ):
        stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return b"".join(iter(lambda: stream.recv(65536), b"")), stream.selected_alpn_protocol()


async def met(
    server: HandmadeServer, tls: ssl.SSLContext
) -> tuple[bytes | ssl.SSLError, ClientConnection, RunningListener]:
    async with listening(server, CA) as listener:
        answer: bytes | ssl.SSLError
        try:
            answer, _ = await asyncio.to_thread(talk, listener.port, tls)
        except ssl.SSLError as error:
            answer = error
        await listener.closed(PATIENCE)
    return answer, connection_of(listener.buffers[0].events), listener


async def test_openssl_completes_the_handshake_and_is_answered() -> None:
    answer, connection, listener = await met(HandmadeServer(), context())
    assert isinstance(answer, bytes) and answer.endswith(b"hello from the lab\n")
    assert connection.progress is Progress.ASKED
    assert (connection.presented, connection.answered) == (True, True)
    assert connection.outcome.accepted
    unread = [e for e in listener.buffers[0].events if isinstance(e, SealedSeen | Malformed)]
    assert not unread
    out_of_order = [
        event
        for event in listener.buffers[0].events
        if isinstance(event, MessageSeen) and event.out_of_order
    ]
    assert not out_of_order


async def test_a_share_for_p256_will_do() -> None:
    tls = context()
    tls.set_ecdh_curve("prime256v1")
    answer, _, _ = await met(HandmadeServer(), tls)
    assert isinstance(answer, bytes) and answer.startswith(b"HTTP/1.1 200 OK")


async def test_a_group_that_is_not_taken_is_told() -> None:
    tls = context()
    tls.set_ecdh_curve("secp384r1")
    answer, connection, listener = await met(HandmadeServer(), tls)
    assert isinstance(answer, ssl.SSLError)
    assert listener.not_agreed == "a key share for X25519 or P-256"
    assert connection.progress is Progress.TURNED_AWAY


async def test_a_client_of_tls12_is_told() -> None:
    tls = context()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    answer, connection, listener = await met(HandmadeServer(), tls)
    assert isinstance(answer, ssl.SSLError)
    assert listener.not_agreed == "TLS 1.3"
    assert connection.server_alert is not None


@pytest.mark.parametrize(
    ("spoilt", "alert"),
    [(Spoilt.VERIFY_KEY, "decrypt_error"), (Spoilt.FINISHED, "decrypt_error")],
)
async def test_what_is_spoilt_is_refused(spoilt: Spoilt, alert: str) -> None:
    answer, connection, _ = await met(HandmadeServer(spoilt=spoilt), context())
    assert isinstance(answer, ssl.SSLError)
    assert connection.progress is Progress.STOPPED
    assert connection.alert is not None and str(connection.alert.description) == alert


@pytest.mark.parametrize("name", ["ca-names-exclude-client", "thousand-ca-names"])
async def test_names_of_cas_travel_whole(name: str) -> None:
    server = find_server(name).server
    assert isinstance(server, HandmadeServer)
    answer, connection, _ = await met(server, context())
    assert isinstance(answer, bytes)
    assert connection.evidence.request is not None
    assert connection.evidence.request.certificate_authorities == server.authorities(CA)


async def test_a_client_without_a_fitting_signature_sends_an_empty_certificate() -> None:
    server = find_server("no-signature-in-common").server
    assert isinstance(server, HandmadeServer)
    answer, connection, _ = await met(server, context())
    assert isinstance(answer, bytes)
    assert connection.presented is False


async def test_a_protocol_that_was_offered_is_taken() -> None:
    tls = context()
    tls.set_alpn_protocols(["lab"])
    answer, connection, _ = await met(HandmadeServer(alpn=b"lab"), tls)
    assert isinstance(answer, bytes)
    assert connection.evidence.protocol == "lab"
    tls.set_alpn_protocols(["h2", "http/1.1"])
    _, connection, _ = await met(HandmadeServer(), tls)
    assert connection.evidence.protocol == "http/1.1"


def client_hello() -> bytes:
    tls, outgoing = context(), ssl.MemoryBIO()
    client = tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


HELLO = client_hello()


@given(at=st.integers(0, len(HELLO) - 1), value=st.integers(0, 255), rest=st.binary(max_size=64))
def test_whatever_a_client_sends_ends_in_an_end(at: int, value: int, rest: bytes) -> None:
    data = HELLO[:at] + bytes([value]) + HELLO[at + 1 :] + rest

    async def meet() -> list[Event]:
        events: list[Event] = []
        records = HandmadeRecords(ScriptedWire([data]), events.append)
        with contextlib.suppress(ClientLeft):
            try:
                await HandmadeHandshake(HandmadeServer(), CA, records).run()
            except Exception as error:
                assert type(error).__name__ in ("NotAgreed", "ClientLeft")
        return events

    assert asyncio.run(meet())
