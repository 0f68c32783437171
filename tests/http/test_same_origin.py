"""Whose form is taken."""

from __future__ import annotations

import pytest

from lab.http.same_origin import foreign_origin

HOST = b"localhost:8443"
OWN = b"https://localhost:8443"


@pytest.mark.parametrize(
    "headers",
    [
        {b"origin": OWN, b"sec-fetch-site": b"same-origin"},
        {b"origin": OWN},
        {b"sec-fetch-site": b"same-origin"},
        # The user's own doing, as a form that is sent again after a restart.
        {b"sec-fetch-site": b"none"},
        {b"origin": OWN, b"host": b"LocalHost:8443"},
        {b"origin": b"https://lab.example", b"host": b"lab.example:443"},
        {b"origin": b"https://[::1]:8443", b"host": b"[::1]:8443"},
    ],
)
def test_a_form_of_the_server_itself_is_taken(headers: dict[bytes, bytes]) -> None:
    assert foreign_origin({b"host": HOST, **headers}) == ""


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "it has neither Origin nor Sec-Fetch-Site"),
        ({b"sec-fetch-site": b"cross-site", b"origin": OWN}, "Sec-Fetch-Site is cross-site"),
        # Another port of the same host is another origin, and the certificate goes there too.
        ({b"sec-fetch-site": b"same-site"}, "Sec-Fetch-Site is same-site"),
        ({b"sec-fetch-site": b""}, "Sec-Fetch-Site is empty"),
        ({b"sec-fetch-site": b"same-origin, cross-site"}, "Sec-Fetch-Site is same-origin, cross-s"),
        ({b"origin": b"https://evil.example"}, "Origin is https://evil.example"),
        (
            {b"origin": b"https://evil.example", b"sec-fetch-site": b"same-origin"},
            "Origin is https://evil.example",
        ),
        ({b"origin": b"null"}, "Origin is null"),
        ({b"origin": b""}, "Origin is empty"),
        ({b"origin": b"http://localhost:8443"}, "Origin is http://localhost:8443"),
        ({b"origin": b"https://localhost"}, "Origin is https://localhost"),
        ({b"origin": b"https://localhost:84430"}, "Origin is https://localhost:84430"),
        ({b"origin": b"https://", b"host": b""}, "Origin is https://"),
        ({b"origin": b"\x80\\evil"}, r"Origin is \x80\\evil"),
    ],
)
def test_any_other_form_is_not(headers: dict[bytes, bytes], reason: str) -> None:
    found = foreign_origin({b"host": HOST, **headers})
    assert found.startswith(reason)
    assert len(found) < 250


def test_a_reason_shows_no_more_than_the_beginning() -> None:
    assert len(foreign_origin({b"origin": b"x" * 10_000})) < 150
