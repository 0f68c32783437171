"""DER elements, as far as needed to change a finished certificate (X.690, 8.1 and 10.1).

Rules: definite lengths and one-byte tags only, which is all that a certificate's own frame has.
What is taken apart here was made by this process: a peer's bytes never come here, so anything
unexpected is a bug and raises :class:`ValueError`.

This module must not know what the elements mean.
"""

from __future__ import annotations

from dataclasses import dataclass

BIT_STRING = 0x03
SEQUENCE = 0x30


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


def elements(data: bytes) -> list[Element]:
    """Return all elements of ``data``, which holds nothing else."""
    found = []
    while data:
        element, data = _first(data)
        found.append(element)
    return found


def parts(data: bytes) -> list[Element]:
    """Return the elements inside the one SEQUENCE that ``data`` is."""
    (whole,) = elements(data)
    if whole.tag != SEQUENCE:
        raise ValueError(f"tag {whole.tag:#04x} where a SEQUENCE was expected")
    return elements(whole.content)


def sequence(*inside: Element) -> Element:
    """Return a SEQUENCE of these elements."""
    return Element(tag=SEQUENCE, content=b"".join(each.encode() for each in inside))


def bit_string(data: bytes) -> Element:
    """Return a BIT STRING of whole octets."""
    return Element(tag=BIT_STRING, content=b"\0" + data)


def _first(data: bytes) -> tuple[Element, bytes]:
    if len(data) < 2 or data[0] & 0x1F == 0x1F or data[1] == 0x80:
        raise ValueError("no DER element with a one-byte tag and a definite length")
    start, size = 2, data[1]
    if size > 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise ValueError(f"an element of {size} octets ends after {max(len(data) - start, 0)}")
    content = data[start : start + size]
    return Element(tag=data[0], content=content), data[start + size :]
