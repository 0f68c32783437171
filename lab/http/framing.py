"""Which of the bytes that have come belong to the request in hand, by RFC 9112 and strictly.

Rules: h11 is handed the bytes of one request and none of the next, and lines only whole; so the
size of a head is exact, and each byte is looked at once, however the bytes come. What h11 lets pass
and this server refuses is found in ``_check_lines``, for heads, chunk framing and trailers alike.

This module must not know where bytes come from, nor what a request means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lab.http.limits import Limit, Limits
from lab.http.message import Refused, error_response

_LINE_END = b"\r\n"
_EMPTY_LINE = b"\r\n\r\n"
# The second look at LF is behind it, so that the search need not stop at every byte.
_FAULTS = re.compile(rb"(?P<lf>\n(?<!\r\n))|(?P<cr>\r[^\n])|(?P<fold>\r\n[ \t])")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;.*)?[ \t]*\r\n")


class Unparsed:
    """The bytes of a connection that h11 has not been given yet."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._data = bytearray()
        self._checked = 0  # bytes in front that need not be searched again
        self._skipped = False  # an empty line in front of the next head

    def __len__(self) -> int:
        return len(self._data)

    def append(self, data: bytes) -> None:
        """Take in what has come."""
        self._data += data

    def first_line(self) -> bytes:
        """Return what is here of the first line, or of its beginning, without taking it out."""
        return bytes(self._data[: self._limits.max_header]).partition(_LINE_END)[0]

    def cut(self, size: int) -> bytes:
        """Take out at most ``size`` bytes."""
        piece = bytes(self._data[:size])
        del self._data[:size]
        return piece

    def cut_head(self) -> bytes:
        """Take out a request's head, its empty line included; ``b""`` where it is not all here."""
        data = self._data
        if not self._skipped and data.startswith(_LINE_END):
            # RFC 9112 section 2.2: one empty line before a request is to be ignored.
            self._skipped = True
            self._checked = 0
            del data[:2]
        if not data:
            return b""
        if not 0x21 <= data[0] <= 0x7E and data != b"\r":
            raise Refused(error_response(400, "this is not an HTTP request"))
        head = self.cut_lines(_EMPTY_LINE, "request head")
        if head:
            self._skipped = False
        return head

    def cut_trailers(self) -> bytes:
        """Take out trailer fields and the empty line behind; ``b""`` where not all are here."""
        end = _LINE_END if self._data.startswith(_LINE_END) else _EMPTY_LINE
        return self.cut_lines(end, "trailer section")

    def cut_lines(self, end: bytes, part: str) -> bytes:
        """Take out lines up to ``end`` and with it; ``b""`` where it has not come.

        Raises Refused where they are longer than a head may be (431), and as ``_check_lines``
        does. ``part`` is what they are, for its message.
        """
        start = self._data.find(end, max(0, self._checked + 1 - len(end)))
        size = len(self._data) if start < 0 else start + len(end)
        limit = self._limits.max_header
        if size > limit:
            message = f"the {part} is longer than {limit} bytes"
            raise Refused(error_response(431, message), limit=Limit.MAX_HEADER)
        _check_lines(self._data, part, self._checked, size)
        if start < 0:
            self._checked = size
            return b""
        self._checked = 0
        return self.cut(size)


def _check_lines(data: bytearray, part: str, checked: int, size: int) -> None:
    """Refuse what h11 lets pass in the first ``size`` bytes, of which ``checked`` were in order.

    * LF alone: h11 takes it for a line end, as RFC 9112 section 2.2 allows.
    * CR alone: h11 keeps it in a chunk extension; section 2.2 makes it invalid.
    * A line that begins with white space: h11 unfolds it, as section 5.2 allows.

    A proxy in front of this server may read each of these in another way, and take what follows
    for another request than this server does.
    """
    # Two bytes back: a CR may have stood at the end, or a CR LF.
    fault = _FAULTS.search(data, max(0, checked - 2), size)
    if fault is None:
        return
    message = {
        "lf": f"a line of the {part} ends with LF instead of CR LF",
        "cr": f"a line of the {part} has a CR that is not followed by LF",
        "fold": f"a line of the {part} is folded over several lines (obsolete line folding)",
    }[fault.lastgroup or ""]
    raise Refused(error_response(400, message))


def body_pieces(
    unparsed: Unparsed, headers: Mapping[bytes, bytes], limits: Limits, *, waiting: bool
) -> Iterator[bytes]:
    """Take a request's body out of ``unparsed``: yield what is here of it, ``b""`` for nothing.

    Raises Refused: at once where the declared length is too much (413), and in the course of it
    for trailers that are too much (431), and for framing that is not RFC 9112's (400). ``waiting``
    says that the client waits for 100 (Continue) before it sends the body.
    """
    if b"transfer-encoding" in headers:
        return _chunked_body(unparsed, limits)
    length = int(headers[b"content-length"])
    if length > limits.max_body:
        raise too_large(limits, pending=0 if waiting else length - len(unparsed))
    return _counted_bytes(unparsed, length)


def _counted_bytes(unparsed: Unparsed, count: int) -> Iterator[bytes]:
    while count:
        piece = unparsed.cut(count)
        count -= len(piece)
        yield piece


def _chunked_body(unparsed: Unparsed, limits: Limits) -> Iterator[bytes]:
    size = 1
    while size:
        while not (line := unparsed.cut_lines(_LINE_END, "chunk framing")):
            yield b""
        fields = _CHUNK_LINE.fullmatch(line)
        if fields is None:
            raise Refused(error_response(400, "a chunk of the body does not begin with its size"))
        size = int(fields[1], 16)
        end = size + 2 if size else 0  # the last chunk has no data, and no line end of its own
        data = unparsed.cut(end)
        yield line + data
        yield from _counted_bytes(unparsed, end - len(data))
    while not (trailers := unparsed.cut_trailers()):
        yield b""
    if trailers.count(_LINE_END) > limits.max_header_fields + 1:
        message = f"there are more than {limits.max_header_fields} trailer fields"
        raise Refused(error_response(431, message), limit=Limit.MAX_HEADER_FIELDS)
    yield trailers


def too_large(limits: Limits, *, pending: int, framing: bool = False) -> Refused:
    """Return the refusal of a body that is too long, or is so only with its chunk ``framing``."""
    message = f"the body is longer than {limits.max_body} bytes"
    if framing:
        most = limits.max_body + limits.max_header
        message = f"the body is longer than {most} bytes with its chunk framing"
    return Refused(error_response(413, message), pending=pending, limit=Limit.MAX_BODY)
