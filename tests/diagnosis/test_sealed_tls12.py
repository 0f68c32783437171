"""What sealed records of TLS 1.2 and older mean: hand-made connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import ContentType, ProtocolVersion
from lab.tls.events import Endpoint, Event, Gap, NotCaptured, SealedSeen
from tests.support.events import (
    CLIENT,
    REQUEST,
    SERVER,
    certificate_message,
    change_cipher_spec,
    client_chain,
    client_hello,
    outcome_and_causes,
    server_hello,
    stream_ended,
)

HANDSHAKE, ALERT = ContentType.HANDSHAKE, ContentType.ALERT
DATA, CHANGE = ContentType.APPLICATION_DATA, ContentType.CHANGE_CIPHER_SPEC
VERSION = ProtocolVersion.TLS_1_2


def sealed(sender: Endpoint, kind: ContentType, inference: str = "") -> SealedSeen:
    return SealedSeen(
        time=0.0,
        endpoint=sender,
        records=(),
        encrypted=True,
        content_type=kind,
        length=40,
        inference=inference,
    )


def finish(sender: Endpoint) -> list[Event]:
    return [change_cipher_spec(sender), sealed(sender, HANDSHAKE, "a Finished message")]


HELLOS = [client_hello(VERSION), server_hello(VERSION), REQUEST]
FULL = [*HELLOS, certificate_message(CLIENT, client_chain()), *finish(CLIENT), *finish(SERVER)]
RESUMED = [*HELLOS, *finish(SERVER), *finish(CLIENT)]
ENDS = [stream_ended(CLIENT), stream_ended(SERVER)]


@pytest.mark.parametrize("handshake", [FULL, RESUMED])
def test_data_of_the_server_after_both_changes_is_acceptance(handshake: list[Event]) -> None:
    data = sealed(SERVER, DATA)
    outcome, causes = outcome_and_causes([*handshake, sealed(CLIENT, DATA), data, *ENDS])
    assert (outcome.result, outcome.decided_by) == (Result.ACCEPTED, data)
    assert "so the handshake accepted the client" in outcome.ground
    assert outcome.handshake_accepted and outcome.http_status is None
    if handshake is FULL:
        assert [cause.code for cause in causes] == ["accepted-by-tls"]
        assert causes[0].evidence[0] == outcome.ground


def test_data_of_the_client_proves_nothing() -> None:
    outcome = judge([*FULL, sealed(CLIENT, DATA), stream_ended(SERVER)])
    assert (outcome.result, outcome.by, outcome.signal) == (Result.FAILED, SERVER, Signal.FIN)
    assert outcome.handshake_accepted


def test_a_sealed_alert_after_the_handshake_is_most_likely_close_notify() -> None:
    for alerts in ([SERVER], [SERVER, CLIENT], [CLIENT], [CLIENT, SERVER]):
        records = [sealed(end, ALERT) for end in alerts]
        outcome = judge([*FULL, *records, *ENDS])
        assert (outcome.result, outcome.signal) == (Result.ACCEPTED, None)
        assert outcome.decided_by is records[0]
        assert "most likely close_notify" in outcome.ground
    # Unless the client had ended TCP before: it may be the echo of that.
    outcome = judge([*FULL, ENDS[0], sealed(SERVER, ALERT), ENDS[1]])
    assert (outcome.result, outcome.handshake_accepted) == (Result.UNKNOWN, True)
    # The client closed in order, whatever it had sent before.
    outcome = judge([*FULL, sealed(CLIENT, DATA), sealed(CLIENT, ALERT), *ENDS])
    assert outcome.result is Result.ACCEPTED
    # A request that is answered so is not answered.
    outcome = judge([*FULL, sealed(CLIENT, DATA), sealed(SERVER, ALERT), *ENDS])
    assert (outcome.result, outcome.handshake_accepted) == (Result.UNKNOWN, True)
    assert "close_notify or a refusal" in outcome.ground


def again(first: Endpoint) -> list[Event]:
    """Another handshake, until the client has sent its last flight."""
    return [sealed(first, HANDSHAKE), sealed(CLIENT, HANDSHAKE), sealed(SERVER, HANDSHAKE)]


def changed(sender: Endpoint) -> list[Event]:
    return [sealed(sender, CHANGE), sealed(sender, HANDSHAKE)]


def test_an_alert_within_another_handshake_refuses_the_client() -> None:
    refusal = sealed(SERVER, ALERT)
    outcome, causes = outcome_and_causes([*FULL, *again(SERVER), *changed(CLIENT), refusal, *ENDS])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)
    assert (outcome.signal, outcome.decided_by) == (Signal.UNREAD_ALERT, refusal)
    assert causes[-1].code == "refused-by-unread-alert"
    # And so does an end without one.
    outcome = judge([*FULL, *again(SERVER), *changed(CLIENT), stream_ended(SERVER)])
    assert (outcome.result, outcome.by, outcome.signal) == (Result.REJECTED, SERVER, Signal.FIN)
    # But not where the client had begun it, or answers so: an end may only not renegotiate.
    for begun in (
        [*again(CLIENT), refusal],
        [sealed(SERVER, HANDSHAKE), sealed(CLIENT, ALERT)],
        [sealed(SERVER, HANDSHAKE), sealed(CLIENT, ALERT), refusal],
    ):
        outcome = judge([*FULL, *begun, *ENDS[::-1]])
        assert (outcome.result, outcome.handshake_accepted) == (Result.UNKNOWN, True)
        assert "another one was begun" in outcome.ground


def test_another_handshake_that_was_completed_is_accepted_again() -> None:
    whole = [*again(SERVER), *changed(CLIENT), *changed(SERVER)]
    assert judge([*FULL, *whole, sealed(SERVER, DATA), *ENDS]).result is Result.ACCEPTED
    outcome = judge([*FULL, *whole, sealed(SERVER, ALERT), *ENDS])
    assert outcome.result is Result.ACCEPTED
    assert judge([*FULL, *whole, stream_ended(SERVER)]).result is Result.FAILED


def test_the_message_behind_a_change_is_finished_whatever_is_said_of_it() -> None:
    """Where the beginning is missing, nothing is known of the keys."""
    start = [NotCaptured(time=0.0, endpoint=end, gap=Gap.START) for end in Endpoint]
    ends = [
        event
        for end in (CLIENT, SERVER)
        for event in (change_cipher_spec(end), sealed(end, HANDSHAKE, "keys that cannot be told"))
    ]
    shown = certificate_message(CLIENT, client_chain())
    events = [*start, shown, *ends, sealed(CLIENT, ALERT), sealed(SERVER, ALERT), *ENDS]
    outcome, causes = outcome_and_causes(events)
    assert (outcome.result, outcome.handshake_accepted) == (Result.ACCEPTED, True)
    assert [cause.code for cause in causes] == ["accepted-by-tls"]


def test_a_type_that_shows_tells_the_version() -> None:
    """Without the hellos, dummy changes of TLS 1.3 must not count."""
    changes = [change_cipher_spec(end) for end in (CLIENT, SERVER)]
    start = [NotCaptured(time=0.0, endpoint=end, gap=Gap.START) for end in Endpoint]
    assert not judge([*start, *changes]).handshake_accepted
    for kind, length, shows in (
        (HANDSHAKE, 40, True),
        (HANDSHAKE, 89, True),
        (HANDSHAKE, 90, False),  # a hello of TLS 1.3 after a dummy change
        (ALERT, 3, True),
        (ALERT, 2, False),  # in the clear
        (DATA, 40, False),
        (CHANGE, 1, False),
    ):
        shown = replace(sealed(SERVER, kind), length=length)
        assert judge([*start, *changes, shown]).handshake_accepted is shows
        assert not judge([*start, *changes[:1], shown]).handshake_accepted
