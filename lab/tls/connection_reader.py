"""Reads the records of both directions in the order in which they came: records in, events out.

Rules: a direction whose content breaks the syntax ends in one ``Malformed``; a message that passes
a limit of ours becomes ``Undecoded``, and so does the rest of a direction that does. Once bytes of
either end are missing, what cannot be read may be due to that: it is passed over, and no message is
out of order.

This module must not know how bytes are cut into records, nor which of them wait for secrets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import code_table
from lab.tls.code_points import ContentType, ExtensionType, HandshakeType
from lab.tls.direction import Direction, Hole
from lab.tls.events import (
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    MessageSeen,
    NotCaptured,
    RecordSpan,
)
from lab.tls.frozen_values import constructor
from lab.tls.key_log import KeyRing
from lab.tls.message_parsing import parse_message
from lab.tls.negotiated import Negotiated
from lab.tls.order import Order, Step, step_of
from lab.tls.parsing_context import ParsingContext
from lab.tls.reader import MAX_ITEMS, BeyondLimit, Reader, WireError
from lab.tls.record_log import RecordLog
from lab.tls.records import HEADER, MAX_PLAINTEXT, Record, begins_message
from lab.tls.sealed_records import UNREADABLE, Sealed
from lab.tls.sslv2_hello import SSLv2Hello, parse_sslv2_hello
from lab.tls.stages import APPLICATION, CONNECTION, HANDSHAKE


class ConnectionReader:
    """Turns the records of one connection into ``events``; whoever takes those empties the list.

    A ``record_log`` gets each record that was read, with what was found inside.
    """

    def __init__(
        self,
        connection: Negotiated,
        ring: KeyRing,
        directions: Mapping[Endpoint, Direction],
        record_log: RecordLog | None,
    ) -> None:
        self.events: list[Event] = []
        self._log = record_log
        self._connection = connection
        self._ring = ring
        self._directions = directions
        self._order = Order()

    def read(self, direction: Direction, record: Record, time: float) -> bool:
        """Turn a record into events; False where it must wait for a secret."""
        if direction.stopped:
            return True
        kind, _, data, span = record
        decryption = direction.decryption
        encrypted = (
            direction.is_protected(kind, data)
            if self._connection.incomplete
            else kind is _APPLICATION_DATA or decryption.stage is CONNECTION
        )
        try:
            opened = decryption.open(record) if encrypted else (kind, data)
            if opened is None:
                return False
            if self._log is not None:
                by = decryption if encrypted else None
                self._log.add(direction.sender, record, time, opened, by)
            if isinstance(opened, Sealed):
                self._sealed(direction, record, opened, time)
                return True
            kind, data = opened
            encrypted = encrypted and decryption.conceals
            if len(data) > MAX_PLAINTEXT:
                problem = f"{len(data)} where {MAX_PLAINTEXT} is the most"
                raise WireError("TLSPlaintext.length", problem)
            if kind is _HANDSHAKE and direction.assembler.is_whole(data):  # as most are
                self._message(direction, data, (span,), time, encrypted)
            else:
                self._content(direction, span, kind, data, time, encrypted)
        except WireError as error:
            self._fail(direction, record, error, time, encrypted)
        except BeyondLimit as error:
            self.stop(direction, direction.undecoded(time, (record.span,), error))
        return True

    def read_sslv2_hello(self, direction: Direction, hello: SSLv2Hello, time: float) -> None:
        """Read a ClientHello in the form of SSL 2."""
        try:
            message = parse_sslv2_hello(Reader(hello.message, "ClientHello of SSL 2"))
        except WireError as error:
            self.stop(direction, direction.malformed(time, hello.span.offset, error))
            return
        if self._log is not None:
            self._log.add(direction.sender, hello.record, time)
        self._take_message(direction, message, hello.message, (hello.span,), time, encrypted=False)

    def _fail(
        self, direction: Direction, record: Record, error: WireError, time: float, encrypted: bool
    ) -> None:
        """Report what breaks the syntax, where that cannot be due to missing bytes."""
        if not self._connection.incomplete:
            self.stop(direction, direction.malformed(time, record.span.offset, error))
            return
        direction.lose_track()
        if not encrypted:
            self._sealed(direction, record, UNREADABLE, time)

    def give_up(self, direction: Direction, record: Record, time: float) -> None:
        """Leave a record sealed that ``read`` would have wait."""
        sealed = direction.decryption.give_up(record)
        if self._log is not None:
            self._log.add(direction.sender, record, time, sealed, direction.decryption)
        self._sealed(direction, record, sealed, time)

    def stop(self, direction: Direction, event: Event) -> None:
        """Read no more of a direction; ``event`` says why. Order is not judged from here on."""
        direction.stopped = direction.cut = True
        self._order.suspend()
        self.events.append(event)

    def pass_hole(self, direction: Direction, hole: Hole, time: float) -> None:
        """Go on behind missing bytes: neither end is judged by what comes after them."""
        self._connection.incomplete = True
        self._order.suspend()
        records = hole.records
        if hole.begun is not None and not direction.stopped:
            self._read_begun(direction, hole.begun, time)
            kind, data = hole.begun.content_type, hole.begun.fragment
            change = kind is _CHANGE_CIPHER_SPEC
            if records and (change or not direction.is_protected(kind, data)):
                records = 0  # keys count only what is under them
        direction.lose_track()
        direction.decryption.lose(records, hole.octets)
        self.events.append(
            NotCaptured(time=time, endpoint=direction.sender, gap=hole.gap, octets=hole.octets)
        )

    def _read_begun(self, direction: Direction, record: Record, time: float) -> None:
        """Read what is certain of the beginning of a record in the clear: its whole messages."""
        kind, _, data, span = record
        renegotiates = direction.decryption.stage is CONNECTION
        if kind is _CHANGE_CIPHER_SPEC and (span.length == HEADER + 1 or renegotiates):
            self._follow_change(direction)
        if kind is not _HANDSHAKE or direction.is_protected(kind, data):
            return
        with contextlib.suppress(WireError, BeyondLimit):
            self._fragment(direction, span, data, time, encrypted=False)
        start = direction.assembler.begun
        hello = start[:1] == _CLIENT_HELLO and start[4:5] == b"\x03"  # with a version of 3.x
        # Its random is enough to find the secrets by.
        if hello and direction.sender is _CLIENT and len(start) >= _RANDOM.stop:
            self._begin(direction, start[_RANDOM], suites=None, early_data=None)

    def _sealed(self, direction: Direction, record: Record, sealed: Sealed, time: float) -> None:
        if sealed.hides_handshake:
            self._order.suspend()
        self.events.append(direction.sealed(time, record, sealed))

    def _content(
        self,
        direction: Direction,
        span: RecordSpan,
        kind: ContentType,
        data: bytes,
        time: float,
        encrypted: bool,
    ) -> None:
        """Read the content of a record, in the clear or opened."""
        if kind is _HANDSHAKE:
            self._fragment(direction, span, data, time, encrypted)
            return
        if kind is _ALERT:
            self.events.append(direction.alert(time, span, data, encrypted=encrypted))
            return
        if direction.assembler.unfinished:
            # RFC 9846 section 5.1: no other records between those of one message. An alert is
            # let through above: it tells why the sender gave up.
            if not self._connection.incomplete:
                raise WireError("Handshake", f"a message is interrupted by {kind}")
            direction.lose_track()
        if kind is _APPLICATION_DATA:
            event = direction.application_data(time, span, data, encrypted=encrypted)
            self.events.append(event)
        elif kind is _CHANGE_CIPHER_SPEC:
            self._change_cipher_spec(direction, span, data, time, encrypted)
        elif kind is ContentType.HEARTBEAT:
            self._heartbeat(direction, span, data, time, encrypted)
        else:
            raise WireError("TLSInnerPlaintext.type", f"{kind} is no content of TLS")

    def _heartbeat(
        self, direction: Direction, span: RecordSpan, data: bytes, time: float, encrypted: bool
    ) -> None:
        connection = self._connection
        exposed = not encrypted and direction.decryption.stage in _TLS13_STAGES
        unread = connection.incomplete or self._order.is_suspended
        out_of_order = not unread and (exposed or not connection.heartbeats)
        self.events.append(
            direction.heartbeat(time, span, data, encrypted=encrypted, out_of_order=out_of_order)
        )

    def _change_cipher_spec(
        self, direction: Direction, span: RecordSpan, data: bytes, time: float, encrypted: bool
    ) -> None:
        if data != b"\x01":
            raise WireError("ChangeCipherSpec", "not the one byte 1 that it must be")
        tls13 = self._connection.is_tls13 or direction.decryption.stage in _TLS13_STAGES
        if tls13 and encrypted:  # RFC 9846 section 5: never protected
            raise WireError("TLSInnerPlaintext.type", "change_cipher_spec is protected")
        legal = self._order.take(direction.sender, _CHANGE)
        self._follow_change(direction)
        self.events.append(
            _change_cipher_spec_seen(
                time=time,
                endpoint=direction.sender,
                records=(span,),
                encrypted=encrypted,
                out_of_order=not legal,
            )
        )

    def _follow_change(self, direction: Direction) -> None:
        """Change keys behind a ChangeCipherSpec, where it changes any."""
        if self._connection.version is None:
            if self._connection.incomplete:
                direction.decryption.protect()
        elif not self._connection.is_tls13 and direction.decryption.stage not in _TLS13_STAGES:
            direction.decryption.change_cipher_spec()

    # Handshake messages.

    def _fragment(
        self, direction: Direction, span: RecordSpan, data: bytes, time: float, encrypted: bool
    ) -> None:
        if not data:  # RFC 9846 section 5.1
            raise WireError("Handshake", "an empty fragment")
        if direction.adrift:
            if not begins_message(data):
                return  # the rest of a message whose beginning is missing
            direction.adrift = False
        assembler, decryption = direction.assembler, direction.decryption
        for raw, records in assembler.add(data, span):
            epoch = decryption.epoch
            self._message(direction, raw, records, time, encrypted)
            if decryption.epoch != epoch and assembler.unfinished:
                # RFC 9846 section 5.1: a message before a change of keys ends its record.
                raise WireError("Handshake", "a message goes on over a change of keys")

    def _message(
        self,
        direction: Direction,
        raw: bytes,
        records: tuple[RecordSpan, ...],
        time: float,
        encrypted: bool,
    ) -> None:
        if direction.budget is not None:
            direction.count_message(direction.budget)
        sender, msg_type = direction.sender, _TYPES[raw[0]]
        connection = self._connection
        context = connection.context_of[sender]
        try:
            message, items = parse_message(msg_type, raw[4:], context)
        except WireError:
            if connection.version is not None or not connection.incomplete:
                raise
            # Its form may depend on the version, which was not captured.
            message, items = msg.UnknownMessage(msg_type=msg_type, body=raw[4:]), 0
        except BeyondLimit as error:
            self.events.append(direction.undecoded(time, records, error, msg_type))
            self._pass_over(direction, msg_type, raw, time)
            return
        direction.items += items
        self._take_message(direction, message, raw, records, time, encrypted, context)

    def _take_message(
        self,
        direction: Direction,
        message: msg.HandshakeMessage,
        raw: bytes,
        records: tuple[RecordSpan, ...],
        time: float,
        encrypted: bool,
        context: ParsingContext | None = None,
    ) -> None:
        sender, connection = direction.sender, self._connection
        # RFC 9846 section 2: once there are keys, every message is protected.
        exposed = (
            not encrypted
            and direction.decryption.stage in _TLS13_STAGES
            and not connection.incomplete
        )
        if isinstance(message, msg.ServerHello) and sender is _SERVER:
            connection.answer(message)
            self._order.choose(tls13=connection.is_tls13)
        legal = self._order.take(sender, step_of(message))
        if type(message) in _KEY_CHANGES:
            self._change_keys(direction, message)
        self.events.append(
            _message_seen(
                time=time,
                endpoint=sender,
                records=records,
                encrypted=encrypted,
                message=message,
                raw=raw,
                out_of_order=exposed or not legal,
                context=context,
            )
        )

    def _pass_over(
        self, direction: Direction, msg_type: HandshakeType, raw: bytes, time: float
    ) -> None:
        """Continue after a message that is not decoded, using what is known of it."""
        direction.items += MAX_ITEMS
        self._order.suspend()
        if direction.sender is _CLIENT and msg_type is HandshakeType.CLIENT_HELLO:
            self._begin(direction, raw[_RANDOM], suites=None, early_data=None)
        elif direction.sender is _SERVER and msg_type is HandshakeType.SERVER_HELLO:
            # Neither end's messages can be understood without the version and the suite.
            error = BeyondLimit("ServerHello", "what follows depends on it, and it is not decoded")
            client = self._directions[_CLIENT]
            if not client.stopped:
                self.stop(client, client.undecoded(time, (), error))
            raise error

    def _change_keys(self, direction: Direction, message: msg.HandshakeMessage) -> None:
        """Change the keys of what follows ``message``; a hello of the wrong side changes none."""
        kind, connection = type(message), self._connection
        if kind is msg.Finished:
            direction.decryption.follow(message)
        elif isinstance(message, msg.ClientHello):
            if direction.sender is _CLIENT:
                early_data = message.has(_EARLY_DATA)
                self._begin(direction, message.random, message.cipher_suites, early_data)
                if connection.session is not None:
                    connection.session.client_hello(message)
        elif isinstance(message, msg.ServerHello):
            if direction.sender is _SERVER:
                self._answer(message)
        elif kind in _SETTLING:
            connection.follow(direction.sender, message)
        else:
            direction.decryption.follow(message)

    def _answer(self, hello: msg.ServerHello) -> None:
        """Follow the server's hello, which the version is known by."""
        if self._connection.is_tls13:
            for either in self._directions.values():
                either.decryption.server_hello()
        elif self._connection.session is not None:
            self._connection.session.server_hello(hello)

    def _begin(
        self,
        direction: Direction,
        random: bytes,
        suites: Sequence[CipherSuite] | None,
        early_data: bool | None,
    ) -> None:
        """Follow the client's hello; None is what nobody knows, as it was not decoded."""
        self._ring.claim(random)
        self._connection.begin(random, suites)
        direction.decryption.client_hello(early_data=early_data)


_TYPES = code_table(HandshakeType)
# Names of their own: to look up a member of an Enum takes CPython 3.11 a tenth of a microsecond.
_CLIENT, _SERVER = Endpoint.CLIENT, Endpoint.SERVER
_APPLICATION_DATA, _HANDSHAKE = ContentType.APPLICATION_DATA, ContentType.HANDSHAKE
_CHANGE_CIPHER_SPEC, _ALERT = ContentType.CHANGE_CIPHER_SPEC, ContentType.ALERT
_CHANGE = Step.CHANGE_CIPHER_SPEC
_EARLY_DATA = ExtensionType.EARLY_DATA
_CLIENT_HELLO = bytes([HandshakeType.CLIENT_HELLO])
_RANDOM = slice(6, 38)  # of a hello, behind its header and its version
_message_seen = constructor(MessageSeen)
_change_cipher_spec_seen = constructor(ChangeCipherSpecSeen)
_SETTLING = {msg.EncryptedExtensions, msg.ClientKeyExchange, msg.NewSessionTicket}
_KEY_CHANGES = _SETTLING | {
    msg.ClientHello,
    msg.ServerHello,
    msg.EndOfEarlyData,
    msg.Finished,
    msg.KeyUpdate,
}
_TLS13_STAGES = (HANDSHAKE, APPLICATION)
