"""How many clients there may be at a time: of all addresses, and of one in its handshake.

Rules: whoever comes is given a place or none, at once. A client that has not completed its
handshake, be it under way or failed, has proved nothing, so where one address has too many of
those, its oldest makes room for its newest: connections that stay silent cannot keep an honest
client of the same address out. Those that have not said a word go first, or a burst of them would
drive out whoever is in the middle of it.

This module must not know sockets, tasks, or what is said to those who must leave.
"""

from __future__ import annotations

import enum
from typing import Protocol

from lab.http.limits import Limits


class Place(enum.Enum):
    """What is done for a connection."""

    SERVED = "served"
    SURPLUS = "too many connections: answering with HTTP 503"
    NONE = "closed: too many connections"


class Guest(Protocol):
    """A connection, as far as the crowd must know it."""

    @property
    def peer(self) -> str:
        """The address that it comes from."""
        ...

    @property
    def silent(self) -> bool:
        """Whether it has sent nothing so far."""
        ...

    def evict(self) -> None:
        """It must go, to make room."""
        ...


class ConnectionSlots:
    """The guests of one listener. Each is given to ``enter``, ``known`` and ``leave`` once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside = 0
        self._leaving: set[Guest] = set()  # evicted, and no longer counted
        # Dictionaries keep the order in which their keys came.
        self._in_handshake: dict[str, dict[Guest, None]] = {}

    @property
    def inside(self) -> int:
        """How many connections have a place, or are told that there is none."""
        return self._inside

    def enter(self, guest: Guest) -> Place:
        """A guest begins its handshake; with no place it is not counted, and not to leave."""
        others = self._in_handshake.get(guest.peer, {})
        if len(others) >= self._limits.max_handshakes_per_peer:
            self._evict(next((other for other in others if other.silent), next(iter(others))))
        if self._inside >= self._limits.max_connections + self._limits.max_surplus:
            return Place.NONE
        self._inside += 1
        self._in_handshake.setdefault(guest.peer, {})[guest] = None
        crowded = self._inside > self._limits.max_connections
        return Place.SURPLUS if crowded else Place.SERVED

    def _evict(self, guest: Guest) -> None:
        """Send a guest away. Its place is free from now on, however long it takes to leave."""
        self._inside -= 1
        self._leaving.add(guest)
        self.known(guest)
        guest.evict()

    def known(self, guest: Guest) -> None:
        """A guest has completed its handshake; it is evicted no more. A second call is idle."""
        others = self._in_handshake.get(guest.peer)
        if others is not None:
            others.pop(guest, None)
            if not others:
                del self._in_handshake[guest.peer]

    def leave(self, guest: Guest) -> None:
        """A guest is gone."""
        if guest in self._leaving:
            self._leaving.remove(guest)
        else:
            self._inside -= 1
            self.known(guest)
