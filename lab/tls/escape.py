"""Text that a peer chose, as it may be shown: on one line, without what acts on a terminal.

This module must not know where a text comes from, nor who shows it.
"""

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
