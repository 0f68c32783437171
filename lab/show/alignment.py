"""The rows of two traces side by side: equal steps face each other, others stand alone.

Rules: the order of each trace stays. Of all ways to pair equal steps without crossing, the one
with most handshake messages is taken.

This module must not know how rows are drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.diagnosis.results import Result
from lab.show.sequence import Arrow, GapRow, LocalRow, Row, rows
from lab.tls.events import (
    AlertSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    LeftOut,
    LocalFact,
    MessageSeen,
    NotCaptured,
    SealedSeen,
    StreamEnded,
    is_fatal,
)
from lab.tracing.results import Trace

_MOST_PAIRS = 250_000
"""How many pairs of rows are compared; of more, all but the equal beginnings stand alone."""
_UNREAD = (SealedSeen, NotCaptured, LeftOut)
_MESSAGE, _OTHER, _CHANGE = 4, 2, 1
# Messages that one version does not have, by that version, and what it does instead.
_LACKING = {
    ("TLS 1.3", "ServerKeyExchange"): "in TLS 1.3 the server's key share is in its ServerHello",
    ("TLS 1.3", "ClientKeyExchange"): "in TLS 1.3 the client's key share is in its ClientHello",
    ("TLS 1.3", "ServerHelloDone"): "in TLS 1.3 the server's first flight ends with its Finished",
    ("TLS 1.3", "HelloRequest"): "TLS 1.3 has no renegotiation",
    ("TLS 1.3", "CertificateStatus"): "in TLS 1.3 the OCSP response is inside of Certificate",
    ("TLS 1.2", "EncryptedExtensions"): "in TLS 1.2 the server's extensions are in its ServerHello",
    ("TLS 1.2", "HelloRetryRequest"): "TLS 1.2 has no such message",
    ("TLS 1.2", "EndOfEarlyData"): "TLS 1.2 has no early data",
    ("TLS 1.2", "KeyUpdate"): "TLS 1.2 changes keys by a new handshake only",
    ("TLS 1.2", "CompressedCertificate"): "TLS 1.2 does not compress certificates",
}
# What a handshake that ended early might still have had.
_OF_HANDSHAKE = frozenset(
    {"Certificate", "CertificateRequest", "CertificateVerify", "Finished", "ServerHello"}
)
_VERDICTS = frozenset({Fact.CERTIFICATE_VERIFIED, Fact.SESSION_RESUMED})
_SERVER_VERIFIES = "in TLS 1.2 only the client sends CertificateVerify"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedRow:
    """Two rows that face each other, or one alone.

    ``left`` and ``right`` are not both None. ``note`` says of a row that stands alone whose it is,
    and why: where that lies in the version, "only in TLS 1.3: …"; else "here only in TLS 1.3", as
    where the other handshake ended before it. Where it need not be lacking there, "seen only in
    TLS 1.3: …" or "reported only in …". Or that its like comes earlier or later: "in TLS 1.2
    later". "" where both are there.
    """

    left: Row | None
    right: Row | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """What must be known of a trace to say why it lacks a row of the other one.

    ``name`` tells it from the other. ``unread`` are the ends of which something was not opened, or
    not captured; ``ended_early`` tells that its handshake ended before both had sent Finished.
    """

    name: str
    unread: frozenset[Endpoint]
    ended_early: bool


def aligned(left: Trace, right: Trace) -> tuple[AlignedRow, ...]:
    """Return the rows of two traces side by side, from top to bottom."""
    lefts, rights = rows(left), rows(right)
    names = _names(left, right)
    sides = _side(left, names[0]), _side(right, names[1])
    pairs = _pairs(lefts, rights)
    alone_left = _places(lefts, {number for number, _ in pairs})
    alone_right = _places(rights, {number for _, number in pairs})
    found: list[AlignedRow] = []
    at_left = at_right = 0
    for next_left, next_right in (*pairs, (len(lefts), len(rights))):
        for row in lefts[at_left:next_left]:
            note = _note(row, *sides, alone_right.get(_step(row), ()), at_right)
            found.append(AlignedRow(left=row, right=None, note=note))
        for row in rights[at_right:next_right]:
            note = _note(row, *sides[::-1], alone_left.get(_step(row), ()), at_left)
            found.append(AlignedRow(left=None, right=row, note=note))
        if next_left < len(lefts):
            found.append(AlignedRow(left=lefts[next_left], right=rights[next_right]))
        at_left, at_right = next_left + 1, next_right + 1
    return tuple(found)


def _places(found: Sequence[Row], paired: set[int]) -> dict[object, list[int]]:
    """Return the numbers of the rows that stand alone, by their steps."""
    places: dict[object, list[int]] = defaultdict(list)
    for number, row in enumerate(found):
        if number not in paired:
            places[_step(row)].append(number)
    return places


def _names(left: Trace, right: Trace) -> tuple[str, str]:
    """Return what tells the two apart: their versions, or where they stand."""
    names = [str(trace.negotiated_version or trace.requested_version) for trace in (left, right)]
    if names[0] == names[1] or "None" in names:
        return "the connection on the left", "the connection on the right"
    return names[0], names[1]


def _side(trace: Trace, name: str) -> _Side:
    finished = {
        event.endpoint
        for event in trace.events
        if isinstance(event, MessageSeen) and event.message.name == "Finished"
    }
    unread = {event.endpoint for event in trace.events if isinstance(event, _UNREAD)}
    ended_early = trace.outcome.result in (Result.REJECTED, Result.FAILED) and len(finished) < 2
    return _Side(name=name, unread=frozenset(unread), ended_early=ended_early)


def _note(row: Row, here: _Side, there: _Side, places: Sequence[int], at: int) -> str:
    """Return the words for a row that stands alone ``here``, and faces nothing ``there``.

    ``places`` are those of its like there, which stand alone as well; ``at`` is the row there that
    is next.
    """
    if places:
        return f"in {there.name} {'later' if places[-1] >= at else 'earlier'}"
    event = row.event
    name = event.message.name if isinstance(event, MessageSeen) else ""
    why = _LACKING.get((there.name, name), "")
    if (there.name, name, event.endpoint) == ("TLS 1.2", "CertificateVerify", Endpoint.SERVER):
        why = _SERVER_VERIFIES
    if why:
        return f"only in {here.name}: {why}"
    alone = f"here only in {here.name}"
    if name and event.endpoint in there.unread:
        return f"seen only in {here.name}: what could not be read in {there.name} may hold it"
    if there.ended_early and isinstance(event, LocalFact) and event.fact in _VERDICTS:
        return f"reported only in {here.name}: an end reports it when its handshake call returns"
    if there.ended_early and _is_of_handshake(event):
        return f"{alone}: in {there.name} the handshake ended before it"
    return alone


def _is_of_handshake(event: Event) -> bool:
    """Return whether a handshake that ends early may lack ``event`` for that alone."""
    if isinstance(event, LocalFact):
        return event.fact is Fact.HANDSHAKE_RETURNED
    if isinstance(event, MessageSeen):
        return event.message.name in _OF_HANDSHAKE
    return isinstance(event, ChangeCipherSpecSeen)


def _step(row: Row) -> tuple[object, ...]:
    """Return what two rows have in common that show the same step of the same end."""
    rest = isinstance(row, Arrow) and row.count > 1
    return (row.endpoint, type(row.event), _kind(row.event), rest)


def _kind(event: Event) -> object:
    match event:
        case MessageSeen():
            return event.message.name
        case AlertSeen():
            return "fatal" if is_fatal(event) else event.description
        case LocalFact():
            return event.fact
        case StreamEnded():
            return event.end
        case SealedSeen():
            return event.content_type
    return None


def _weight(row: Row) -> int:
    """Return how much it counts that a row faces its like: most for messages and alerts."""
    if isinstance(row, LocalRow | GapRow):
        return _OTHER
    if isinstance(row.event, ChangeCipherSpecSeen):
        return _CHANGE  # in TLS 1.3 a dummy, at any place (RFC 9846 appendix E.4)
    return _MESSAGE if isinstance(row.event, MessageSeen | AlertSeen) else _OTHER


def _pairs(lefts: Sequence[Row], rights: Sequence[Row]) -> list[tuple[int, int]]:
    """Return the numbers of the rows that face each other: a longest common subsequence."""
    steps = [_step(row) for row in lefts], [_step(row) for row in rights]
    start = _common(*steps)
    rest = [side[start:] for side in steps]
    end = _common(rest[0][::-1], rest[1][::-1])
    middle = [side[: len(side) - end] for side in rest]
    pairs = [(number, number) for number in range(start)]
    if len(middle[0]) * len(middle[1]) <= _MOST_PAIRS:
        found = _heaviest(middle[0], middle[1], [_weight(row) for row in lefts[start:]])
        pairs += [(start + left, start + right) for left, right in found]
    pairs += [(len(lefts) - back, len(rights) - back) for back in range(end, 0, -1)]
    return pairs


def _common(left: Sequence[object], right: Sequence[object]) -> int:
    """Return how many steps at the beginning are equal."""
    most = min(len(left), len(right))
    return next((number for number in range(most) if left[number] != right[number]), most)


def _heaviest(
    left: Sequence[object], right: Sequence[object], weights: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of the common subsequence of most weight; ``weights`` are of ``left``."""
    best = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for row in range(len(left) - 1, -1, -1):
        for column in range(len(right) - 1, -1, -1):
            best[row][column] = max(best[row + 1][column], best[row][column + 1])
            if left[row] == right[column]:
                paired = best[row + 1][column + 1] + weights[row]
                best[row][column] = max(best[row][column], paired)
    row = column = 0
    while row < len(left) and column < len(right):
        if best[row][column] == best[row][column + 1]:
            column += 1
        elif best[row][column] == best[row + 1][column]:
            row += 1
        else:
            yield row, column
            row, column = row + 1, column + 1
