"""Verdicts: what a trial says about the server, whatever the number of its alert.

Rules: a client is in when the server answered it, and out when the server ended the connection or
refused by HTTP. An HTTP status that everybody gets says nothing about anybody. Where nothing can be
told, that is the verdict.

This module must not know how a trial is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.probing.scenario import BareClient, Family, HelloClient, Norm, Scenario, TlsClient
from lab.probing.tracing import VERSIONS
from lab.probing.trial import Trial, deviations
from lab.stream.contexts import TlsVersion
from lab.tls.events import AlertSeen, Endpoint, Event, NotTls, StreamEnd, StreamEnded
from lab.tls.findings import Finding, Lesson, Verdict
from lab.tls.outcome import Outcome, Result, Signal, http_status, is_fatal
from lab.tls.summary import summarize

_SERVERS_SILENCE = frozenset({Signal.FIN, Signal.RST, Signal.CLOSE_NOTIFY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one trial comes to; the fields are those of :class:`~lab.tls.findings.Finding`."""

    verdict: Verdict
    admitted: bool | None
    ending: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A scenario tried, once or more. ``failure`` says why a connection did not come about."""

    scenario: Scenario
    version: TlsVersion
    trials: tuple[Trial, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What must be known of a server to judge what it did.

    ``good_got_in`` tells whether the good client was answered, ``status_for_good`` is the HTTP
    status by which it was refused, None if it was not; ``prepared`` tells that the server has what
    scenarios may need of it.
    """

    good_got_in: bool = True
    status_for_good: int | None = None
    prepared: bool = False


def rule(trial: Trial, known: Circumstances) -> Ruling:
    """The verdict on a server that is not the lab's own."""
    admitted, note = _admitted(trial, known)
    norm = trial.scenario.norm
    notes = (note,) if note else ()
    if admitted is None:
        verdict = Verdict.RIGHT if norm is Norm.EITHER else Verdict.UNTOLD
        if known.status_for_good and norm is Norm.ACCEPT:
            verdict = Verdict.SHUT_OUT
    elif admitted:
        verdict = Verdict.LET_IN if norm is Norm.REFUSE else Verdict.RIGHT
        if verdict is Verdict.LET_IN:
            notes = (*notes, *_how_it_got_in(trial))
            if trial.scenario.needs and not known.prepared:
                verdict = Verdict.UNPREPARED
                notes = (
                    f"to refuse it, a server needs {trial.scenario.needs}; --crl FILE makes that "
                    "list, for the server to load, and then holds it to it",
                )
    elif norm is Norm.ACCEPT:
        verdict = Verdict.SHUT_OUT
    elif norm is Norm.EITHER or isinstance(trial.scenario.client, BareClient):
        verdict = Verdict.RIGHT
    else:
        verdict = _manner(trial.outcome)
    if verdict is Verdict.RIGHT:
        notes = ()
    return Ruling(verdict=verdict, admitted=admitted, ending=ending(trial), notes=notes)


def _how_it_got_in(trial: Trial) -> tuple[str, ...]:
    """What the server did about the client's certificate, and what to look at in its settings."""
    seen = summarize(trial.trace.events)
    if _agreed(trial):
        return ("the server agreed to what it was offered",)
    if seen.server_hello is None:
        return ()
    if seen.request is None:
        return ("the server asked for no certificate: let it require one",)
    if not seen.client_chain:
        return ("the server asked for a certificate and went on without: let it require one",)
    if trial.scenario.needs:
        return (f"the server does not refuse what is revoked: it needs {trial.scenario.needs}",)
    return ("the server took the certificate: its verification is off, or does not see this",)


def rule_own(trial: Trial, openssl: tuple[int, int]) -> Ruling:
    """The verdict on the lab's own server, which does to the letter what was measured.

    ``openssl`` is the version, major and minor, that it ran with.
    """
    found = deviations(trial, openssl)
    return Ruling(
        verdict=Verdict.UNEXPECTED if found else Verdict.RIGHT,
        admitted=_agreed(trial) or trial.outcome.result is Result.ACCEPTED,
        ending=ending(trial),
        notes=found,
    )


def _manner(outcome: Outcome) -> Verdict:
    """How a client was refused that should be."""
    if outcome.signal is Signal.HTTP_STATUS:
        return Verdict.BY_HTTP
    return Verdict.SILENT if outcome.signal in _SERVERS_SILENCE else Verdict.RIGHT


def _admitted(trial: Trial, known: Circumstances) -> tuple[bool | None, str]:
    """Whether the server took the client; with what makes that uncertain, if anything."""
    client, outcome = trial.scenario.client, trial.outcome
    if isinstance(client, BareClient):
        status = _status_in_clear(trial.trace.events)
        return (True, "it serves plain HTTP") if status and status < 300 else (False, "")
    by_server = outcome.result is Result.REJECTED and outcome.by is Endpoint.SERVER
    if isinstance(client, HelloClient):
        if _agreed(trial):
            return True, ""
        return (False, "") if by_server else (None, "the server did not answer the ClientHello")
    if outcome.result is Result.ACCEPTED:
        return True, ""
    if not by_server:
        dropped = outcome.by is Endpoint.SERVER and outcome.signal in _SERVERS_SILENCE
        if dropped and known.good_got_in:
            # It completed the handshake, and then hung up on this client and not on the good one.
            return False, ""
        return None, _why_untold(outcome)
    if trial.scenario.family is Family.IDENTITY and not _came_to_it(trial):
        return None, "the server broke off before it asked for a certificate"
    if outcome.signal is Signal.HTTP_STATUS and outcome.http_status == known.status_for_good:
        return None, (
            f"HTTP {outcome.http_status} is what the good certificate gets, too: "
            "name a path that it may read (--request)"
        )
    return False, ""


def _came_to_it(trial: Trial) -> bool:
    """Whether the server can have judged the client's certificate at all."""
    seen = summarize(trial.trace.events)
    return seen.request is not None or seen.sealed or trial.outcome.signal is Signal.HTTP_STATUS


def _agreed(trial: Trial) -> bool:
    """Whether a client that offers and leaves was answered: the server takes what was offered."""
    offers = isinstance(trial.scenario.client, HelloClient)
    return offers and summarize(trial.trace.events).server_hello is not None


def _returned(trial: Trial) -> bool | None:
    """Whether the client's handshake call had returned, None where it made none."""
    made = isinstance(trial.scenario.client, TlsClient)
    return trial.outcome.client_handshake_returned if made else None


def _why_untold(outcome: Outcome) -> str:
    if outcome.signal is Signal.TIME_OUT:
        return "the server did not complete the handshake in time"
    if outcome.by is Endpoint.CLIENT and outcome.result is Result.REJECTED:
        return f"the client itself refused the server: {outcome.exception}"
    return "the server said neither yes nor no"


def ending(trial: Trial) -> str:
    """By what the server ended it, or the status that it answered with."""
    outcome = trial.outcome
    if isinstance(trial.scenario.client, BareClient):
        return _reaction(trial.trace.events)
    if outcome.alert is not None:
        whose = "" if outcome.by is Endpoint.SERVER else "the client's "
        return f"{whose}{outcome.alert.description} ({outcome.alert.description.value})"
    if outcome.http_status is not None:
        return f"HTTP {outcome.http_status}"
    if _agreed(trial):
        return "ServerHello"
    if outcome.signal is Signal.CLOSE_NOTIFY and outcome.by is Endpoint.CLIENT:
        return "no answer"  # the goodbye was our own
    if outcome.signal is None:
        return "no answer" if outcome.result is not Result.ACCEPTED else "handshake completed"
    return outcome.signal.value


def _reaction(events: Sequence[Event]) -> str:
    """What a server did with a client that speaks no TLS."""
    status = _status_in_clear(events)
    if status:
        return f"HTTP {status} in the clear"
    for event in events:
        if isinstance(event, AlertSeen) and event.endpoint is Endpoint.SERVER and is_fatal(event):
            return f"{event.description} ({event.description.value})"
        if isinstance(event, StreamEnded):
            if event.endpoint is Endpoint.CLIENT:
                return "waits on"
            return "RST" if event.end is StreamEnd.RESET else "FIN"
    return "waits on"


def _status_in_clear(events: Iterable[Event]) -> int | None:
    for event in events:
        if isinstance(event, NotTls) and event.endpoint is Endpoint.SERVER:
            return http_status(event.sample)
    return None


def finding(attempt: Attempt, rulings: Sequence[Ruling]) -> Finding:
    """The worst of the rulings on an attempt's trials, in their order."""
    if attempt.failure or not rulings:
        return Finding(
            lesson=lesson(attempt.scenario),
            version=VERSIONS[attempt.version],
            verdict=Verdict.UNTOLD,
            admitted=None,
            ending="no connection",
            handshake_returned=None,
            outcome=None,
            notes=(attempt.failure,),
        )
    worst = max(rulings, key=lambda each: each.verdict.weight)
    trial = attempt.trials[rulings.index(worst)]
    return Finding(
        lesson=lesson(attempt.scenario),
        version=VERSIONS[attempt.version],
        verdict=worst.verdict,
        admitted=worst.admitted,
        ending=worst.ending,
        handshake_returned=_returned(trial),
        outcome=trial.outcome,
        tries=len(rulings),
        like_this=sum(each.verdict is worst.verdict for each in rulings),
        notes=worst.notes,
    )


def lesson(scenario: Scenario) -> Lesson:
    """The scenario in the faces' words."""
    return Lesson(
        name=scenario.name,
        family=scenario.family.value,
        sentence=scenario.sentence,
        made=scenario.made,
        cause=scenario.cause,
        fix=scenario.fix,
        norm=scenario.norm.value,
        command=scenario.command,
        own_only=not scenario.anywhere,
        needs=scenario.needs,
    )
