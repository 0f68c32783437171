"""A recording keeps what may decide, and its bounds, whatever is sent."""

from __future__ import annotations

import pytest

from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    ContentType,
    HandshakeType,
)
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    LeftOut,
    LocalFact,
    MessageSeen,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
)
from lab.tls.messages import HandshakeMessage, HelloRequest, ServerHelloDone
from lab.tracing.event_buffer import MOST_EVENTS, MOST_OCTETS, EventBuffer

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER


def message(time: float, content: HandshakeMessage) -> Event:
    return MessageSeen(
        time=time, endpoint=SERVER, records=(), encrypted=False, message=content, raw=bytes(4)
    )


def alert(
    time: float, description: AlertDescription, level: AlertLevel = AlertLevel.FATAL
) -> Event:
    return AlertSeen(
        time=time,
        endpoint=SERVER,
        records=(),
        encrypted=False,
        level=level,
        description=description,
    )


def data(time: float, sender: Endpoint, octets: int) -> Event:
    return ApplicationDataSeen(
        time=time, endpoint=sender, records=(), encrypted=True, data=bytes(octets)
    )


def sealed(time: float, octets: int) -> Event:
    return SealedSeen(
        time=time,
        endpoint=SERVER,
        records=(),
        encrypted=True,
        content_type=ContentType.APPLICATION_DATA,
        length=octets,
    )


def recorded(events: list[Event]) -> list[Event]:
    recording = EventBuffer()
    for event in events:
        recording(event)
    return recording.events


def full() -> list[Event]:
    """As many events as are kept, at the times 0, 1, 2…"""
    return [message(time, HelloRequest()) for time in range(MOST_EVENTS)]


def test_within_the_bounds_all_is_kept() -> None:
    events = full()
    assert recorded(events) == events


def test_of_a_flood_the_first_are_kept_and_the_others_counted() -> None:
    events = full()
    flood = [message(1e6 + number, HelloRequest()) for number in range(3 * MOST_EVENTS)]
    assert recorded(events + flood) == [
        *events,
        LeftOut(time=1e6, endpoint=SERVER, count=3 * MOST_EVENTS, octets=12 * MOST_EVENTS),
    ]


@pytest.mark.parametrize(
    "decisive",
    [
        LocalFact(time=2e6, endpoint=CLIENT, fact=Fact.TIMED_OUT),
        StreamEnded(time=2e6, endpoint=SERVER, end=StreamEnd.RESET),
        alert(2e6, AlertDescription.UNKNOWN_CA),
        alert(2e6, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING),
        message(2e6, ServerHelloDone()),
        ChangeCipherSpecSeen(time=2e6, endpoint=SERVER, records=(), encrypted=False),
        data(2e6, SERVER, 10),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_may_decide_is_kept_however_full_it_is(decisive: Event) -> None:
    events = full()
    surplus = message(1e6, HelloRequest())
    left_out = LeftOut(time=1e6, endpoint=SERVER, count=1, octets=4)
    assert recorded([*events, surplus, decisive]) == [*events, left_out, decisive]


def test_alerts_are_bounded_too() -> None:
    warning = alert(1e6, AlertDescription.UNRECOGNIZED_NAME, AlertLevel.WARNING)
    fatal = alert(3e6, AlertDescription.UNRECOGNIZED_NAME)
    events = recorded([*full(), *[warning] * 1000, fatal])
    assert events[MOST_EVENTS:] == [
        warning,
        LeftOut(time=1e6, endpoint=SERVER, count=999, octets=1998),
        fatal,
    ]


def test_bytes_are_bounded_too_and_small_events_still_find_room() -> None:
    large = [data(time, SERVER, MOST_OCTETS // 4) for time in (1.0, 2.0, 3.0)]
    too_large = data(4.0, SERVER, MOST_OCTETS // 2)
    small = data(5.0, SERVER, MOST_OCTETS // 4)
    left_out = LeftOut(time=4.0, endpoint=SERVER, count=1, octets=MOST_OCTETS // 2)
    assert recorded([*large, too_large, small]) == [*large, left_out, small]


def test_each_end_has_its_own_count() -> None:
    first = [data(1.0, CLIENT, 1), sealed(2.0, 1), data(3.0, SERVER, MOST_OCTETS)]
    more = [data(4.0, CLIENT, MOST_OCTETS), sealed(5.0, MOST_OCTETS), data(6.0, SERVER, 0)]
    ccs = ChangeCipherSpecSeen(time=7.0, endpoint=SERVER, records=(), encrypted=False)
    assert recorded([*first, *more, ccs, ccs])[3:] == [
        LeftOut(time=4.0, endpoint=CLIENT, count=1, octets=MOST_OCTETS),
        LeftOut(time=5.0, endpoint=SERVER, count=3, octets=MOST_OCTETS + 1),
        ccs,
    ]


def test_messages_that_are_not_decoded_are_bounded_like_others() -> None:
    recording = EventBuffer()
    for _ in range(3 * MOST_EVENTS):
        recording(
            Undecoded(
                time=1.0,
                endpoint=SERVER,
                records=(),
                where="Certificate",
                limit="more than 8192 items",
                message=HandshakeType.CERTIFICATE,
            )
        )
    assert len(recording.events) == MOST_EVENTS + 1
