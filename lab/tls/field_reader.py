"""A bounded reader that keeps where each field stands, for whoever explains every byte.

Rules: the parsers are those of ``Reader``; what they name is what the fields are called. A vector
becomes one field, with its length and its content as children; the items of a list are children of
its content's field, one a structure.

This module must not know any message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from lab.tls.reader import Reader

T = TypeVar("T")


@dataclass(slots=True)
class FieldPart:
    """A part of what is read: ``name`` and ``owner`` (the structure it is of) as the parser has
    them, the bytes from ``start`` to ``end``, the number in them if it is one, and its own parts.
    """

    name: str
    owner: str
    start: int
    end: int
    number: int | None = None
    parts: list[FieldPart] = field(default_factory=list)


class FieldReader(Reader):
    """Reads ``data``, which stands at ``base`` of what is explained; ``parts`` are what was read.

    ``owner`` is the name of the structure that fields belong to.
    """

    __slots__ = ("_base", "_body", "owner", "parts")

    keeps_fields = True

    def __init__(self, data: bytes, name: str, *, base: int = 0) -> None:
        super().__init__(data, name)
        self.parts: list[FieldPart] = []
        self.owner = name
        self._base = base
        self._body: tuple[FieldPart, int] | None = None

    def uint8(self, name: str) -> int:
        """Read the next byte."""
        return self._number(name, 1, super().uint8(name))

    def uint16(self, name: str) -> int:
        """Read the next two bytes as a number."""
        return self._number(name, 2, super().uint16(name))

    def uint(self, size: int, name: str) -> int:
        """Read the next ``size`` bytes as a number."""
        return self._number(name, size, int.from_bytes(super().fixed(size, name), "big"))

    def fixed(self, length: int, name: str) -> bytes:
        """Read the next ``length`` bytes."""
        data = super().fixed(length, name)
        if data:
            self._add(name, self._at - length, self._at)
        return data

    def rest(self, name: str) -> bytes:
        """Read all that is left."""
        data = super().rest(name)
        if data:
            self._add(name, self._at - len(data), self._at)
        return data

    def opaque(self, size: int, name: object, minimum: int = 0, maximum: int = 2**24) -> bytes:
        """Read a vector of bytes with a length field of ``size`` bytes."""
        start = self._at
        data = super().opaque(size, name, minimum, maximum)
        whole = self._vector(start, size, str(name))
        if data:
            whole.parts.append(self._part(str(name), start + size, self._at))
        return data

    def uint8s(self, size: int, name: str) -> bytes:
        """Read a vector of one-byte numbers, at least one, as its bytes."""
        return self._split(super().uint8s(size, name), 1)

    def uint16s(self, size: int, name: str) -> bytes:
        """Read a vector of two-byte numbers, at least one, as its bytes."""
        return self._split(super().uint16s(size, name), 2)

    def items(
        self, size: int, name: object, parse: Callable[[Reader], T], minimum: int = 0, *, most: int
    ) -> tuple[T, ...]:
        """Parse a vector of items, one after the other."""

        def parse_item(reader: Reader) -> T:
            assert isinstance(reader, FieldReader), "it is a reader of ours that reads the vector"
            before, start = len(reader.parts), reader._at
            value = parse(reader)
            if len(reader.parts) - before > 1:
                item = reader._part("item", start, reader._at)
                item.parts = reader.parts[before:]
                reader.parts[before:] = [item]
            return value

        return super().items(size, name, parse_item, minimum, most=most)

    def typed_vectors(self, name: str, types: Mapping[int, object]) -> Iterator[tuple[int, bytes]]:
        """Yield the items up to the end: a type of two bytes, and a vector of at most 2^16-1 bytes.

        Whoever takes one reads it by a reader that ``body`` returns.
        """
        for number, data in super().typed_vectors(name, types):
            start, body = self._at - len(data) - 4, self._at - len(data)
            whole = self._add(str(types[number]), start, self._at)
            whole.owner = "Extension"
            for part, at, value in ((name, start, number), ("length", start + 2, len(data))):
                whole.parts.append(self._part(part, at, at + 2, value))
                whole.parts[-1].owner = "Extension"
            self._body = whole, body
            yield number, data

    def body(self, data: bytes) -> FieldReader:
        """Return a reader of ``data``, which ``typed_vectors`` yielded last."""
        assert self._body is not None, "it has yielded"
        whole, start = self._body
        reader = FieldReader(data, "", base=self._base + start)
        reader.owner, reader.parts = whole.name, whole.parts
        return reader

    def inner(self, size: int, name: object, minimum: int = 0) -> FieldReader:
        """Return a reader of a vector with a length field of ``size`` bytes."""
        start = self._at
        plain = super().inner(size, name, minimum)
        inner = FieldReader(self._data, str(name), base=self._base)
        inner._at, inner._end, inner._parent = plain._at, plain._end, self
        inner.owner = self.owner
        inner.parts = self._vector(start, size, str(name)).parts
        return inner

    def _number(self, name: str, size: int, value: int) -> int:
        self._add(name, self._at - size, self._at).number = value
        return value

    def _add(self, name: str, start: int, end: int) -> FieldPart:
        part = self._part(name, start, end)
        self.parts.append(part)
        return part

    def _part(self, name: str, start: int, end: int, number: int | None = None) -> FieldPart:
        return FieldPart(name, self.owner, self._base + start, self._base + end, number)

    def _vector(self, start: int, size: int, name: str) -> FieldPart:
        """Add a vector that ends here, with its length as its first part."""
        whole = self._add(name, start, self._at)
        length = self._at - start - size
        whole.parts.append(self._part("length", start, start + size, length))
        return whole

    def _split(self, data: bytes, size: int) -> bytes:
        """Divide the content of the vector that was read last into its numbers."""
        whole = self.parts[-1]
        content = whole.parts.pop()
        for at in range(0, len(data), size):
            start = content.start + at
            number = int.from_bytes(data[at : at + size], "big")
            whole.parts.append(FieldPart(whole.name, self.owner, start, start + size, number))
        return data
