"""Explained error texts as a part of a page."""

from __future__ import annotations

from lab.diagnosis.error_texts.explain_text import explain_text
from lab.show.html.explanation_view import explanation_view

REQUIRED = (
    "curl: (56) OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required"
)


def test_an_error_has_its_causes_and_what_to_do() -> None:
    view = explanation_view(explain_text(REQUIRED))
    assert "The server sent the alert certificate_required (116)." in view
    assert "received: the other end refused" in view
    assert "What to do:" in view
    assert "python -m lab.probe --explain no-certificate" in view


def test_an_unknown_text_is_no_finding() -> None:
    view = explanation_view(explain_text("tls error: no such failure"))
    assert "No error of TLS that is known here was found." in view
    assert "Not understood" in view


def test_text_is_escaped() -> None:
    hostile = "<script>alert(1)</script>\u202e\x00"
    for text in (f"{hostile} {REQUIRED}", f"ssl failed {hostile}"):
        view = explanation_view(explain_text(text))
        assert "<script" not in view
        assert "\u202e" not in view
        assert "\x00" not in view


def test_many_errors_stay_bounded() -> None:
    text = "\n".join(
        f"curl: (60) SSL certificate problem: error {n}\nx509: {n}" for n in range(999)
    )
    assert len(explanation_view(explain_text(text))) < 400_000
