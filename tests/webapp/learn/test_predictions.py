"""Predictions beside what was observed: in real runs, and where a run does not tell."""

from __future__ import annotations

import pytest

from lab.api import explain_scenario_async
from lab.diagnosis.results import Outcome, Result, Signal
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint
from lab.tracing.results import Trace
from lab.webapp.learn.predictions import (
    CALL,
    END,
    QUESTIONS,
    SIGNAL,
    AnswerSet,
    ComparedAnswer,
    came_out_as,
    compare,
    observed,
    predictions_in,
)


async def traces_of(scenario: str) -> tuple[Trace, ...]:
    return (await explain_scenario_async(scenario)).traces


def ended(outcome: Outcome) -> Trace:
    """A trace of nothing but its end."""
    return Trace(
        target="127.0.0.1:1",
        requested_version=ProtocolVersion.TLS_1_3,
        negotiated_version=None,
        client_certificate=None,
        start=0.0,
        events=(),
        both_ends=False,
        outcome=outcome,
        causes=(),
    )


async def compared(scenario: str, **fields: str) -> list[list[ComparedAnswer]]:
    """The answers of both versions; fields are named "end12" for "1.2-end"."""
    form = {f"1.{name[-1]}-{name[:-2]}": value for name, value in fields.items()}
    versions = compare(predictions_in(form), await traces_of(scenario))
    assert [version.name for version in versions] == ["TLS 1.2", "TLS 1.3"]
    return [list(version.answers) for version in versions]


async def test_answers_are_compared_with_the_run_in_each_version() -> None:
    tls12, tls13 = await compared(
        "no-certificate",
        end12="server", signal12="alert-116", call12="no",
        end13="client", signal13="alert-116", call13="no",
    )  # fmt: skip
    assert [answer.right for answer in tls12] == [True, False, True]
    assert [answer.right for answer in tls13] == [False, True, False]
    assert tls12[1].observed == "Alert handshake_failure (40)"
    assert tls12[1].predicted == "Alert certificate_required (116)"
    assert tls13[1].observed == "Alert certificate_required (116)"


async def test_the_reasons_are_those_of_the_run() -> None:
    tls12, tls13 = await compared("expired")
    for answers in (tls12, tls13):
        assert "certificate has expired" in answers[0].why[0]
        assert answers[0].predicted == "" and answers[0].right is None
    assert "in the clear, after the client's Finished" in tls12[1].why[0]
    assert "encrypted, after the client's Finished" in tls13[1].why[0]
    assert "waits for the server's Finished" in tls12[2].why[-1]
    assert "The refusal came later: alert fatal certificate_expired (45)" in tls13[2].why[1]
    assert "judges it after that" in tls13[2].why[-1]


async def test_a_refusal_before_the_clients_flight_is_not_said_to_replace_finished() -> None:
    for answers in await compared("no-common-cipher-suite"):
        assert answers[0].observed == END.answers["server"]
        assert not [sentence for sentence in answers[2].why if "Finished" in sentence]


async def test_acceptance_and_http_have_their_own_words() -> None:
    for answers in await compared("good", end12="in", signal12="none", end13="in"):
        assert answers[0].right and answers[1].right is not False
        assert answers[0].why == ("The handshake was completed, and HTTP answered 200.",)
    for answers in await compared("not-on-the-list", signal12="http", signal13="http"):
        assert answers[1].right and answers[1].observed == "HTTP status 403"
        assert "TLS let the client in" in answers[0].why[0]


@pytest.mark.parametrize("scenario", ["silence", "plain-http", "leaves-after-server-hello"])
async def test_what_a_client_without_a_call_does_is_not_called_right_or_wrong(
    scenario: str,
) -> None:
    for answers in await compared(scenario, call12="yes", call13="no", end12="off", end13="off"):
        assert answers[0].right is not None
        assert answers[2].right is None
        assert answers[2].observed == "cannot be told from this run"


def test_what_cannot_be_told_is_no_answer() -> None:
    unknown = Outcome(result=Result.UNKNOWN, ground="the capture ends")
    assert observed(ended(unknown)) == AnswerSet()
    silent = Outcome(result=Result.REJECTED, by=Endpoint.SERVER)
    assert observed(ended(silent)) == AnswerSet(end="server")


@pytest.mark.parametrize(
    ("signal", "answer"),
    [
        (Signal.FIN, "closed"),
        (Signal.RST, "closed"),
        (Signal.HTTP_STATUS, "http"),
        (Signal.TIME_OUT, "time-out"),
        (Signal.NOT_TLS, "not-tls"),
        (Signal.MALFORMED, ""),
    ],
)
def test_signals_have_answers(signal: Signal, answer: str) -> None:
    outcome = Outcome(result=Result.FAILED, by=Endpoint.CLIENT, signal=signal)
    assert observed(ended(outcome)) == AnswerSet(end="off", signal=answer)


def test_a_form_gives_known_answers_only() -> None:
    fields = {"1.2-end": "server", "1.2-signal": "<script>", "1.3-call": "maybe", "2.0-end": "in"}
    assert predictions_in(fields) == {"1.2": AnswerSet(end="server"), "1.3": AnswerSet()}
    assert predictions_in({}) == {"1.2": AnswerSet(), "1.3": AnswerSet()}


def test_each_question_has_a_name_of_its_own_and_answers() -> None:
    assert [question.name for question in QUESTIONS] == ["end", "signal", "call"]
    for question in QUESTIONS:
        assert len(set(question.answers.values())) == len(question.answers) >= 2
    assert (END.is_list, SIGNAL.is_list, CALL.is_list) == (False, True, False)


async def test_a_run_that_comes_out_otherwise_is_noticed() -> None:
    traces = await traces_of("expired")
    seen = {"1.2": observed(traces[0]), "1.3": observed(traces[1])}
    assert came_out_as(seen, traces)
    assert not came_out_as({**seen, "1.3": seen["1.2"]}, traces)
