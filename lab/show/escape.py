"""Text that a peer chose, made safe to print: no control character reaches a terminal or a log."""

from __future__ import annotations


def escaped(text: str) -> str:
    """``text`` with everything unprintable written as Python escapes it; letters of all scripts stay.

    That covers line breaks, terminal escapes, and Unicode's invisible and direction-changing
    characters. A backslash is doubled, so that an escape cannot be faked.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(
        "\\\\" if character == "\\" else character if character.isprintable() else _escape(character)
        for character in text
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
