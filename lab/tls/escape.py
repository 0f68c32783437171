"""Text that a peer chose, made safe to show: nothing unprintable reaches a terminal or a log."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""``text`` on one line, with everything unprintable written as ``\xNN`` or ``\uNNNN``.

    That covers line ends, terminal escapes, lone surrogates, and Unicode's invisible and
    direction-changing characters; letters of all scripts stay.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def escaped(text: str) -> str:
    """``text`` made printable, its backslashes doubled, so that an escape cannot be faked."""
    return printable(text.replace("\\", "\\\\"))
