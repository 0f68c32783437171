"""Times and sizes in few characters, for the columns beside a sequence.

This module must not know what is measured.
"""

from __future__ import annotations

TIME_WIDTH = 8
"""The most characters of a time."""
SIZE_WIDTH = 6
"""The most characters of a size."""


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds, "1.23"; where that is too long, "99999 s" or "11574 d"."""
    shown = (f"{seconds * 1000:.2f}", f"{seconds:.0f} s", f"{seconds / 86400:.0f} d")
    return next((text for text in shown if len(text) <= TIME_WIDTH), "...")


def short_size(octets: int) -> str:
    """Return a number of bytes, "517", "1000k" or "100M"; "" for none."""
    if octets < 10**SIZE_WIDTH:
        return str(octets or "")
    return f"{octets // 10**3}k" if octets < 10**8 else f"{octets // 10**6}M"
