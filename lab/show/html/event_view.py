"""What opens behind an arrow: the event in short, its certificates or text, and every byte of it.

Rules: a record is shown with the first event that it carried, and named with the others. Bytes of
a record that was not kept are not made up: the message alone is shown.

This module must not know where on the page the arrow is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from markupsafe import Markup, escape

from lab.show.html.certificate_card import CertificateCard, cards
from lab.show.html.certificate_fields import with_certificates
from lab.show.html.field_view import PageRoom, bytes_view
from lab.show.message_meaning import event_meaning
from lab.show.sequence import Arrow, Row
from lab.show.text.event_text import Detail, start_line
from lab.tls.code_points import ProtocolVersion
from lab.tls.escape import printable
from lab.tls.events import (
    ApplicationDataSeen,
    Endpoint,
    Event,
    MessageSeen,
    SealedSeen,
    WireEvent,
)
from lab.tls.layout import Field, event_layout, record_layout
from lab.tls.messages import Certificate, CompressedCertificate, HandshakeMessage
from lab.tls.record_log import ObservedRecord, Opening
from lab.tracing.results import Trace

_MOST_EVENTS = 4
_MOST_RECORDS = 8
_MOST_LINES = 60
_MOST_TEXT = 4_000
_OF_PANEL = 800
"""About how many bytes there are around what a row shows once it is open."""
_FULL = "{} are not shown: this page has as many as it may"
_IN_CARDS = frozenset(
    {"certificate", "problem", "subject", "issuer", "valid from", "valid until", "SAN", "EKU", "CA"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteBlock:
    """Bytes with their fields. ``note`` says where they come from, or what opened them."""

    title: str
    note: str
    view: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRecord:
    """A record that is shown elsewhere: ``row`` is the row there, called ``label``."""

    row: int
    label: str
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEvent:
    """All that a row shows once it is open.

    ``meaning`` is what it is for or means, and where that stands; ``text`` is what HTTP says, line
    by line. ``left_out`` are sentences on what is not shown.
    """

    details: tuple[Detail, ...]
    meaning: tuple[str, str] | None
    cards: tuple[CertificateCard, ...]
    text: tuple[str, ...]
    blocks: tuple[ByteBlock, ...]
    shared: tuple[SharedRecord, ...]
    left_out: tuple[str, ...]


class EventViews:
    """Makes what opens behind the rows of one trace, in their order."""

    def __init__(self, trace: Trace, found: Sequence[Row], room: PageRoom) -> None:
        version = trace.negotiated_version or trace.requested_version
        self._tls13 = version is not None and version >= ProtocolVersion.TLS_1_3
        self._room = room
        self.unopened = 0
        began = trace.flow.first if trace.flow else None
        self._now = datetime.now(timezone.utc) if began is None else _moment(began)
        self._records = {(record.endpoint, record.span.offset): record for record in trace.records}
        self._labels = [row.label if isinstance(row, Arrow) else "" for row in found]
        self._carried: dict[tuple[Endpoint, int], list[int]] = defaultdict(list)
        for number, row in enumerate(found):
            for span in row.records if isinstance(row, Arrow) else ():
                self._carried[row.endpoint, span.offset].append(number)

    def opened(self, number: int, row: Arrow) -> OpenedEvent | None:
        """Return what the row of this number shows; None where there is nothing more to show.

        Also where the page has no room for it: ``unopened`` counts those.
        """
        if self._room.is_full and not self._room.takes(_OF_PANEL) and not row.decisive:
            self.unopened += 1
            return None
        left_out: list[str] = []
        blocks: list[ByteBlock] = []
        shared: list[SharedRecord] = []
        for event in row.events[:_MOST_EVENTS]:
            if not isinstance(event, WireEvent) or self._room.is_none:
                continue
            if self._room.is_full and not row.decisive:
                left_out.append(_FULL.format("its bytes"))
                break
            self._add_records(number, event, blocks, shared, left_out)
        if (more := len(row.events) - _MOST_EVENTS) > 0:
            left_out.append(f"{more:,} more events like these are not shown")
        shown = self._cards(row.event, left_out)
        details = tuple(
            detail for detail in row.details if not (shown and detail.label in _IN_CARDS)
        )
        if not (details or blocks or shared or shown):
            return None
        if not self._room.takes(sum(len(detail.value) for detail in details)) and not row.decisive:
            left_out.append(_FULL.format("its details"))
            details = ()
        return OpenedEvent(
            details=details,
            meaning=event_meaning(row.event, tls13=self._tls13),
            cards=shown,
            text=self._text(row.event, left_out),
            blocks=tuple(blocks),
            shared=tuple(shared),
            left_out=tuple(left_out),
        )

    def _cards(self, event: Event, left_out: list[str]) -> tuple[CertificateCard, ...]:
        """Return cards for the certificates of a message, as many as there is room for."""
        chain = _chain(event.message) if isinstance(event, MessageSeen) else ()
        made, rest = cards(chain, event.endpoint, self._now)
        shown = tuple(card for card in made if self._room.takes(card.octets))
        rest += len(made) - len(shown)
        if rest:
            left_out.append(f"{rest:,} more certificates are not shown as cards")
        return shown

    def _text(self, event: Event, left_out: list[str]) -> tuple[str, ...]:
        """Return the lines of an HTTP message, where there is room for them."""
        lines = _http_text(event)
        if self._room.takes(sum(len(escape(line)) for line in lines)):
            return lines
        left_out.append(_FULL.format("its lines of text"))
        return ()

    def _add_records(
        self,
        number: int,
        event: WireEvent,
        blocks: list[ByteBlock],
        shared: list[SharedRecord],
        left_out: list[str],
    ) -> None:
        """Add the records that carried ``event``, and its own bytes below them."""
        layout = _layout(event)
        joined = False
        opening: Opening | None = None
        for span in event.records[:_MOST_RECORDS]:
            record = self._records.get((event.endpoint, span.offset))
            if record is None:
                left_out.append(f"the bytes of its record, {span.length:,} of them, were not kept")
                continue
            opening = record.opening
            first = self._carried[event.endpoint, span.offset][0]
            if first != number:
                shared.append(
                    SharedRecord(row=first, label=self._labels[first], octets=span.length)
                )
                continue
            whole = record_layout(record)
            start = whole.children[-1].start
            if layout is not None and not record.encrypted and record.raw[start:] == layout[0]:
                whole, joined = _with_content(whole, layout[1]), True
            limit = event.limit if isinstance(event, SealedSeen) else ""
            blocks.append(self._record_block(record, whole, limit))
        if (more := len(event.records) - _MOST_RECORDS) > 0:
            left_out.append(f"{more:,} more records that carried it are not shown")
        if layout is not None and not joined:
            blocks.append(self._content_block(event, layout, opening))

    def _record_block(self, record: ObservedRecord, layout: Field, limit: str) -> ByteBlock:
        kind = "Encrypted record" if record.encrypted else "Record in the clear"
        where = f"at byte {record.span.offset:,} of what the {record.endpoint.value} sent"
        note = f"{len(record.raw):,} bytes, {where}"
        if record.encrypted and record.opening is None:
            note += f"; {limit or 'no known secret opens it'}"
        return ByteBlock(title=kind, note=note, view=bytes_view(record.raw, layout, self._room))

    def _content_block(
        self, event: WireEvent, layout: tuple[bytes, Field], opening: Opening | None
    ) -> ByteBlock:
        """Return the block of what records carried, opened or put together."""
        data, field = layout
        if not event.encrypted:
            title, note = "Content", "as it lies in the records"
        elif opening is None:
            title, note = "Plaintext", "of a record that was not kept"
        else:
            kind = f"{opening.content_type} ({int(opening.content_type)})"
            secret = opening.secret.value if opening.secret else "no secret: its cipher is NULL"
            title, number = "Plaintext", opening.sequence
            note = f"{kind}; opened with {secret}, record number {number:,} under its keys"
            note += f"; {opening.padding:,} bytes of padding" if opening.padding else ""
        if len(event.records) > 1:
            note += f"; put together from {len(event.records)} records"
        return ByteBlock(
            title=title,
            note=f"{len(data):,} bytes; {note}",
            view=bytes_view(data, field, self._room),
        )


def _layout(event: WireEvent) -> tuple[bytes, Field] | None:
    """Return the bytes and fields of an event, those of its certificates included."""
    layout = event_layout(event)
    if layout is None or not isinstance(event, MessageSeen):
        return layout
    data, root = layout
    return data, with_certificates(data, root)


def _with_content(record: Field, content: Field) -> Field:
    """Return the layout of a record, ``content`` in the place of its fragment."""
    *header, fragment = record.children
    return replace(record, children=(*header, _moved(content, fragment.start)))


def _moved(field: Field, by: int) -> Field:
    children = tuple(_moved(child, by) for child in field.children)
    return replace(field, start=field.start + by, end=field.end + by, children=children)


def _chain(message: HandshakeMessage) -> Sequence[bytes]:
    if isinstance(message, CompressedCertificate) and message.certificate is not None:
        message = message.certificate
    if not isinstance(message, Certificate):
        return ()
    return [entry.cert_data for entry in message.certificate_list]


def _http_text(event: Event) -> tuple[str, ...]:
    """Return the lines of an HTTP message, escaped; none where the data is no start of one."""
    if not isinstance(event, ApplicationDataSeen) or start_line(event.data) is None:
        return ()
    return tuple(_lines(event.data[:_MOST_TEXT].decode("utf-8", "replace")))


def _lines(text: str) -> Iterator[str]:
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    yield from map(printable, lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield f"… {len(lines) - _MOST_LINES:,} more lines"


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return datetime.now(timezone.utc)
