"""How many clients there may be at a time: of all addresses, and of one in its handshake.

Rules: a connection is given a slot or none, at once. A client that has not completed its
handshake, be it under way or failed, has proved nothing, so where one address has too many of
those, its newest takes the slot of its oldest: connections that stay silent cannot keep an honest
client of the same address out. Those that have sent nothing are evicted first, or a burst of them
would evict handshakes that are under way.

This module must not know sockets, tasks, or what is said to those who must leave.
"""

from __future__ import annotations

import enum
from typing import Protocol

from lab.http.limits import Limits


class Slot(enum.Enum):
    """What is done for a connection."""

    SERVED = "served"
    SURPLUS = "too many connections: answering with HTTP 503"
    NONE = "closed: too many connections"


class Connection(Protocol):
    """A connection, as far as its slot depends on it."""

    @property
    def peer(self) -> str:
        """The address that it comes from."""
        ...

    @property
    def silent(self) -> bool:
        """Whether it has sent nothing so far."""
        ...

    def evict(self) -> None:
        """Close it, to free its slot."""
        ...


class ConnectionSlots:
    """The slots of one listener. Each connection is given to ``enter``, ``known``, ``leave``."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken = 0
        self._leaving: set[Connection] = set()  # evicted, and no longer counted
        # Dictionaries keep the order in which their keys came.
        self._in_handshake: dict[str, dict[Connection, None]] = {}

    @property
    def taken(self) -> int:
        """How many connections have a slot, those that are told 503 included."""
        return self._taken

    def enter(self, connection: Connection) -> Slot:
        """Give a connection a slot; without one it is not counted, and must not ``leave``."""
        others = self._in_handshake.get(connection.peer, {})
        if len(others) >= self._limits.max_handshakes_per_peer:
            self._evict(next((other for other in others if other.silent), next(iter(others))))
        if self._taken >= self._limits.max_connections + self._limits.max_surplus:
            return Slot.NONE
        self._taken += 1
        self._in_handshake.setdefault(connection.peer, {})[connection] = None
        crowded = self._taken > self._limits.max_connections
        return Slot.SURPLUS if crowded else Slot.SERVED

    def _evict(self, connection: Connection) -> None:
        """Close a connection. Its slot is free from now on, however long closing takes."""
        self._taken -= 1
        self._leaving.add(connection)
        self.known(connection)
        connection.evict()

    def known(self, connection: Connection) -> None:
        """Note that a connection has completed its handshake, and is evicted no more."""
        others = self._in_handshake.get(connection.peer)
        if others is not None:
            others.pop(connection, None)
            if not others:
                del self._in_handshake[connection.peer]

    def leave(self, connection: Connection) -> None:
        """Note that a connection is closed."""
        if connection in self._leaving:
            self._leaving.remove(connection)
        else:
            self._taken -= 1
            self.known(connection)
