"""A stop of the guided path: what it asks, shows, and says once its run has shown it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from lab.webapp.learn.predictions import AnswerSet
from lab.webapp.learn.results import LearnRun

SERVER = "python -m lab.server"
CONNECT = "openssl s_client -connect localhost:8443 -CAfile certs/ca.crt"


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalCommand:
    """A command that shows the same in a terminal.

    ``does`` says what, ``beside`` is what has to run in another terminal meanwhile, "" if nothing,
    and ``then`` what is to be typed there, "" if nothing.
    """

    does: str
    command: str
    beside: str = ""
    then: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop. ``name`` is for addresses; its texts are paragraphs or sentences.

    * ``question`` comes before the run, ``look`` says where to look afterwards.
    * ``scenario`` is what it runs; where that is "", ``run`` is, and ``note`` says what is special.
    * ``expected`` is what the run must show in each version for ``lesson`` to be true.
    """

    name: str
    title: str
    question: tuple[str, ...]
    look: tuple[str, ...]
    expected: Mapping[str, AnswerSet]
    lesson: tuple[str, ...]
    commands: tuple[TerminalCommand, ...]
    scenario: str = ""
    run: Callable[[], Awaitable[LearnRun]] | None = None
    note: str = ""


def both(end: str, signal: str, call: str) -> Mapping[str, AnswerSet]:
    """Expect the same in both versions."""
    answers = AnswerSet(end=end, signal=signal, call=call)
    return {"1.2": answers, "1.3": answers}


def refused(tls12: int, tls13: int | None = None) -> Mapping[str, AnswerSet]:
    """Expect the server's alert: inside the client's call in TLS 1.2, after it in TLS 1.3."""
    later = tls12 if tls13 is None else tls13
    return {
        "1.2": AnswerSet(end="server", signal=f"alert-{tls12}", call="no"),
        "1.3": AnswerSet(end="server", signal=f"alert-{later}", call="yes"),
    }


def explained(scenario: str) -> TerminalCommand:
    """Return the command that makes the run of a scenario."""
    return TerminalCommand(
        does="the same run, drawn in the terminal",
        command=f"python -m lab.probe --explain {scenario}",
    )
