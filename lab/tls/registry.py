"""What a code point is: a number of an IANA registry that knows its name, and may have none.

Rules: the text form (``str``) of a code point is the registry's name for it. A number without a
name stays a number: ``CipherSuite(0x1234)`` equals 0x1234 and reads ``unknown(0x1234)``; a GREASE
value (RFC 8701) reads ``GREASE(0x0a0a)``. Such a value is made anew each time and kept nowhere,
so that a hostile peer fills no memory; compare code points with ``==``, never with ``is``.

This module must not know how the numbers lie on the wire.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

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
        """How many hexadecimal digits a number of this registry has."""
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
        return False

    @classmethod
    def each(cls: type[C], values: Iterable[int]) -> tuple[C, ...]:
        """The code points of ``values``, quickly: the hot path of long lists in hellos."""
        return tuple(map(code_table(cls).__getitem__, values))


class CodePoint16(CodePoint):
    """A code point of two bytes."""

    @classmethod
    def digits(cls) -> int:
        """How many hexadecimal digits a number of this registry has."""
        return 4

    @property
    def is_grease(self) -> bool:
        """Whether the number is 0x0a0a, 0x1a1a, ..., 0xfafa (RFC 8701 section 2)."""
        return int(self) & 0x0F0F == 0x0A0A and int(self) >> 8 == int(self) & 0xFF


class _Table(dict[int, C]):
    """The members of one registry by number; a number without a name is made, and not kept."""

    def __init__(self, kind: type[C]) -> None:
        super().__init__((int(member), member) for member in kind)
        self._kind = kind

    def __missing__(self, value: int) -> C:
        return self._kind(value)


_tables: dict[type[CodePoint], Mapping[int, CodePoint]] = {}


def code_table(kind: type[C]) -> Mapping[int, C]:
    """The code point of each number, as ``kind(number)`` gives it but several times as fast."""
    table = _tables.get(kind)
    if table is None:
        table = _tables[kind] = _Table(kind)
    return cast("Mapping[int, C]", table)
