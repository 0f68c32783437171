"""Predict first: what a learner may expect of a connection, and what was observed in the run.

Rules: an answer is compared with the outcome of this very run, never with a stored one. Where the
run does not tell, neither does the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.diagnosis.results import Outcome, Result, Signal
from lab.show.text.event_text import headline
from lab.show.text.outcome_text import ground_words, result_words, signal_words
from lab.show.text.peer_text import bounded
from lab.tls.code_points import AlertDescription, ProtocolVersion
from lab.tls.events import Endpoint, Event, Fact, LocalFact
from lab.tracing.results import Trace

VERSIONS = {"1.2": ProtocolVersion.TLS_1_2, "1.3": ProtocolVersion.TLS_1_3}
"""The versions by their names in forms and addresses."""

_ALERTS = (
    AlertDescription.HANDSHAKE_FAILURE,
    AlertDescription.BAD_CERTIFICATE,
    AlertDescription.UNSUPPORTED_CERTIFICATE,
    AlertDescription.CERTIFICATE_REVOKED,
    AlertDescription.CERTIFICATE_EXPIRED,
    AlertDescription.CERTIFICATE_UNKNOWN,
    AlertDescription.ILLEGAL_PARAMETER,
    AlertDescription.UNKNOWN_CA,
    AlertDescription.DECRYPT_ERROR,
    AlertDescription.PROTOCOL_VERSION,
    AlertDescription.INTERNAL_ERROR,
    AlertDescription.NO_APPLICATION_PROTOCOL,
    AlertDescription.CERTIFICATE_REQUIRED,
)
_SIGNALS = {
    Signal.FIN: "closed",
    Signal.RST: "closed",
    Signal.HTTP_STATUS: "http",
    Signal.TIME_OUT: "time-out",
    Signal.NOT_TLS: "not-tls",
}
_NOT_SEEN = "cannot be told from this run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about one connection: ``name`` in forms, and the answers by their values there.

    ``is_list`` tells that the answers are too many to be shown at once.
    """

    name: str
    words: str
    answers: Mapping[str, str]
    is_list: bool = False


END = Question(
    name="end",
    words="Is the client let in, or who refuses whom?",
    answers={
        "in": "The client is let in",
        "server": "The server refuses the client",
        "client": "The client refuses the server",
        "off": "Nobody refuses, but the connection breaks off",
    },
)
SIGNAL = Question(
    name="signal",
    words="By what does it end?",
    answers={
        "none": "Nothing is refused: no alert",
        **{f"alert-{alert.value}": f"Alert {alert} ({alert.value})" for alert in _ALERTS},
        "closed": "No alert: TCP just ends (FIN or RST)",
        "http": "No alert: an HTTP status (401, 403, …)",
        "time-out": "Nothing comes, until a time-out",
        "not-tls": "Bytes that are not TLS",
    },
    is_list=True,
)
CALL = Question(
    name="call",
    words="Does the client's handshake call return?",
    answers={
        "yes": "It returns: the client believes that it is connected",
        "no": "It fails",
    },
)
QUESTIONS = (END, SIGNAL, CALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSet:
    """AnswerSet about one connection, as the values of their questions; "" is none.

    Of what was observed, "" means that it cannot be told.
    """

    end: str = ""
    signal: str = ""
    call: str = ""

    def to(self, question: Question) -> str:
        """Return the answer to ``question``."""
        return {"end": self.end, "signal": self.signal, "call": self.call}[question.name]


Predictions = Mapping[str, AnswerSet]
"""What was predicted, by the version's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedAnswer:
    """One answer beside what was observed, in words; ``why`` are sentences of this run.

    ``predicted`` is "" where nothing was predicted; ``right`` is None there, and where the run does
    not tell.
    """

    question: str
    predicted: str
    observed: str
    right: bool | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedVersion:
    """The answers about one connection; ``name`` is that of the version."""

    name: str
    answers: tuple[ComparedAnswer, ...]


def predictions_in(fields: Mapping[str, str]) -> Predictions:
    """Return the predictions of a form; what is none of the answers counts as none."""
    return {
        version: AnswerSet(
            **{
                question.name: _known(question, fields.get(f"{version}-{question.name}", ""))
                for question in QUESTIONS
            }
        )
        for version in VERSIONS
    }


def _known(question: Question, value: str) -> str:
    return value if value in question.answers else ""


def observed(trace: Trace) -> AnswerSet:
    """Return what a trace says to each question."""
    outcome = trace.outcome
    return AnswerSet(end=_end(outcome), signal=_signal(outcome), call=_call(trace))


def _call(trace: Trace) -> str:
    """Return what the client's handshake call did; a client without TLS of its own makes none."""
    if _fact(trace, Fact.HANDSHAKE_RETURNED, Endpoint.CLIENT) is not None:
        return "yes"
    endings = (Fact.HANDSHAKE_FAILED, Fact.TIMED_OUT)
    failed = any(_fact(trace, fact, Endpoint.CLIENT) is not None for fact in endings)
    return "no" if failed else ""


def _end(outcome: Outcome) -> str:
    if outcome.result is Result.ACCEPTED:
        return "in"
    if outcome.result is Result.REJECTED and outcome.by is not None:
        return outcome.by.value
    return "off" if outcome.result is Result.FAILED else ""


def _signal(outcome: Outcome) -> str:
    if outcome.result is Result.ACCEPTED:
        return "none"
    if outcome.result is Result.UNKNOWN:
        return ""
    if outcome.alert is not None:
        return f"alert-{outcome.alert.description.value}"
    return _SIGNALS.get(outcome.signal, "") if outcome.signal else ""


def came_out_as(expected: Predictions, traces: Sequence[Trace]) -> bool:
    """Tell whether each trace was observed to be as ``expected``, which names every version."""
    return all(expected[_name_of(trace)] == observed(trace) for trace in traces)


def _name_of(trace: Trace) -> str:
    """Return the name of the version that a trace was asked for in; "" for several."""
    names = (name for name, version in VERSIONS.items() if version is trace.requested_version)
    return next(names, "")


def compare(predictions: Predictions, traces: Sequence[Trace]) -> tuple[ComparedVersion, ...]:
    """Compare what was predicted of each version with its trace."""
    compared = []
    for trace in traces:
        given = predictions.get(_name_of(trace), AnswerSet())
        compared.append(
            ComparedVersion(
                name=str(trace.requested_version or "any version"),
                answers=tuple(_compared(question, given, trace) for question in QUESTIONS),
            )
        )
    return tuple(compared)


def _compared(question: Question, given: AnswerSet, trace: Trace) -> ComparedAnswer:
    predicted, seen = given.to(question), observed(trace).to(question)
    return ComparedAnswer(
        question=question.words,
        predicted=question.answers.get(predicted, ""),
        observed=_observed_words(question, seen, trace.outcome),
        right=predicted == seen if predicted and seen else None,
        why=tuple(_WHY[question.name](trace)),
    )


def _observed_words(question: Question, seen: str, outcome: Outcome) -> str:
    if question is SIGNAL and outcome.result is not Result.ACCEPTED and outcome.signal is not None:
        words = signal_words(outcome)
        return f"{words[0].upper()}{words[1:]}"
    return question.answers.get(seen, _NOT_SEEN)


def _why_end(trace: Trace) -> list[str]:
    outcome = trace.outcome
    verdict = _fact(trace, Fact.CERTIFICATE_REFUSED)
    if verdict is not None:
        said = f"The {verdict.endpoint.value}'s OpenSSL says: {bounded(verdict.reason)}."
        return [f"At {_ms(trace, verdict)}. {said}"]
    if outcome.result is Result.ACCEPTED and outcome.http_status is not None:
        return [f"The handshake was completed, and HTTP answered {outcome.http_status}."]
    if outcome.signal is Signal.HTTP_STATUS:
        return [
            "TLS let the client in; the application refused the request, with the status "
            f"{outcome.http_status}."
        ]
    if outcome.ground:
        return [_sentence(ground_words(outcome))]
    return [_sentence(result_words(outcome))]


def _why_signal(trace: Trace) -> list[str]:
    outcome = trace.outcome
    decisive = outcome.decided_by
    if outcome.alert is not None and decisive is not None:
        alert = outcome.alert
        manner = "encrypted" if alert.encrypted else "in the clear"
        after = f", after {bounded(outcome.after_whose)}" if outcome.after_whose else ""
        sender = alert.endpoint.value
        return [f"The {sender} sent it at {_ms(trace, alert)}, {manner}{after}."]
    if outcome.signal in (Signal.FIN, Signal.RST):
        return ["No alert was read on this connection; whether one was sent, its sender knows."]
    if outcome.signal is Signal.HTTP_STATUS:
        return ["After a complete handshake no alert can say no: the answer is the application's."]
    return []


def _why_call(trace: Trace) -> list[str]:
    outcome = trace.outcome
    returned = _fact(trace, Fact.HANDSHAKE_RETURNED, Endpoint.CLIENT)
    failed = _fact(trace, Fact.HANDSHAKE_FAILED, Endpoint.CLIENT)
    refused_by_server = outcome.rejected and outcome.by is Endpoint.SERVER
    if returned is not None:
        words = [f"It returned at {_ms(trace, returned)}."]
        decisive = outcome.decided_by
        if refused_by_server and decisive is not None and decisive.time > returned.time:
            words.append(f"The refusal came later: {headline(decisive)} at {_ms(trace, decisive)}.")
        if refused_by_server and outcome.signal is not Signal.HTTP_STATUS and _judged_late(trace):
            words.append(
                "In TLS 1.3 the client is done once it has sent its Finished, and the server "
                "judges it after that (RFC 9846 section 4.5.3)."
            )
        return words
    if failed is None:
        return ["This client makes no handshake call, or was not seen to make one."]
    words = [f"It failed at {_ms(trace, failed)}: {bounded(failed.reason)}."]
    if outcome.alert is not None and outcome.after == "Finished" and not _is_13(trace):
        words.append(
            "In TLS 1.2 the client waits for the server's Finished, and the alert comes in its "
            "place (RFC 5246 section 7.3)."
        )
    return words


_WHY = {"end": _why_end, "signal": _why_signal, "call": _why_call}


def _judged_late(trace: Trace) -> bool:
    """Tell whether the server refused the client's last flight, in TLS 1.3."""
    return _is_13(trace) and trace.outcome.after == "Finished"


def _is_13(trace: Trace) -> bool:
    return trace.negotiated_version is ProtocolVersion.TLS_1_3


def _fact(trace: Trace, fact: Fact, endpoint: Endpoint | None = None) -> LocalFact | None:
    for event in trace.events:
        if (
            isinstance(event, LocalFact)
            and event.fact is fact
            and endpoint in (None, event.endpoint)
        ):
            return event
    return None


def _ms(trace: Trace, event: Event) -> str:
    return f"{(event.time - trace.start) * 1000:.1f} ms"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
