"""What an accepted handshake means, and the HTTP status that follows it."""

from __future__ import annotations

import pytest

from lab.diagnosis.results import Result, Signal
from lab.tls.events import (
    Fact,
)
from tests.support.events import (
    CLIENT,
    EMPTY,
    RETURNED,
    SEALED,
    SERVER,
    TLS13,
    answer,
    both,
    chain,
    data,
    fact,
    finished,
    hello,
)


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, Result.ACCEPTED), (404, Result.ACCEPTED), (500, Result.ACCEPTED)]
    + [(status, Result.REJECTED) for status in (400, 401, 403, 495, 496)],
)
def test_what_http_answers(status: int, result: Result) -> None:
    line = f"HTTP/1.1 {status} Whatever\r\n\r\n".encode()
    events = [*TLS13, EMPTY, finished(CLIENT), RETURNED, data(SERVER, line)]
    outcome, causes = both(events)
    assert (outcome.result, outcome.http_status) == (result, status)
    rejected = result is Result.REJECTED
    assert outcome.signal is (Signal.HTTP_STATUS if rejected else None)
    assert causes[0].code == ("http-wants-certificate" if rejected else "certificate-optional")


def test_http_refuses_who_the_client_is() -> None:
    line = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    _, causes = both([*TLS13, chain(CLIENT, b"x"), finished(CLIENT), data(SERVER, line)])
    assert [cause.code for cause in causes] == ["http-refuses-identity"]
    _, causes = both([hello(), answer(), finished(SERVER), data(SERVER, line)])
    assert [cause.code for cause in causes] == ["http-not-about-certificates"]


def test_what_is_sealed_is_not_said_to_be_missing() -> None:
    events = [hello(), answer(), SEALED, fact(SERVER, Fact.HANDSHAKE_RETURNED)]
    _, causes = both(events)
    assert [cause.code for cause in causes] == ["accepted-unseen"]
    _, causes = both([*events, data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")])
    assert causes[-1].code == "http-wants-certificate"
