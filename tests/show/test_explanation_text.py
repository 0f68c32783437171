"""An explained error text as text: at 80 columns, with nothing of a hostile text in it."""

from __future__ import annotations

import io

import pytest

from lab.diagnosis.error_texts.explain_text import explain_text
from lab.show.explanation_text import draw_explanation, print_explanation
from lab.show.text.paper import Paper

REQUIRED = (
    "curl: (56) OpenSSL SSL_read: OpenSSL/3.0.22: error:0A00045C:SSL routines::tlsv13 alert "
    "certificate required, errno 0"
)


def drawn(text: str, paper: Paper | None = None) -> str:
    lines = draw_explanation(explain_text(text), paper or Paper())
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


def test_a_finding_as_it_is_shown() -> None:
    assert drawn(REQUIRED).startswith(
        """\
1  the server sent the alert certificate_required (116)
   text        curl: (56) OpenSSL SSL_read: OpenSSL/3.0.22: error:0A00045C:SSL
               routines::tlsv13 alert certificate required, errno 0
   speaker     curl, OpenSSL 3.0.22; at the client's end
   direction   received: the other end refused
   when        after the client's handshake call had returned
   What it can be, best first:
   a  the server requires a client certificate, and the client sent none
      to tell  python -m lab.trace HOST:PORT shows CertificateRequest and then
"""
    )
    assert "   shown by    python -m lab.probe --explain no-certificate\n" in drawn(REQUIRED)


@pytest.mark.parametrize("text", [REQUIRED, "20", "0x80090327", "tls error: no such failure"])
@pytest.mark.parametrize("width", [60, 80, 100])
def test_lines_fit_the_paper(text: str, width: int) -> None:
    assert max(map(len, drawn(text, Paper(width=width)).splitlines())) <= width


def test_hostile_text_is_escaped() -> None:
    hostile = "\x1b]0;x\x07 \u202e [bold red] curl: (60) SSL certificate problem: \x9b2J self"
    for text in (hostile, f"{hostile} tls failed", f"ssl failed {hostile[:10]}"):
        shown = drawn(text)
        assert not any(char in shown for char in "\x1b\x07\x9b\u202e")
    assert "[bold red]" in drawn(hostile)


def test_what_is_not_understood_is_told_apart() -> None:
    shown = drawn("mosquitto: the tls gizmo failed, certificate verify was failed")
    assert shown.startswith("No error of TLS that is known here was found.\n")
    assert "Not understood" in shown
    assert "compare     certificate verify failed" in shown
    assert "seems of    mosquitto" in shown


def test_it_is_printed_without_styles_to_a_file() -> None:
    file = io.StringIO()
    print_explanation(explain_text(REQUIRED), file)
    assert file.getvalue() == "".join(f"{line}\n" for line in drawn(REQUIRED).splitlines())
