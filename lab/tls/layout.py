"""Where each field of a message or a record stands: a tree that covers every byte.

The tree comes from the parsers themselves, which read the bytes once more by a reader that keeps
the places.

This module must not know how fields are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.tls import messages as msg
from lab.tls.code_point import code_table
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    MessageSeen,
    WireEvent,
)
from lab.tls.field_meanings import ITEMS, MEANINGS, STRUCTURES, Meaning
from lab.tls.field_reader import FieldPart, FieldReader
from lab.tls.message_parsing import parse_again
from lab.tls.record_log import ObservedRecord
from lab.tls.sslv2_hello import parse_sslv2_hello


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field at bytes ``start`` to ``end`` (exclusive) of what it is a part of.

    * ``name`` is the RFC's ("legacy_session_id"), or that of an extension ("server_name").
    * ``value`` is the number in it, a ``CodePoint`` where a registry names it; None: bytes, or a
      structure.
    * ``children`` cover it from start to end, in order and without gaps; a leaf has none. A length
      field is a leaf of its own, in front of what it measures.
    * ``meaning`` says in words what the field is for, ``reference`` where it is defined
      ("RFC 9846 section 4.2.2").
    """

    name: str
    start: int
    end: int
    value: int | None = None
    children: tuple[Field, ...] = ()
    meaning: str
    reference: str


def event_layout(event: WireEvent) -> tuple[bytes, Field] | None:
    """Return the content that an event stands for, without encryption, and its fields.

    None where the event does not have its bytes: sealed records and heartbeats.
    """
    if isinstance(event, MessageSeen):
        return event.raw, _message(event)
    if isinstance(event, AlertSeen):
        data = bytes([event.level, event.description])
        return data, _root(event, "Alert", data, ("level", "description"))
    if isinstance(event, ChangeCipherSpecSeen):
        return b"\x01", _root(event, "ChangeCipherSpec", b"\x01", ("change_cipher_spec",))
    if isinstance(event, ApplicationDataSeen):
        meaning = MEANINGS["application_data"]
        return event.data, _leaf("application_data", 0, len(event.data), meaning)
    return None


def record_layout(record: ObservedRecord) -> Field:
    """Return the fields of a whole record: its header, and what is in or around its content."""
    header = FieldReader(record.raw, "")
    if record.raw[0] & 0x80:  # the header of SSL 2
        header.uint16("length")
    else:
        header.uint8("type")
        header.uint16("legacy_record_version")
        header.uint16("length")
    fields = [_field(part, "fragment") for part in header.parts]
    start, end = fields[-1].end, len(record.raw)
    fields += _fragment(record, start, end)
    name = "TLSCiphertext" if record.encrypted else "TLSPlaintext"
    meaning = STRUCTURES[name]
    return _structure(name, 0, end, meaning, fields)


def _fragment(record: ObservedRecord, start: int, end: int) -> list[Field]:
    opening = record.opening
    if opening is None:
        sizes = [("encrypted_record" if record.encrypted else "fragment", end - start)]
    elif opening.secret is None:
        sizes = [("fragment", end - start - opening.behind), ("MAC", opening.behind)]
    elif not opening.aligned:
        inside = end - start - opening.before - opening.behind
        whole = "encrypted content, MAC and padding"
        sizes = [("IV", opening.before), (whole, inside), ("MAC", opening.behind)]
    else:
        before, content = opening.before, len(opening.content)
        inside = end - start - before - opening.behind
        has_type = inside > content  # of TLS 1.3
        sizes = [
            ("nonce_explicit", before),
            ("encrypted content", content),
            ("encrypted content type", 1 if has_type else 0),
            ("encrypted padding", opening.padding),
            ("authentication tag", opening.behind),
        ]
    fields = []
    for name, size in sizes:
        if size:
            fields.append(_leaf(name, start, start + size, MEANINGS[name]))
            start += size
    return fields


def _message(event: MessageSeen) -> Field:
    raw, message = event.raw, event.message
    if isinstance(message, msg.ClientHello) and message.in_sslv2_form:
        reader = FieldReader(raw, "ClientHello of SSL 2")
        parse_sslv2_hello(reader)
        return _whole(event, reader.parts)
    header = FieldReader(raw, "Handshake")
    header.uint8("msg_type")
    header.uint(3, "length")
    if isinstance(message, msg.UnknownMessage) or event.context is None:
        header.rest("body")
        return _whole(event, header.parts)
    body = FieldReader(raw[4:], message.name, base=4)
    parse_again(body, message.msg_type, event.context)
    return _whole(event, header.parts + body.parts)


def _whole(event: MessageSeen, parts: Sequence[FieldPart]) -> Field:
    fields = [_field(part, event.message.name) for part in parts]
    return _structure(event.message.name, 0, len(event.raw), STRUCTURES["message"], fields)


def _root(event: WireEvent, name: str, data: bytes, fields: tuple[str, ...]) -> Field:
    reader = FieldReader(data, name)
    for field in fields:
        reader.uint8(field)
    children = [_field(part, name) for part in reader.parts]
    meaning = MEANINGS[fields[-1]]
    return _structure(name, 0, len(data), meaning, children)


def _field(part: FieldPart, parent: str) -> Field:
    """Return the field of a part; ``parent`` is the name of what it is a part of."""
    if part.owner == "Extension" and part.name not in ("extension_type", "length"):
        meaning = STRUCTURES["Extension"]
    elif part.name == "length" and f"{part.owner}.length" not in MEANINGS:
        meaning = Meaning(f"how many bytes of {parent} follow", "RFC 9846 section 3.4")
    elif part.name == "item":
        name = ITEMS[parent]
        meaning, part = STRUCTURES[name], replace(part, name=name)
    else:
        meaning = MEANINGS.get(f"{part.owner}.{part.name}") or MEANINGS[part.name]
    if part.parts:
        children = [_field(child, part.name) for child in part.parts]
        return _structure(part.name, part.start, part.end, meaning, children)
    value = part.number
    if value is not None and meaning.registry is not None:
        value = code_table(meaning.registry)[value]
    return replace(_leaf(part.name, part.start, part.end, meaning), value=value)


def _leaf(name: str, start: int, end: int, meaning: Meaning) -> Field:
    return Field(name=name, start=start, end=end, meaning=meaning.text, reference=meaning.reference)


def _structure(name: str, start: int, end: int, meaning: Meaning, fields: Sequence[Field]) -> Field:
    return replace(_leaf(name, start, end, meaning), children=tuple(fields))
