"""The answer of a page: how each trace ended, the causes that fit, and what to do.

Rules: a cause that several traces share stands once, what speaks for it by its trace.

This module must not know how a sequence is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.diagnosis.results import Result
from lab.show.later_client_words import later_answers, later_source
from lab.show.text.captures.flow_text import about_flow, flow_name
from lab.show.text.comparison import difference, trace_names
from lab.show.text.outcome_text import result_words, signal_words
from lab.show.text.peer_text import bounded, shortened
from lab.show.text.trace_text import outcome_pairs, route_pairs, setting
from lab.tracing.results import Trace

_MARKS = {Result.ACCEPTED: "✓", Result.REJECTED: "✗", Result.FAILED: "✗", Result.UNKNOWN: "?"}
_SAID_ABOVE = frozenset({"signal", "version", "HTTP status"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeView:
    """How one trace ended: ``result`` in words, ``by`` what, and more as labels and values."""

    name: str
    setting: str
    result: str
    kind: str
    mark: str
    by: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(slots=True, kw_only=True)
class CauseView:
    """A cause of one trace or of several.

    ``evidence`` are sentences, each with the names of the traces that it is of, "" for all;
    ``clients`` are kinds of clients, how they answer in TLS 1.3 and 1.2, and how that is known.
    """

    code: str
    summary: str
    fix: str
    reference: str
    first_of: list[str] = field(default_factory=list)
    evidence: list[tuple[str, str]] = field(default_factory=list)
    clients: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``sentence`` says it all in one; ``others`` are causes that fit less well."""

    sentence: str
    verdicts: tuple[OutcomeView, ...]
    causes: tuple[CauseView, ...]
    others: tuple[CauseView, ...]


def answer(traces: Sequence[Trace]) -> Answer:
    """Return the answer for traces of one connection."""
    names = trace_names(traces)
    causes = _causes(traces, names)
    return Answer(
        sentence=difference(traces) if len(traces) > 1 else _sentence(traces[0]),
        verdicts=tuple(map(_verdict, traces)),
        causes=tuple(cause for cause in causes if cause.first_of),
        others=tuple(cause for cause in causes if not cause.first_of),
    )


def _sentence(trace: Trace) -> str:
    """Return how a single trace ended, in a sentence."""
    outcome = trace.outcome
    words = result_words(outcome)
    if outcome.result is Result.REJECTED and outcome.signal is not None:
        words += f" by {signal_words(outcome)}".replace(", no alert", " with no alert")
    if outcome.after_whose:
        words += f", after {bounded(outcome.after_whose)}"
    return f"{words[0].upper()}{words[1:]}."


def _verdict(trace: Trace) -> OutcomeView:
    outcome = trace.outcome
    signal = ""
    if outcome.alert is not None:
        manner = "encrypted" if outcome.alert.encrypted else "in the clear"
        signal = f"{signal_words(outcome)}, {outcome.alert.level}, {manner}"
    elif outcome.http_status is not None:
        signal = f"HTTP status {outcome.http_status}"
    elif outcome.signal is not None:
        signal = signal_words(outcome)
    pairs = [pair for pair in outcome_pairs(trace) if pair[0] not in _SAID_ABOVE]
    if trace.flow is None:
        version, _, certificate = setting(trace).partition(", ")
        agreed = ("version", str(trace.negotiated_version or "not negotiated"))
        pairs = [*route_pairs(trace), agreed, *pairs]
    else:  # of which it may not be known what the client had
        version, certificate = flow_name(trace.flow), ""
        pairs = [*about_flow(trace, trace.flow), *pairs]
    return OutcomeView(
        name=version,
        setting=certificate,
        result=result_words(outcome),
        kind=outcome.result.name.lower(),
        mark=_MARKS[outcome.result],
        by=signal,
        pairs=tuple(pairs),
    )


def _causes(traces: Sequence[Trace], names: Sequence[str]) -> list[CauseView]:
    """Return the causes of all traces, those that come first in one of them in front."""
    found: dict[tuple[str, str, str], CauseView] = {}
    spoken: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for trace, name in zip(traces, names, strict=True):
        for number, cause in enumerate(trace.causes):
            key = (cause.code, cause.summary, cause.fix)
            view = found.setdefault(
                key,
                CauseView(
                    code=cause.code,
                    summary=shortened(cause.summary),
                    fix=cause.fix,
                    reference=cause.reference,
                    clients=tuple(
                        (client.name, *later_answers(client), later_source(client))
                        for client in cause.clients
                    ),
                ),
            )
            if number == 0:
                view.first_of.append(name)
            for evidence in cause.evidence:
                spoken.setdefault(key, {}).setdefault(shortened(evidence), []).append(name)
    for key, view in found.items():
        for evidence, of in spoken.get(key, {}).items():
            everywhere = len(of) >= len(traces)
            view.evidence.append(("" if everywhere else ", ".join(dict.fromkeys(of)), evidence))
        if len(view.first_of) == len(traces):
            view.first_of = [""]
    return list(found.values())
