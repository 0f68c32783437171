"""An index of a key log by client_random, for key logs of any size.

Rules: the first lines are kept, and of the others only where they are, so that a log of gigabytes
takes some bytes a connection; whoever has the log reads those places for the index. A line that is
no secret is passed over, as every reader of this format does.
"""

from __future__ import annotations

import re
from array import array
from binascii import unhexlify
from collections.abc import Callable

from lab.tls.key_log import MAX_LINE, Secret, SecretLabel

MAX_KEPT = 16_384
"""How many secrets are kept themselves."""
WINDOW = 4096
"""How many bytes are read at a place of the log; one place is kept for all lines in them."""
MAX_PLACES = 4096
"""How many places are read for one connection, the newest."""

_LABELS = {label.value.encode(): label for label in SecretLabel}
# RFC 9846 section 7.1: a secret is as long as the hash; RFC 5246 section 8.1: 48 bytes.
_HEX = rb"((?:[0-9A-Fa-f]{32}){%s})"
_LINE = re.compile(
    rb"^[ \t]*(%s)[ \t]+%s[ \t]+%s[ \t]*\r?$" % (b"|".join(_LABELS), _HEX % b"2", _HEX % b"2,4"),
    re.MULTILINE,
)


class KeyLogIndex:
    """Finds the secrets of a connection in a key log that is given to ``add`` piece by piece.

    ``read`` returns bytes of the log, given an offset and how many; without it the index keeps the
    text itself. ``count`` is how many secrets the log has, ``used``
    how many of them were found by ``secrets``.
    """

    def __init__(self, read: Callable[[int, int], bytes] | None = None) -> None:
        self.count = 0
        self.used = 0
        self._text = bytearray()
        self._keeps_text = read is None
        self._read = read or self._read_text
        self._kept: dict[bytes, dict[SecretLabel, bytes]] = {}
        self._places: dict[bytes, array[int]] = {}
        self._begun = b""  # a line that has not ended
        self._size = 0  # of the lines that have

    def add(self, data: bytes) -> None:
        """Add the next bytes of the log, cut anywhere."""
        data = self._begun + data
        end = data.rfind(b"\n") + 1
        if len(data) - end > MAX_LINE:
            end = len(data)  # no secret is as long
        self._begun = data[end:]
        self._add_lines(data[:end])

    def end(self) -> None:
        """Take the last line for one that has ended: the log does not grow."""
        lines, self._begun = self._begun, b""
        self._add_lines(lines)

    def secrets(self, client_random: bytes) -> list[Secret]:
        """Return the secrets of the connection whose ClientHello has this random."""
        found = dict(self._kept.get(client_random, ()))
        for place in self._places.get(client_random[:2], ())[-MAX_PLACES:]:
            asked = min(WINDOW + MAX_LINE, self._size - place)
            for match in _LINE.finditer(self._read(place, asked)):
                label, random, secret = _secret(match)
                if match.start() <= WINDOW and random == client_random:
                    found[label] = secret
        self.used += len(found)
        return [(label, client_random, secret) for label, secret in found.items()]

    def _add_lines(self, lines: bytes) -> None:
        for match in _LINE.finditer(lines):
            self.count += 1
            if self.count <= MAX_KEPT:
                label, random, secret = _secret(match)
                self._kept.setdefault(random, {})[label] = secret
                continue
            place = self._size + match.start()
            start = unhexlify(match[2][:4])
            places = self._places.get(start)
            if places is None:
                self._places[start] = array("Q", (place,))
            elif place - places[-1] > WINDOW:
                places.append(place)
        self._size += len(lines)
        if self._keeps_text:
            self._text += lines

    def _read_text(self, offset: int, size: int) -> bytes:
        return bytes(self._text[offset : offset + size])


def _secret(match: re.Match[bytes]) -> Secret:
    return _LABELS[match[1]], unhexlify(match[2]), unhexlify(match[3])
