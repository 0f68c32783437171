"""Each stop of the path, run for real: what it expects of the run, and what its texts claim."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.pki.profiles import CLIENT_NAME
from lab.tls.code_points import AlertDescription
from lab.tls.events import AlertSeen, Endpoint, Fact, LocalFact, MessageSeen
from lab.tls.messages import Certificate, CertificateRequest, CertificateVerify
from lab.tracing.results import Trace
from lab.webapp.learn.guided_path import STOPS, place_of
from lab.webapp.learn.learn_runs import run_stop
from lab.webapp.learn.predictions import VERSIONS, came_out_as
from lab.webapp.learn.results import LearnRun, RunFailed
from lab.webapp.learn.stop import Stop
from lab.webapp.learn.themes import themed
from lab.x509.names import distinguished_name
from tests.support.openssl import needs_openssl

BY_NAME = {stop.name: stop for stop in STOPS}


async def run(name: str) -> LearnRun:
    return await run_stop(BY_NAME[name])


def messages(trace: Trace, kind: type, sender: Endpoint) -> list[MessageSeen]:
    return [
        event
        for event in trace.events
        if isinstance(event, MessageSeen)
        and event.endpoint is sender
        and isinstance(event.message, kind)
    ]


def time_of(trace: Trace, fact: Fact, endpoint: Endpoint = Endpoint.CLIENT) -> float:
    return next(
        event.time
        for event in trace.events
        if isinstance(event, LocalFact) and (event.fact, event.endpoint) == (fact, endpoint)
    )


def refusal_words(trace: Trace) -> str:
    return next(
        event.reason
        for event in trace.events
        if isinstance(event, LocalFact) and event.fact is Fact.CERTIFICATE_REFUSED
    )


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
async def test_a_stop_comes_out_as_it_expects_in_both_versions(stop: Stop) -> None:
    result = await run_stop(stop)
    assert [trace.requested_version for trace in result.traces] == list(VERSIONS.values())
    assert came_out_as(stop.expected, result.traces)
    assert all(trace.records for trace in result.traces), "each byte is to be shown"
    if stop.name != "withheld":  # whose server is another program
        assert all(trace.both_ends for trace in result.traces)


def test_stops_are_about_ten_and_know_their_places() -> None:
    assert 9 <= len(STOPS) <= 12
    assert len(BY_NAME) == len(STOPS)
    assert [place_of(stop.name) for stop in STOPS] == list(range(len(STOPS)))
    assert place_of("nowhere") is None


def texts(stop: Stop) -> Iterator[str]:
    yield from (stop.title, *stop.question)


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_a_stop_runs_one_thing_and_does_not_give_its_answer_away(stop: Stop) -> None:
    assert (stop.run is None) is bool(stop.scenario)
    assert not stop.scenario or themed(stop.scenario) is not None
    assert stop.question and stop.look and stop.lesson and stop.commands
    numbers = [answers.signal.removeprefix("alert-") for answers in stop.expected.values()]
    assert not [number for number in numbers if number in " ".join(texts(stop)).split()]


async def test_the_client_returns_behind_the_servers_finished_only_in_tls12() -> None:
    tls12, tls13 = (await run("accepted")).traces
    verified = time_of(tls12, Fact.CERTIFICATE_VERIFIED, Endpoint.SERVER)
    assert time_of(tls12, Fact.HANDSHAKE_RETURNED) > verified
    verified = time_of(tls13, Fact.CERTIFICATE_VERIFIED, Endpoint.SERVER)
    assert time_of(tls13, Fact.HANDSHAKE_RETURNED) < verified
    for trace, encrypted in ((tls12, False), (tls13, True)):
        for kind in (Certificate, CertificateVerify):
            (event,) = messages(trace, kind, Endpoint.CLIENT)
            assert event.encrypted is encrypted


async def test_a_missing_intermediate_and_another_ca_look_the_same() -> None:
    missing, wrong = await run("missing-intermediate"), await run("unknown-ca")
    for left, right in zip(missing.traces, wrong.traces, strict=True):
        assert refusal_words(left) == refusal_words(right)
        codes = {"client-ca-not-trusted", "client-intermediate-missing"}
        assert {cause.code for cause in left.causes} == codes
        assert {cause.code for cause in right.causes} == codes
        (sent,) = messages(left, Certificate, Endpoint.CLIENT)
        assert isinstance(sent.message, Certificate)
        assert len(sent.message.certificate_list) == 1


async def test_a_client_that_refuses_has_not_sent_its_certificate() -> None:
    for trace in (await run("wrong-name")).traces:
        assert messages(trace, Certificate, Endpoint.CLIENT) == []
        assert trace.outcome.server_handshake_returned is not True


@pytest.mark.skipif(
    not sys.platform.startswith("linux"),
    reason="needs Linux, which keeps what came before an RST",
)
async def test_a_lost_refusal_is_found_by_one_more_read() -> None:
    result = await run("lost-refusal")
    tls13 = result.traces[1]
    alerts = [event for event in tls13.events if isinstance(event, AlertSeen)]
    assert alerts == []
    assert "certificate" not in tls13.outcome.exception.lower()
    closed = time_of(tls13, Fact.CLOSED, Endpoint.SERVER)
    assert closed < time_of(tls13, Fact.WRITE_FAILED)
    (reading,) = result.comparisons[0].traces
    assert reading.outcome.alert is not None
    assert reading.outcome.alert.description is AlertDescription.CERTIFICATE_REQUIRED
    assert time_of(reading, Fact.WRITE_FAILED) < reading.outcome.alert.time


async def test_tls13_asks_after_the_handshake_and_tls12_in_it() -> None:
    result = await run("later")
    for trace, late in zip(result.traces, (False, True), strict=True):
        (request,) = messages(trace, CertificateRequest, Endpoint.SERVER)
        returned = time_of(trace, Fact.HANDSHAKE_RETURNED)
        assert (request.time > returned) is late
        (verify,) = messages(trace, CertificateVerify, Endpoint.CLIENT)
        assert verify.time > request.time
    unable, without = (comparison.traces[0] for comparison in result.comparisons)
    assert messages(unable, CertificateRequest, Endpoint.SERVER) == []
    assert unable.outcome.http_status == 403
    assert without.outcome.client_handshake_returned
    assert without.outcome.alert is not None
    assert without.outcome.alert.description is AlertDescription.CERTIFICATE_REQUIRED


@needs_openssl
async def test_a_certificate_is_sent_to_a_server_that_names_another_ca() -> None:
    result = await run("withheld")
    (withholding,) = result.comparisons
    for trace, other in zip(result.traces, withholding.traces, strict=True):
        for each in (trace, other):
            (request,) = messages(each, CertificateRequest, Endpoint.SERVER)
            assert isinstance(request.message, CertificateRequest)
            (name,) = request.message.certificate_authorities
            assert distinguished_name(name) == "CN=A CA of another company"
        assert trace.outcome.accepted
        assert other.outcome.rejected and other.causes[0].code == "no-client-certificate"


async def test_a_stop_whose_program_is_missing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunFailed, match="the openssl command cannot be started"):
        await run("withheld")


async def test_a_resumed_session_skips_the_check_that_a_full_handshake_makes() -> None:
    result = await run("resumption")
    early, anew = (comparison.traces for comparison in result.comparisons)
    for trace in (*result.traces, *early):
        for sender in Endpoint:
            assert messages(trace, Certificate, sender) == []
        assert time_of(trace, Fact.SESSION_RESUMED)
    assert [trace.outcome.http_status for trace in result.traces] == [401, 401]
    assert [trace.outcome.http_status for trace in early] == [200, 200]
    for trace in anew:
        assert trace.outcome.alert is not None
        assert trace.outcome.alert.description is AlertDescription.CERTIFICATE_EXPIRED


async def test_authorization_refuses_behind_an_accepted_handshake() -> None:
    for trace in (await run("authorization")).traces:
        assert trace.outcome.handshake_accepted
        assert trace.outcome.http_status == 403
        assert CLIENT_NAME not in trace.outcome.http_text
        fatal = [event for event in trace.events if isinstance(event, AlertSeen)]
        assert {event.description for event in fatal} <= {AlertDescription.CLOSE_NOTIFY}
