"""A server for a limited time: what it keeps of its connections."""

from __future__ import annotations

from lab.serving.temporary_server import MOST_CONNECTIONS, TemporaryServer
from lab.tls.events import Endpoint, Fact, LocalFact


def test_only_the_last_connections_are_kept() -> None:
    server = TemporaryServer()
    for number in range(MOST_CONNECTIONS + 5):
        server.sink(str(number))
    assert len(server.connections) == MOST_CONNECTIONS
    assert [server.connections[0].peer, server.connections[-1].peer] == ["5", "1004"]


def test_a_connection_knows_when_it_is_closed() -> None:
    connection = TemporaryServer().sink("127.0.0.1:1")
    for fact, closed in ((Fact.CONNECTED, False), (Fact.CLOSED, True)):
        connection(LocalFact(time=0.0, endpoint=Endpoint.SERVER, fact=fact))
        assert connection.closed.is_set() is closed
    assert len(connection.buffer.events) == 2
