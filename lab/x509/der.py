"""DER (X.690), as far as certificates need it: elements, object identifiers, times.

Rules: lengths in a longer form than need be are read, as OpenSSL reads them; what is written has
the shortest. Each function raises ValueError for what it cannot read, and takes a time in
proportion to its data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31

_MAX_OID = 64  # bytes; the time to decode a number grows with its square


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element: its identifier octet, and its content without the length."""

    tag: int
    content: bytes

    def encode(self) -> bytes:
        """Return the element with its identifier and its length, in the shortest form."""
        size = len(self.content)
        if size < 0x80:
            return bytes((self.tag, size)) + self.content
        length = size.to_bytes((size.bit_length() + 7) // 8, "big")
        return bytes((self.tag, 0x80 | len(length))) + length + self.content


def spans(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """Return where each element of ``data[start:end]`` begins, has its content, and ends."""
    found = []
    while start < end:
        content, behind = _span(data, start, end)
        found.append((start, content, behind))
        start = behind
    return found


def _span(data: bytes, start: int, end: int) -> tuple[int, int]:
    if end - start < 2 or data[start] & 0x1F == 0x1F or data[start + 1] == 0x80:
        raise ValueError("no DER element with a one-byte tag and a definite length")
    content, size = start + 2, data[start + 1]
    if size > 0x80:
        content += size & 0x7F
        size = int.from_bytes(data[start + 2 : content], "big")
    if end < content + size:
        raise ValueError(f"an element of {size} octets ends after {max(end - content, 0)}")
    return content, content + size


def first(data: bytes) -> bytes:
    """Return the first element of ``data``, as it is encoded."""
    return data[: _span(data, 0, len(data))[1]]


def elements(data: bytes) -> list[Element]:
    """Return all elements of ``data``, which holds nothing else."""
    return [
        Element(tag=data[start], content=data[content:end])
        for start, content, end in spans(data, 0, len(data))
    ]


def parts(data: bytes, tag: int = SEQUENCE) -> list[Element]:
    """Return the elements inside the one element of this tag that ``data`` is."""
    found = elements(data)
    if len(found) != 1:
        raise ValueError(f"{len(found)} elements where one was expected")
    if found[0].tag != tag:
        expected = "a SEQUENCE" if tag == SEQUENCE else f"tag {tag:#04x}"
        raise ValueError(f"tag {found[0].tag:#04x} where {expected} was expected")
    return elements(found[0].content)


def content_of(data: bytes, tag: int) -> bytes:
    """Return the content of the one element of this tag that ``data`` is."""
    found = elements(data)
    if len(found) != 1 or found[0].tag != tag:
        raise ValueError(f"no single element with tag {tag:#04x}")
    return found[0].content


def sequence(*inside: Element) -> Element:
    """Return a SEQUENCE of these elements."""
    return Element(tag=SEQUENCE, content=b"".join(element.encode() for element in inside))


def bit_string(data: bytes) -> Element:
    """Return a BIT STRING of whole octets."""
    return Element(tag=BIT_STRING, content=b"\0" + data)


def dotted(content: bytes) -> str:
    """Return an object identifier in dotted form, from its content."""
    if not content or content[-1] & 0x80 or len(content) > _MAX_OID:
        raise ValueError("no object identifier, or a very long one")
    numbers, number = [], 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def integer(content: bytes) -> int:
    """Return a signed integer from its content."""
    if not content:
        raise ValueError("an INTEGER without content")
    return int.from_bytes(content, "big", signed=True)


def moment_of(element: Element) -> datetime:
    """Return a UTCTime or GeneralizedTime in the forms of RFC 5280 section 4.1.2.5."""
    text = element.content.decode("ascii")
    if element.tag == UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    elif element.tag != GENERALIZED_TIME:
        raise ValueError(f"tag {element.tag:#04x} where a time was expected")
    if len(text) != 15:
        raise ValueError("a time in another form than YYYYMMDDHHMMSSZ")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
