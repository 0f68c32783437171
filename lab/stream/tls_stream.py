"""TLS over a wire: ``ssl.SSLObject`` between two memory BIOs, driven here and not by asyncio.

The reason: asyncio's own TLS closes the TCP connection on a failed handshake, and discards the
alert that OpenSSL has written for the peer. Measured on CPython 3.10.13, 3.11.7, 3.12.1 and 3.13.0
(issue 98078); fixed on CPython's main branch by pull request 153620. Here every byte that OpenSSL
writes is sent, whatever the state of the connection, and a close leaves the peer time to read it.

The rules:
- after each step of OpenSSL, first its secrets, then the bytes received, then the bytes to send are
  shown to the watch: so each message is seen with the secret that opens it, in the wire's order;
- only ``_settle`` sends, only ``_receive`` receives;
- a write that fails is followed by one more read: what the peer said last explains it.

This module does not parse TLS, and knows nothing of HTTP, logs or accepting.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from typing import NoReturn

from lab.stream.observed_wire import ObserverFeed
from lab.stream.stream_errors import (
    ConnectionLost,
    HandshakeTimedOut,
    StreamError,
    TlsFailed,
)
from lab.stream.waiting import within
from lab.stream.wire import Wire
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint, Fact, StreamEnd

# A whole record of plaintext (RFC 9846 section 5.1): more at once would be buffered twice.
_RECORD = 16384
# As OpenSSL names them.
_VERSIONS = {"TLSv1.2": ProtocolVersion.TLS_1_2, "TLSv1.3": ProtocolVersion.TLS_1_3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Linger:
    """How long and how much a close still reads, so that the peer gets what was sent last.

    A socket that is closed with unread bytes in it answers with RST, and an RST may overtake the
    alert or the response before it. ``seconds`` and ``octets`` bound that courtesy.
    """

    seconds: float = 2.0
    octets: int = 1 << 18


class TlsStream:
    """One end of a TLS connection, over any ``Wire``.

    ``server_hostname`` is for clients: the name to send as SNI and to find in the certificate.
    ``read`` and ``write`` raise ``StreamError`` (a ``ConnectionError``), and so does ``handshake``.
    Not for concurrent readers, nor concurrent writers.
    """

    def __init__(
        self,
        wire: Wire,
        context: ssl.SSLContext,
        endpoint: Endpoint,
        *,
        server_hostname: str | None = None,
        watch: ObserverFeed | None = None,
    ) -> None:
        self._wire = wire
        self._endpoint = endpoint
        self._watch = watch
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=endpoint is Endpoint.SERVER,
            server_hostname=server_hostname,
        )
        self._unseen: tuple[bytes, float] | None = None
        self._ahead = b""
        self._in_handshake = True
        self._peer_is_done = False  # with TLS, and
        self._peer_ended = False  # with TCP
        self._reset = False  # by the peer
        self._failed = False
        self._closed = False
        if watch is not None:
            watch.fact(Fact.CONNECTED)

    @property
    def ssl_object(self) -> ssl.SSLObject:
        """OpenSSL's view, to ask: version, cipher, session, peer certificate."""
        return self._tls

    @property
    def peer_certificate(self) -> bytes | None:
        """The DER of the peer's certificate (verified, unless that is off); None without one."""
        return self._tls.getpeercert(binary_form=True)

    async def handshake(self, limit: float | None = None) -> None:
        """Complete the handshake, within ``limit`` seconds.

        Raises ``TlsFailed``, ``ConnectionLost`` or ``HandshakeTimedOut``. Whatever it raises, the
        alert is on its way when it does; ``close`` then gives the peer time to read it.
        """
        try:
            await within(limit, self._shake_hands())
        except TimeoutError:
            assert limit is not None
            self._failed = True
            self._tell(Fact.TIMED_OUT, f"no complete handshake within {limit:g} s")
            raise HandshakeTimedOut(limit) from None
        except StreamError as error:
            self._failed = True
            self._tell(Fact.HANDSHAKE_FAILED, error.brief)
            raise

    async def _shake_hands(self) -> None:
        if self._endpoint is Endpoint.SERVER:
            await self._receive()  # the client speaks first
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._settle()
                await self._receive()
            except ssl.SSLError as error:
                await self._give_up(error)
            else:
                break
        self._tell_verdict(None)
        await self._settle()
        self._in_handshake = False
        if self._watch is not None:
            self._watch.fact(
                Fact.HANDSHAKE_RETURNED, version=_VERSIONS.get(self._tls.version() or "")
            )
            if self._watch.over:
                self._watch = None

    async def hear(self) -> None:
        """Take in what the peer sends next, be it data or not; data is kept for ``read``.

        After a TLS 1.3 handshake this is where a client learns what the server made of it. Raises
        as ``read`` does.
        """
        await self._settle()
        await self._receive()
        try:
            self._ahead += self._tls.read(_RECORD)
            await self._settle()
        except ssl.SSLWantReadError:
            await self._settle()
        except ssl.SSLError as error:
            await self._give_up(error)

    @property
    def pending(self) -> bool:
        """Whether bytes of the peer are here that have not been read."""
        return bool(self._ahead or self._incoming.pending or self._tls.pending())

    async def read(self, max_bytes: int = 65536) -> bytes:
        """Up to ``max_bytes`` of plaintext; b"" once the peer has sent close_notify."""
        if self._ahead:
            data, self._ahead = self._ahead[:max_bytes], self._ahead[max_bytes:]
            return data
        if self._is_drained:
            await self._receive()  # OpenSSL could only say so, and its saying so is dear
        while True:
            try:
                data = self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                await self._settle()
                await self._receive()
            except ssl.SSLZeroReturnError:
                self._peer_is_done = True
                self._show_unseen()
                return b""
            except ssl.SSLError as error:
                await self._give_up(error)
            else:
                self._peer_is_done = not data  # Python's way to say close_notify, as a rule
                if self._unseen is not None or self._outgoing.pending:
                    await self._settle()
                return data

    @property
    def _is_drained(self) -> bool:
        """Whether OpenSSL can have nothing to read until more bytes come, nor an end to tell of."""
        return not (
            self._incoming.pending
            or self._tls.pending()
            or self._outgoing.pending
            or self._unseen is not None
            or self._peer_is_done
            or self._peer_ended
            or self._failed
        )

    async def write(self, data: bytes) -> None:
        """Encrypt and send all of ``data``; returns when the buffers below are not over full."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._tls.write(rest[:_RECORD]) :]
            except ssl.SSLWantReadError:
                await self._settle()
                await self._receive()
            except ssl.SSLError as error:
                await self._give_up(error)
            else:
                await self._settle()

    async def close(self, linger: Linger | None = None) -> None:
        """Send close_notify if TLS still stands, then FIN; read on within ``linger``; let go.

        Ends within twice ``linger.seconds``, and never raises for what the peer did. A second call
        does nothing.
        """
        if self._closed:
            return
        self._closed = True
        bounds = linger or Linger()
        try:
            with contextlib.suppress(TimeoutError):
                await within(bounds.seconds, self._part(bounds.octets))
        finally:
            try:
                await self._wire.close(bounds.seconds)
            finally:  # a server that stops may cancel this
                if self._watch is not None:
                    self._watch.closed()

    async def _part(self, octets: int) -> None:
        """Say goodbye, and read on until the peer has ended or sent ``octets`` bytes."""
        if self._reset:
            return  # there is nobody to say it to
        if not self._in_handshake and not self._failed:
            # RFC 9846 section 6.1: each side announces the end of what it writes. OpenSSL wants to
            # read the peer's own announcement next; that is done below.
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        with contextlib.suppress(StreamError):
            await self._settle()
        self._wire.finish_sending()
        self._tell_end(self._endpoint, StreamEnd.FIN)
        left = octets
        while left > 0 and not self._peer_ended:
            with contextlib.suppress(ConnectionLost):
                left -= len(await self._next_bytes())
                self._show_unseen()

    async def _next_bytes(self) -> bytes:
        """What the wire brings, remembered for the watch; b"" at FIN. Raises ConnectionLost."""
        try:
            data = await self._wire.receive()
        except ConnectionError as error:
            self._peer_ended = self._reset = True
            self._tell_end(self._endpoint.other, StreamEnd.RESET)
            raise ConnectionLost(StreamEnd.RESET, in_handshake=self._in_handshake) from error
        if data:
            if self._watch is not None:
                self._unseen = (data, self._watch.clock())
        elif not self._peer_ended:
            self._peer_ended = True
            self._tell_end(self._endpoint.other, StreamEnd.FIN)
        return data

    async def _receive(self) -> None:
        """Give OpenSSL more bytes, or the end of them. Raises ConnectionLost on RST."""
        if self._peer_ended:
            raise ConnectionLost(StreamEnd.FIN, in_handshake=self._in_handshake)
        data = await self._next_bytes()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _settle(self) -> None:
        """Show the watch what the last step was about, and send what OpenSSL left."""
        self._show_unseen()
        data = self._outgoing.read()
        if not data:
            return
        if self._watch is not None:
            self._watch.sent(data, self._watch.clock())
        try:
            await self._wire.send(data)
        except ConnectionError as error:
            self._tell(Fact.WRITE_FAILED, error.strerror or str(error))
            if self._failed:
                return
            await self._last_words()
            raise ConnectionLost(StreamEnd.RESET, in_handshake=self._in_handshake) from error

    def _show_unseen(self) -> None:
        if self._watch is None or self._unseen is None:  # no news, no secrets
            return
        if self._in_handshake or self._endpoint is Endpoint.CLIENT:
            # A server of ours never renegotiates, so it has no secrets later on.
            self._watch.learn()
        (data, at), self._unseen = self._unseen, None
        self._watch.received(data, at)

    async def _last_words(self) -> None:
        """After a failed write: raise what the peer had said of it; return if that was nothing."""
        while not self._peer_ended:
            await self._receive()
            try:
                while self._tls.read(_RECORD):
                    pass
            except ssl.SSLWantReadError:
                self._show_unseen()
            except ssl.SSLError as error:
                await self._give_up(error)

    async def _give_up(self, error: ssl.SSLError) -> NoReturn:
        """OpenSSL failed: send the alert that it left, tell what it said, and raise that."""
        self._failed = True
        in_handshake = self._in_handshake
        self._tell_verdict(error)
        await self._settle()
        failure: StreamError = TlsFailed(error, in_handshake=in_handshake)
        if isinstance(error, ssl.SSLEOFError):
            failure = ConnectionLost(StreamEnd.FIN, in_handshake=in_handshake)
        if not in_handshake:
            self._tell(Fact.READ_FAILED, failure.brief)
        raise failure from error

    def _tell(self, fact: Fact, reason: str = "") -> None:
        if self._watch is not None:
            self._watch.fact(fact, reason)

    def _tell_end(self, sender: Endpoint, end: StreamEnd) -> None:
        if self._watch is not None:
            self._watch.ended(sender, end)

    def _tell_verdict(self, error: ssl.SSLError | None) -> None:
        """What OpenSSL made of the peer's certificate, if it came to that.

        Must be told between the certificate's arrival and the alert or Finished that answers it.
        """
        if self._watch is None:
            return
        self._show_unseen()
        self._watch.no_more_secrets()
        if error is None:
            certificate = self.peer_certificate
            # A server that does not verify does not ask for a certificate either.
            if certificate and (
                self._endpoint is Endpoint.SERVER
                or self._tls.context.verify_mode is not ssl.CERT_NONE
            ):
                # A resumed session brings the certificate of an earlier handshake, and no proof.
                resumed = self._tls.session_reused
                fact = Fact.SESSION_RESUMED if resumed else Fact.CERTIFICATE_VERIFIED
                self._watch.fact(fact, certificate=certificate)
        elif isinstance(error, ssl.SSLCertVerificationError):
            self._watch.fact(Fact.CERTIFICATE_REFUSED, error.verify_message, code=error.verify_code)
        elif error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            self._watch.fact(Fact.CERTIFICATE_REFUSED, "peer did not return a certificate")
