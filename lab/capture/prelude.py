"""Finds where TLS begins on a connection, and names what was spoken before it.

One rule serves all protocols that switch to TLS: a ClientHello begins where an end begins to
speak, be that the start of the connection or behind an answer of the other. Bytes that merely look
like one inside of what an end is sending, a file for instance, are no TLS. A few headers that a
client need not see answered are passed over first. What is said is used for its name only.

Rules: how far TLS is looked for is bounded, and so is what is kept until it is found.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lab.tls.events import Protocol
from lab.tls.records import MAX_FRAGMENT, sniff
from lab.tls.sslv2_hello import may_begin_sslv2_hello

MAX_PRELUDE = 2**18
"""After how many bytes of both ends without TLS no more is looked for."""
MAX_TURN = 2**12
"""How many bytes of one turn are kept until it is clear what they are."""
MAX_SAMPLE = 512
"""How many bytes of a turn are kept for the name."""
MAX_HELD = 2**10
"""How many bytes are kept of what an end says first, in case that the other meets it with TLS."""
MAX_UNCLEAR = 2**13
"""How many bytes of TLS are kept while it is unclear whether they are the first."""
POSTGRESQL_DECLINED = "PostgreSQL, whose server declined TLS"
"""What a connection is whose server answered the request for TLS with N."""
_MAX_NAMES = 4

_MORE, _NO, _RECORD, _CLIENT_HELLO = -2, -1, 0, 1
_HELLOS = (1, 2)  # ClientHello, ServerHello
_RECORD_HEADER, _HELLO_START = 5, 11
# Record: handshake, version, length; message: type, length, version.
_HELLO = re.compile(rb"\x16\x03[\0-\4]..[\1\2][\0\1]..\x03[\0-\3]", re.DOTALL)
_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
_ALERT = 21
_PROXY, _MYSQL, _CONNECT = "PROXY protocol", "MySQL", "HTTP CONNECT"
_PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n"
_MYSQL_REQUEST, _MYSQL_REQUEST_LENGTH = b"\x20\0\0\x01", 36
_HEADERS = (b"PROXY ", b"CONNECT ", _PROXY_2, _MYSQL_REQUEST)
_POSTGRESQL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"

# What a turn begins with that names its protocol, whoever's turn it is.
_NAMES = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), name)
    for pattern, name in (
        (rb"PROXY (TCP|UNKNOWN)|\r\n\r\n\0\r\nQUIT\n", _PROXY),
        (rb"CONNECT ", _CONNECT),
        (rb"(GET|OPTIONS|HEAD) .*\r\nUpgrade: *TLS/", "HTTP Upgrade"),
        (rb"\x04[\x01\x02].{6}[^\0]*\0", "SOCKS4"),
        (rb"\x05[\x01-\x0f].{1,15}$", "SOCKS5"),
        (rb"(EHLO|HELO)\b", "SMTP STARTTLS"),
        (rb"LHLO\b", "LMTP STARTTLS"),
        (rb"AUTH (TLS|SSL|TLS-C)\r\n", "FTP AUTH TLS"),
        (rb"STLS\r\n", "POP3 STLS"),
        (rb"\S+ STARTTLS\r\n", "IMAP STARTTLS"),
        (rb'"IMPLEMENTATION"', "ManageSieve STARTTLS"),
        (rb"382 ", "NNTP STARTTLS"),
        (rb":\S+ 670 ", "IRC STARTTLS"),
        (rb"(<\?xml[^>]*>\s*)?<stream:stream\b", "XMPP STARTTLS"),
        (rb"\x30.{1,40}1\.3\.6\.1\.4\.1\.1466\.20037", "LDAP StartTLS"),
        (rb"\0\0\0\x08\x04\xd2\x16[\x2f\x30]", "PostgreSQL SSLRequest"),
        (rb"\x20\0\0\x01", _MYSQL),
        (rb"\x03\0..[\x06-\xff]\xe0", "RDP"),
    )
)

_REPLY = re.compile(rb"HTTP/1\.[01] 2.*?\r\n\r\n", re.DOTALL)  # to CONNECT: the way is open

Piece = tuple[int, bytes, float]
"""The side that sent it, bytes, and when they came."""


class TlsStart(NamedTuple):
    """TLS has begun.

    * ``client`` is the side that is TLS's client; None where its bytes do not tell.
    * ``pieces`` are what came of it so far.
    * ``prelude`` names what came before; "" for nothing.
    * ``middle`` is whether both ends begin with what only follows their hellos.
    """

    client: int | None
    pieces: list[Piece]
    prelude: str
    middle: bool = False


class _Turn:
    """What one side says until the other answers.

    * ``first`` is whether it is the side's first.
    * ``open`` is whether it may be the beginning of a header or of a record.
    * ``dead`` is whether no TLS is in it, and only a sample of it is kept.
    """

    __slots__ = ("data", "dead", "first", "named", "open")

    def __init__(self, *, first: bool) -> None:
        self.data = b""
        self.first = first
        self.open = False
        self.dead = False
        self.named = False


class Prelude:
    """What is said on a connection before TLS. Its sides are 0 and 1."""

    __slots__ = (
        "_came",
        "_held",
        "_names",
        "_request",
        "_side",
        "_start",
        "_total",
        "_turns",
        "declined",
    )

    def __init__(self) -> None:
        self._side = 0
        self._turns = [_Turn(first=True), _Turn(first=True)]
        self._total = 0
        self._came = [0, 0]
        self._held: list[Piece] = [(0, b"", 0.0), (1, b"", 0.0)]
        self._names: list[str] = []
        self._request = False  # the last turn was PostgreSQL's request
        self._start: TlsStart | None = None
        self.declined = False

    @property
    def over(self) -> bool:
        """Whether no more is looked for: there is no TLS on this connection."""
        return self._total > MAX_PRELUDE

    @property
    def other(self) -> str:
        """What this is instead of TLS; "" where nothing is known."""
        if self.declined:
            return POSTGRESQL_DECLINED
        for side in (0, 1):
            kind = sniff(self._held[side][1])
            if kind is not Protocol.UNKNOWN:
                return str(kind.value)
        return ""

    def take(self, side: int, data: bytes, time: float, *, missed: bool) -> TlsStart | None:
        """Take the next bytes of a side; return the start of TLS once it is found.

        ``missed`` says that the start of what this side sends was not captured.
        """
        self._total += len(data)
        if self._start is not None:
            return self._continued(self._start, side, data, time)
        turn = self._turns[side]
        if side != self._side and not turn.open:
            turn = self._next_turn(side)
        elif missed and turn.dead:
            # Nobody knows what came before, so any segment may be the first of a record.
            turn.data, turn.dead = b"", False
        self._side = side
        self._hold(side, data, time)
        if turn.dead:
            turn.data += data[: MAX_SAMPLE - len(turn.data)]
            return None
        turn.data += data
        at = _past_headers(turn.data)
        any_record = turn.first or missed
        begins = _begins(turn.data[at:], any_record=any_record) if at >= 0 else _MORE
        turn.open = begins == _MORE and at < len(turn.data)
        if begins >= _RECORD:
            return self._found(turn, at, begins, time, missed=missed)
        if begins == _NO or len(turn.data) > MAX_TURN:
            turn.dead, turn.open, turn.data = True, False, turn.data[:MAX_SAMPLE]
        return None

    def finish(self) -> TlsStart | None:
        """Take that bytes are missing, or that no more come; return TLS's start if that decides."""
        for side in (1 - self._side, self._side):
            turn = self._turns[side]
            at = _past_headers(turn.data)
            # No more of it comes than the header of a record, in the first place or behind others.
            if turn.open and turn.first and at >= 0 and self._start is None:
                header = turn.data[at : at + _RECORD_HEADER]
                if len(header) == _RECORD_HEADER and _record_begins(header) == _RECORD:
                    self._side = side
                    start = self._found(turn, at, _RECORD, self._held[side][2], missed=False)
                    self._start = start or self._start
            self._end_turn(turn)
        return self._start

    def _hold(self, side: int, data: bytes, time: float) -> None:
        room = MAX_HELD - self._came[side]
        if room > 0:
            self._held[side] = (side, self._held[side][1] + data[:room], time)
        self._came[side] += len(data)

    def _next_turn(self, side: int) -> _Turn:
        """Begin a turn: what was said before is over, save what may be half a hello."""
        self._end_turn(self._turns[side])
        if not self._turns[1 - side].open:
            self._end_turn(self._turns[1 - side])
        turn = self._turns[side] = _Turn(first=not self._came[side])
        return turn

    def _found(
        self, turn: _Turn, at: int, begins: int, time: float, *, missed: bool
    ) -> TlsStart | None:
        side, data = self._side, turn.data[at:]
        turn.data = turn.data[:at]
        self._end_turn(self._turns[1 - side])
        self._end_turn(turn)
        pieces: list[Piece] = []
        if turn.first and (not at or all(name == _PROXY for name in self._names)):
            # This side has not answered anything: what the other said is no prelude, but what it
            # says where TLS is spoken.
            pieces = [self._held[1 - side]] if self._came[1 - side] else []
            self._names = self._names if at else []
        client = None
        if begins in _HELLOS:
            client = side if begins == _CLIENT_HELLO else 1 - side
        start = TlsStart(client, [*pieces, (side, data, time)], ", ".join(self._names))
        other = begins == _RECORD and turn.first and not (missed or pieces or data[0] == _ALERT)
        if other or (at and self._names[-1:] == [_CONNECT]):
            self._start = start  # what the other end says is needed too
            return None
        return start

    def _continued(self, start: TlsStart, side: int, data: bytes, time: float) -> TlsStart | None:
        if side == self._side:
            start.pieces[-1] = (side, start.pieces[-1][1] + data, time)
            return start if self._total > MAX_UNCLEAR else None
        if self._names[-1:] == [_CONNECT]:
            reply = _REPLY.match(data)
            data = data[reply.end() :] if reply else data
            if data:
                start.pieces.append((side, data, time))
            return start
        start.pieces.append((side, data, time))
        middle = _begins(data, any_record=True) == _RECORD and data[0] != _ALERT
        return start._replace(middle=middle)

    def _end_turn(self, turn: _Turn) -> None:
        """Name what a turn was, and what the headers in it are."""
        said, at = turn.data, 0
        if turn.named or not said:
            return
        turn.named = True
        self.declined = self.declined or (self._request and said[:1] == b"N")
        self._request = said == _POSTGRESQL_REQUEST
        while True:
            self._name(said[at : at + MAX_SAMPLE])
            behind = _past_header(said, at)
            if behind <= at:
                return
            at = behind

    def _name(self, said: bytes) -> None:
        for pattern, name in _NAMES:
            if pattern.match(said):
                if name not in self._names and len(self._names) < _MAX_NAMES:
                    self._names.append(name)
                return


def begins_with_record(data: bytes) -> bool:
    """Return whether a record of TLS may begin with ``data``, whichever."""
    return _begins(data, any_record=True) >= _RECORD


def begins_with_client_hello(data: bytes) -> bool:
    """Return whether a ClientHello begins with ``data``."""
    return _hello_begins(data[:_HELLO_START]) == _CLIENT_HELLO


def begins_with_hello(data: bytes) -> bool:
    """Return whether a ClientHello or a ServerHello begins with ``data``."""
    return _hello_begins(data[:_HELLO_START]) in _HELLOS


def _past_headers(turn: bytes) -> int:
    """Return where the headers end that a turn begins with; -1 while one of them is not whole."""
    at = 0
    while (behind := _past_header(turn, at)) != at:
        if behind < 0:
            return -1
        at = behind
    return at


def _past_header(turn: bytes, at: int) -> int:
    """Return where a header ends that TLS may follow at once; ``at`` if none begins there.

    Those are the PROXY protocol's, an HTTP proxy's request, and MySQL's request for TLS, which
    no answer follows. -1: it is not whole.
    """
    start = turn[at : at + len(_PROXY_2)]
    if start and any(header.startswith(start) for header in _HEADERS if start != header):
        return -1
    if turn.startswith((b"PROXY ", b"CONNECT "), at):
        end = b"\r\n" if turn[at : at + 1] == b"P" else b"\r\n\r\n"
        behind = turn.find(end, at)
        return behind + len(end) if behind >= 0 else -1
    if turn.startswith(_PROXY_2, at):
        if len(turn) < at + 16:
            return -1
        behind = at + 16 + int.from_bytes(turn[at + 14 : at + 16], "big")
    elif turn.startswith(_MYSQL_REQUEST, at):
        behind = at + _MYSQL_REQUEST_LENGTH
    else:
        return at
    return behind if behind <= len(turn) else -1


def _begins(data: bytes, *, any_record: bool) -> int:
    """Return what ``data`` begins with, as far as a record's header and a hello's tell.

    A hello's message type; ``_RECORD`` for any other record of TLS, if that counts; ``_NO``; and
    ``_MORE`` where too few bytes came.
    """
    if not data:
        return _MORE
    whole = bytes(data[:_HELLO_START])
    hello = _hello_begins(whole)
    if hello >= _HELLOS[0] or not any_record:
        return hello
    if may_begin_sslv2_hello(whole):
        return _CLIENT_HELLO if len(whole) == _HELLO_START else _MORE
    if hello == _MORE and len(whole) >= _RECORD_HEADER:
        return _MORE
    return _record_begins(data)


def _record_begins(data: bytes) -> int:
    """Return ``_RECORD`` if a record begins with ``data``, ``_NO`` or ``_MORE``."""
    if not 20 <= data[0] <= 23 or data[1:2] not in (b"", b"\3") or data[2:3] > b"\4":
        return _NO
    if len(data) < _RECORD_HEADER:
        return _MORE
    length = data[3] << 8 | data[4]
    if not 0 < length <= MAX_FRAGMENT:
        return _NO
    behind = data[_RECORD_HEADER + length :][:2]
    fits = not behind or (20 <= behind[0] <= 23 and behind[1:] in (b"", b"\3"))
    return _RECORD if fits else _NO


def _hello_begins(start: bytes) -> int:
    """Return the type of the hello whose record begins with ``start``, ``_NO`` or ``_MORE``."""
    if not _HELLO.match(start):
        more = len(start) < _HELLO_START and _HELLO.match(start + _A_HELLO[len(start) :])
        return _MORE if more else _NO
    record = int.from_bytes(start[3:5], "big")
    message = int.from_bytes(start[6:9], "big")
    # The least hello is one of a version, a random, and empty lists: 38 bytes.
    return start[5] if message >= 38 and 6 <= record <= MAX_FRAGMENT else _NO
