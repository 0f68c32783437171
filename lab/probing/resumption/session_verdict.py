"""Verdicts on sessions: whether one let somebody in whom a full handshake would have refused.

Rules: only that is held against a server. A session that is resumed for a client that would be let
in anyhow is in order, and so is a full handshake.

This module must not know how a trial is made.
"""

from __future__ import annotations

from lab.diagnosis.results import Outcome, Signal
from lab.probing.endings import ending_of
from lab.probing.results import Finding, Norm, Verdict
from lab.probing.resumption.session_admission import got_in
from lab.probing.resumption.session_scenarios import Change
from lab.probing.resumption.session_trial import SessionTrial
from lab.tls.escape import escaped
from lab.tracing.results import IdentitySource, Resumption, SessionUse, Trace
from lab.tracing.trace_server import VERSIONS
from lab.x509.certificates import describe

_SILENCE = (Signal.FIN, Signal.RST, Signal.CLOSE_NOTIFY)
_FULL = "not resumed: the server made a full handshake"
_BY_ID = "seen with a client that takes no tickets, and so offers a session ID"


def rule_session(trial: SessionTrial) -> Finding:
    """Return the verdict on what a server did with a session."""
    verdict, notes = _verdict(trial)
    if verdict is not Verdict.RIGHT and not trial.tickets:
        notes = (*notes, _BY_ID)
    scenario, seen = trial.scenario, trial.second or trial.first
    outcome = seen.outcome if seen is not None else None
    return Finding(
        scenario=scenario,
        version=VERSIONS[trial.version],
        verdict=verdict,
        admitted=got_in(outcome) if outcome is not None and trial.second is not None else None,
        ending=_ending(trial),
        handshake_returned=outcome.client_handshake_returned if outcome is not None else None,
        outcome=outcome,
        matters=scenario.norm is not Norm.EITHER and not trial.excused,
        notes=(*notes, trial.aftermath) if trial.aftermath else notes,
        seconds=sum(trace.events[-1].time - trace.start for trace in trial.traces if trace.events),
        trace=seen,
    )


def _ending(trial: SessionTrial) -> str:
    if trial.second is not None:
        return ending_of(trial.second.outcome)
    return "no session" if trial.first is not None and not trial.obstacle else "not offered"


def _verdict(trial: SessionTrial) -> tuple[Verdict, tuple[str, ...]]:
    if trial.obstacle:
        return Verdict.NOT_TRIED, (trial.obstacle,)
    if trial.second is None or trial.resumption is None:
        return Verdict.RIGHT, ("the server issued no session, so there is nothing to resume",)
    admitted = got_in(trial.second.outcome)
    if trial.scenario.norm is Norm.ACCEPT and not admitted:
        return _not_back(trial, admitted)
    if trial.resumption.use is not SessionUse.RESUMED:
        return _without_session(trial, trial.second, admitted)
    if trial.scenario.norm is not Norm.REFUSE:
        return Verdict.RIGHT, (f"{_resumed(trial.resumption)}: {_whom(trial.resumption)}",)
    if admitted is False:
        return _manner(trial.second.outcome), ()
    if admitted is None:
        why = f"resumed; whether the client was let in cannot be told ({_ending(trial)})"
        return Verdict.UNTOLD, (why,)
    return _let_in(trial, trial.resumption)


def _not_back(trial: SessionTrial, admitted: bool | None) -> tuple[Verdict, tuple[str, ...]]:
    """Judge a server that did not let a client in again which is still good."""
    if admitted is None:
        why = f"whether the client was let in with its session cannot be told ({_ending(trial)})"
        return Verdict.UNTOLD, (why,)
    why = "the client was let in before, and is refused when it comes back with its session"
    if not trial.control:
        full = f"by full handshakes, too, it is not let in each time ({trial.control_ending})"
        return Verdict.UNTOLD, (f"{why}; but {full}",)
    return Verdict.SHUT_OUT, (why, trial.scenario.fix)


def _without_session(
    trial: SessionTrial, second: Trace, admitted: bool | None
) -> tuple[Verdict, tuple[str, ...]]:
    """Judge a server that did not resume; what it says of the certificate, others look at."""
    if trial.resumption is not None and trial.resumption.use is SessionUse.NOT_RESUMED:
        if admitted and trial.scenario.change is Change.EXPIRED:
            return Verdict.UNTOLD, (_FULL, _CLOCK)
        return Verdict.RIGHT, (_FULL,)
    if admitted is False:
        return _manner(second.outcome), ()
    return Verdict.UNTOLD, (f"the server did not answer the offer ({_ending(trial)})",)


_SEVERAL = (
    "full handshakes of this one client do not end alike: where several servers answer at one "
    "address, probe each of them"
)
_CLOCK = (
    "the certificate that has just expired was let in by a full handshake: the server's clock may "
    "be behind; the scenario expired tells whether it looks at dates"
)


def _resumed(resumption: Resumption) -> str:
    return {
        True: "resumed, and a certificate was asked for after the handshake",
        False: "resumed, and no certificate was asked for",
        None: "resumed",
    }[resumption.certificate_requested]


def _let_in(trial: SessionTrial, resumption: Resumption) -> tuple[Verdict, tuple[str, ...]]:
    """Judge a server that resumed a session and let its client in."""
    resumed = _resumed(resumption)
    full = f"by a full handshake ({trial.control_ending})"
    if trial.control is None:
        why = f"{resumed}; whether the client gets in {full} cannot be told"
        return Verdict.UNTOLD, (why, *([_SEVERAL] if trial.mixed else []))
    if trial.control:
        if trial.scenario.change is Change.EXPIRED:
            return Verdict.UNTOLD, (resumed, _CLOCK)
        if trial.control_ending != _ending(trial):
            why = f"{resumed} ({_ending(trial)}); {full} this client is answered something else"
            return Verdict.UNTOLD, (f"{why}: whether it gets more by its session cannot be told",)
        return Verdict.RIGHT, (f"{resumed}; this client gets in {full}, too",)
    if trial.scenario.change is Change.EXPIRED:
        return Verdict.OUTLIVED, (
            f"{resumed}; the same client is refused {full}. {_BOUND}",
            trial.scenario.fix,
        )
    if trial.without == _ending(trial) and resumption.source is IdentitySource.UNKNOWN:
        return Verdict.UNTOLD, (
            f"{resumed}; the same client is refused {full}, but one without a certificate gets in "
            "there: whether the server takes this one for more than that cannot be told",
        )
    notes = [f"{resumed}; the same client is refused {full}"]
    if resumption.identity is not None:
        notes.append(_whom(resumption))
    return Verdict.LET_IN, (*notes, trial.scenario.fix)


_BOUND = (
    "Most servers look at the dates in full handshakes only, so that a client may come back for as "
    "long as its sessions last"
)


def _whom(resumption: Resumption) -> str:
    if resumption.source is IdentitySource.UNKNOWN:
        return "whom the server takes the client for cannot be told by what it answered"
    if resumption.identity is None:
        return "the server's session has no certificate of a client"
    name = escaped(describe(resumption.identity).subject)
    if resumption.source is IdentitySource.SERVER:
        return f"the server takes the client for {name}"
    return f"the server's answer names {name}"


def _manner(outcome: Outcome) -> Verdict:
    """How a session was refused."""
    if outcome.http_status is not None:
        return Verdict.BY_HTTP
    if outcome.signal is Signal.APPLICATION:
        return Verdict.BY_APPLICATION
    return Verdict.SILENT if outcome.signal in _SILENCE else Verdict.RIGHT
