"""The words for how a connection ended, and for what its first cause leaves open, for all faces.

This module must not know how the words are laid out.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.results import ONE_OF_SEVERAL, THEIR_FILES, Cause, Outcome, Result, Signal
from lab.show.text.peer_text import shortened

_MOST_ANSWER = 240
STYLES = {
    Result.ACCEPTED: "bold green",
    Result.REJECTED: "bold red",
    Result.FAILED: "bold red",
    Result.UNKNOWN: "bold yellow",
}
_ENDINGS = {
    Signal.ALERT: "sent a fatal alert",
    Signal.HTTP_STATUS: "answered with an HTTP status",
    Signal.APPLICATION: "answered by the application",
    Signal.FIN: "ended the connection",
    Signal.RST: "reset the connection",
    Signal.CLOSE_NOTIFY: "closed the TLS connection",
    Signal.TIME_OUT: "did not finish in time",
    Signal.NOT_TLS: "sent bytes that are not TLS",
    Signal.MALFORMED: "sent malformed bytes",
    Signal.UNREAD_ALERT: "sent an alert that cannot be read",
}


def result_words(outcome: Outcome) -> str:
    """How it ended, and by whom: "rejected by the server"."""
    if outcome.result is Result.ACCEPTED:
        return "accepted"
    if outcome.result is Result.UNKNOWN:
        return "cannot be told"
    if outcome.result is Result.REJECTED and outcome.by is not None:
        return f"rejected by the {outcome.by.value}"
    if outcome.by is None or outcome.signal is None:
        return f"{outcome.result.value}: the handshake was not completed"
    return f"failed: the {outcome.by.value} {_ENDINGS[outcome.signal]}"


def signal_words(outcome: Outcome) -> str:
    """By what it ended: "alert certificate_required (116)"."""
    if outcome.alert is not None:
        alert = outcome.alert
        return f"alert {alert.description} ({alert.description.value})"
    if outcome.signal is Signal.HTTP_STATUS:
        return f"HTTP status {outcome.http_status}"
    if outcome.signal is Signal.APPLICATION and outcome.answer is not None:
        return shortened(outcome.answer.sentence, _MOST_ANSWER)
    if outcome.signal in (Signal.FIN, Signal.RST):
        return f"TCP {outcome.signal.value}, no alert"
    return outcome.signal.value if outcome.signal else "none"


def ground_words(outcome: Outcome) -> str:
    """On what a result rests that was not seen, or why it cannot be told; "" if it was seen."""
    if not outcome.ground or outcome.result is Result.UNKNOWN:
        return outcome.ground
    return f"inferred: {outcome.ground}"


def or_others(causes: Sequence[Cause]) -> str:
    """Return what the first cause rests on, and the codes of those that fit as well, if any do."""
    files = ", if the server uses the files given" if THEIR_FILES in causes[0].evidence else ""
    others = alternatives(causes)
    if not others:
        return files
    return f"{files}, or [{'], ['.join(others)}]: which one cannot be told"


def alternatives(causes: Sequence[Cause]) -> list[str]:
    """Return the codes of the causes that fit as well as the first one."""
    first, *rest = causes
    if ONE_OF_SEVERAL not in first.evidence and THEIR_FILES not in first.evidence:
        return []
    return [cause.code for cause in rest if ONE_OF_SEVERAL in cause.evidence]
