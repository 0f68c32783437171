"""Requests that two parsers may read as one and as two, or that are too much, as data.

Behind each stands SMUGGLED, which a server that is fooled would answer.

This module must not know sockets, nor pytest.
"""

from __future__ import annotations

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
_BODY = b'{"task": "x"}'


def _get(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET /todo HTTP/1.1", b"Host: localhost", *lines]) + b"\r\n\r\n"


def _post(*lines: bytes, body: bytes = b"") -> bytes:
    kind = b"Content-Type: application/json"
    head = [b"POST /todo HTTP/1.1", b"Host: localhost", kind, *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def _chunked(*rest: bytes) -> bytes:
    return _post(b"Transfer-Encoding: chunked", body=b"".join(rest))


_LENGTH = b"Content-Length: 13"

REQUESTS: dict[str, tuple[bytes, int]] = {
    "length, then coding": (
        _post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        400,
    ),
    "coding, then length": (
        _post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
        400,
    ),
    "two lengths that differ": (_post(_LENGTH, b"Content-Length: 0", body=_BODY), 400),
    "two lengths in one field": (_post(b"Content-Length: 13, 0", body=_BODY), 400),
    "two codings": (_post(*[b"Transfer-Encoding: chunked"] * 2, body=b"0\r\n\r\n"), 501),
    "a coding in two words": (_post(b"Transfer-Encoding: chunked, x", body=b"0\r\n\r\n"), 501),
    "a folded field": (_get(b"X: a\r\n Content-Length: 50"), 400),
    "a folded coding": (_post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"), 400),
    "LF alone behind a field": (_get(b"X: a\nContent-Length: 50"), 400),
    "LF alone behind the request line": (b"GET /todo HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    "CR alone": (_get(b"X: a\rContent-Length: 50"), 400),
    "NUL in a value": (_get(b"X: a\x00b"), 400),
    "NUL in a name": (_get(b"X\x00: a"), 400),
    "space before the colon": (_post(b"Content-Length : 13", body=_BODY), 400),
    "space before the first field": (b"GET /todo HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "a chunk size with a sign": (_chunked(b"+d\r\n", _BODY, b"\r\n0\r\n\r\n"), 400),
    "a chunk size in 0x form": (_chunked(b"0xd\r\n", _BODY, b"\r\n0\r\n\r\n"), 400),
    # Its low 64 bits are those of the body. Read right, it is a chunk that never ends.
    "a chunk size beyond 64 bits": (
        _chunked(b"1" + b"0" * 15 + b"d\r\n", _BODY, b"\r\n0\r\n"),
        408,
    ),
    "a chunk size of 40 digits": (_chunked(b"f" * 40 + b"\r\n", _BODY), 400),
    "a chunk size that is none": (_chunked(b"\r\n\r\n"), 400),
    "a chunk longer than its size": (_chunked(b"4\r\n", _BODY, b"\r\n0\r\n\r\n"), 400),
    "LF alone behind a chunk size": (_chunked(b"d\n", _BODY, b"\r\n0\r\n\r\n"), 400),
    "LF alone in a chunk extension": (_chunked(b"d;a\nb\r\n", _BODY, b"\r\n0\r\n\r\n"), 400),
    "LF alone behind a chunk": (_chunked(b"d\r\n", _BODY, b"\n0\r\n\r\n"), 400),
    "CR alone in a chunk extension": (_chunked(b"d;a\rb\r\n", _BODY, b"\r\n0\r\n\r\n"), 400),
    "LF alone behind the last chunk": (_chunked(b"d\r\n", _BODY, b"\r\n0\n\r\n"), 400),
    "LF alone behind all chunks": (_chunked(b"d\r\n", _BODY, b"\r\n0\r\n\n"), 400),
    "LF alone behind a trailer": (_chunked(b"0\r\nX: a\n\r\n"), 400),
    "LF alone behind the trailers": (_chunked(b"0\r\nX: a\n\n"), 400),
    "LF alone in a trailer": (_chunked(b"0\r\nX: a\nContent-Length: 50\r\n\r\n"), 400),
    "CR alone in a trailer": (_chunked(b"0\r\nX: a\rb\r\n\r\n"), 400),
    "a folded trailer": (_chunked(b"0\r\nX: a\r\n b\r\n\r\n"), 400),
    "a trailer without a colon": (_chunked(b"0\r\nnonsense\r\n\r\n"), 400),
    "a chunk extension without end": (_chunked(b"d;" + b"e" * 100_000), 431),
    "101 trailers": (_chunked(b"0\r\n", b"X: a\r\n" * 101, b"\r\n"), 431),
    "a trailer of 20 KB": (_chunked(b"0\r\nX: ", b"a" * 20_000, b"\r\n\r\n"), 431),
    "100,000 fields": (_get(*[b"X: a"] * 100_000), 431),
    "101 fields": (_get(*[b"X: a"] * 100), 431),
    "a field of 1 MB": (_get(b"X: " + b"a" * 1_000_000), 431),
    "a body that is too long": (_post(b"Content-Length: 70000", body=b"x" * 70_000), 413),
    "a request line of 1 MB": (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n", 431),
}
"""By name: the request, and the status of the one answer to it, behind which the server closes."""
