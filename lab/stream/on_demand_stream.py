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
_KEY_UPDATE = 32  # bytes of the encrypted content of its record, at most


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
        TooMuchBefore is raised. A close_notify is an answer without one. The certificate is judged
        by what ``context`` trusts, which may be newer than that of the handshake. Raises as
        ``read`` does, too. Only for a client that ``can_be_asked``.
        """
        self._tls.context = context
        # A KeyUpdate that OpenSSL owes the client would go out in place of the request, and the
        # request with whatever the client sends next, if anything.
        self._tls.write(b"")
        self._tls.verify_client_post_handshake()
        self._tls.do_handshake()
        await self._settle()
        kept = bytearray()
        is_answered = False
        while not is_answered:
            try:
                data = self._tls.read(_RECORD)
            except ssl.SSLWantReadError:
                is_answered = self._has_ticket_to_send()
                if not is_answered:
                    await self._settle()
                    await self._receive()
            except ssl.SSLError as error:
                await self._give_up(error)
            else:
                self._close_notify_received = not data
                is_answered = self._has_ticket_to_send() or not data
                kept += data
                if len(kept) > most:
                    raise TooMuchBefore
        self._ahead += kept
        self._show_received()
        certificate = self.peer_certificate
        if certificate is not None and (feed := self._wire.feed) is not None:
            feed.fact(Fact.CERTIFICATE_VERIFIED, certificate=certificate)
        await self._settle()
        return certificate is not None

    @property
    def is_mid_answer(self) -> bool:
        """Whether only a part of the client's answer has come: OpenSSL writes nothing then."""
        try:
            self._tls.getpeercert()
        except ValueError:  # a handshake is under way
            return True
        return False

    def _has_ticket_to_send(self) -> bool:
        """Whether OpenSSL has just written a session ticket.

        It has no word for an answer without a certificate, but gives a ticket after either answer.
        All else that it writes meanwhile, its own KeyUpdates, has short records. The session's ID
        changes with the ticket too, but ``SSLObject.session`` loses a kilobyte of memory each time
        that it is read (Python 3.10 to 3.13).
        """
        data = self._outgoing.read()
        self._outgoing.write(data)
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at + 3 : at + 5], "big")
            if length > _KEY_UPDATE:
                return True
            at += 5 + length
        return False


def _can_be_asked(hello: ClientHello) -> bool:
    versions = hello.find(SupportedVersions)
    return (
        hello.has(ExtensionType.POST_HANDSHAKE_AUTH)
        and versions is not None
        and ProtocolVersion.TLS_1_3 in versions.versions
    )
