"""TLS over a wire: ``ssl.SSLObject`` between two memory BIOs, driven here and not by asyncio.

The reason: asyncio's own TLS closes the TCP connection on a failed handshake, and discards the
alert that OpenSSL has written for the peer. Measured on CPython 3.10.13, 3.11.7, 3.12.1 and 3.13.0
(issue 98078); fixed on CPython's main branch by pull request 153620. Here every byte that OpenSSL
writes is sent, whatever the state of the connection, and a close leaves the peer time to read it.

The rules:
- after each step of OpenSSL, first its secrets, then the bytes received, then the bytes to send are
  shown to the observer: so it sees each message with the secret that opens it, in the wire's order;
- only ``_settle`` sends, only ``_receive`` receives;
- a write that fails is followed by one more read: what the peer sent last explains it.

This module does not parse TLS, and knows nothing of HTTP, logs or accepting.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from dataclasses import dataclass
from typing import NoReturn

from lab.stream.observed_wire import ObservedWire, ObserverFeed
from lab.stream.wire import Wire, within
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint, Fact, StreamEnd

# A whole record of plaintext (RFC 9846 section 5.1): more at once would be buffered twice.
_RECORD = 16384
_SOURCE_LINE = re.compile(r" \(_ssl\.c:\d+\)$")
# As OpenSSL names them.
_VERSIONS = {"TLSv1.2": ProtocolVersion.TLS_1_2, "TLSv1.3": ProtocolVersion.TLS_1_3}


class StreamError(ConnectionError):
    """A TLS stream is of no more use. ``in_handshake`` tells whether its handshake had returned."""

    def __init__(self, message: str, *, in_handshake: bool) -> None:
        super().__init__(message)
        self.in_handshake = in_handshake

    @property
    def brief(self) -> str:
        """The message, without where in its own source OpenSSL's binding found it."""
        return _SOURCE_LINE.sub("", str(self))


class TlsFailed(StreamError):
    """OpenSSL gave up: it refused what the peer sent, or the peer's alert told it to.

    ``error`` is OpenSSL's own, with its reason and, for certificates, its verdict.
    """

    def __init__(self, error: ssl.SSLError, *, in_handshake: bool) -> None:
        super().__init__(
            str(error.args[-1]) if error.args else "TLS failed", in_handshake=in_handshake
        )
        self.error = error

    @property
    def reason(self) -> str:
        """OpenSSL's name for it, such as ``TLSV13_ALERT_CERTIFICATE_REQUIRED``, or ""."""
        return self.error.reason or ""


class ConnectionLost(StreamError, ConnectionResetError):
    """TCP ended before TLS did: no close_notify and no alert came."""

    def __init__(self, end: StreamEnd, *, in_handshake: bool) -> None:
        how = "closed (FIN)" if end is StreamEnd.FIN else "reset (RST)"
        super().__init__(f"the peer {how} the connection with no alert", in_handshake=in_handshake)
        self.end = end


class HandshakeTimedOut(StreamError):
    """The peer did not complete the handshake in time. ``limit`` is in seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__(f"no complete handshake within {limit:g} s", in_handshake=True)
        self.limit = limit


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
    Not for concurrent readers, nor concurrent writers. ``feed`` is that of an observer.
    """

    def __init__(
        self,
        wire: Wire,
        context: ssl.SSLContext,
        endpoint: Endpoint,
        *,
        server_hostname: str | None = None,
        feed: ObserverFeed | None = None,
    ) -> None:
        self._wire = ObservedWire(wire, endpoint, feed)
        self._endpoint = endpoint
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=endpoint is Endpoint.SERVER,
            server_hostname=server_hostname,
        )
        self._ahead = b""
        self._in_handshake = True
        self._close_notify_received = False
        self._failed = False
        self._closed = False

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
            await within(limit, self._do_handshake())
        except TimeoutError:
            assert limit is not None
            self._failed = True
            self._wire.fact(Fact.TIMED_OUT, f"no complete handshake within {limit:g} s")
            raise HandshakeTimedOut(limit) from None
        except StreamError as error:
            self._failed = True
            self._wire.fact(Fact.HANDSHAKE_FAILED, error.brief)
            raise

    async def _do_handshake(self) -> None:
        if self._endpoint is Endpoint.SERVER:
            await self._receive_first()
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
        self._report_verdict(None)
        await self._settle()
        self._in_handshake = False
        if (feed := self._wire.feed) is not None:
            version = _VERSIONS.get(self._tls.version() or "")
            feed.fact(Fact.HANDSHAKE_RETURNED, version=version)
            if feed.over:
                self._wire.feed = None

    async def _receive_first(self) -> None:
        """Give OpenSSL what a client sends first."""
        await self._receive()

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
        return bool(self._ahead or self._incoming.pending or self._wire.pending)

    async def read(self, max_bytes: int = 65536) -> bytes:
        """Return up to ``max_bytes`` of plaintext; b"" once the peer has sent close_notify."""
        if self._ahead:
            data, self._ahead = self._ahead[:max_bytes], self._ahead[max_bytes:]
            return data
        if self._is_drained:
            await self._receive()  # asking OpenSSL would only cost an exception
        while True:
            try:
                data = self._tls.read(_RECORD)  # all of a record: OpenSSL keeps nothing
            except ssl.SSLWantReadError:
                await self._settle()
                await self._receive()
            except ssl.SSLZeroReturnError:
                self._close_notify_received = True
                self._show_received()
                return b""
            except ssl.SSLError as error:
                await self._give_up(error)
            else:
                self._close_notify_received = not data  # as a rule; else it raises, as above
                self._show_received(data)
                if self._outgoing.pending:
                    await self._settle()
                self._ahead = data[max_bytes:]
                return data[:max_bytes]

    @property
    def _is_drained(self) -> bool:
        """Whether OpenSSL has nothing to read, and no end to report, until more bytes come."""
        return not (
            self._incoming.pending
            or self._outgoing.pending
            or self._wire.has_unseen
            or self._close_notify_received
            or self._wire.peer_end is not None
            or self._failed
        )

    async def write(self, data: bytes) -> None:
        """Encrypt and send all of ``data``; returns when the buffers below are not over full."""
        rest = memoryview(data)
        while rest:
            try:
                taken = self._tls.write(rest[:_RECORD])
            except ssl.SSLWantReadError:
                await self._settle()
                await self._receive()
            except ssl.SSLError as error:
                await self._give_up(error)
            else:
                await self._settle(bytes(rest[:taken]))
                rest = rest[taken:]

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
                await within(bounds.seconds, self._shut_down(bounds.octets))
        finally:
            await self._wire.close(bounds.seconds)

    async def _shut_down(self, octets: int) -> None:
        """Send close_notify and FIN; read on until the peer ends or has sent ``octets`` bytes."""
        if self._wire.peer_end is StreamEnd.RESET:
            return
        if not self._in_handshake and not self._failed:
            # RFC 9846 section 6.1: each side announces the end of what it writes. OpenSSL wants to
            # read the peer's own announcement next; that is done below.
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        with contextlib.suppress(StreamError):
            await self._settle()
        self._wire.finish_sending()
        left = octets
        while left > 0 and self._wire.peer_end is None:
            with contextlib.suppress(ConnectionLost):
                left -= len(await self._next_bytes())
                self._show_received()

    async def _next_bytes(self) -> bytes:
        """Return what the wire brings, b"" at FIN. Raises ConnectionLost."""
        try:
            return await self._wire.receive()
        except ConnectionError as error:
            raise ConnectionLost(StreamEnd.RESET, in_handshake=self._in_handshake) from error

    async def _receive(self) -> None:
        """Give OpenSSL more bytes, or the end of them. Raises ConnectionLost on RST."""
        if self._wire.peer_end is not None:
            raise ConnectionLost(StreamEnd.FIN, in_handshake=self._in_handshake)
        data = await self._next_bytes()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _settle(self, content: bytes = b"") -> None:
        """Show the observer what the last step was about, and send what OpenSSL left.

        ``content`` is the application data that it was made of.
        """
        self._show_received()
        data = self._outgoing.read()
        if not data:
            return
        try:
            await self._wire.send(data, content)
        except ConnectionError as error:
            if self._failed:
                return
            await self._read_after_failed_write()
            raise ConnectionLost(StreamEnd.RESET, in_handshake=self._in_handshake) from error

    def _show_received(self, content: bytes = b"") -> None:
        # A server of ours never renegotiates, so it has no new secrets after its handshake.
        learn = self._in_handshake or self._endpoint is Endpoint.CLIENT
        self._wire.show_received(learn=learn, content=content)

    async def _read_after_failed_write(self) -> None:
        """Raise what the peer's last bytes say of a failed write; return if they say nothing."""
        while self._wire.peer_end is None:
            await self._receive()
            try:
                while self._tls.read(_RECORD):
                    pass
            except ssl.SSLWantReadError:
                self._show_received()
            except ssl.SSLError as error:
                await self._give_up(error)

    async def _give_up(self, error: ssl.SSLError) -> NoReturn:
        """Send the alert that OpenSSL left when it failed, report its error, and raise it."""
        self._failed = True
        in_handshake = self._in_handshake
        self._report_verdict(error)
        await self._settle()
        failure: StreamError = TlsFailed(error, in_handshake=in_handshake)
        if isinstance(error, ssl.SSLEOFError):
            failure = ConnectionLost(StreamEnd.FIN, in_handshake=in_handshake)
        if not in_handshake:
            self._wire.fact(Fact.READ_FAILED, failure.brief)
        raise failure from error

    def _report_verdict(self, error: ssl.SSLError | None) -> None:
        """Report how OpenSSL judged the peer's certificate, if it did.

        The place of this event is between the certificate's arrival and the alert or Finished that
        answers it.
        """
        feed = self._wire.feed
        if feed is None:
            return
        self._show_received()
        feed.no_more_secrets()
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
                feed.fact(fact, certificate=certificate)
        elif isinstance(error, ssl.SSLCertVerificationError):
            feed.fact(Fact.CERTIFICATE_REFUSED, error.verify_message, code=error.verify_code)
        elif error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            feed.fact(Fact.CERTIFICATE_REFUSED, "peer did not return a certificate")
