"""What the client and its negative test print; tests/test_client.py runs them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.results import Outcome, Result, Signal
from lab.show.text.client_text import admitted, body_text, listed, moment
from lab.tls.code_points import AlertDescription, ProtocolVersion
from tests.support.traces import SERVER, EventBuilder

REJECTED = Outcome(result=Result.REJECTED, by=SERVER, signal=Signal.FIN)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"a": "\xc3\xb1"}', '{\n  "a": "ñ"\n}'),
        (b"a\x1b[31m\xff", "a\\x1b[31m\ufffd"),
        (b"[" * 100_000, "[" * 2000),
    ],
)
def test_a_body_is_laid_out_if_it_is_json_and_else_escaped_and_cut(body: bytes, text: str) -> None:
    assert body_text(body) == text


@pytest.mark.parametrize("body", [b"[]", b"no JSON", b'{"client": 1}'])
def test_a_list_without_the_clients_name_shows_none(body: bytes) -> None:
    assert not any("Authenticated as" in line for line in listed(200, body))


def test_the_moment_of_a_refusal_without_an_alert_and_without_a_version() -> None:
    assert moment(REJECTED, None) == (
        "no alert before the end of the connection, inside the handshake call"
    )


def test_the_moment_of_a_refusal_after_the_handshake_call() -> None:
    alert = EventBuilder().alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED)
    outcome = replace(REJECTED, alert=alert, client_handshake_returned=True)
    assert moment(outcome, ProtocolVersion.TLS_1_3) == (
        "certificate_required (116), at the first read, after the handshake call had returned "
        "(TLS 1.3)"
    )


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (401, "only in HTTP (401)."),
        (200, "FAIL: Server served an unauthenticated client."),
        (500, "FAIL: Server served an unauthenticated client."),
    ],
)
def test_a_client_that_was_let_in_fails_the_test(status: int, end: str) -> None:
    assert list(admitted(status, b""))[-1].endswith(end)
