"""What sealed records of TLS 1.3 mean, by their length and order: hand-made connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import ContentType, ExtensionType, ProtocolVersion
from lab.tls.events import Endpoint, Event, Fact, Gap, NotCaptured, SealedSeen, StreamEnd
from lab.tls.extensions import FlagExtension, SelectedPsk
from lab.tls.sealed_records import BEFORE_KEYS
from tests.support.events import (
    CLIENT,
    SERVER,
    TLS13,
    client_hello,
    fact,
    finished,
    outcome_and_causes,
    server_hello,
    stream_ended,
)

HELLOS = [client_hello(), server_hello()]
ALERT, PADDED_ALERT, EMPTY = 2, 18, 8


def sealed(sender: Endpoint, inside: int | None, time: float = 0.0, length: int = 0) -> SealedSeen:
    return SealedSeen(
        time=time,
        endpoint=sender,
        records=(),
        encrypted=True,
        content_type=ContentType.APPLICATION_DATA,
        length=length or (inside or 0) + 17,
        inner_length=inside,
    )


FLIGHT = [*HELLOS, sealed(SERVER, 900), sealed(CLIENT, 700), sealed(CLIENT, 36)]
ENDS = [stream_ended(CLIENT), stream_ended(SERVER)]


@pytest.mark.parametrize("inside", [1, 3, 5, 17, 19, 200])
def test_a_record_of_another_length_than_an_alerts_is_acceptance(inside: int) -> None:
    proof = sealed(SERVER, inside)
    outcome, causes = outcome_and_causes([*FLIGHT, proof, *reversed(ENDS)])
    assert (outcome.result, outcome.by, outcome.decided_by) == (Result.ACCEPTED, None, proof)
    assert outcome.handshake_accepted
    assert "no alert by its length" in outcome.ground and "cannot be read" in outcome.ground
    assert [cause.code for cause in causes] == ["accepted-unseen"]
    assert causes[0].evidence[0] == outcome.ground


@pytest.mark.parametrize("inside", [ALERT, PADDED_ALERT])
@pytest.mark.parametrize("ends", [ENDS, ENDS[::-1], [stream_ended(SERVER, StreamEnd.RESET)]])
def test_a_record_as_long_as_an_alert_and_the_end_is_a_refusal(
    inside: int, ends: list[Event]
) -> None:
    refusal = sealed(SERVER, inside)
    outcome, causes = outcome_and_causes([*FLIGHT, refusal, *ends])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)
    assert (outcome.signal, outcome.decided_by) == (Signal.UNREAD_ALERT, refusal)
    assert (outcome.sealed, outcome.alert) == (True, None)
    assert outcome.ground.startswith("after the client's flight the server sent only")
    assert [cause.code for cause in causes] == ["refused-by-unread-alert"]
    assert "SSLKEYLOGFILE" in causes[0].fix


def test_an_empty_certificate_shows_by_its_length() -> None:
    events = [*HELLOS, sealed(SERVER, 900), sealed(CLIENT, EMPTY), sealed(CLIENT, 36)]
    _, causes = outcome_and_causes([*events, sealed(SERVER, ALERT), stream_ended(SERVER)])
    assert [cause.code for cause in causes] == ["no-client-certificate", "refused-by-unread-alert"]
    assert "may withhold it" in causes[0].fix
    _, causes = outcome_and_causes([*events, stream_ended(SERVER)])
    assert [cause.code for cause in causes] == ["no-client-certificate", "refused-without-alert"]
    # Only the first record of the flight is one.
    events = [*HELLOS, sealed(CLIENT, 36), sealed(CLIENT, EMPTY), stream_ended(SERVER)]
    _, causes = outcome_and_causes(events)
    assert [cause.code for cause in causes] == ["refused-without-alert"]


@pytest.mark.parametrize("end", list(StreamEnd))
def test_nothing_and_then_the_end_is_a_silent_refusal(end: StreamEnd) -> None:
    ended = stream_ended(SERVER, end)
    outcome, causes = outcome_and_causes([*FLIGHT, ended, stream_ended(CLIENT)])
    assert (outcome.result, outcome.by, outcome.decided_by) == (Result.REJECTED, SERVER, ended)
    assert outcome.signal is {StreamEnd.FIN: Signal.FIN, StreamEnd.RESET: Signal.RST}[end]
    assert outcome.ground.startswith("the server sent nothing after")
    assert [cause.code for cause in causes] == ["refused-without-alert"]
    assert outcome.ground in causes[0].evidence


def test_a_client_that_sends_an_alert_first_refused_the_server() -> None:
    refusal = sealed(CLIENT, ALERT)
    for ends in (ENDS, ENDS[::-1]):
        # What the server had under way is no answer to it.
        outcome, causes = outcome_and_causes(
            [*HELLOS, sealed(SERVER, 900), refusal, sealed(SERVER, 300), *ends]
        )
        assert (outcome.result, outcome.by) == (Result.REJECTED, CLIENT)
        assert (outcome.signal, outcome.decided_by) == (Signal.UNREAD_ALERT, refusal)
        assert [cause.code for cause in causes] == ["client-left-by-unread-alert"]


@pytest.mark.parametrize(
    "events",
    [
        [sealed(CLIENT, ALERT), sealed(SERVER, ALERT), *ENDS],  # close_notify of both
        [stream_ended(CLIENT), sealed(SERVER, ALERT), stream_ended(SERVER)],
        [sealed(CLIENT, ALERT), stream_ended(CLIENT), stream_ended(SERVER)],
        [sealed(SERVER, ALERT)] * 3 + [stream_ended(SERVER)],  # short data
        [sealed(SERVER, ALERT, time=6.0), replace(ENDS[1], time=6.0)],  # an idle connection
        [replace(ENDS[1], time=6.0)],
    ],
)
def test_what_may_be_an_end_in_order_cannot_be_told(events: list[Event]) -> None:
    outcome, causes = outcome_and_causes([*FLIGHT, *events])
    assert (outcome.result, outcome.by, outcome.signal) == (Result.UNKNOWN, None, None)
    assert outcome.decided_by is None and not outcome.handshake_accepted
    assert [cause.code for cause in causes] == ["cannot-be-told"]
    assert causes[0].evidence == (outcome.ground,)
    assert "SSLKEYLOGFILE" in causes[0].fix


@pytest.mark.parametrize("block", [16, 64, 512])
def test_a_record_that_may_be_padded_to_a_block_proves_nothing(block: int) -> None:
    """OpenSSL's ``-record_padding`` pads an alert as any other record (RFC 9846 section 5.4)."""
    flight = [sealed(SERVER, 3 * block - 1), sealed(SERVER, 2 * block - 1)]
    events = [*HELLOS, *flight, *FLIGHT[3:], sealed(SERVER, block - 1)]
    outcome, causes = outcome_and_causes([*events, stream_ended(SERVER)])
    assert (outcome.result, outcome.handshake_accepted) == (Result.UNKNOWN, False)
    assert "may be padded" in outcome.ground
    assert [cause.code for cause in causes] == ["cannot-be-told"]
    # Two blocks are no alert, and neither is what does not divide the others.
    for more in (2 * block - 1, block, 3 * block - 2):
        assert judge([*events, sealed(SERVER, more), *ENDS]).result is Result.ACCEPTED
    # Nothing is known of the padding where nothing came before, and short data divide by chance.
    for before in ([], [sealed(SERVER, 27)]):
        answer = sealed(SERVER, 6)
        assert judge([*HELLOS, *before, *FLIGHT[3:], answer, *ENDS]).result is Result.ACCEPTED


def test_five_seconds_are_still_prompt() -> None:
    for last in ([sealed(SERVER, ALERT, time=5.0)], []):
        outcome = judge([*FLIGHT, *last, replace(ENDS[1], time=5.0)])
        assert outcome.result is Result.REJECTED


def test_what_came_before_the_clients_flight_proves_nothing() -> None:
    """The rest of the server's flight, and data that it sends without waiting."""
    outcome = judge([*HELLOS, sealed(SERVER, 900), sealed(SERVER, 300), *FLIGHT[3:], *ENDS[1:]])
    assert outcome.result is Result.REJECTED


def test_data_after_a_short_record_is_acceptance_too() -> None:
    outcome = judge([*FLIGHT, sealed(SERVER, ALERT), sealed(SERVER, 300), stream_ended(SERVER)])
    assert outcome.result is Result.ACCEPTED
    # Data of the client behind it makes no difference.
    more = [sealed(SERVER, ALERT), sealed(CLIENT, 99, time=60.0), stream_ended(SERVER)]
    assert judge([*FLIGHT, *more]).result is Result.REJECTED


def test_early_data_is_not_taken_for_the_clients_flight() -> None:
    early = client_hello(
        ProtocolVersion.TLS_1_3, FlagExtension(extension_type=ExtensionType.EARLY_DATA)
    )
    after = [sealed(CLIENT, 500), sealed(SERVER, 900), stream_ended(SERVER)]
    outcome = judge([early, server_hello(), *after])
    assert (outcome.result, "early data" in outcome.ground) == (Result.UNKNOWN, True)
    # Where it was read, the client's Finished tells.
    outcome = judge([early, server_hello(), *after[:1], finished(CLIENT), *after[1:]])
    assert outcome.result is Result.ACCEPTED
    # A server that resumes has judged the client before.
    resumed = server_hello(ProtocolVersion.TLS_1_3, SelectedPsk(selected_identity=0))
    assert judge([early, resumed, *after]).result is Result.ACCEPTED
    # What is known to be early data, or to be under no key, is no flight.
    for record in (
        replace(sealed(CLIENT, None, length=500), early_data=True),
        replace(sealed(CLIENT, None, length=500), inference=BEFORE_KEYS),
    ):
        outcome = judge([client_hello(), record, server_hello(), sealed(SERVER, 900), *ENDS[1:]])
        assert outcome.result is Result.REJECTED


def test_without_a_known_cipher_the_usual_lengths_count() -> None:
    short, long = (sealed(SERVER, None, length=length) for length in (19, 20))
    assert judge([*FLIGHT, short, stream_ended(SERVER)]).signal is Signal.UNREAD_ALERT
    assert judge([*FLIGHT, long, stream_ended(SERVER)]).result is Result.ACCEPTED


def test_a_server_that_reports_a_refusal_knows_better() -> None:
    refused = fact(SERVER, Fact.CERTIFICATE_REFUSED, "certificate has expired", 10)
    outcome = judge([*FLIGHT, refused, sealed(SERVER, 99)])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)


def test_a_hello_that_is_taken_for_sealed_is_no_flight() -> None:
    """Where a HelloRetryRequest is missing, the second hellos lie behind dummy changes."""
    start = [NotCaptured(time=0.0, endpoint=SERVER, gap=Gap.MISSING)]
    hello = replace(sealed(CLIENT, None, length=512), content_type=ContentType.HANDSHAKE)
    events = [client_hello(), *start, hello, sealed(SERVER, 900), stream_ended(SERVER)]
    assert judge(events).result is Result.UNKNOWN


def test_what_follows_a_gap_may_have_come_before_the_clients_flight() -> None:
    """A reader waits for what is missing, and gives the rest of the server's flight late."""
    gap = NotCaptured(time=0.0, endpoint=SERVER, gap=Gap.MISSING)
    late = [*FLIGHT, gap, sealed(SERVER, 300)]
    outcome = judge([*late, stream_ended(SERVER)])
    assert (outcome.result, outcome.ground) == (Result.UNKNOWN, Gap.MISSING.value)
    outcome = judge([*late, sealed(CLIENT, 99), sealed(SERVER, 300), stream_ended(SERVER)])
    assert outcome.result is Result.ACCEPTED
    assert judge([*late, sealed(CLIENT, 99), *ENDS[1:]]).result is Result.UNKNOWN
    # What the client sends is never given too early.
    gap = replace(gap, endpoint=CLIENT)
    outcome = judge([*FLIGHT, gap, sealed(SERVER, 300), stream_ended(SERVER)])
    assert outcome.result is Result.ACCEPTED


def test_a_server_may_answer_after_the_client_has_half_closed() -> None:
    left = [sealed(CLIENT, ALERT), stream_ended(CLIENT)]
    for before in ([], left, [stream_ended(CLIENT)], [sealed(SERVER, ALERT), stream_ended(CLIENT)]):
        events = [*FLIGHT, *before, sealed(SERVER, 300), stream_ended(SERVER)]
        assert judge(events).result is Result.ACCEPTED
    outcome = judge([*FLIGHT, *left])
    assert outcome.result is Result.UNKNOWN and outcome.ground.startswith("the client's last")


def test_what_the_client_sends_after_a_short_record_is_its_flight() -> None:
    events = [*HELLOS, sealed(SERVER, 900), sealed(CLIENT, ALERT), sealed(CLIENT, 700)]
    outcome = judge([*events, stream_ended(SERVER)])
    assert (outcome.result, outcome.by, outcome.signal) == (Result.REJECTED, SERVER, Signal.FIN)


def test_a_client_that_ended_tcp_first_was_not_refused_by_silence() -> None:
    outcome, causes = outcome_and_causes([*FLIGHT, *ENDS])
    assert (outcome.result, outcome.by, outcome.ground) == (Result.FAILED, CLIENT, "")
    assert [cause.code for cause in causes] == ["no-verdict"]


def test_where_the_flight_was_read_nothing_is_inferred_from_silence() -> None:
    outcome = judge([*TLS13, finished(CLIENT), stream_ended(SERVER)])
    assert (outcome.result, outcome.by, outcome.ground) == (Result.REJECTED, SERVER, "")


def test_a_late_end_may_be_that_of_an_idle_connection_even_if_all_was_read() -> None:
    ended = replace(stream_ended(SERVER), time=6.0)
    outcome = judge([*TLS13, finished(CLIENT), ended])
    assert (outcome.result, outcome.by) == (Result.UNKNOWN, None)
    assert "6 seconds later" in outcome.ground
    # Unless the server says itself that it refused the client.
    failed = fact(SERVER, Fact.HANDSHAKE_FAILED)
    assert judge([*TLS13, finished(CLIENT), failed, ended]).result is Result.REJECTED


def test_a_server_that_ends_before_any_flight_is_judged_without_it() -> None:
    early = client_hello(
        ProtocolVersion.TLS_1_3, FlagExtension(extension_type=ExtensionType.EARLY_DATA)
    )
    for hello in (early, client_hello()):
        outcome = judge([hello, server_hello(), sealed(SERVER, 900), stream_ended(SERVER)])
        assert (outcome.result, outcome.by, outcome.ground) == (Result.REJECTED, SERVER, "")
