"""The bounded reader: the only code that takes a message's bytes apart.

Rules: every read names the field it reads, and fails with a ``WireError`` that carries the whole
path to it. Every length field opens a reader of its own, which the caller's function must leave
empty; so a length that lies, in either direction, is always seen. No list has more items than its
reader allows: that is a limit of ours, and fails with ``BeyondLimit``. The limits are far above
what any known implementation sends, and low enough that a message or a connection costs
milliseconds, whatever is in it.

This module must not know any message.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

T = TypeVar("T")
_unpack_type_and_length = struct.Struct(">HH").unpack_from

MAX_MESSAGE = 2**18
"""The longest message body in bytes; OpenSSL takes chains of up to 100 KiB, hellos of 128 KiB."""
MAX_RECORDS = 4096
"""How many records one message may span: 64 bytes each, RFC 8449's least, for the longest."""
MAX_ITEMS = 8192
"""How many items all lists of one message may have together, lists inside of lists included."""

MAX_EXTENSIONS = 256
"""Of one list of extensions: IANA's registry names fewer than 70, and each may come once."""
MAX_SERVER_NAMES = 16
"""RFC 6066 section 3 allows one name of each type, and defines one type."""
MAX_PROTOCOLS = 256
"""ALPN names (RFC 7301): IANA's registry has some 40; a browser sends 2."""
MAX_KEY_SHARES = 128
"""RFC 9846 section 4.3.8 allows one for each group; IANA names some 60, a client sends 1 to 3."""
MAX_PSKS = 128
"""Identities, and binders, of one offer: clients send 1 or 2 tickets."""
MAX_AUTHORITIES = 4096
"""CA names: 1,000 occur; of the shortest that has an attribute, 16 bytes, 64 KiB hold 4,095."""
MAX_CERTIFICATES = 256
"""Of one chain: chains of 100 occur, and OpenSSL verifies none that is longer."""
MAX_SCTS = 256
"""Of one certificate (RFC 6962 section 3.3): policies ask for 2 to 5."""
MAX_OID_FILTERS = 256
"""Of one CertificateRequest (RFC 9846 section 4.3.5): hardly anybody sends one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be decoded of one sender, whatever it sends.

    ``octets`` and ``records`` count what lies on the wire, ``messages`` handshake messages, and
    ``items`` those of all lists in them. After each the rest of the sender's bytes is not looked
    at, but the message that passes ``items`` is still decoded whole: it has its own bounds.
    """

    octets: int
    records: int
    messages: int
    items: int


SERVER_BUDGET = Budget(octets=2**18, records=256, messages=32, items=8192)
"""For a server that decodes each handshake as it comes.

OpenSSL lets in no handshake that is longer: its bounds are 131,396 bytes for a ClientHello and
102,400 for a chain. Clients send fewer than 10 messages, in fewer than 20 records.
"""


class WireError(Exception):
    """Bytes that break the protocol's syntax: ``where`` names the structure and the field."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class BeyondLimit(Exception):
    """What is more than is read here, and no fault of the sender's.

    ``where`` names the structure, ``limit`` says in words which limit it passes.
    """

    def __init__(self, where: str, limit: str) -> None:
        super().__init__(f"{where}: {limit}")
        self.where = where
        self.limit = limit


class Reader:
    """Reads ``data`` from its start; ``name`` is what the bytes are, for errors.

    ``item_count`` is how many items the lists had that were read so far, lists inside of lists
    included. Numbers are big-endian, as all of TLS (RFC 9846 section 3.3). Every method raises
    ``WireError`` where the bytes are too few or a bound of the RFC's notation is broken.
    """

    __slots__ = ("_at", "_data", "_end", "_name", "_parent", "item_count")

    keeps_fields = False
    """Whether the place of each field is kept, so that nothing may be parsed from memory."""

    def __init__(self, data: bytes, name: object) -> None:
        self._data = data
        self._at = 0
        self._end = len(data)
        self._name = name
        self._parent: Reader | None = None
        self.item_count = 0

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return self._end - self._at

    def uint8(self, name: str) -> int:
        """Read the next byte."""
        at = self._at
        if at >= self._end:
            self.fail(name, f"1 byte expected, {self._end - at} left")
        self._at = at + 1
        return self._data[at]

    def uint16(self, name: str) -> int:
        """Read the next two bytes as a number."""
        at = self._at
        if at + 2 > self._end:
            self.fail(name, f"2 bytes expected, {self._end - at} left")
        self._at = at + 2
        return self._data[at] << 8 | self._data[at + 1]

    def uint(self, size: int, name: str) -> int:
        """Read the next ``size`` bytes as a number."""
        return int.from_bytes(self.fixed(size, name), "big")

    def fixed(self, length: int, name: str) -> bytes:
        """Read the next ``length`` bytes."""
        at = self._at
        if at + length > self._end:
            self.fail(name, f"{length} bytes expected, {self._end - at} left")
        self._at = at + length
        return self._data[at : at + length]

    def rest(self, name: str) -> bytes:
        """Read all that is left."""
        at = self._at
        self._at = self._end
        return self._data[at : self._end]

    def opaque(self, size: int, name: object, minimum: int = 0, maximum: int = 2**24) -> bytes:
        """Read a vector of bytes with a length field of ``size`` bytes."""
        start = self._at + size
        length = int.from_bytes(self._data[self._at : start], "big")
        end = start + length
        if end > self._end or not minimum <= length <= maximum:
            self._refuse(size, name, minimum, maximum)
        self._at = end
        return self._data[start:end]

    def uint8s(self, size: int, name: str) -> bytes:
        """Read a vector of one-byte numbers, at least one, as its bytes."""
        return self.opaque(size, name, 1)

    def uint16s(self, size: int, name: str) -> bytes:
        """Read a vector of two-byte numbers, at least one, as its bytes."""
        items = self.opaque(size, name, 2)
        if len(items) % 2:
            self.fail(name, f"length {len(items)} is odd, the items have 2 bytes each")
        return items

    def vector(self, size: int, name: object, parse: Callable[[Reader], T], minimum: int = 0) -> T:
        """Parse a vector with a length field of ``size`` bytes.

        ``parse`` must read the vector to its end.
        """
        inner = self.inner(size, name, minimum)
        value = parse(inner)
        inner.finish()
        self.item_count += inner.item_count
        return value

    def items(
        self, size: int, name: object, parse: Callable[[Reader], T], minimum: int = 0, *, most: int
    ) -> tuple[T, ...]:
        """Parse a vector of items, one after the other.

        Raises ``BeyondLimit`` where there are more than ``most``.
        """
        inner = self.inner(size, name, minimum)
        values: list[T] = []
        while inner._at < inner._end:
            if len(values) == most:
                inner.pass_limit(most)
            values.append(parse(inner))
        self.count(inner.item_count + len(values))
        return tuple(values)

    def typed_vectors(self, name: str, types: Mapping[int, object]) -> Iterator[tuple[int, bytes]]:
        """Yield the items up to the end: a type of two bytes, and a vector of at most 2^16-1 bytes.

        ``name`` is that of the type's field; ``types`` has the name of a vector by its type.
        """
        data, end = self._data, self._end
        while (at := self._at) < end:
            start = at + 4
            if start <= end:
                number, length = _unpack_type_and_length(data, at)
                stop = start + length
                if stop <= end:
                    self._at = stop
                    yield number, data[start:stop]
                    continue
            self.opaque(2, types[self.uint16(name)])  # raises the error that fits

    def body(self, data: bytes) -> Reader:
        """Return a reader of ``data``, which ``typed_vectors`` yielded last; it names no parent."""
        return Reader(data, "")

    def count(self, items: int) -> None:
        """Count ``items`` of a list; raise ``BeyondLimit`` where all lists have too many."""
        self.item_count += items
        if self.item_count > MAX_ITEMS:
            whole = self.path().partition(".")[0]
            raise BeyondLimit(whole, f"more than {MAX_ITEMS} items in its lists")

    def pass_limit(self, most: int) -> NoReturn:
        """Raise ``BeyondLimit``: this list has more than ``most`` items."""
        raise BeyondLimit(self.path(), f"more than {most} items")

    def inner(self, size: int, name: object, minimum: int = 0) -> Reader:
        """Return a reader of a vector with a length field of ``size`` bytes.

        The caller must ``finish`` it; ``vector`` and ``items`` do.
        """
        start = self._at + size
        length = int.from_bytes(self._data[self._at : start], "big")
        end = start + length
        if end > self._end or length < minimum:
            self._refuse(size, name, minimum, 2**24)
        inner = Reader.__new__(Reader)
        inner._data = self._data
        inner._at = start
        inner._end = self._at = end
        inner._name = name
        inner._parent = self
        inner.item_count = 0
        return inner

    def finish(self) -> None:
        """Check that nothing is left."""
        if self._at != self._end:
            raise WireError(self.path(), f"{self._end - self._at} bytes left over at its end")

    def path(self) -> str:
        """Return the names from the outermost structure to this one, with dots."""
        return f"{self._parent.path()}.{self._name}" if self._parent else str(self._name)

    def fail(self, name: object, problem: str) -> NoReturn:
        """Raise a ``WireError`` about the field ``name`` of this structure."""
        raise WireError(f"{self.path()}.{name}", problem)

    def _refuse(self, size: int, name: object, minimum: int, maximum: int) -> NoReturn:
        """Raise a ``WireError`` about the length field that comes next."""
        left = self._end - self._at
        if left < size:
            self.fail(name, f"{size} bytes of length expected, {left} left")
        length = int.from_bytes(self._data[self._at : self._at + size], "big")
        if length < minimum:
            self.fail(name, f"length {length} where at least {minimum} is required")
        if length > maximum:
            self.fail(name, f"length {length} where at most {maximum} is allowed")
        self.fail(name, f"length {length} where {left - size} bytes are left")
