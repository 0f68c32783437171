"""The answers that were given, so that each has a page of its own: in memory, the newest few.

Rules: what the user brought goes as soon as it is answered, and the answer with the process.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from markupsafe import Markup

MOST_ANSWERS = 12
"""How many are kept."""


class NotAnswered(Exception):
    """What was brought cannot be used. The message is the line that the command would print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtAnswer:
    """An answer: ``title`` names what was asked, ``view`` is the markup below it.

    ``command`` is the shell command for the same, "" where there is none; ``warning`` is shown
    where the page holds what not everybody may read.
    """

    title: str
    view: Markup
    command: str = ""
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
