"""The versions of TLS 1.3 from before it was finished: their names, and what differs in them.

Sources: draft-ietf-tls-tls13 section 4.2.1.1 gives draft n the number 0x7f00 + n; browsers and
servers tried forms of their own under other numbers, which are named as Wireshark names them.

This module must not know how a message is parsed, nor how a record is opened.
"""

from __future__ import annotations

_DRAFTS = 0x7F00
_LAST_DRAFT = 28
_FIRST_AS_FINISHED = 22  # whose ServerHello has the form of the finished version
_FIRST_OPENED = 25  # since then a record's header is authenticated (RFC 9846 section 5.2)
_OTHERS = {
    0x7E01: "TLS 1.3 (Google's experiment 1)",
    0x7E02: "TLS 1.3 (Google's experiment 2)",
    0x7E03: "TLS 1.3 (Google's experiment 3)",
    0xFB17: "TLS 1.3 draft 23 (Facebook's)",
    0xFB1A: "TLS 1.3 draft 26 (Facebook's)",
}
_FINISHED, _FACEBOOKS_26 = 0x0304, 0xFB1A


def name_of_draft(number: int) -> str:
    """Return the name of the version with this number, "" where it is no draft that is known."""
    draft = number - _DRAFTS
    return f"TLS 1.3 draft {draft}" if 1 <= draft <= _LAST_DRAFT else _OTHERS.get(number, "")


def has_short_server_hello(number: int) -> bool:
    """Return whether a ServerHello with this legacy_version has the form of drafts up to 21.

    It echoes no session ID, and names no compression method (draft 21, section 4.1.3).
    """
    return 1 <= number - _DRAFTS < _FIRST_AS_FINISHED


def is_protected_otherwise(number: int) -> bool:
    """Return whether records of this version may be protected otherwise than RFC 9846 has it."""
    draft = number - _DRAFTS
    finished = number <= _FINISHED or number == _FACEBOOKS_26
    return not finished and not _FIRST_OPENED <= draft <= _LAST_DRAFT
