"""Puts IP packets together that were sent in fragments (RFC 791 section 3.2, RFC 8200 section 4.5).

Rules: of fragments that overlap, which no honest sender makes (RFC 5722), the one that begins first
counts. What waits is bounded; the oldest goes first.
"""

from __future__ import annotations

MAX_WAITING = 2**22
"""How many bytes of fragments wait for the others of their packets."""
MAX_PACKETS = 1024
"""How many packets wait for their missing fragments."""
MAX_FRAGMENTS = 256
"""How many fragments one packet may have: 65,535 bytes in those of the least MTU, 576, are 119."""
_COST = 256  # beside the bytes, for each


class _Waiting:
    """The fragments that came of one packet: place, bytes, and how many it had on the wire."""

    __slots__ = ("fragments", "length", "size")

    def __init__(self) -> None:
        self.fragments: list[tuple[int, bytes, int]] = []
        self.length = -1
        self.size = 0


class IpFragments:
    """Fragments that wait for the others of their packets."""

    def __init__(self) -> None:
        self._packets: dict[bytes, _Waiting] = {}
        self._size = 0

    def add(
        self, key: bytes, offset: int, data: bytes, absent: int, *, last: bool
    ) -> tuple[bytes, int] | None:
        """Add ``data`` at ``offset`` of the packet that ``key`` names.

        ``absent`` bytes behind it were not captured. Returns the packet's content once all of it
        is there, up to the first byte that was not captured, and how many are missing from there.
        """
        waiting = self._packets.get(key)
        if waiting is None:
            waiting = self._packets[key] = _Waiting()
        if last:
            waiting.length = offset + len(data) + absent
        waiting.fragments.append((offset, data, len(data) + absent))
        waiting.size += len(data) + _COST
        self._size += len(data) + _COST
        content = _joined(waiting) if waiting.length >= 0 else None
        if content is not None or len(waiting.fragments) >= MAX_FRAGMENTS:
            self._forget(key)
        while len(self._packets) > MAX_PACKETS or self._size > MAX_WAITING:
            self._forget(next(iter(self._packets)))
        return content

    def _forget(self, key: bytes) -> None:
        self._size -= self._packets.pop(key).size


def _joined(waiting: _Waiting) -> tuple[bytes, int] | None:
    """Return the content and how much of it was not captured; None while a fragment is missing."""
    if sum(length for _, _, length in waiting.fragments) < waiting.length:
        return None
    parts: list[bytes] = []
    at, captured = 0, True
    for offset, data, length in sorted(waiting.fragments, key=lambda fragment: fragment[0]):
        if offset > at:
            return None
        behind = at - offset
        if behind < length:
            if captured:
                parts.append(data[behind:])
                captured = len(data) == length
            at = offset + length
    if at < waiting.length:
        return None
    content = b"".join(parts)[: waiting.length]
    return content, waiting.length - len(content)
