"""A server's stream whose client may be asked for its certificate after the handshake.

TLS 1.3 only, and only a client that has said that it can be asked then (RFC 9846 sections 4.3.6 and
4.7.2). Whether OpenSSL may ask is settled before its first step, by the context: so the ClientHello
is looked at here first, with the decoder of ``lab.tls``.

This module must not know why a certificate is needed.
"""

from __future__ import annotations

import ssl

from lab.stream.contexts import ServerContexts
from lab.stream.observed_wire import ObserverFeed
from lab.stream.tls_stream import TlsStream
from lab.stream.wire import Wire
from lab.tls.code_points import ExtensionType, ProtocolVersion
from lab.tls.events import Endpoint, Event, Fact, MessageSeen
from lab.tls.extensions import SupportedVersions
from lab.tls.messages import ClientHello
from lab.tls.observer import Observer
from lab.tls.reader import SERVER_BUDGET

_RECORD = 16384  # bytes of plaintext in one, at most


class TooMuchBefore(Exception):
    """A client sent more data than is kept, before its certificate."""


def accepted_stream(
    wire: Wire, contexts: ServerContexts, *, feed: ObserverFeed | None = None
) -> TlsStream:
    """Return the server's end of an accepted connection, whose handshake is still to do."""
    if contexts.asking is None:
        return TlsStream(wire, contexts.usual, Endpoint.SERVER, feed=feed)
    return OnDemandStream(wire, contexts.usual, contexts.asking, feed=feed)


class OnDemandStream(TlsStream):
    """The server's end of a connection; ``request_certificate`` asks the client for its own.

    ``can_be_asked`` tells, after the handshake, whether the client has said that it can be.
    """

    def __init__(
        self,
        wire: Wire,
        usual: ssl.SSLContext,
        asking: ssl.SSLContext,
        *,
        feed: ObserverFeed | None = None,
    ) -> None:
        super().__init__(wire, usual, Endpoint.SERVER, feed=feed)
        self._asking = asking
        self.can_be_asked = False

    async def _receive_first(self) -> None:
        """Give OpenSSL the ClientHello, with the context that fits it."""
        observer = Observer(SERVER_BUDGET)
        first = b""
        events: list[Event] = []
        while not events:
            data = await self._next_bytes()
            if not data:
                break
            first += data
            events = observer.feed(Endpoint.CLIENT, data, 0.0)
            self._wire.show_received(learn=False)
        if events and isinstance(events[0], MessageSeen):
            hello = events[0].message
            self.can_be_asked = isinstance(hello, ClientHello) and _can_be_asked(hello)
        if self.can_be_asked:
            self._tls = self._asking.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(first)
        if not events:
            self._incoming.write_eof()

    async def request_certificate(self, context: ssl.SSLContext, most: int) -> bool:
        """Ask for the client's certificate, wait for the answer, and return whether there was one.

        What the client sends before it, up to ``most`` bytes, is kept for ``read``; behind that,
        TooMuchBefore is raised. The certificate is judged by what ``context`` trusts, which may be
        newer than that of the handshake. Raises as ``read`` does, too. Only for a client that
        ``can_be_asked``.
        """
        self._tls.context = context
        # OpenSSL has no word for an answer without a certificate, but gives a new ticket after
        # either answer, and with it another session ID.
        session = self._session
        self._tls.verify_client_post_handshake()
        self._tls.do_handshake()
        await self._settle()
        while self._session == session:
            try:
                data = self._tls.read(_RECORD)
            except ssl.SSLWantReadError:
                if self._session == session:
                    await self._settle()
                    await self._receive()
            except ssl.SSLError as error:
                await self._give_up(error)
            else:
                self._ahead += data
                if len(self._ahead) > most:
                    raise TooMuchBefore
                if not data:
                    await self._receive()
        self._show_received()
        certificate = self.peer_certificate
        if certificate is not None and (feed := self._wire.feed) is not None:
            feed.fact(Fact.CERTIFICATE_VERIFIED, certificate=certificate)
        await self._settle()
        return certificate is not None

    @property
    def _session(self) -> bytes:
        session = self._tls.session
        return session.id if session is not None else b""


def _can_be_asked(hello: ClientHello) -> bool:
    versions = hello.find(SupportedVersions)
    return (
        hello.has(ExtensionType.POST_HANDSHAKE_AUTH)
        and versions is not None
        and ProtocolVersion.TLS_1_3 in versions.versions
    )
