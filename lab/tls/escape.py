"""Text that a peer chose, made safe to show: nothing unprintable reaches a terminal or a log."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return ``text`` on one line, what is unprintable written as ``\xNN`` or ``\uNNNN``.

    That covers line ends, terminal escapes, lone surrogates, and Unicode's invisible and
    direction-changing characters; letters of all scripts stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def escaped(text: str) -> str:
    """Return ``text`` made printable, its backslashes doubled: no escape can be faked."""
    return printable(text.replace("\\", "\\\\"))
