"""Taps that are watched: what their connections look like while they last, and behind that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from lab.api import LabCA, LabServer, trace_server_async
from lab.tracing.tap.tap_listener import CannotTap
from lab.tracing.target import Target, parse_target
from lab.webapp.jobs import Jobs
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.watched_tap import MOST_TAPS, WatchedTaps
from tests.webapp.watch.test_recorded_connection import ended, trace_of


@contextlib.asynccontextmanager
async def tapped(target: Target) -> AsyncIterator[tuple[WatchedTaps, ConnectionList, Target]]:
    connections, jobs = ConnectionList(), Jobs()
    taps = WatchedTaps(connections, jobs)
    try:
        number = await taps.start(target)
        address = taps.running[number].address
        yield taps, connections, Target(host=address.host, port=address.port)
    finally:
        await taps.close()
        jobs.close()


async def test_a_connection_through_a_tap() -> None:
    ca = LabCA()
    async with LabServer(trust=ca) as server:
        target = parse_target(server.address)
        async with tapped(target) as (_, connections, tap):
            await trace_server_async(tap.authority, trust=ca, versions=("1.2",))
            row = await ended(connections)
            trace = trace_of(connections)
    assert (row.source, row.state, row.version) == ("tap", "rejected", "TLS 1.2")
    assert row.outcome == "rejected by the server, alert handshake_failure (40)"
    assert row.cause == trace.causes[0].summary
    assert trace.records


async def test_one_that_lasts_is_looked_at_meanwhile_and_ends_with_the_tap() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        async with tapped(Target(host="127.0.0.1", port=port)) as (taps, connections, tap):
            _, writer = await asyncio.open_connection(tap.host, tap.port)
            writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01")
            while not (rows := connections.changes(0, 0).rows) or not rows[0].steps:
                await connections.wait(connections.version)
            assert (rows[0].state, rows[0].outcome) == ("open", "in progress")
            await taps.stop(1)
            await taps.stop(1)
            assert (await ended(connections)).state != "open"
            writer.close()


async def test_there_are_not_too_many() -> None:
    async with tapped(Target(host="127.0.0.1", port=9)) as (taps, _, _address):
        for _ in range(MOST_TAPS - 1):
            await taps.start(Target(host="127.0.0.1", port=9))
        with pytest.raises(CannotTap, match="stop one"):
            await taps.start(Target(host="127.0.0.1", port=9))
