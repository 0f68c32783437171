"""The records of one connection as they lay on the wire, and what was found inside of them.

This module must not know what the content of a record means.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.tls.code_points import ContentType
from lab.tls.decryption import Opened, RecordDecryption
from lab.tls.events import Endpoint, RecordSpan
from lab.tls.key_log import SecretLabel
from lab.tls.records import Record
from lab.tls.sealed_records import Sealed
from lab.tls.stages import secret_label

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

    def add(
        self,
        sender: Endpoint,
        record: Record,
        time: float,
        opened: Opened | Sealed | None = None,
        decryption: RecordDecryption | None = None,
    ) -> None:
        """Add a record: one in the clear, or what ``decryption`` has just made of it."""
        if record.span.length > self._room:
            self._room = 0
            self.left_out += 1
            return
        self._room -= record.span.length
        opening = None
        if decryption is not None and opened is not None and not isinstance(opened, Sealed):
            opening = _opening(sender, record, opened, decryption)
        self._records.append(
            ObservedRecord(
                endpoint=sender,
                time=time,
                span=record.span,
                raw=record.header + record.fragment,
                encrypted=decryption is not None
                and (opening is None or opening.secret is not None),
                opening=opening,
            )
        )


def _opening(
    sender: Endpoint, record: Record, opened: Opened, decryption: RecordDecryption
) -> Opening:
    opener, (content_type, content) = decryption.opener, opened
    assert opener is not None, "a record is opened by an opener"
    overhead = opener.overhead
    return Opening(
        content_type=content_type,
        content=content,
        secret=secret_label(sender, decryption.stage) if decryption.conceals else None,
        sequence=opener.sequence - 1,
        before=opener.before,
        behind=opener.behind,
        padding=0 if overhead is None else len(record.fragment) - len(content) - overhead,
        aligned=opener.aligned,
    )
