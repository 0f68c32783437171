"""The status of an HTTP/1.1 response, and what its body says, from the first bytes of a server.

This module must not know TLS.
"""

from __future__ import annotations

import html
import re

from lab.tls.escape import escaped

# The answers by which an HTTP server refuses a client for who it is, or for the host that it
# names: RFC 9110 sections 15.5.1, 15.5.2, 15.5.4 and 15.5.20, and nginx's codes for a bad and for
# a missing certificate.
_BAD_REQUEST = 400
_REFUSALS = frozenset({_BAD_REQUEST, 401, 403, 421, 495, 496})

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |\r)")
_START = b"HTTP/1."
_SHORTEST = len(b"HTTP/1.1 200 ")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,200}\r\n")
_TAG = re.compile(r"<[^<>]*>")
_HEAD_END = b"\r\n\r\n"
# What informational responses and a status line may be; more is not looked at.
_MOST_BYTES = 16384
MOST_BODY = 4096
"""How many bytes of a body are looked at."""
_MOST_RESPONSE = 2 * MOST_BODY
_MOST_TEXT = 200


class StatusReader:
    """Reads the status of the first final response (RFC 9112 section 4) from bytes as they come.

    Informational responses (RFC 9110 section 15.2) are passed over. ``status`` is None where there
    is none, or not yet; ``done`` tells that more bytes change nothing.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.done = False
        self._head = bytearray()
        self._room = _MOST_BYTES

    @property
    def may_be_http(self) -> bool:
        """Whether the bytes so far begin as a response does."""
        return self._head[: len(_START)] == _START[: len(self._head)]

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        searched = max(0, len(self._head) - len(_HEAD_END) + 1)
        self._head += data[: self._room]
        self._room -= min(len(data), self._room)
        while len(self._head) >= _SHORTEST:
            found = _STATUS_LINE.match(self._head)
            if found is None or int(found.group(1)) >= 200:
                self.status = int(found.group(1)) if found else None
                self.done = True
                return
            end = self._head.find(_HEAD_END, searched)
            if end < 0:
                self.done = not self._room
                return
            del self._head[: end + len(_HEAD_END)]
            searched = 0
        self.done = not self._room


class FirstAnswer:
    """The first bytes that a server answered, read as HTTP as far as they are that.

    ``is_cut`` tells that bytes before or among them are missing, so that nothing is read in them;
    ``is_asked`` that the client may have sent a request. Who has sent none is answered that it is a
    bad one, whoever it is.
    """

    def __init__(self, *, is_cut: bool, is_asked: bool = True) -> None:
        self._reader = StatusReader()
        self._response = bytearray()
        self._is_cut = is_cut
        self._is_asked = is_asked

    @property
    def status(self) -> int | None:
        """The status of the first final response; None: there is none, or not yet."""
        return self._reader.status

    @property
    def refuses(self) -> bool:
        """Whether it refuses the client."""
        return self.status in _REFUSALS and (self._is_asked or self.status != _BAD_REQUEST)

    @property
    def is_open(self) -> bool:
        """Whether what follows may still make it a refusal."""
        return not self._is_cut and self._reader.may_be_http and not self._reader.done

    @property
    def text(self) -> str:
        """What the body of a refusal says, on one line, escaped; "" for nothing."""
        return body_text(bytes(self._response)) if self._response else ""

    def cut(self) -> None:
        """Take that bytes are missing at this point: what follows is not read."""
        self._is_cut = True

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        reader = self._reader
        if self._is_cut:
            return
        if not reader.done or self.refuses:
            self._response += data[: _MOST_RESPONSE - len(self._response)]
        if not reader.done:
            reader.feed(data)
            if reader.status is not None and not self.refuses:
                self._response.clear()


def is_refusal(status: int) -> bool:
    """Whether a client that has asked for something is refused by this status."""
    return status in _REFUSALS


def http_status(data: bytes) -> int | None:
    """Return the status of the first final HTTP/1.1 response in ``data``; None: there is none."""
    reader = StatusReader()
    reader.feed(data)
    return reader.status


def body_text(response: bytes) -> str:
    """Return what the body of the first final response in ``response`` says, on one line, escaped.

    HTML loses its tags, and a line that is said twice is said once. "" where there is no body, or
    one that is compressed.
    """
    head, body = b"", response
    while found := _STATUS_LINE.match(body):
        head, _, body = body.partition(_HEAD_END)
        if int(found.group(1)) >= 200:
            break
    fields = head.lower()
    if not fields or b"\r\ncontent-encoding:" in fields:
        return ""
    if re.search(rb"\r\ntransfer-encoding:[^\r\n]*chunked", fields):
        body = _without_chunks(body)
    return text_of(body[:MOST_BODY].decode("utf-8", "replace"))


def text_of(body: str) -> str:
    """Return what a body says, which may be HTML, on one line, escaped."""
    text = html.unescape(_TAG.sub("\n", body[:MOST_BODY]))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return escaped("; ".join(dict.fromkeys(filter(None, lines)))[:_MOST_TEXT])


def _without_chunks(data: bytes) -> bytes:
    """Return the content of chunks (RFC 9112 section 7.1), as far as they are whole or begun."""
    content = b""
    while (found := _CHUNK.match(data)) and len(content) < MOST_BODY:
        end = found.end() + int(found.group(1), 16)
        content += data[found.end() : min(end, found.end() + MOST_BODY)]
        data = data[end + 2 :]
    return content
