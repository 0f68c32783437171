"""Bytes and their fields: a hexadecimal dump beside a tree that names each byte of it.

Rules: the leaves of the tree and the pieces of the dump are the same, in the same order; so the
script knows which belong together. What is too much is not shown, and counted.

This module must not know which record or message the bytes are of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from lab.show.text.peer_text import bounded
from lab.tls.code_point import CodePoint
from lab.tls.layout import Field

_MOST_ITEMS = 40
"""How many fields of one list are shown."""
_MOST_DEPTH = 12
_MOST_OF_LEAF = 2048
_LEAST_OF_LEAF = 16
"""How many bytes of a leaf are shown even where the page has no room left."""
_MOST_TEXT = 80
_RECORDS = frozenset({"TLSPlaintext", "TLSCiphertext"})
# How the pieces of a record are coloured: all others of its own are of its header.
_KINDS = {
    "fragment": "",
    "nonce_explicit": "n",
    "IV": "n",
    "encrypted content": "c",
    "encrypted content, MAC and padding": "c",
    "encrypted_record": "c",
    "encrypted content type": "c",
    "encrypted padding": "c",
    "authentication tag": "t",
    "MAC": "t",
}


class PageRoom:
    """How much a page may still show: ``octets`` of dumps, ``fields`` of trees, other text.

    Where there are no octets from the start, neither dumps nor trees are shown.
    """

    def __init__(self, octets: int = 24_000, fields: int = 1_000, characters: int = 48_000) -> None:
        self.is_none = octets == 0
        self._octets = octets
        self._fields = fields
        self._characters = characters

    @property
    def is_full(self) -> bool:
        """Whether no further dump and tree is to begin."""
        return self._octets <= 0 or self._fields <= 0

    def takes(self, characters: int) -> bool:
        """Return whether a text of this length is shown, and count it."""
        self._characters -= characters
        return self._characters >= 0

    def octets(self, wanted: int) -> int:
        """Return how many of ``wanted`` bytes of a leaf are shown, and count them."""
        shown = min(wanted, max(_LEAST_OF_LEAF, min(_MOST_OF_LEAF, self._octets)))
        self._octets -= shown
        return shown

    def fields(self, wanted: int) -> int:
        """Return how many of ``wanted`` items of a structure are shown, and count them."""
        most = _MOST_ITEMS if self._fields > 0 else 1
        shown = wanted if wanted <= most else most - 1
        self._fields -= shown
        return shown


def bytes_view(data: bytes, root: Field, room: PageRoom) -> Markup:
    """Return the dump of ``data`` and the tree of ``root``, whose fields cover it."""
    view = _BytesView(data, room)
    tree = "".join(view.item(root, None, _MOST_DEPTH))
    dump = " ".join(view.pieces)
    return Markup(f'<p class="hex" translate="no">{dump}</p>\n<ul class="tree">{tree}</ul>\n')


class _BytesView:
    """Collects the pieces of the dump while the tree is written."""

    def __init__(self, data: bytes, room: PageRoom) -> None:
        self._data = data
        self._room = room
        self.pieces: list[str] = []

    def item(self, field: Field, above: Field | None, depth: int) -> Iterator[str]:
        """Yield the markup of a field inside of ``above``, whose meaning is not repeated."""
        parent, meaning, reference = ("", "", "")
        if above is not None:
            parent, meaning, reference = above.name, above.meaning, above.reference
        yield f"<li><b>{escape(field.name)}</b>"
        if not field.children or depth == 0:
            kind = _KINDS.get(field.name, "h") if parent in _RECORDS else ""
            yield f" <code>{escape(self._value(field, is_text=kind in ('', 'h')))}</code>"
            self._piece(field.start, field.end, kind)
        if field.meaning and field.meaning != meaning:
            yield f" <span>{escape(field.meaning)}</span>"
        if field.reference and field.reference != reference:
            yield f" <cite>{escape(field.reference)}</cite>"
        if field.children and depth:
            shown = self._room.fields(len(field.children))
            yield "<ul>"
            for child in field.children[:shown]:
                yield from self.item(child, field, depth - 1)
            if rest := field.children[shown:]:
                yield self._rest(rest)
            yield "</ul>"
        yield "</li>"

    def _rest(self, fields: Sequence[Field]) -> str:
        """Return one item for fields that are too many, and make one piece of them."""
        start, end = fields[0].start, fields[-1].end
        self._piece(start, end)
        octets = end - start
        return f"<li><b>and {len(fields):,} more</b> <code>{octets:,} bytes</code></li>"

    def _piece(self, start: int, end: int, kind: str = "") -> None:
        length = end - start
        shown = self._room.octets(length)
        text = self._data[start : start + shown].hex(" ")
        if shown < length:
            text += f" … {length - shown:,} bytes more, not shown"
        self.pieces.append(f"<i{kind and f' class={kind}'}>{text}</i>")

    def _value(self, field: Field, *, is_text: bool) -> str:
        """Return the value in words; bytes that look like text are quoted, but no ciphertext."""
        if isinstance(field.value, CodePoint):
            number = f"0x{int(field.value):0{field.value.digits()}x}"
            name = str(field.value)
            return name if number in name else f"{name} ({number})"
        if field.value is not None:
            return f"{field.value:,}"
        data = self._data[field.start : field.end]
        if not data:
            return "empty"
        if is_text and len(data) > 1 and data.isascii() and data.decode("ascii").isprintable():
            return f"“{bounded(data.decode('ascii'), _MOST_TEXT)}”"
        return "1 byte" if len(data) == 1 else f"{len(data):,} bytes"
