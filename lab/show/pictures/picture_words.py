"""The words above a picture: what the trace is of, and how it ended.

This module must not know how the words are drawn.
"""

from __future__ import annotations

from lab.diagnosis.results import Outcome, Result
from lab.show.text.captures.flow_text import flow_name
from lab.show.text.outcome_text import result_words, signal_words
from lab.show.text.trace_text import setting
from lab.tracing.results import Trace


def heading(trace: Trace) -> str:
    """Return what a trace is of: the connection in a capture, else what the client came with."""
    return setting(trace) if trace.flow is None else flow_name(trace.flow)


def ending(outcome: Outcome) -> str:
    """Return how it ended, and by what: "rejected by the server, alert unknown_ca (48)"."""
    words = result_words(outcome)
    if outcome.result is not Result.ACCEPTED and outcome.signal is not None:
        words += f", {signal_words(outcome)}"
    inferred = outcome.ground and outcome.result is not Result.UNKNOWN
    return f"{words} (inferred)" if inferred else words
