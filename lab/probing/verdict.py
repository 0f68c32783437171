"""Verdicts: what a trial says about the server, whatever the number of its alert.

Rules: a client is in when the server answered it, and out when the server ended the connection or
refused by HTTP. An HTTP status that everybody gets says nothing about anybody. Where nothing can be
told, that is the verdict.

This module must not know how a trial is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lab.diagnosis.evidence import summarize
from lab.diagnosis.http_status import http_status
from lab.diagnosis.results import Outcome, Result, Signal
from lab.probing.attempt import ScenarioTrace, deviations
from lab.probing.presentation import key_not_taken, why_not_presented
from lab.probing.results import Finding, ScenarioDescription, Verdict
from lab.probing.scenarios.scenario import (
    BareClient,
    HelloClient,
    Norm,
    Scenario,
    ScenarioFamily,
    TlsClient,
)
from lab.stream.contexts import TlsVersion
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    NotTls,
    StreamEnd,
    StreamEnded,
    is_fatal,
)
from lab.tracing.trace_server import VERSIONS

_SERVERS_SILENCE = frozenset({Signal.FIN, Signal.RST, Signal.CLOSE_NOTIFY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one trial comes to; the fields are those of :class:`~lab.tls.findings.Finding`."""

    verdict: Verdict
    admitted: bool | None
    ending: str
    presented: bool | None = None
    matters: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioAttempts:
    """A scenario tried, once or more. ``failure`` says why the last trial did not come about."""

    scenario: Scenario
    version: TlsVersion
    trials: tuple[ScenarioTrace, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What must be known of a server to judge what it did.

    ``good_got_in`` tells whether the good client was answered; ``good_refused`` is what ended its
    handshake, "" where it was completed; ``good_status`` is the HTTP status that it got.
    ``prepared`` tells that the server has what scenarios may need of it.
    """

    good_got_in: bool = True
    good_refused: str = ""
    good_status: int | None = None
    prepared: bool = False

    @property
    def status_for_good(self) -> int | None:
        """The HTTP status that the good client got, if it is none of success."""
        return None if _is_success(self.good_status) else self.good_status


def circumstances(good: ScenarioTrace, *, prepared: bool) -> Circumstances:
    """What the good client's trial says of the server."""
    outcome = good.outcome
    by_http = outcome.signal is Signal.HTTP_STATUS
    # FAILED by the server's end of TCP: the handshake had been completed before.
    dropped = outcome.result is Result.FAILED and outcome.signal in _SERVERS_SILENCE
    passed = outcome.result is Result.ACCEPTED or by_http or dropped
    return Circumstances(
        good_got_in=outcome.result is Result.ACCEPTED,
        good_refused="" if passed else ending(good),
        good_status=outcome.http_status,
        prepared=prepared,
    )


def rule(trial: ScenarioTrace, known: Circumstances) -> Ruling:
    """The verdict on a server that is not the lab's own."""
    scenario = trial.scenario
    admitted, note = admission(trial, known)
    missing = why_not_presented(trial)
    ruling = Ruling(
        verdict=Verdict.RIGHT,
        admitted=admitted,
        ending=ending(trial),
        presented=_presented(trial),
        matters=scenario.norm is not Norm.EITHER,
    )
    if missing and not (admitted and scenario.norm is Norm.REFUSE and not _asked(trial)):
        matters = ruling.matters and not (scenario.about_algorithm and key_not_taken(trial))
        return replace(ruling, verdict=Verdict.NOT_TRIED, matters=matters, notes=(missing,))
    verdict, explained = _verdict(trial, known, admitted)
    notes = (note, *explained) if note and verdict is not Verdict.RIGHT else explained
    return replace(ruling, verdict=verdict, notes=notes)


def _verdict(
    trial: ScenarioTrace, known: Circumstances, admitted: bool | None
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on a client that was tried, and what explains it."""
    norm, needs = trial.scenario.norm, trial.scenario.needs
    if admitted is None:
        shut_out = norm is Norm.ACCEPT and trial.outcome.signal is Signal.HTTP_STATUS
        return (Verdict.SHUT_OUT if shut_out else Verdict.UNTOLD), ()
    if admitted:
        if norm is not Norm.REFUSE:
            return Verdict.RIGHT, ()
        if needs and not known.prepared and _asked(trial):
            note = (
                f"to refuse it, a server needs {needs}; --crl FILE makes that list, for the server "
                "to load, and then expects the refusal"
            )
            return Verdict.UNPREPARED, (note,)
        return Verdict.LET_IN, _how_it_got_in(trial)
    if norm is Norm.ACCEPT:
        return Verdict.SHUT_OUT, ()
    if norm is Norm.EITHER or isinstance(trial.scenario.client, BareClient):
        return Verdict.RIGHT, ()
    return _manner(trial.outcome), ()


def _presented(trial: ScenarioTrace) -> bool | None:
    """Whether the certificate of an identity was seen to be sent; None: there is none to send."""
    due = (
        trial.scenario.family is ScenarioFamily.IDENTITY
        and trial.trace.client_certificate is not None
    )
    return not why_not_presented(trial) if due else None


def _asked(trial: ScenarioTrace) -> bool:
    """Whether the server asked for a certificate, or may have where not all could be read."""
    seen = summarize(trial.trace.events)
    return seen.request is not None or seen.sealed


def _is_success(status: int | None) -> bool:
    return status is None or 200 <= status < 300


def _how_it_got_in(trial: ScenarioTrace) -> tuple[str, ...]:
    """What the server did about the client's certificate, and what to look at in its settings."""
    seen = summarize(trial.trace.events)
    if _agreed(trial):
        return ("the server agreed to what it was offered",)
    if seen.server_hello is None:
        return ()
    if seen.request is None:
        return (
            "the server asked for no certificate: let it require one (if it asks for some site or "
            "path only, name that: --sni, --request)",
        )
    if not seen.client_chain:
        return ("the server asked for a certificate and went on without: let it require one",)
    if trial.scenario.needs:
        return (f"the server does not refuse what is revoked: it needs {trial.scenario.needs}",)
    return ("the server accepted the certificate: it does not verify, or does not check this",)


def rule_own(trial: ScenarioTrace, openssl: tuple[int, int]) -> Ruling:
    """The verdict on the lab's own server, which does to the letter what was measured.

    ``openssl`` is the version, major and minor, that it ran with.
    """
    found, missing = deviations(trial, openssl), why_not_presented(trial)
    verdict = Verdict.UNEXPECTED if found else Verdict.NOT_TRIED if missing else Verdict.RIGHT
    return Ruling(
        verdict=verdict,
        admitted=_agreed(trial) or trial.outcome.result is Result.ACCEPTED,
        ending=ending(trial),
        presented=_presented(trial),
        notes=found or ((missing,) if missing else ()),
    )


def _manner(outcome: Outcome) -> Verdict:
    """How a client was refused that should be."""
    if outcome.http_status is not None:
        return Verdict.BY_HTTP
    return Verdict.SILENT if outcome.signal in _SERVERS_SILENCE else Verdict.RIGHT


def admission(trial: ScenarioTrace, known: Circumstances) -> tuple[bool | None, str]:
    """Whether the server took the client; with what makes that uncertain, if anything.

    Where the good client is refused too, a refusal says nothing of a certificate.
    """
    client, outcome = trial.scenario.client, trial.outcome
    if isinstance(client, BareClient):
        status = _status_in_clear(trial.trace.events)
        return (True, "it serves plain HTTP") if status and status < 300 else (False, "")
    by_server = outcome.result is Result.REJECTED and outcome.by is Endpoint.SERVER
    if isinstance(client, HelloClient):
        if _agreed(trial):
            return True, ""
        return (False, "") if by_server else (None, "the server did not answer the ClientHello")
    if outcome.http_status is not None:
        return _answer(trial, known)
    if outcome.result is Result.ACCEPTED:
        return True, ""
    if not by_server:
        dropped = outcome.by is Endpoint.SERVER and outcome.signal in _SERVERS_SILENCE
        if dropped and known.good_got_in:
            # It completed the handshake, and then hung up on this client and not on the good one.
            return False, ""
        return None, _why_untold(outcome)
    if (
        known.good_refused
        and trial.scenario.family is ScenarioFamily.IDENTITY
        and not _is_good(trial)
    ):
        return None, (
            f"a good certificate ({trial.scenario.control}) is refused too ({known.good_refused}), "
            "so the refusal says nothing of this one"
        )
    return False, ""


def _answer(trial: ScenarioTrace, known: Circumstances) -> tuple[bool | None, str]:
    """Whether HTTP's answer says that the client is in; TLS has let it in."""
    outcome, status = trial.outcome, trial.outcome.http_status
    refused = outcome.signal is Signal.HTTP_STATUS
    if _is_success(status) or (not refused and (_is_good(trial) or not _asked(trial))):
        return True, ""
    if status == known.status_for_good:
        return None, (
            f"HTTP {status} is what the good certificate gets, too: "
            "name a path that it may read (--request)"
        )
    if refused or known.good_status is None:
        return not refused, ""
    if status is not None and 400 <= status < 500:
        return False, ""
    return None, f"HTTP {status}, where the good certificate gets HTTP {known.good_status}"


def _is_good(trial: ScenarioTrace) -> bool:
    return trial.scenario.norm is Norm.ACCEPT


def _agreed(trial: ScenarioTrace) -> bool:
    """Whether a client that offers and leaves was answered: the server takes what was offered."""
    offers = isinstance(trial.scenario.client, HelloClient)
    return offers and summarize(trial.trace.events).server_hello is not None


def _returned(trial: ScenarioTrace) -> bool | None:
    """Whether the client's handshake call had returned, None where it made none."""
    made = isinstance(trial.scenario.client, TlsClient)
    return trial.outcome.client_handshake_returned if made else None


def _why_untold(outcome: Outcome) -> str:
    if outcome.signal is Signal.TIME_OUT:
        return "the server did not complete the handshake in time"
    if outcome.by is Endpoint.CLIENT and outcome.result is Result.REJECTED:
        return f"the client itself refused the server: {outcome.exception}"
    return "the server neither answered nor refused"


def ending(trial: ScenarioTrace) -> str:
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
                return "no reaction"
            return "RST" if event.end is StreamEnd.RESET else "FIN"
    return "no reaction"


def _status_in_clear(events: Iterable[Event]) -> int | None:
    for event in events:
        if isinstance(event, NotTls) and event.endpoint is Endpoint.SERVER:
            return http_status(event.sample)
    return None


def finding(attempt: ScenarioAttempts, rulings: Sequence[Ruling]) -> Finding:
    """The worst of the rulings on an attempt's trials, in their order, and of its failure."""
    scenario = attempt.scenario
    if attempt.failure or not rulings:
        rulings = [*rulings, _not_made(attempt)]
    worst = max(rulings, key=lambda each: each.verdict.weight)
    number = rulings.index(worst)
    trial = attempt.trials[number] if number < len(attempt.trials) else None
    return Finding(
        lesson=lesson(scenario),
        version=VERSIONS[attempt.version],
        verdict=worst.verdict,
        admitted=worst.admitted,
        ending=worst.ending,
        handshake_returned=_returned(trial) if trial else None,
        outcome=trial.outcome if trial else None,
        presented=worst.presented,
        matters=worst.matters,
        tries=len(rulings),
        like_this=sum(each.verdict is worst.verdict for each in rulings),
        notes=worst.notes,
    )


def _not_made(attempt: ScenarioAttempts) -> Ruling:
    return Ruling(
        verdict=Verdict.NOT_TRIED,
        admitted=None,
        ending="no connection",
        matters=attempt.scenario.norm is not Norm.EITHER,
        notes=(attempt.failure,),
    )


def lesson(scenario: Scenario) -> ScenarioDescription:
    """The scenario in the faces' words."""
    return ScenarioDescription(
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
