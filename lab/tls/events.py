"""The events: the only form in which the core reports what it saw.

Rules: an event is frozen and complete when it is made; nothing is filled in later. Times are
seconds on whatever clock the caller feeds; the core has none of its own. Text that a peer chose
(names, reasons, bytes) is kept as it came: whoever shows it escapes it.

This module must not know where bytes come from, nor how an event is shown.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from lab.tls.application_protocol import ApplicationAnswer
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    ContentType,
    HandshakeType,
    HeartbeatMessageType,
    ProtocolVersion,
)
from lab.tls.messages import HandshakeMessage
from lab.tls.parsing_context import ParsingContext


class Endpoint(enum.Enum):
    """One of the two ends of a connection; for bytes, the end that sent them."""

    __hash__ = object.__hash__  # that of Enum is Python code, and slow

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> Endpoint:
        """The opposite end."""
        return Endpoint.SERVER if self is Endpoint.CLIENT else Endpoint.CLIENT


class RecordSpan(NamedTuple):
    """Where one record lies on the wire.

    ``offset`` counts bytes from the start of the sender's stream to the record's header,
    ``length`` is the whole record in bytes, its five-byte header included.
    """

    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing seen. ``endpoint`` is who sent it, or whom a local fact concerns."""

    time: float
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class WireEvent(Event):
    """Something that travelled in records.

    ``records`` are the records that carried it, in order; two messages may share one.
    ``encrypted`` says whether those records were protected on the wire.
    """

    records: tuple[RecordSpan, ...]
    encrypted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSeen(WireEvent):
    """A whole handshake message.

    ``raw`` is the message with its four-byte header, or a ClientHello in the form of SSL 2.
    ``out_of_order`` says that neither RFC 9846 section 2 nor RFC 5246 section 7.3 allows this
    message at this point. ``context`` is what ``raw`` was parsed by, None in the form of SSL 2.
    """

    message: HandshakeMessage
    raw: bytes
    out_of_order: bool = False
    context: ParsingContext | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSeen(WireEvent):
    """An alert (RFC 9846 section 6, RFC 5246 section 7.2)."""

    level: AlertLevel
    description: AlertDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCipherSpecSeen(WireEvent):
    """A ChangeCipherSpec record: RFC 5246 section 7.1, or RFC 9846 appendix E.4's dummy record.

    ``out_of_order`` says that neither RFC allows it at this point.
    """

    out_of_order: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationDataSeen(WireEvent):
    """One record of application data, opened. ``data`` is its plaintext, padding removed."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatSeen(WireEvent):
    """A record of the heartbeat protocol (RFC 6520), with ``length`` bytes of content.

    ``message_type`` and ``payload_length``, as the message tells it, are None where the record goes
    on with the message of the one before, or is too short. ``out_of_order`` says that the server
    had not agreed to it (section 2), or that it is in the clear where all must be protected.
    """

    length: int
    message_type: HeartbeatMessageType | None
    payload_length: int | None
    out_of_order: bool = False

    @property
    def exceeds(self) -> bool:
        """Whether it tells of more payload than the record has, as for Heartbleed."""
        return self.payload_length is not None and 3 + self.payload_length > self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSeen(WireEvent):
    """A protected record that no known secret opens.

    ``content_type`` is the outer type, ``length`` the bytes of its fragment. ``inference`` says
    in words what the record can only be, or is "" where nothing can be told. ``inner_length`` is
    how many bytes of content fit into the record, by its cipher: in TLS 1.3 the most, since it may
    be padded (RFC 9846 section 5.4), in TLS 1.2 exactly; None where the cipher is not known or
    does not tell, and for early data. ``early_data`` tells that the client sent it before the
    server's answer counts. ``limit`` says in words why no secret opens it here, "" where one would.
    """

    content_type: ContentType
    length: int
    inference: str = ""
    inner_length: int | None = field(default=None, repr=False)
    early_data: bool = field(default=False, repr=False)
    limit: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed(Event):
    """Bytes that break the protocol's syntax; this direction is not read any further.

    ``offset`` is the place in the sender's stream, ``where`` names the structure and field,
    ``problem`` says what is wrong with it.
    """

    offset: int
    where: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecoded(Event):
    """What is more than is decoded here: it passes a limit of ours, and may be quite in order.

    ``where`` names the structure, ``limit`` says in words which limit. ``message`` is the type of
    the handshake message that was passed over, and ``records`` are what carried it; None says that
    nothing that ``endpoint`` sends is decoded from here on.
    """

    records: tuple[RecordSpan, ...]
    where: str
    limit: str
    message: HandshakeType | None = None

    @property
    def name(self) -> str:
        """What is not decoded: a message, by its name in the RFCs, or "the rest"."""
        return "the rest" if self.message is None else self.where.partition(".")[0]


class Gap(enum.Enum):
    """Why bytes of a connection are missing from what is observed."""

    START = "the beginning was not captured"
    MISSING = "a segment is missing from the capture"
    SNAPPED = "the capture keeps only the first bytes of each packet"
    DIRECTION = "nothing that this end sent was captured"
    END = "the capture ends here"
    STOPPED = "nothing after this was observed"

    @property
    def is_end(self) -> bool:
        """Whether nothing behind it was observed, however the connection went on."""
        return self in (Gap.END, Gap.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCaptured(Event):
    """Bytes that ``endpoint`` sent, or may have sent, and that whoever feeds the observer lacks.

    It says nothing about the endpoint. ``octets`` is their number, None where nobody can tell.
    """

    gap: Gap
    octets: int | None = None


class Part(enum.Enum):
    """What may come in pieces."""

    RECORD = "record"
    MESSAGE = "handshake message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished(Event):
    """A record or a message that ``endpoint`` began, and whose end nobody waited for any longer.

    ``came`` counts the bytes of it that came, its header included; ``expected`` how many it has in
    all, None where not even its header came whole.
    """

    part: Part
    came: int
    expected: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut(Event):
    """Of what ``endpoint`` sent, ``count`` events were more than is kept; ``time`` is the first's.

    Of each kind of message and alert the first is kept even so; ``octets`` counts the bytes of
    content of the others.
    """

    count: int
    octets: int


class Protocol(enum.Enum):
    """What bytes that are not TLS records look like."""

    HTTP = "plain HTTP"
    SMTP_OR_FTP = "SMTP or FTP"
    POP3 = "POP3"
    IMAP = "IMAP"
    SSH = "SSH"
    MYSQL = "MySQL or MariaDB"
    LDAP = "LDAP"
    SIEVE = "ManageSieve"
    NNTP = "NNTP"
    XMPP = "XMPP"
    PROXY = "a header of the PROXY protocol"
    SSLV2 = "an SSLv2-style hello"
    UNKNOWN = "no protocol known here"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTls(Event):
    """The direction's first bytes are not a TLS record. ``sample`` is their first 64 at most."""

    protocol: Protocol
    sample: bytes


class StreamEnd(enum.Enum):
    """How one direction of the TCP connection ended."""

    FIN = "FIN"
    RESET = "RST"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded(Event):
    """TCP ended for the bytes that ``endpoint`` sends.

    ``truncated`` says that it ended inside a record or a handshake message.
    """

    end: StreamEnd
    truncated: bool = False


class Fact(enum.Enum):
    """What happened at an endpoint itself, which no byte on the wire shows."""

    CONNECTED = "connected"
    HANDSHAKE_RETURNED = "handshake call returned"
    HANDSHAKE_FAILED = "handshake call failed"
    CERTIFICATE_VERIFIED = "certificate verified"
    CERTIFICATE_REFUSED = "certificate rejected"
    SESSION_RESUMED = "session resumed, certificate known from before"
    ANSWERED = "application answered"
    READ_FAILED = "read failed"
    WRITE_FAILED = "write failed"
    TIMED_OUT = "timed out"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFact(Event):
    """Something that ``endpoint`` itself reports.

    ``reason`` is its library's or its own wording ("certificate has expired"), ``code`` that
    library's number (X509_V_ERR_… for a verdict on a certificate), or None. ``certificate`` is
    the DER of the peer's certificate that the fact is about, where it is known. ``version`` is the
    one that was agreed, where the handshake call returned. ``answer`` is what the application
    answered, where it did, and is not read from the data itself as HTTP/1.1 is.
    """

    fact: Fact
    reason: str = ""
    code: int | None = None
    certificate: bytes | None = None
    version: ProtocolVersion | None = None
    answer: ApplicationAnswer | None = None


def is_fatal(alert: AlertSeen, *, tls13: bool = False) -> bool:
    """Whether an alert ends the connection as a failure.

    close_notify and user_canceled do not, whatever their level says (RFC 9846 section 6.1). All
    others of TLS 1.3 are errors, whatever theirs says (section 6); in TLS 1.2 the level decides.
    """
    if alert.description in (AlertDescription.CLOSE_NOTIFY, AlertDescription.USER_CANCELED):
        return False
    return tls13 or alert.level == AlertLevel.FATAL
