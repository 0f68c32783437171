"""The records of one connection as they lay on the wire, and what was found inside of them.

This module must not know how records are opened, nor what their content means.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.tls.code_points import ContentType
from lab.tls.events import Endpoint, RecordSpan
from lab.tls.key_log import SecretLabel

MOST_OCTETS = 2**18
"""How many bytes of records are kept of a connection, each end's counted alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What was found inside of a protected record, and what opened it.

    ``content_type`` and ``content`` are what was protected, without padding. ``secret`` is the
    label of the secret that the keys come from, None where the record's content is in the clear
    (a NULL suite). ``sequence`` is the record's number under its keys. ``before`` counts the bytes
    of the fragment in front of the encrypted content (a nonce or an IV), ``behind`` those of the
    tag or MAC behind it; ``padding`` counts the zeros of TLS 1.3. With ``aligned`` each byte of
    the content stands where its ciphertext does: so it is under AEADs, and not in CBC mode.
    """

    content_type: ContentType
    content: bytes
    secret: SecretLabel | None
    sequence: int
    before: int = 0
    behind: int = 0
    padding: int = 0
    aligned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRecord:
    """One record that ``endpoint`` sent.

    ``raw`` is the whole record, its five-byte header included. ``encrypted`` says whether it was
    protected on the wire; ``opening`` is None where it was not, or where no known secret opens it.
    """

    endpoint: Endpoint
    time: float
    span: RecordSpan
    raw: bytes
    encrypted: bool
    opening: Opening | None = None


class RecordLog:
    """Collects the records of one connection, as long as they have ``most`` bytes together.

    ``left_out`` counts the records behind those.
    """

    def __init__(self, most: int = MOST_OCTETS) -> None:
        self._room = most
        self._records: list[ObservedRecord] = []
        self.left_out = 0

    @property
    def records(self) -> tuple[ObservedRecord, ...]:
        """The records so far, in the order in which they came out of the observer."""
        return tuple(self._records)

    def add(self, record: ObservedRecord) -> None:
        """Take one more record."""
        if len(record.raw) > self._room:
            self._room = 0
            self.left_out += 1
            return
        self._room -= len(record.raw)
        self._records.append(record)
