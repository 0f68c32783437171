"""What a code point is: a number of an IANA registry that knows its name, and may have none.

Rules: the text form (``str``) of a code point is the registry's name for it. A number without a
name stays a number: ``CipherSuite(0x1234)`` equals 0x1234 and reads ``unknown(0x1234)``; a GREASE
value (RFC 8701) reads ``GREASE(0x0a0a)``. Such a value is made anew each time and kept nowhere,
so that a hostile peer fills no memory; compare code points with ``==``, never with ``is``.

This module must not know how the numbers lie on the wire.
"""

from __future__ import annotations

import enum
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, cast, overload

C = TypeVar("C", bound="CodePoint")


class CodePoint(enum.IntEnum):
    """A number from a registry. ``text`` is the registry's name for it."""

    _value_: int
    text: str

    def __new__(cls, value: int, text: str = "") -> CodePoint:
        """Make a member: ``value``, and the registry's name where it is not the plain one."""
        member = int.__new__(cls, value)
        member._value_ = value
        return member

    def __init__(self, value: int, text: str = "") -> None:
        self.text = text or self._name_.lower()

    def __str__(self) -> str:
        return self.text

    def __format__(self, format_spec: str) -> str:
        return format(self.text, format_spec)

    @classmethod
    def digits(cls) -> int:
        """Return how many hexadecimal digits a number of this registry has."""
        return 2

    @classmethod
    def _missing_(cls: type[C], value: object) -> C | None:
        if not isinstance(value, int) or not 0 <= value < 16 ** cls.digits():
            return None
        member = int.__new__(cls, value)
        member._value_ = int(value)
        kind = "GREASE" if member.is_grease else "unknown"
        member.text = member._name_ = f"{kind}(0x{value:0{cls.digits()}x})"
        return member

    @property
    def is_known(self) -> bool:
        """Whether this number has a name here."""
        return int(self) in code_table(type(self))

    @property
    def is_grease(self) -> bool:
        """Whether the number is one of those that RFC 8701 reserves to be ignored."""
        return int(self) in self.grease()

    @classmethod
    def grease(cls) -> frozenset[int]:
        """Return the numbers of this registry that RFC 8701 reserves to be ignored."""
        return frozenset()


class CodePoint16(CodePoint):
    """A code point of two bytes."""

    @classmethod
    def digits(cls) -> int:
        """Return how many hexadecimal digits a number of this registry has."""
        return 4

    @classmethod
    def grease(cls) -> frozenset[int]:
        """Return 0x0a0a, 0x1a1a, ..., 0xfafa (RFC 8701 section 2)."""
        return _GREASE


_GREASE = frozenset(0x1010 * high + 0x0A0A for high in range(16))


class _Table(dict[int, C]):
    """The members of one registry by number; a number without a name is made, and not kept."""

    def __init__(self, kind: type[C]) -> None:
        super().__init__((int(member), member) for member in kind)
        self._kind = kind

    def __missing__(self, value: int) -> C:
        return self._kind(value)


_tables: dict[type[CodePoint], Mapping[int, CodePoint]] = {}


def code_table(kind: type[C]) -> Mapping[int, C]:
    """Return a table that is several times as fast as ``kind(number)``."""
    table = _tables.get(kind)
    if table is None:
        table = _tables[kind] = _Table(kind)
    return cast("Mapping[int, C]", table)


class CodePoints(Sequence[C]):
    """A list of code points of one ``kind``: equal to the tuple of them, and hashed like it.

    ``data`` are the numbers as they lie on the wire, big-endian. Its length costs nothing, and
    neither does making it, whatever a peer sent.
    """

    __slots__ = ("_data", "_size", "kind")

    def __init__(self, kind: type[C], data: bytes) -> None:
        self.kind = kind
        self._size = kind.digits() // 2
        self._data = data

    @property
    def numbers(self) -> array[int]:
        """The plain numbers, in an array of its own."""
        numbers = array("B" if self._size == 1 else "H", self._data)
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers

    def __len__(self) -> int:
        return len(self._data) // self._size

    @overload
    def __getitem__(self, index: int) -> C: ...

    @overload
    def __getitem__(self, index: slice) -> CodePoints[C]: ...

    def __getitem__(self, index: int | slice) -> C | CodePoints[C]:
        size = self._size
        places = range(len(self))[index]
        if isinstance(places, int):
            number = self._data[places * size : places * size + size]
            return code_table(self.kind)[int.from_bytes(number, "big")]
        parts = (self._data[place * size : place * size + size] for place in places)
        return CodePoints(self.kind, b"".join(parts))

    def __iter__(self) -> Iterator[C]:
        return map(code_table(self.kind).__getitem__, self.numbers)

    def __contains__(self, value: object) -> bool:
        return value in self.numbers

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CodePoints):
            return tuple(self.numbers) == tuple(other.numbers)
        return tuple(self.numbers) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.numbers))

    def __repr__(self) -> str:
        return repr(tuple(self))


def sample(values: Iterable[object], most: int) -> tuple[list[object], int]:
    """Return the first ``most`` of ``values``, and how many more there are; GREASE does not count.

    Of a list of code points, no more than these are made.
    """
    if isinstance(values, CodePoints):
        grease, table = values.kind.grease(), code_table(values.kind)
        numbers = [number for number in values.numbers if number not in grease]
        return [table[number] for number in numbers[:most]], max(0, len(numbers) - most)
    worth = [each for each in values if not (isinstance(each, CodePoint) and each.is_grease)]
    return worth[:most], max(0, len(worth) - most)
