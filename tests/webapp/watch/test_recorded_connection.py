"""A connection at the lab's server: its row while it goes on, and its trace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.api import LabCA, LabIdentity, trace_server_async
from lab.capture.results import Address
from lab.show.text.event_text import headline
from lab.stream.wire import within
from lab.tls.events import Endpoint, MessageSeen, StreamEnded
from lab.tracing.results import Trace
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.recorded_connection import RecordedConnection
from lab.webapp.watch.watched_row import WatchedRow
from lab.webapp.watch.watched_server import ServerSettings, WatchedServer, watched_server

PATIENCE = 20.0


@contextlib.asynccontextmanager
async def watching(certs: Path) -> AsyncIterator[tuple[WatchedServer, ConnectionList]]:
    connections = ConnectionList()
    async with watched_server(ServerSettings(directory=certs), connections) as server:
        yield server, connections


async def ended(connections: ConnectionList, number: int = 1) -> WatchedRow:
    async def wait() -> WatchedRow:
        while True:
            version = connections.version
            found = connections.find(number)
            if found is not None and found.is_ended:
                return found.row()
            await connections.wait(version)

    return await within(PATIENCE, wait())


def trace_of(connections: ConnectionList, number: int = 1) -> Trace:
    found = connections.find(number)
    assert found is not None
    trace = found.snapshot()()
    assert trace is not None
    return trace


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_an_accepted_connection(certs: Path, version: str) -> None:
    ca = LabCA.load(certs / "ca.crt", certs / "ca.key")
    async with watching(certs) as (server, connections):
        (live,) = await trace_server_async(
            server.address.authority,
            identity=ca.client(common_name="alice"),
            trust=certs / "ca.crt",
            versions=(version,),
            request="/todo",
        )
        row = await ended(connections)
        trace = trace_of(connections)
    assert (row.state, row.version, row.client) == ("accepted", f"TLS {version}", "CN=alice")
    assert row.cause == ""
    assert trace.outcome.accepted
    assert trace.records and all(r.opening for r in trace.records if r.encrypted)
    messages = [event.raw for event in trace.events if isinstance(event, MessageSeen)]
    assert messages == [event.raw for event in live.events if isinstance(event, MessageSeen)]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_refused_connection(certs: Path, version: str) -> None:
    async with watching(certs) as (server, connections):
        await trace_server_async(
            server.address.authority, trust=certs / "ca.crt", versions=(version,)
        )
        row = await ended(connections)
        trace = trace_of(connections)
        found = connections.find(1)
        assert found is not None and found.is_refused
    assert row.state == "rejected"
    assert row.outcome.startswith("rejected by the server, alert ")
    assert row.cause == trace.causes[0].summary
    assert trace.outcome.by is Endpoint.SERVER
    ends = [event.endpoint for event in trace.events if isinstance(event, StreamEnded)]
    assert len(ends) == len(set(ends)), "each direction ends once"


async def test_a_client_that_stops_is_seen_before_it_ends(certs: Path) -> None:
    """The ClientHello's beginning does not show, but that somebody is there does."""
    async with watching(certs) as (server, connections):
        _, writer = await asyncio.open_connection(*server.address)
        await within(PATIENCE, connections.wait(0))
        row = connections.changes(0, 0).rows[0]
        assert (row.state, row.ended) == ("open", False)
        writer.close()
        await writer.wait_closed()
        row = await ended(connections)
        assert row.state == "failed"


async def test_what_passes_the_bound_is_told_as_missing(
    certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.webapp.watch.recorded_connection._MOST_OCTETS", 1500)
    async with watching(certs) as (server, connections):
        await trace_server_async(
            server.address.authority,
            identity=LabIdentity(identity=LabCA().client().identity),
            trust=certs / "ca.crt",
            versions=("1.3",),
        )
        row = await ended(connections)
        found = connections.find(1)
        assert found is not None and found.octets < 10_000
        trace = trace_of(connections)
    assert row.state == "rejected"
    assert trace.outcome.rejected, "the server's own facts are all there"
    assert any("nothing after this was observed" in str(lack) for lack in map(str, trace.events))


def test_what_was_not_kept_is_said_without_naming_a_tap_or_a_capture() -> None:
    ends = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
    recorded = RecordedConnection(*ends, epoch=0.0, began=0.0, changed=lambda _: None)
    recorded.sent(Endpoint.CLIENT, b"GET / HTTP/1.1\r\n\r\n", 0.1)
    recorded.sent(Endpoint.CLIENT, bytes(2**17), 0.2)
    trace = recorded.snapshot()()
    assert trace is not None
    assert headline(trace.events[-1]) == "nothing after this was observed"
