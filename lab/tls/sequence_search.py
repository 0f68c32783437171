"""The number of the next record, where bytes are missing before it.

Rules: AEADs and MACs tell whether a number is the right one, so those that it may be are tried in
turn; how many that are, for one record and in all, is bounded.
"""

from __future__ import annotations

from lab.tls.code_points import ContentType
from lab.tls.opener import Opener, SealBroken
from lab.tls.records import Record
from lab.tls.sealed_records import AFTER_HOLE, Sealed

MAX_LOST = 512
"""How many records are taken to be lost at most where bytes are missing."""
MAX_TRIES = 4096
"""How many wrong numbers are tried in one direction."""
_LEAST_RECORD = 22  # bytes of the shortest record that is common


class SequenceSearch:
    """Finds one sender's records again behind missing bytes."""

    __slots__ = ("_least", "_most", "_tries")

    def __init__(self) -> None:
        self._least = self._most = 0  # so many records are lost
        self._tries = MAX_TRIES

    def lose(self, records: int | None, octets: int | None) -> None:
        """Count missing bytes: so many records, None where nobody can tell."""
        if records is not None:
            self._least += records
            self._most += records
        else:
            likely = MAX_LOST if octets is None else octets // _LEAST_RECORD + 1
            self._most += likely
        self._most = min(self._most, self._least + MAX_LOST)

    def change_keys(self) -> None:
        """Go on with new keys, under which none of the missing records need have been."""
        self._least = 0

    def settle(self) -> None:
        """Take the next record for the one that is expected: none is lost."""
        self._least = self._most = 0

    def open(
        self, opener: Opener, record: Record, *, current: bool
    ) -> tuple[ContentType, bytes] | None:
        """Open ``record`` as one of those that may come next, or return None.

        ``current`` tells that ``opener`` has the keys from before the missing bytes.
        """
        expected = opener.sequence
        first = expected + self._least if current else 0
        for sequence in range(first, expected + self._most + 1):
            if self._tries < 0 and sequence > first:
                break
            opener.sequence = sequence
            try:
                opened = opener.open(record)
            except SealBroken:
                self._tries -= 1
                continue
            self.settle()
            return opened
        opener.sequence = expected
        return None

    def fail(self) -> Sealed:
        """Leave a record sealed; it may be one of the sender's, or none."""
        self._most = min(self._most + 1, self._least + MAX_LOST)
        return Sealed(AFTER_HOLE)
