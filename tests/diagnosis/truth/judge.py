"""What a trace made of a connection whose truth is known: verdicts, and what is false."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import replace

from lab.diagnosis.results import Result
from tests.diagnosis.truth.client_flaws import Stage
from tests.diagnosis.truth.lies import NEUTRAL, brief_lies, is_hedged, lies
from tests.diagnosis.truth.run import Run
from tests.diagnosis.truth.sentences import Known
from tests.diagnosis.truth.truth import Truth, outcome_problem, truth_of
from tests.diagnosis.truth.views import captured


class Verdict(enum.Enum):
    """What the first cause is."""

    TRUE = "true"
    UNDECIDED = "told as undecided"
    FALSE = "false"


def judged(run: Run) -> tuple[Truth, Verdict, list[str]]:
    """Return the truth of a run, the verdict on its first cause, and everything that is false."""
    truth = truth_of(run.setup, run.verify_code)
    if run.trace is None:
        # Nothing but an error was told; it must not deny that the server speaks TLS.
        return truth, Verdict.UNDECIDED, [] if "not TLS" not in run.error else [run.error]
    known = Known(setup=run.setup, truth=truth, trace=run.trace)
    verdict = _verdict(known)
    problems = [*_outcome(known), *lies(known), *brief_lies(known)]
    if verdict is Verdict.FALSE:
        first = run.trace.causes[0]
        problems.insert(0, f"first cause {first.code}, where the truth is {sorted(truth.codes)}")
    for view, keys in (("captured", True), ("captured without keys", False)):
        other = replace(known, trace=captured(run.trace, keys=keys))
        problems += [f"{view}: {problem}" for problem in _of_capture(other)]
    return truth, verdict, problems


def _of_capture(known: Known) -> Iterator[str]:
    """Yield what is false in a capture's view; what cannot be told is no fault there."""
    outcome, truth = known.trace.outcome, known.truth
    refused_by_tls = truth.stage is not None and truth.stage < Stage.APPLICATION
    if outcome.accepted and refused_by_tls and not (outcome.ground and known.passed_handshake):
        yield f"accepted, and refused by {truth.by}"
    if outcome.rejected and Result.REJECTED not in truth.result:
        yield f"rejected, not {truth.result}"
    if outcome.rejected and outcome.by not in truth.by:
        yield f"rejected by {outcome.by}, not {truth.by}"
    yield from lies(known)


def _outcome(known: Known) -> Iterator[str]:
    if problem := outcome_problem(known.trace.outcome, known.truth):
        yield problem


def _verdict(known: Known) -> Verdict:
    causes, codes = known.trace.causes, known.truth.codes
    if causes[0].code in codes:
        return Verdict.TRUE
    if causes[0].code in NEUTRAL:
        return Verdict.UNDECIDED
    if is_hedged(causes[0]) and any(cause.code in codes | NEUTRAL for cause in causes):
        return Verdict.UNDECIDED
    return Verdict.FALSE
