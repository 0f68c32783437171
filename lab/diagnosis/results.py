"""One cause that fits what happened: the shape of every answer that the core gives to "why?"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause that fits.

    ``code`` is a stable name for machines, ``summary`` the cause in a sentence without its full
    stop, ``evidence`` what was seen that speaks for it, ``reference`` the section that the case is
    about, ``fix`` what to do, "" where nothing is wrong.
    """

    code: str
    summary: str
    evidence: tuple[str, ...]
    reference: str
    fix: str
