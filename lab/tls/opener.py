"""What opens one direction's records.

Rules: an opener serves one direction from one change of keys to the next and counts its records
itself; a record that does not open raises ``SealBroken`` and leaves the count as it was, so that a
caller may try another key.

This module must not know where keys come from, nor what a record's content means.
"""

from __future__ import annotations

import abc

from lab.tls.code_points import ContentType
from lab.tls.records import Record


class SealBroken(Exception):
    """The record is not one that these keys protected at this place of the stream."""


class Opener(abc.ABC):
    """Opens one direction's records, in their order; ``sequence`` is the number of the next one."""

    sequence = 0
    before = 0
    """How many bytes of a fragment stand in front of the encrypted content."""
    behind = 0
    """How many bytes of a fragment stand behind the encrypted content: a tag, or a MAC."""
    aligned = True
    """Whether each byte of the content stands where its ciphertext does."""
    overhead: int | None = None
    """How much longer a fragment is than content without padding; None where that varies."""

    def pass_over(self, length: int, content: bytes) -> bool:
        """Count the next record instead of opening it; False where that cannot be done.

        The caller knows of a record of application data, whose fragment has ``length`` bytes, that
        it held ``content``. It can be counted if that fills it, so that nothing else is in it.
        """
        fits = length - len(content) == self.overhead
        self.sequence += fits
        return fits

    @abc.abstractmethod
    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """Return the true content type and the plaintext, padding removed, of the next record.

        Raises ``SealBroken``.
        """


def additional_data(sequence: int, record: Record, length: int) -> bytes:
    """seq_num, type, version and length (RFC 5246 sections 6.2.3.1 and 6.2.3.3)."""
    return sequence.to_bytes(8, "big") + record.header[:3] + length.to_bytes(2, "big")
