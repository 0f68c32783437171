"""Traces for the tests of the faces: from real handshakes in memory, and made by hand."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import itertools
import ssl
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.capture.results import Address, Flow, Lack
from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.evidence import summarize
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Cause, Outcome
from lab.tls import extensions, messages
from lab.tls.code_point import CodePoint, CodePoints
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    ContentType,
    HandshakeType,
    HeartbeatMessageType,
    ProtocolVersion,
)
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    Gap,
    HeartbeatSeen,
    LeftOut,
    LocalFact,
    Malformed,
    MessageSeen,
    NotCaptured,
    NotTls,
    Part,
    Protocol,
    RecordSpan,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
    Unfinished,
    WireEvent,
)
from lab.tls.messages import HandshakeMessage
from lab.tracing.results import Trace
from tests.support.harness import (
    Identities,
    Identity,
    Pair,
    client_context,
    server_context,
)

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
VERSIONS = {
    ProtocolVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    ProtocolVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}
START = 1000.0
FLOW = Flow(
    number=3,
    client=Address("2001:db8::1", 50000),
    server=Address("192.0.2.1", 443),
    first=1795990754.25,
    last=1795990755.0,
    packets=9,
    prelude="SMTP STARTTLS",
    lacks=(
        Lack(sender=Endpoint.SERVER, gap=Gap.MISSING, octets=1460),
        Lack(sender=Endpoint.CLIENT, gap=Gap.END, octets=None),
    ),
)
REQUEST = b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


def handshake(
    identities: Identities,
    folder: Path,
    version: ProtocolVersion,
    identity: Identity | None = None,
) -> Trace:
    """A handshake of OpenSSL with itself, as a tracer that sees both ends tells it.

    A client with an identity then sends a request and reads the answer.
    """
    pair = Pair(
        client_context(identities, identity, version=VERSIONS[version]),
        server_context(identities, version=VERSIONS[version]),
        folder / "keylog",
    )
    if pair.handshake():
        pair.exchange(REQUEST, ANSWER)
        pair.close()
    decoded = [
        dataclasses.replace(event, time=START + event.time / 1000)
        for event in pair.recording.observe()
    ]
    return trace_of(
        with_facts(decoded, version),
        requested=version,
        certificate=identity.der if identity else None,
    )


def with_facts(events: Sequence[Event], version: ProtocolVersion) -> list[Event]:
    """The events of a connection, and what both ends' own calls and TCP would have shown."""
    return [*_connected(), *_between(events, version), *_ended(START + 0.01)]


def _connected() -> Iterator[Event]:
    for endpoint in (CLIENT, SERVER):
        yield LocalFact(time=START, endpoint=endpoint, fact=Fact.CONNECTED)


def _between(events: Sequence[Event], version: ProtocolVersion) -> Iterator[Event]:
    """The events, and between them what member end's own calls did."""
    tls13 = version is ProtocolVersion.TLS_1_3
    for event in events:
        refusal = isinstance(event, AlertSeen) and event.level == AlertLevel.FATAL
        if refusal:
            for fact, reason in (
                (Fact.CERTIFICATE_REFUSED, "peer did not return a certificate"),
                (Fact.HANDSHAKE_FAILED, "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
            ):
                yield LocalFact(time=event.time, endpoint=SERVER, fact=fact, reason=reason)
        yield event
        if refusal:
            fact = Fact.READ_FAILED if tls13 else Fact.HANDSHAKE_FAILED
            assert isinstance(event, AlertSeen)
            reason = f"ALERT_{event.description.name}"
            yield LocalFact(time=event.time, endpoint=CLIENT, fact=fact, reason=reason)
        elif tls13 and event.endpoint is CLIENT and _is_finished(event):
            yield LocalFact(time=event.time, endpoint=CLIENT, fact=Fact.HANDSHAKE_RETURNED)


def _is_finished(event: Event) -> bool:
    return isinstance(event, MessageSeen) and isinstance(event.message, messages.Finished)


def _ended(time: float) -> Iterator[Event]:
    for endpoint in (SERVER, CLIENT):
        yield StreamEnded(time=time, endpoint=endpoint, end=StreamEnd.FIN)
    for endpoint in (SERVER, CLIENT):
        yield LocalFact(time=time, endpoint=endpoint, fact=Fact.CLOSED)


def trace_of(
    events: Sequence[Event],
    *,
    target: str = "127.0.0.1:8443",
    requested: ProtocolVersion | None = ProtocolVersion.TLS_1_3,
    certificate: bytes | None = None,
    outcome: Outcome | None = None,
    diagnosis: Sequence[Cause] = (),
) -> Trace:
    """A trace of these events, judged and diagnosed unless told how."""
    judged = outcome or judge(events)
    return Trace(
        target=target,
        requested_version=requested,
        negotiated_version=summarize(events).version,
        client_certificate=certificate,
        start=START,
        events=tuple(events),
        both_ends=any(event.endpoint is SERVER for event in events if isinstance(event, LocalFact)),
        outcome=judged,
        causes=tuple(diagnosis) or diagnose(events, judged),
    )


class EventBuilder:
    """Makes events by hand, one millisecond after the other, member in a record of its own."""

    def __init__(self) -> None:
        self._ticks = itertools.count()
        self._offset = 0

    def time(self) -> float:
        return START + next(self._ticks) / 1000

    def record(self, length: int = 100) -> RecordSpan:
        self._offset += length
        return RecordSpan(offset=self._offset - length, length=length)

    def message(
        self,
        sender: Endpoint,
        message: HandshakeMessage,
        *,
        records: Sequence[RecordSpan] = (),
        encrypted: bool = False,
        out_of_order: bool = False,
    ) -> MessageSeen:
        return MessageSeen(
            time=self.time(),
            endpoint=sender,
            records=tuple(records) or (self.record(),),
            encrypted=encrypted,
            message=message,
            raw=bytes(4),
            out_of_order=out_of_order,
        )

    def alert(
        self,
        sender: Endpoint,
        description: AlertDescription,
        level: AlertLevel = AlertLevel.FATAL,
    ) -> AlertSeen:
        return AlertSeen(
            time=self.time(),
            endpoint=sender,
            records=(self.record(24),),
            encrypted=True,
            level=level,
            description=description,
        )

    def data(self, sender: Endpoint, data: bytes) -> ApplicationDataSeen:
        return ApplicationDataSeen(
            time=self.time(),
            endpoint=sender,
            records=(self.record(len(data) + 22),),
            encrypted=True,
            data=data,
        )

    def sealed(self, sender: Endpoint, inference: str = "") -> SealedSeen:
        return SealedSeen(
            time=self.time(),
            endpoint=sender,
            records=(self.record(24),),
            encrypted=True,
            content_type=ContentType.APPLICATION_DATA,
            length=19,
            inference=inference,
        )

    def change_cipher_spec(self, sender: Endpoint) -> ChangeCipherSpecSeen:
        return ChangeCipherSpecSeen(
            time=self.time(), endpoint=sender, records=(self.record(6),), encrypted=False
        )

    def heartbeat(self, sender: Endpoint) -> HeartbeatSeen:
        return HeartbeatSeen(
            time=self.time(),
            endpoint=sender,
            records=(self.record(28),),
            encrypted=False,
            length=23,
            message_type=HeartbeatMessageType.HEARTBEAT_REQUEST,
            payload_length=16384,
            out_of_order=True,
        )

    def malformed(self, sender: Endpoint, where: str, problem: str) -> Malformed:
        return Malformed(
            time=self.time(), endpoint=sender, offset=517, where=where, problem=problem
        )

    def unfinished(self, sender: Endpoint) -> Unfinished:
        return Unfinished(
            time=self.time(), endpoint=sender, part=Part.RECORD, came=9, expected=16389
        )

    def left_out(self, sender: Endpoint) -> LeftOut:
        return LeftOut(time=self.time(), endpoint=sender, count=81919, octets=327676)

    def not_captured(self, sender: Endpoint, gap: Gap, octets: int | None = None) -> NotCaptured:
        return NotCaptured(time=self.time(), endpoint=sender, gap=gap, octets=octets)

    def undecoded(self, sender: Endpoint, message: HandshakeType | None = None) -> Undecoded:
        where = "stream" if message is None else "ClientHello.extensions"
        records = (self.record(24),)
        return Undecoded(
            time=self.time(),
            endpoint=sender,
            records=records,
            where=where,
            limit="more than 256 items",
            message=message,
        )

    def not_tls(self, sender: Endpoint, sample: bytes) -> NotTls:
        return NotTls(time=self.time(), endpoint=sender, protocol=Protocol.HTTP, sample=sample)

    def ended(self, sender: Endpoint, end: StreamEnd = StreamEnd.FIN) -> StreamEnded:
        return StreamEnded(time=self.time(), endpoint=sender, end=end, truncated=True)

    def fact(self, endpoint: Endpoint, fact: Fact, reason: str = "") -> LocalFact:
        return LocalFact(time=self.time(), endpoint=endpoint, fact=fact, reason=reason)


def one_of_each_event() -> list[Event]:
    """An event of every class."""
    make = EventBuilder()
    return [
        make.fact(CLIENT, Fact.CONNECTED),
        make.message(CLIENT, messages.HelloRequest()),
        make.change_cipher_spec(CLIENT),
        make.heartbeat(CLIENT),
        make.sealed(SERVER, "as long as an alert"),
        make.data(CLIENT, REQUEST),
        make.alert(SERVER, AlertDescription.ACCESS_DENIED),
        make.malformed(SERVER, "ServerHello.random", "3 bytes where there must be 32"),
        make.unfinished(SERVER),
        make.left_out(SERVER),
        make.undecoded(SERVER),
        make.not_captured(SERVER, Gap.MISSING, 1460),
        make.not_tls(SERVER, b"HTTP/1.1 400 Bad Request\r\n"),
        make.ended(SERVER),
    ]


def subclasses(kind: type, module: types.ModuleType) -> list[type]:
    """The classes of ``module`` below ``kind``, in the order of the module."""
    return [
        member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, kind) and member is not kind
    ]


MESSAGES = [
    kind for kind in subclasses(HandshakeMessage, messages) if kind is not messages.ExtendedMessage
]
EVENTS = [
    kind for kind in subclasses(Event, sys.modules[Event.__module__]) if kind is not WireEvent
]
EXTENSIONS = subclasses(extensions.Extension, extensions)


def sample(kind: typing.Any) -> typing.Any:
    """A value of any type that a message has a field of; code points have no name."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return sample(arguments[0])
    if origin is collections.abc.Sequence:
        return CodePoints(arguments[0], b"\xee" * (arguments[0].digits() // 2) * 2)
    if origin is tuple:
        return (sample(arguments[0]), sample(arguments[0]))
    if kind is extensions.Extension:
        return sample(extensions.OpaqueExtension)
    if dataclasses.is_dataclass(kind):
        assert isinstance(kind, type)
        hints = typing.get_type_hints(kind, vars(sys.modules[kind.__module__]))
        return kind(**{field.name: sample(hints[field.name]) for field in dataclasses.fields(kind)})
    if issubclass(kind, CodePoint):
        return kind(0xEE)
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    return {bytes: b"\x00\xff", bool: True, int: 7, str: "text"}[kind]
