"""By what a trial ended, in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.diagnosis.http_status import http_status
from lab.diagnosis.results import Outcome, Result, Signal
from lab.probing.application_admission import name_of
from lab.probing.attempt import ScenarioTrace, hello_answered
from lab.probing.scenarios.scenario import BareClient
from lab.tls.events import AlertSeen, Endpoint, Event, NotTls, StreamEnd, StreamEnded, is_fatal


def ending(trial: ScenarioTrace) -> str:
    """By what the server ended it, or the status that it answered with."""
    outcome = trial.outcome
    if isinstance(trial.scenario.client, BareClient):
        return _reaction(trial.trace.events)
    unanswered = outcome.alert is None and outcome.http_status is None and outcome.answer is None
    return "ServerHello" if unanswered and hello_answered(trial) else ending_of(outcome)


def ending_of(outcome: Outcome) -> str:
    """By what a server ended a connection that spoke TLS, or what it answered."""
    if outcome.alert is not None:
        whose = "" if outcome.by is Endpoint.SERVER else "the client's "
        return f"{whose}{outcome.alert.description} ({outcome.alert.description.value})"
    if outcome.http_status is not None:
        return f"HTTP {outcome.http_status}"
    if outcome.answer is not None:
        return name_of(outcome.answer)
    if outcome.signal is Signal.CLOSE_NOTIFY and outcome.by is Endpoint.CLIENT:
        return "no answer"  # the goodbye was our own
    if outcome.signal is None:
        return "no answer" if outcome.result is not Result.ACCEPTED else "handshake completed"
    return outcome.signal.value


def _reaction(events: Sequence[Event]) -> str:
    """What a server did with a client that speaks no TLS."""
    status = status_in_clear(events)
    if status:
        return f"HTTP {status} in the clear"
    for event in events:
        if isinstance(event, AlertSeen) and event.endpoint is Endpoint.SERVER and is_fatal(event):
            return f"{event.description} ({event.description.value})"
        if isinstance(event, StreamEnded):
            if event.endpoint is Endpoint.CLIENT:
                return "no reaction"
            return "RST" if event.end is StreamEnd.RESET else "FIN"
    return "no reaction"


def status_in_clear(events: Iterable[Event]) -> int | None:
    """Return the HTTP status that a server sent without TLS; None: it sent none."""
    for event in events:
        if isinstance(event, NotTls) and event.endpoint is Endpoint.SERVER:
            return http_status(event.sample)
    return None
