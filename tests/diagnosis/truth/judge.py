"""What a trace made of a connection whose truth is known: verdicts, and what is false."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from tests.diagnosis.truth.lies import NEUTRAL, brief_lies, is_hedged, lies
from tests.diagnosis.truth.run import Run
from tests.diagnosis.truth.sentences import Known
from tests.diagnosis.truth.truth import Truth, outcome_problem, truth_of


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
    return truth, verdict, problems


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
