"""A request of the browser as a handler gets it, and what a handler is.

This module must not know any page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote

from lab.http.message import RequestHead, Response
from lab.webapp.multipart import FormError, boundary_of, parts_of

_MOST_FIELDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """A file of a form: its name as the browser sent it, which is never opened, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of a form, the last value of each name, and its files by the field's name."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Sequence[UploadedFile]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return the value of a field without white space around it, "" where it is not there."""
        return self.fields.get(name, "").strip()

    def file(self, name: str) -> UploadedFile | None:
        """Return the first file of a field, None where the user chose none."""
        return next(iter(self.files.get(name, ())), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that may be answered: its token, Host and, of an action, its origin are right.

    * ``path`` is decoded; ``parameters`` are the parts of it that the route names.
    * ``query`` has the last value of each name, ``form`` is empty where the request has none.
    * ``headers`` have lower-case names.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form = field(default_factory=Form)
    body: bytes = b""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Answers a request. It runs on the event loop: what computes for long belongs into a thread."""


def query_of(text: str) -> dict[str, str]:
    """Return the parameters of a query or a form (application/x-www-form-urlencoded).

    Raises FormError where they are too many.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise FormError(f"more than {_MOST_FIELDS} fields") from None
    return dict(pairs)


def request_of(head: RequestHead, body: bytes, parameters: Mapping[str, str]) -> Request:
    """Return a request with its form read. Raises FormError."""
    return Request(
        method=head.method,
        path=unquote(head.path),
        query=query_of(head.query),
        form=_form(head.headers.get(b"content-type", b""), body),
        body=body,
        headers=head.headers,
        parameters=parameters,
    )


def _form(content_type: bytes, body: bytes) -> Form:
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == b"application/x-www-form-urlencoded":
        return Form(fields=query_of(body.decode("utf-8", "replace")))
    if kind != b"multipart/form-data":
        return Form()
    fields: dict[str, str] = {}
    files: dict[str, list[UploadedFile]] = {}
    for part in parts_of(body, boundary_of(content_type)):
        if part.filename is None:
            fields[part.name] = part.data.decode("utf-8", "replace")
        elif part.filename or part.data:  # a field without a file comes as an empty one
            uploaded = UploadedFile(name=part.filename, data=part.data)
            files.setdefault(part.name, []).append(uploaded)
    return Form(fields=fields, files=files)
