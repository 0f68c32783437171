"""How TLS, OpenSSL and asyncio behave, where the design leans on it: settled by runs."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from pathlib import Path

import pytest

from lab.stream.contexts import ClientAuth, TlsVersion, server_context
from lab.stream.key_log_source import KeyLogSource
from lab.tls.code_points import AlertDescription, ContentType
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    MessageSeen,
    SealedSeen,
    StreamEnded,
)
from lab.tls.messages import Certificate, CertificateRequest
from lab.tls.observer import Observer
from tests.support.serving import (
    blocking,
    client_tls,
    get,
    in_thread,
    running,
    server_tls,
)

VERSIONS = pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)


class Ends:
    """Two OpenSSL ends in memory, moved by hand."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext) -> None:
        self.to_client, self.to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.from_client, self.from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(self.to_client, self.from_client, server_hostname="localhost")
        self.server = server.wrap_bio(self.to_server, self.from_server, server_side=True)

    def turn(self) -> list[tuple[Endpoint, bytes]]:
        """The client's step, then the server's; both ends' bytes arrive, and are returned."""
        flights = []
        for sender, end, out, to in (
            (Endpoint.CLIENT, self.client, self.from_client, self.to_server),
            (Endpoint.SERVER, self.server, self.from_server, self.to_client),
        ):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            finally:
                flights.append((sender, out.read()))
                to.write(flights[-1][1])
        return flights


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="CPython pull request 153620")
@VERSIONS
async def test_stock_asyncio_never_sends_the_alert(certs: Path, version: TlsVersion) -> None:
    """CPython issue 98078: seen on 3.10 to 3.13, fixed on main by pull request 153620."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    context = server_context(server_tls(certs))
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)

    def client(port: int) -> str:
        with blocking(port, client_tls(certs, identity=False, version=version)) as tls:
            try:
                tls.do_handshake()
                return "data" if tls.recv(1) else "bare end"
            except ssl.SSLError as error:
                return error.reason

    async with server:
        said = await in_thread(lambda: client(server.sockets[0].getsockname()[1]))
    assert said in ("bare end", "UNEXPECTED_EOF_WHILE_READING")


def test_no_secrets_for_a_refusal_in_tls12(certs: Path) -> None:
    """The server refuses before it works out the master secret: nothing opens the Finished."""
    context = server_context(server_tls(certs))
    with KeyLogSource(context) as key_log:
        ends = Ends(client_tls(certs, identity=False, version=TlsVersion.TLS12), context)
        ends.turn()
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            ends.turn()
        assert key_log.read() == ""


async def test_what_an_alert_looks_like_from_outside(certs: Path) -> None:
    """TLS 1.3: application_data by its outer type, and 19 bytes where it is not padded."""
    async with running(certs) as server:
        context = client_tls(certs, identity=False, version=TlsVersion.TLS13)
        with pytest.raises(ssl.SSLError):
            await in_thread(lambda: get(server.port, context))
    alert = next(event for event in server.events[0] if isinstance(event, AlertSeen))
    assert alert.encrypted
    assert [span.length for span in alert.records] == [5 + 19]
    early = [event for event in server.events[0] if isinstance(event, SealedSeen)]
    # The request that the client wrote early: the server never had the secret for it.
    assert {event.content_type for event in early} <= {ContentType.APPLICATION_DATA}


async def test_openssl_completes_the_chain_from_its_trust_store(certs: Path) -> None:
    """server.crt holds one certificate; the CA is sent with it because it is trusted there."""
    async with running(certs, client_auth=ClientAuth.NONE) as server:
        await in_thread(lambda: get(server.port, client_tls(certs, identity=False)))
    assert (certs / "server.crt").read_text().count("BEGIN CERTIFICATE") == 1
    (sent,) = (
        event.message
        for event in server.events[0]
        if isinstance(event, MessageSeen) and isinstance(event.message, Certificate)
    )
    assert len(sent.certificate_list) == 2


def test_an_openssl_client_answers_a_bare_end_with_an_alert_of_its_own(certs: Path) -> None:
    """decode_error (50), to nobody: it must not be taken for a refusal."""
    ends = Ends(client_tls(certs), server_context(server_tls(certs)))
    with contextlib.suppress(ssl.SSLWantReadError):
        ends.client.do_handshake()
    ends.from_client.read()
    ends.to_client.write_eof()
    with pytest.raises(ssl.SSLEOFError):
        ends.client.do_handshake()
    assert ends.from_client.read()[-2:] == bytes([2, AlertDescription.DECODE_ERROR])


async def test_tcp_tells_both_ends(certs: Path) -> None:
    async with running(certs) as server:
        await in_thread(lambda: get(server.port, client_tls(certs)))
    ended: list[Event] = [event for event in server.events[0] if isinstance(event, StreamEnded)]
    assert {event.endpoint for event in ended} == {Endpoint.CLIENT, Endpoint.SERVER}


def test_python_names_no_cas_in_a_certificate_request(certs: Path) -> None:
    """On 3.10 to 3.13, where ``ssl`` has nothing to set them by."""
    context = server_context(server_tls(certs))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    observer = Observer()
    (request,) = (
        event.message
        for sender, flight in Ends(client_tls(certs), context).turn()
        for event in observer.feed(sender, flight, 0.0)
        if isinstance(event, MessageSeen) and isinstance(event.message, CertificateRequest)
    )
    assert request.certificate_authorities == ()
    assert not hasattr(context, "set_client_ca_list")


@VERSIONS
def test_python_goes_on_where_no_protocol_is_common(certs: Path, version: TlsVersion) -> None:
    """RFC 7301 section 3.2 asks for no_application_protocol (120); the log says what was asked."""
    client = client_tls(certs, version=version)
    client.set_alpn_protocols(["h2"])
    ends = Ends(client, server_context(server_tls(certs)))
    for _ in range(3):
        ends.turn()
    assert ends.server.selected_alpn_protocol() is None
    assert ends.client.version() is not None
