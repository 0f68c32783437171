"""How many clients there may be at a time: of all addresses, and of one in its handshake.

Rules: whoever comes is given a place or none, at once. A client that is still in its handshake has
proved nothing, so where one address has too many of those, its oldest makes room for its newest:
connections that stay silent cannot keep an honest client of the same address out.

This module must not know sockets, tasks, or what is said to those who must leave.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from lab.service.limits import Limits


class Place(enum.Enum):
    """What is done for a connection."""

    SERVED = "served"
    SURPLUS = "told that there is no place"
    NONE = "closed"


class Crowd:
    """The connections of one listener. Each calls ``enter``, ``known`` and ``leave`` once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside = 0
        # Dictionaries keep the order in which their keys came.
        self._in_handshake: dict[str, dict[object, Callable[[], None]]] = {}

    @property
    def inside(self) -> int:
        """How many connections there are."""
        return self._inside

    def enter(self, peer: str, key: object, evict: Callable[[], None]) -> Place:
        """A connection of ``peer`` begins its handshake; ``evict`` is called if it must go.

        Where the place is NONE, the connection is not counted and need not leave.
        """
        if self._inside >= self._limits.max_connections + self._limits.max_surplus:
            return Place.NONE
        self._inside += 1
        others = self._in_handshake.setdefault(peer, {})
        if len(others) >= self._limits.max_handshakes_per_peer:
            oldest = next(iter(others))
            others.pop(oldest)()
        others[key] = evict
        crowded = self._inside > self._limits.max_connections
        return Place.SURPLUS if crowded else Place.SERVED

    def known(self, peer: str, key: object) -> None:
        """The handshake of a connection is over; it is evicted no more. A second call is idle."""
        others = self._in_handshake.get(peer)
        if others is not None:
            others.pop(key, None)
            if not others:
                del self._in_handshake[peer]

    def leave(self, peer: str, key: object) -> None:
        """A connection is gone."""
        self._inside -= 1
        self.known(peer, key)
