from __future__ import annotations

from dataclasses import dataclass

from lab.http.limits import Limits
from lab.serving.listener import ConnectionSlots, Slot

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@dataclass(eq=False)
class FakeConnection:
    peer: str = HERE
    silent: bool = True
    evicted: bool = False

    def evict(self) -> None:
        self.evicted = True


def test_the_newest_of_a_peer_takes_the_slot_of_its_oldest() -> None:
    slots = ConnectionSlots(Limits(max_handshakes_per_peer=2))
    connections = [FakeConnection() for _ in range(4)]
    assert [slots.enter(each) for each in connections] == [Slot.SERVED] * 4
    assert [each.evicted for each in connections] == [True, True, False, False]
    assert slots.taken == 2
    for each in connections:  # those who had to go take their time
        slots.leave(each)
    assert slots.taken == 0


def test_an_evicted_connection_takes_no_slot_while_it_closes() -> None:
    slots = ConnectionSlots(Limits(max_handshakes_per_peer=2, max_connections=3, max_surplus=1))
    for _ in range(50):
        assert slots.enter(FakeConnection(HERE)) is Slot.SERVED
    assert slots.enter(FakeConnection(ELSEWHERE)) is Slot.SERVED


def test_those_that_have_sent_nothing_are_evicted_first() -> None:
    slots = ConnectionSlots(Limits(max_handshakes_per_peer=3))
    connections = [FakeConnection(silent=False), FakeConnection(), FakeConnection(silent=False)]
    for each in (*connections, FakeConnection(silent=False)):
        slots.enter(each)
    assert [each.evicted for each in connections] == [False, True, False]
    slots.enter(FakeConnection())
    assert connections[0].evicted


def test_one_peer_takes_no_slot_of_another() -> None:
    slots = ConnectionSlots(Limits(max_handshakes_per_peer=1))
    one, other = FakeConnection(HERE), FakeConnection(ELSEWHERE)
    slots.enter(one)
    slots.enter(other)
    assert not one.evicted


def test_a_completed_handshake_is_not_evicted() -> None:
    slots = ConnectionSlots(Limits(max_handshakes_per_peer=1))
    one, two, three = FakeConnection(), FakeConnection(), FakeConnection()
    slots.enter(one)
    slots.known(one)
    slots.known(one)
    slots.enter(two)
    slots.leave(two)
    slots.enter(three)
    assert not one.evicted and not two.evicted


def test_beyond_all_slots_some_are_told_and_the_rest_are_not() -> None:
    slots = ConnectionSlots(Limits(max_connections=2, max_surplus=1))
    connections = [FakeConnection() for _ in range(5)]
    given = [slots.enter(each) for each in connections]
    assert given == [Slot.SERVED, Slot.SERVED, Slot.SURPLUS, Slot.NONE, Slot.NONE]
    slots.leave(connections[0])
    slots.leave(connections[1])
    assert slots.enter(FakeConnection()) is Slot.SERVED
    assert slots.taken == 2
