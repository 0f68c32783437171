from __future__ import annotations

from dataclasses import dataclass

from lab.http.limits import Limits
from lab.serving.connection_slots import ConnectionSlots, Place

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@dataclass(eq=False)
class Visitor:
    peer: str = HERE
    silent: bool = True
    evicted: bool = False

    def evict(self) -> None:
        self.evicted = True


def test_the_newest_of_a_peer_takes_the_place_of_its_oldest() -> None:
    crowd = ConnectionSlots(Limits(max_handshakes_per_peer=2))
    visitors = [Visitor() for _ in range(4)]
    assert [crowd.enter(each) for each in visitors] == [Place.SERVED] * 4
    assert [each.evicted for each in visitors] == [True, True, False, False]
    assert crowd.inside == 2
    for each in visitors:  # those who had to go take their time
        crowd.leave(each)
    assert crowd.inside == 0


def test_who_must_make_room_takes_no_place_of_others_while_leaving() -> None:
    crowd = ConnectionSlots(Limits(max_handshakes_per_peer=2, max_connections=3, max_surplus=1))
    for _ in range(50):
        assert crowd.enter(Visitor(HERE)) is Place.SERVED
    assert crowd.enter(Visitor(ELSEWHERE)) is Place.SERVED


def test_those_who_have_not_said_a_word_go_first() -> None:
    crowd = ConnectionSlots(Limits(max_handshakes_per_peer=3))
    visitors = [Visitor(silent=False), Visitor(), Visitor(silent=False)]
    for each in (*visitors, Visitor(silent=False)):
        crowd.enter(each)
    assert [each.evicted for each in visitors] == [False, True, False]
    crowd.enter(Visitor())
    assert visitors[0].evicted


def test_one_peer_takes_no_place_of_another() -> None:
    crowd = ConnectionSlots(Limits(max_handshakes_per_peer=1))
    one, other = Visitor(HERE), Visitor(ELSEWHERE)
    crowd.enter(one)
    crowd.enter(other)
    assert not one.evicted


def test_whoever_has_shaken_hands_is_not_evicted() -> None:
    crowd = ConnectionSlots(Limits(max_handshakes_per_peer=1))
    one, two, three = Visitor(), Visitor(), Visitor()
    crowd.enter(one)
    crowd.known(one)
    crowd.known(one)
    crowd.enter(two)
    crowd.leave(two)
    crowd.enter(three)
    assert not one.evicted and not two.evicted


def test_beyond_all_places_some_are_told_and_the_rest_are_not() -> None:
    crowd = ConnectionSlots(Limits(max_connections=2, max_surplus=1))
    visitors = [Visitor() for _ in range(5)]
    places = [crowd.enter(each) for each in visitors]
    assert places == [Place.SERVED, Place.SERVED, Place.SURPLUS, Place.NONE, Place.NONE]
    crowd.leave(visitors[0])
    crowd.leave(visitors[1])
    assert crowd.enter(Visitor()) is Place.SERVED
    assert crowd.inside == 2
