"""Forms with files: multipart/form-data (RFC 7578), as browsers write it.

Rules: the body is in memory, and its parts are cut out of it; nothing is written anywhere. What no
browser writes is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_PARTS = 200
_MOST_HEAD = 8192  # bytes in front of a part's content
_BOUNDARY = re.compile(rb'boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
# Browsers escape quotes and line ends in names: HTML Living Standard, "multipart form data".
_NAME = re.compile(r'(?:^|;)\s*name="([^"]*)"')
_FILENAME = re.compile(r'(?:^|;)\s*filename="([^"]*)"')
_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}


class FormError(Exception):
    """A form cannot be read. Its message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPart:
    """One field: ``filename`` is None where it is no file, "" where the user chose none."""

    name: str
    filename: str | None
    data: bytes


def boundary_of(content_type: bytes) -> bytes:
    """Return the boundary that a Content-Type names. Raises FormError."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise FormError("its Content-Type names no boundary")
    return found[1] or found[2]


def parts_of(body: bytes, boundary: bytes) -> Iterator[FormPart]:
    """Yield the parts of a body. Raises FormError where it is no multipart/form-data."""
    delimiter = b"\r\n--" + boundary
    if not body.startswith(delimiter[2:]):
        raise FormError("the form does not begin with its boundary")
    start, count = len(delimiter) - 2, 0
    while body[start : start + 2] == b"\r\n":
        end = body.find(delimiter, start)
        if end < 0:
            raise FormError("the form has no end")
        count += 1
        if count > _MOST_PARTS:
            raise FormError(f"the form has more than {_MOST_PARTS} parts")
        yield _part(body, start + 2, end)
        start = end + len(delimiter)
    if body[start : start + 2] != b"--":
        raise FormError("the form has no end")


def _part(body: bytes, start: int, end: int) -> FormPart:
    head_end = body.find(b"\r\n\r\n", start, min(end, start + _MOST_HEAD))
    if head_end < 0:
        raise FormError("a part of the form has no head")
    head = body[start:head_end].decode("utf-8", "replace")
    for line in head.split("\r\n"):
        field, _, value = line.partition(":")
        if field.strip().lower() != "content-disposition":
            continue
        name, filename = _NAME.search(value), _FILENAME.search(value)
        if name is not None:
            return FormPart(
                name=_unescaped(name[1]),
                filename=None if filename is None else _unescaped(filename[1]),
                data=body[head_end + 4 : end],
            )
    raise FormError("a part of the form has no name")


def _unescaped(text: str) -> str:
    for escape, character in _ESCAPES.items():
        text = text.replace(escape, character)
    return text
