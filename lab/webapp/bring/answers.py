"""The answers that were given, so that each has a page of its own: in memory, the newest few.

Rules: what the user brought stays in memory, and goes with the answer or the process.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lab.tracing.results import Trace

MOST_ANSWERS = 12
"""How many are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtAnswer:
    """An answer: ``title`` names what was asked, ``command`` is the shell command for the same.

    ``view`` makes the markup, in a thread; ``traces`` are the connections that have pages of their
    own below it. ``warning`` is shown where the page holds secrets.
    """

    title: str
    command: str
    view: Callable[[str], Markup]
    traces: Sequence[Trace] = ()
    warning: str = ""


class Answers:
    """The newest answers, each by a name that cannot be guessed."""

    def __init__(self) -> None:
        self._answers: dict[str, BroughtAnswer] = {}

    def add(self, answer: BroughtAnswer) -> str:
        """Keep an answer; return its name."""
        name = secrets.token_urlsafe(9)
        while len(self._answers) >= MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers[name] = answer
        return name

    def find(self, name: str) -> BroughtAnswer | None:
        """Return the answer of a name, None where it is not kept any more."""
        return self._answers.get(name)
