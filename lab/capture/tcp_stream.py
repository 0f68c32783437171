"""One direction of a TCP connection: segments go in, its bytes come out in their order.

Rules: the first bytes that came for a place of the stream stay, for what was given out cannot be
taken back; an honest sender repeats the same bytes. Sequence numbers wrap around (RFC 9293 section
3.4), so they are only compared with the one that is expected next.

This module must not know the other direction, nor what the bytes are.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

SEQUENCE_MASK = 2**32 - 1
"""What a sequence number is cut to."""
UNKNOWN = -1
"""In place of a sequence number: none is known yet."""
MAX_PIECES = 2**11
"""How many pieces wait for the bytes before them."""
MAX_WAITING = 2**22
"""How many bytes wait for those before them."""

PIECE_COST = 256
"""What a piece counts beside its bytes: about what Python takes for it."""
Stamp = tuple[int, float]
"""Which packet of its connection a segment was, and its time."""

_HALF = 2**31
_Piece = tuple[int, bytes, int, Stamp]
_place = itemgetter(0)


def distance(seq: int, start: int) -> int:
    """Return how far ``seq`` is behind ``start``, negative if it is before it."""
    return ((seq - start + _HALF) & SEQUENCE_MASK) - _HALF


class TcpStream:
    """What one end sends.

    * ``next`` is the sequence number of the next byte to be given out, or ``UNKNOWN``.
    * ``first`` is that of the SYN, ``UNKNOWN`` as long as none was seen.
    * ``pieces`` are what waits: place in the stream, bytes, how many behind them were not captured,
      and the segment they are of; in order, and no two for one place.
    * ``waiting`` is how many bytes that takes.
    * ``fin_at`` is the place of its FIN, None as long as none was seen; ``fin_stamp`` its segment.
    """

    __slots__ = ("_taken", "fin_at", "fin_stamp", "first", "next", "pieces", "waiting")

    def __init__(self) -> None:
        self.next = UNKNOWN
        self.first = UNKNOWN
        self.fin_at: int | None = None
        self.fin_stamp: Stamp = (0, 0.0)
        self.waiting = 0
        # The place of the next byte. It falls behind ``next`` while nothing waits, which does no
        # harm: places are compared with each other only.
        self._taken = 0
        self.pieces: list[_Piece] = []

    @property
    def hole(self) -> int:
        """How many bytes are missing before the first that waits, or before the FIN."""
        if self.pieces:
            return self.pieces[0][0] - self._taken
        return 0 if self.fin_at is None else max(0, self.fin_at - self._taken)

    @property
    def oldest(self) -> Stamp | None:
        """The segment of the first bytes that wait, or of the FIN that does."""
        if self.pieces:
            return self.pieces[0][3]
        return self.fin_stamp if self.hole else None

    @property
    def full(self) -> bool:
        """Whether no more may wait."""
        return len(self.pieces) > MAX_PIECES or self.waiting > MAX_WAITING

    @property
    def finished(self) -> bool:
        """Whether all that came before a FIN was given out."""
        return self.fin_at is not None and self.fin_at <= self._taken

    def fin(self, behind: int, stamp: Stamp) -> None:
        """Take that a FIN is ``behind`` bytes behind ``next``."""
        if self.fin_at is None and behind >= 0:
            self.fin_at, self.fin_stamp = self._taken + behind, stamp

    def stop(self) -> None:
        """Forget what waits: the stream has ended."""
        self.pieces.clear()
        self.waiting = 0
        self.fin_at = None

    def place(self, behind: int, data: bytes, absent: int, stamp: Stamp) -> None:
        """Take a segment that begins ``behind`` bytes behind ``next``.

        ``absent`` bytes behind ``data`` were not captured.
        """
        start = at = self._taken + behind
        end = at + len(data) + absent
        pieces = self.pieces
        index = bisect_right(pieces, at, key=_place)
        covered = self._taken
        if index:
            place, held, missing, _ = pieces[index - 1]
            covered = max(covered, place + len(held) + missing)
        while (at := max(at, covered)) < end:
            # Up to the next piece that is there already, this one counts.
            free = pieces[index][0] if index < len(pieces) else end
            until = min(end, free)
            if at < until:
                part = data[at - start : until - start]
                pieces.insert(index, (at, part, until - at - len(part), stamp))
                self.waiting += len(part) + PIECE_COST
                index += 1
            if index == len(pieces):
                break
            place, held, missing, _ = pieces[index]
            covered = place + len(held) + missing
            index += 1

    def take(self) -> list[tuple[bytes, int, Stamp]]:
        """Take what is next: bytes, how many behind them were not captured, and their segment."""
        pieces, at, count = self.pieces, self._taken, 0
        while count < len(pieces) and pieces[count][0] == at:
            _, data, absent, _ = pieces[count]
            at += len(data) + absent
            self.waiting -= len(data) + PIECE_COST
            count += 1
        taken = [piece[1:] for piece in pieces[:count]]
        del pieces[:count]
        self.skip(at - self._taken)
        return taken

    def skip(self, octets: int) -> None:
        """Go on ``octets`` bytes further, whatever they are."""
        self._taken += octets
        self.next = (self.next + octets) & SEQUENCE_MASK
