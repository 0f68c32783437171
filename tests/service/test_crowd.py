from __future__ import annotations

from collections.abc import Callable

from lab.service.crowd import Crowd, Place
from lab.service.limits import Limits


class Left:
    """Remembers which connections were evicted."""

    def __init__(self) -> None:
        self.keys: list[object] = []

    def evictor(self, key: object) -> Callable[[], None]:
        return lambda: self.keys.append(key)


def test_the_newest_of_a_peer_takes_the_place_of_its_oldest() -> None:
    crowd, left = Crowd(Limits(max_handshakes_per_peer=2)), Left()
    for key in (1, 2, 3, 4):
        assert crowd.enter("192.0.2.1", key, left.evictor(key)) is Place.SERVED
    assert left.keys == [1, 2]
    assert crowd.inside == 4  # they leave when their tasks have ended


def test_one_peer_takes_no_place_of_another() -> None:
    crowd, left = Crowd(Limits(max_handshakes_per_peer=1)), Left()
    crowd.enter("192.0.2.1", 1, left.evictor(1))
    crowd.enter("192.0.2.2", 2, left.evictor(2))
    assert left.keys == []


def test_whoever_has_shaken_hands_is_not_evicted() -> None:
    crowd, left = Crowd(Limits(max_handshakes_per_peer=1)), Left()
    crowd.enter("192.0.2.1", 1, left.evictor(1))
    crowd.known("192.0.2.1", 1)
    crowd.known("192.0.2.1", 1)
    crowd.enter("192.0.2.1", 2, left.evictor(2))
    crowd.leave("192.0.2.1", 2)
    crowd.enter("192.0.2.1", 3, left.evictor(3))
    assert left.keys == []


def test_beyond_all_places_some_are_told_and_the_rest_are_not() -> None:
    crowd, left = Crowd(Limits(max_connections=2, max_surplus=1)), Left()
    places = [crowd.enter("192.0.2.1", key, left.evictor(key)) for key in range(5)]
    assert places == [Place.SERVED, Place.SERVED, Place.SURPLUS, Place.NONE, Place.NONE]
    crowd.leave("192.0.2.1", 0)
    crowd.leave("192.0.2.1", 1)
    assert crowd.enter("192.0.2.1", 9, left.evictor(9)) is Place.SERVED
    assert crowd.inside == 2
