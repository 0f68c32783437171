"""Verdicts: what a trial says about the server, whatever the number of its alert.

Rules: a client is in when the server answered it, and out when the server ended the connection or
its application refused. An answer that every client gets says nothing about any. Where nothing can
be told, that is the verdict.

This module must not know how a trial is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Outcome, Result, Signal
from lab.probing.application_admission import BY_APPLICATION, reply, told
from lab.probing.attempt import (
    ScenarioTrace,
    deviations,
    hello_answered,
    key_not_taken,
    why_not_presented,
)
from lab.probing.endings import ending, status_in_clear
from lab.probing.results import Finding, Norm, ScenarioFamily, Verdict
from lab.probing.scenarios.scenario import BareClient, HelloClient, Scenario, TlsClient
from lab.stream.contexts import TlsVersion
from lab.tls.application_protocol import ApplicationAnswer
from lab.tls.code_points import AlertDescription
from lab.tls.escape import escaped
from lab.tls.events import AlertSeen, Endpoint, StreamEnded
from lab.tracing.trace_server import VERSIONS
from lab.x509.names import distinguished_name

_SERVERS_SILENCE = frozenset({Signal.FIN, Signal.RST, Signal.CLOSE_NOTIFY})
_NAMES_SHOWN = 3
_IDLE = (
    "the server closed the connection without a word; it may do so to every one on which nothing "
    "is asked for some seconds (keepalive_timeout in nginx)"
)
_CHAIN = "through-intermediate"
_LIMITS = (
    "good got in: the server may limit the depth of chains (ssl_verify_depth in nginx), or have no "
    "CRL of this intermediate, which is new"
)


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
    handshake, "" where it was completed; ``good_status`` is the HTTP status that it got, and
    ``good_answer`` what another application answered it.
    ``prepared`` tells that the server has what scenarios may need of it; ``foreign`` says that it
    names CAs, and not the one that issues for the probe, "" where it does not. ``verifies`` tells
    that it refused a certificate of a wrong CA.
    """

    good_got_in: bool = True
    good_refused: str = ""
    good_status: int | None = None
    good_answer: ApplicationAnswer | None = None
    prepared: bool = False
    foreign: str = ""
    verifies: bool = False

    @property
    def status_for_good(self) -> int | None:
        """The HTTP status that the good client got, if it is none of success."""
        return None if _is_success(self.good_status) else self.good_status


def circumstances(good: ScenarioTrace, *, prepared: bool, ca: bytes | None = None) -> Circumstances:
    """Return what the good client's trial says of the server; ``ca`` is the issuer's DER name."""
    outcome = good.outcome
    by_application = outcome.signal in BY_APPLICATION
    # FAILED by the server's end of TCP: the handshake had been completed before.
    failed = outcome.result is Result.FAILED and not outcome.hung_up_on_hello
    dropped = failed and outcome.signal in _SERVERS_SILENCE
    passed = outcome.result is Result.ACCEPTED or by_application or dropped
    return Circumstances(
        good_got_in=outcome.result is Result.ACCEPTED,
        good_refused="" if passed else ending(good),
        good_status=outcome.http_status,
        good_answer=outcome.answer,
        prepared=prepared,
        foreign=_foreign(good, ca),
    )


def _foreign(good: ScenarioTrace, ca: bytes | None) -> str:
    request = summarize(good.trace.events).request
    names = request.certificate_authorities if request is not None else ()
    if ca is None or not names or ca in names:
        return ""
    shown = ", ".join(escaped(distinguished_name(name)) for name in names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return (
        f"this probe's CA is not among those that the server names ({shown}{more}): issue by one "
        "that it trusts (--ca-cert, --ca-key)"
    )


def rule(trial: ScenarioTrace, known: Circumstances) -> Finding:
    """Return the verdict on a server that is not the lab's own."""
    scenario = trial.scenario
    admitted, note = admission(trial, known)
    missing = why_not_presented(trial)
    matters = scenario.norm is not Norm.EITHER
    if missing and not (admitted and scenario.norm is Norm.REFUSE and not _asked(trial)):
        matters = matters and not (scenario.about_algorithm and key_not_taken(trial))
        return _finding(trial, Verdict.NOT_TRIED, admitted, (missing,), matters)
    verdict, explained = _verdict(trial, known, admitted)
    notes = (note, *explained) if note and verdict is not Verdict.RIGHT else explained
    if known.foreign and verdict in (Verdict.UNTOLD, Verdict.SHUT_OUT):
        notes = (known.foreign, *notes)
    return _finding(trial, verdict, admitted, notes, matters)


def rule_own(trial: ScenarioTrace, openssl: tuple[int, int]) -> Finding:
    """Return the verdict on the lab's own server, which does to the letter what was measured.

    ``openssl`` is the version, major and minor, that it ran with.
    """
    deviating, missing = deviations(trial, openssl), why_not_presented(trial)
    verdict = Verdict.UNEXPECTED if deviating else Verdict.NOT_TRIED if missing else Verdict.RIGHT
    admitted = hello_answered(trial) or trial.outcome.result is Result.ACCEPTED
    return _finding(trial, verdict, admitted, deviating or ((missing,) if missing else ()))


def _finding(
    trial: ScenarioTrace,
    verdict: Verdict,
    admitted: bool | None,
    notes: tuple[str, ...],
    matters: bool = True,
) -> Finding:
    """Return the finding of one trial."""
    scenario, trace = trial.scenario, trial.trace
    due = scenario.family is ScenarioFamily.IDENTITY and trace.client_certificate is not None
    shakes_hands = isinstance(scenario.client, TlsClient)
    return Finding(
        scenario=scenario,
        version=VERSIONS[trial.version],
        verdict=verdict,
        admitted=admitted,
        ending=ending(trial),
        handshake_returned=trial.outcome.client_handshake_returned if shakes_hands else None,
        outcome=trial.outcome,
        presented=not why_not_presented(trial) if due else None,
        matters=matters,
        notes=notes,
        seconds=trace.events[-1].time - trace.start if trace.events else 0.0,
        trace=trace,
    )


def _verdict(
    trial: ScenarioTrace, known: Circumstances, admitted: bool | None
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on a client that was tried, and what explains it."""
    norm, needs = trial.scenario.norm, trial.scenario.needs
    if admitted is None:
        if norm is Norm.ACCEPT and trial.outcome.signal in BY_APPLICATION:
            return Verdict.SHUT_OUT, _why_shut_out(trial)
        return Verdict.UNTOLD, ()
    if admitted:
        if norm is not Norm.REFUSE:
            return Verdict.RIGHT, ()
        if needs and not known.prepared and _asked(trial):
            note = (
                f"to refuse it, a server needs {needs}; --crl FILE makes that list, for the server "
                "to load, and then expects the refusal"
            )
            return Verdict.UNPREPARED, (note,)
        return Verdict.LET_IN, _how_it_got_in(trial, known)
    if norm is Norm.ACCEPT:
        if trial.scenario.name == _CHAIN and known.good_got_in:
            # A limit of depth, or a list of each CA, is what its operator may well want.
            return Verdict.UNTOLD, (*_why_shut_out(trial), _LIMITS)
        return Verdict.SHUT_OUT, _why_shut_out(trial)
    if norm is Norm.EITHER or isinstance(trial.scenario.client, BareClient):
        return Verdict.RIGHT, ()
    return _manner(trial.outcome), ()


def _asked(trial: ScenarioTrace) -> bool:
    """Whether the server asked for a certificate, or may have where not all could be read."""
    evidence = summarize(trial.trace.events)
    return evidence.request is not None or evidence.sealed


def _is_success(status: int | None) -> bool:
    return status is None or 200 <= status < 300


def _why_shut_out(trial: ScenarioTrace) -> tuple[str, ...]:
    """Return the first cause of the trace; what HTTP's status is about, it cannot tell."""
    if trial.outcome.http_status is not None:
        return ()
    if isinstance(trial.scenario.client, HelloClient):
        return (
            "the ClientHello of the good client was answered; this one is longer, and its bytes "
            "came in two parts",
        )
    return tuple(f"the likeliest cause: {cause.summary}" for cause in trial.trace.causes[:1])


def _how_it_got_in(trial: ScenarioTrace, known: Circumstances) -> tuple[str, ...]:
    """What the server did about the client's certificate, and what to look at in its settings."""
    evidence = summarize(trial.trace.events)
    if hello_answered(trial):
        return ("the server agreed to what it was offered",)
    if evidence.server_hello is None:
        return ()
    if evidence.request is None:
        return (
            "the server asked for no certificate: let it require one (if it asks for some site or "
            "path only, name that: --sni, --request)",
        )
    if not evidence.client_chain:
        return ("the server asked for a certificate and went on without: let it require one",)
    if trial.scenario.needs:
        return (f"the server does not refuse what is revoked: it needs {trial.scenario.needs}",)
    if known.verifies:
        return ("the server accepted this, and refuses a certificate of a wrong CA",)
    return ("the server accepted the certificate: it does not verify, or does not check this",)


def _manner(outcome: Outcome) -> Verdict:
    """How a client was refused that should be."""
    if outcome.http_status is not None:
        return Verdict.BY_HTTP
    if outcome.answer is not None:
        return Verdict.BY_APPLICATION
    return Verdict.SILENT if outcome.signal in _SERVERS_SILENCE else Verdict.RIGHT


def admission(trial: ScenarioTrace, known: Circumstances) -> tuple[bool | None, str]:
    """Whether the server took the client; with what makes that uncertain, if anything.

    Where the good client is refused too, a refusal says nothing of a certificate.
    """
    client, outcome = trial.scenario.client, trial.outcome
    if isinstance(client, BareClient):
        status = status_in_clear(trial.trace.events)
        return (True, "it serves plain HTTP") if status and status < 300 else (False, "")
    by_server = outcome.result is Result.REJECTED and outcome.by is Endpoint.SERVER
    # A server that speaks TLS with the good client refuses this one by leaving.
    by_server |= outcome.hung_up_on_hello and known.good_got_in
    if isinstance(client, HelloClient):
        # To stay silent is to refuse, where any server must answer, and does answer another.
        must_answer = trial.scenario.norm is Norm.ACCEPT and known.good_got_in
        by_server |= must_answer and outcome.signal is Signal.TIME_OUT
        if hello_answered(trial):
            return True, ""
        return (False, "") if by_server else (None, "the server did not answer the ClientHello")
    if outcome.http_status is not None:
        return _answer(trial, known)
    if outcome.answer is not None:
        shown = bool(summarize(trial.trace.events).client_chain)
        return told(
            outcome,
            known.good_answer,
            is_good=_is_good(trial),
            asked=_asked(trial),
            verified=known.verifies and shown,
        )
    idle = client.outlives and outcome.signal in _SERVERS_SILENCE
    if idle or outcome.result is Result.ACCEPTED:
        return (None, _IDLE) if idle else _unanswered(trial, known)
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


def _unanswered(trial: ScenarioTrace, known: Circumstances) -> tuple[bool | None, str]:
    """Judge a client that TLS let in, and that got no answer, by what the good one got."""
    replied = reply(known.good_status, known.good_answer)
    if not replied or not summarize(trial.trace.events).client_wrote_data:
        return True, ""
    for event in trial.trace.events:
        goodbye = (
            isinstance(event, AlertSeen) and event.description == AlertDescription.CLOSE_NOTIFY
        )
        if goodbye or isinstance(event, StreamEnded):
            if event.endpoint is Endpoint.SERVER:
                return False, ""
            break
    return None, f"no answer to its request; the good certificate gets {replied}"


def _answer(trial: ScenarioTrace, known: Circumstances) -> tuple[bool | None, str]:
    """Whether HTTP's answer says that the client is in; TLS has let it in."""
    outcome, status = trial.outcome, trial.outcome.http_status
    refused = outcome.signal is Signal.HTTP_STATUS
    if _is_success(status) or (not refused and (_is_good(trial) or not _asked(trial))):
        return True, ""
    if status == known.status_for_good:
        said = f" ({outcome.http_text})" if outcome.http_text else ""
        control = trial.scenario.control
        is_control = trial.scenario.name == control
        if control == _CHAIN:  # a path that the good client may read, or a CA, is not the cause
            return None, f"HTTP {status}{said} is what a good certificate ({control}) gets, too"
        too = "" if is_control else " is what the good certificate gets, too"
        return None, (
            f"HTTP {status}{said}{too}: name a path that it may read (--request), or a CA that the "
            "server trusts (--ca-cert)"
        )
    if refused or known.good_status is None:
        return not refused, ""
    if status is not None and 400 <= status < 500:
        return False, ""
    return None, f"HTTP {status}, where the good certificate gets HTTP {known.good_status}"


def _is_good(trial: ScenarioTrace) -> bool:
    return trial.scenario.norm is Norm.ACCEPT


def _why_untold(outcome: Outcome) -> str:
    if outcome.signal is Signal.TIME_OUT:
        return "the server did not complete the handshake in time"
    if outcome.by is Endpoint.CLIENT and outcome.result is Result.REJECTED:
        return f"the client itself refused the server: {outcome.exception}"
    return "the server neither answered nor refused"


def worst_finding(attempts: ScenarioAttempts, findings: Sequence[Finding]) -> Finding:
    """Return the worst of the findings of an attempt's trials, and of its failure."""
    scenario = attempts.scenario
    if attempts.failure or not findings:
        failed = Finding(
            scenario=scenario,
            version=VERSIONS[attempts.version],
            verdict=Verdict.NOT_TRIED,
            admitted=None,
            ending="no connection",
            handshake_returned=None,
            outcome=None,
            matters=scenario.norm is not Norm.EITHER,
            notes=(attempts.failure,),
        )
        findings = [*findings, failed]
    worst = max(findings, key=lambda finding: finding.verdict.weight)
    like_this = sum(finding.verdict is worst.verdict for finding in findings)
    seconds = sum(finding.seconds for finding in findings)
    return replace(worst, tries=len(findings), like_this=like_this, seconds=seconds)
