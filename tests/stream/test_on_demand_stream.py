"""A certificate that is asked for after the handshake: the facts of OpenSSL that this leans on."""

from __future__ import annotations

import contextlib
import resource
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.stream.contexts import ClientAuth, ServerContexts, TlsVersion, server_contexts
from lab.stream.on_demand_stream import OnDemandStream, TooMuchBefore, accepted_stream
from lab.stream.tls_stream import TlsStream
from lab.stream.wire import CHUNK
from tests.stream.test_facts import Ends
from tests.support.serving import PATIENCE, client_tls, server_tls


def contexts(certs: Path) -> ServerContexts:
    return server_contexts(server_tls(certs, ClientAuth.ON_DEMAND))


Act = Callable[[ssl.SSLObject], object]


class MemoryWire:
    """A wire to an OpenSSL client in memory; its bytes come ``size`` at a time.

    ``does`` is what the client does each time that its turn comes.
    """

    def __init__(
        self, context: ssl.SSLContext, size: int = CHUNK, does: Act = lambda client: None
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._size = size
        self._does = does
        self.connected = False
        self.has_left = False

    @property
    def pending(self) -> bool:
        return False

    async def receive(self) -> bytes:
        if not self._outgoing.pending:
            with contextlib.suppress(ssl.SSLWantReadError):
                if not self.connected:
                    self.client.do_handshake()
                    self.connected = True
                else:
                    self._does(self.client)
                    self.client.read(CHUNK)
        data = self._outgoing.read(self._size)
        assert data or self.has_left, "the client has nothing to say"
        return data

    async def send(self, data: bytes) -> None:
        self._incoming.write(data)

    def finish_sending(self) -> None:
        self.has_left = True  # as a client does that is told goodbye

    async def close(self, limit: float) -> None:
        """Let go of nothing."""


async def connect(certs: Path, wire: MemoryWire) -> TlsStream:
    stream = accepted_stream(wire, contexts(certs))
    await stream.handshake(PATIENCE)
    return stream


def offering(certs: Path, version: TlsVersion | None = None) -> ssl.SSLContext:
    return client_tls(certs, version=version)


@pytest.mark.parametrize("size", [1, 7, CHUNK])
async def test_the_answer_and_what_is_sent_before_it(certs: Path, size: int) -> None:
    """However the bytes come: a ClientHello byte by byte, data and certificate in one piece."""
    said = [b"one", b"two"]

    def does(client: ssl.SSLObject) -> None:
        while said:
            client.write(said.pop(0))

    stream = await connect(certs, MemoryWire(offering(certs), size, does))
    assert isinstance(stream, OnDemandStream)
    assert stream.can_be_asked
    asking = contexts(certs).asking
    assert asking is not None
    assert await stream.request_certificate(asking, 6)
    assert stream.peer_certificate is not None
    assert await stream.read() == b"onetwo"
    await stream.close()


async def test_a_client_that_has_no_certificate(certs: Path) -> None:
    wire = MemoryWire(client_tls(certs, identity=False))
    stream = await connect(certs, wire)
    assert isinstance(stream, OnDemandStream)
    asking = contexts(certs).asking
    assert asking is not None
    assert not await stream.request_certificate(asking, 0)
    assert stream.peer_certificate is None
    await stream.write(b"all the same")
    await stream.close()


@pytest.mark.parametrize("offers", [True, False])
@pytest.mark.parametrize("version", [*TlsVersion, None])
async def test_who_can_be_asked(certs: Path, version: TlsVersion | None, offers: bool) -> None:
    context = offering(certs, version)
    context.post_handshake_auth = offers
    stream = await connect(certs, MemoryWire(context))
    assert isinstance(stream, OnDemandStream)
    assert stream.can_be_asked is (offers and version is not TlsVersion.TLS12)
    assert stream.peer_certificate is None
    await stream.close()


async def test_too_much_before_the_certificate(certs: Path) -> None:
    stream = await connect(
        certs, MemoryWire(offering(certs), does=lambda client: client.write(bytes(101)))
    )
    assert isinstance(stream, OnDemandStream)
    asking = contexts(certs).asking
    assert asking is not None
    with pytest.raises(TooMuchBefore):
        await stream.request_certificate(asking, 100)
    await stream.close()


async def test_a_client_that_says_goodbye_in_place_of_an_answer(certs: Path) -> None:
    wire = MemoryWire(offering(certs))

    def leave(client: ssl.SSLObject) -> None:
        if not wire.has_left:
            wire.has_left = True
            client.unwrap()

    wire._does = leave
    stream = await connect(certs, wire)
    assert isinstance(stream, OnDemandStream)
    asking = contexts(certs).asking
    assert asking is not None
    assert not await stream.request_certificate(asking, 100)
    await stream.write(b"goodbye")
    assert await stream.read() == b""
    await stream.close()


async def test_the_session_of_a_stream_is_not_read(
    certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would tell that there was an answer, and lose memory for each record of a client."""
    said = [b"x"] * 200

    def does(client: ssl.SSLObject) -> None:
        while said:
            client.write(said.pop())

    stream = await connect(certs, MemoryWire(offering(certs), does=does))
    assert isinstance(stream, OnDemandStream)
    asking = contexts(certs).asking
    assert asking is not None
    monkeypatch.delattr(ssl.SSLObject, "session")
    assert await stream.request_certificate(asking, 200)
    assert await stream.read() == b"x" * 200
    await stream.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_python_loses_a_session_each_time_that_it_is_read(certs: Path) -> None:
    """Hence the look at what OpenSSL writes."""
    ends = Ends(client_tls(certs), contexts(certs).usual)
    for _ in range(3):
        ends.turn()

    def pages() -> int:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1])

    before = pages()
    for _ in range(60_000):  # more than what is free in a process that ran other tests
        assert ends.server.session is not None
    assert (pages() - before) * resource.getpagesize() > 5_000_000


def test_openssl_asks_in_the_handshake_of_tls12_where_it_may_ask_later(certs: Path) -> None:
    """Hence two contexts, and a look at the ClientHello before OpenSSL's first step."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certs / "server.crt", certs / "server.key")
    server.load_verify_locations(certs / "ca.crt")
    server.verify_mode = ssl.CERT_OPTIONAL
    server.post_handshake_auth = True
    for version, asked in ((TlsVersion.TLS12, True), (TlsVersion.TLS13, False)):
        ends = Ends(client_tls(certs, version=version), server)
        for _ in range(3):
            with contextlib.suppress(ssl.SSLWantReadError):
                ends.turn()
        assert (ends.server.getpeercert(binary_form=True) is not None) is asked
    # A context that a connection takes on later does not change what it may ask.
    server.verify_mode = ssl.CERT_NONE
    ends = Ends(client_tls(certs, version=TlsVersion.TLS13), server)
    for _ in range(3):
        ends.turn()
    asking = contexts(certs).asking
    assert asking is not None
    ends.server.context = asking
    with pytest.raises(ssl.SSLError, match=r"(?i)invalid.config"):
        ends.server.verify_client_post_handshake()
        ends.server.do_handshake()


def asked(certs: Path, mode: ssl.VerifyMode) -> Ends:
    """Two ends of TLS 1.3, the server having asked a client without a certificate."""
    server = contexts(certs).asking
    assert server is not None
    server.verify_mode = mode
    ends = Ends(client_tls(certs, identity=False), server)
    for _ in range(3):
        ends.turn()
    ends.server.verify_client_post_handshake()
    ends.turn()
    with contextlib.suppress(ssl.SSLWantReadError):
        ends.client.read(CHUNK)
    ends.to_server.write(ends.from_client.read())
    return ends


def test_what_openssl_makes_of_an_empty_certificate(certs: Path) -> None:
    """With CERT_REQUIRED it is fatal, by the alert 116; else HTTP may tell the reason."""
    ends = asked(certs, ssl.CERT_REQUIRED)
    with pytest.raises(ssl.SSLError, match=r"(?i)peer.did.not.return.a.certificate"):
        ends.server.read(CHUNK)
    ends.to_client.write(ends.from_server.read())
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
        ends.client.read(CHUNK)
    ends = asked(certs, ssl.CERT_OPTIONAL)
    with pytest.raises(ssl.SSLWantReadError):
        ends.server.read(CHUNK)
    # The answer shows by a new ticket.
    assert ends.from_server.pending
