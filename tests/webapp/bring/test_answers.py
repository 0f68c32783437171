"""The answers that are kept: the newest few."""

from __future__ import annotations

from markupsafe import Markup

from lab.webapp.bring.answers import MOST_ANSWERS, Answers, BroughtAnswer


def test_the_newest_are_kept() -> None:
    answers = Answers()
    names = [
        answers.add(BroughtAnswer(title=str(n), view=Markup(""))) for n in range(MOST_ANSWERS + 2)
    ]
    assert len(set(names)) == len(names)
    assert [answers.find(name) is None for name in names] == [True] * 2 + [False] * MOST_ANSWERS
    assert answers.find("") is None
