"""Text of a peer's is escaped and bounded, and lists tell what they leave out."""

from __future__ import annotations

from lab.show.text.peer_text import bounded, cleaned, latin_text, listed, quoted, shortened, subject
from lab.tls.code_points import NamedGroup


def test_text_of_a_peer_is_escaped_and_cut() -> None:
    assert bounded("a\n\\") == r"a\n\\"
    assert bounded("x" * 240) == "x" * 240
    assert bounded("x" * 241) == "x" * 240 + "... (241 characters)"


def test_bytes_of_a_peer_are_quoted_and_cut() -> None:
    assert quoted(b"it's\x00\n") == '"it\'s\\x00\\n"'
    assert quoted(b"x" * 33) == "'" + "x" * 32 + "'..."


def test_lists_tell_how_many_they_leave_out_and_leave_grease_out() -> None:
    groups = [NamedGroup(number) for number in (0x0A0A, 29, 23, 24)]
    assert listed(groups, 2) == "x25519, secp256r1 and 1 more"
    assert listed(groups) == "x25519, secp256r1, secp384r1"
    assert listed([]) == "none"
    assert listed(["x" * 100]) == "x" * 64 + "... (100 characters)"


def test_a_sentence_is_shortened() -> None:
    assert shortened("x" * 600) == "x" * 600
    assert shortened("x" * 601) == "x" * 600 + "..."


def test_a_sentence_with_a_peers_text_in_it_is_printable_and_shortened() -> None:
    assert cleaned("it says \x1b[31m\\") == "it says \\x1b[31m\\"
    assert cleaned("\x00" * 1000, 10) == "\\x00\\x00\\x..."


def test_a_name_of_the_wire_is_text_whatever_its_bytes() -> None:
    assert latin_text(b"a\xff") == "a\xff"


def test_what_is_no_certificate_has_no_subject() -> None:
    assert subject(b"junk") == "no subject"
