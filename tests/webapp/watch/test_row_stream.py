"""The stream of rows: ids, what a browser that comes again gets, and how many may watch."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

from lab.diagnosis.results import Result
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.row_stream import MOST_STREAMS, RowStreams
from tests.webapp.watch.test_connection_list import added, ended


async def event(stream: AsyncGenerator[bytes, None]) -> tuple[str, dict[str, Any]]:
    async for piece in stream:
        fields = dict(line.partition(": ")[::2] for line in piece.decode().splitlines())
        if "id" in fields:
            return fields["id"], json.loads(fields["data"])
    raise AssertionError("the stream has ended")


async def test_whoever_comes_again_gets_what_has_changed_since() -> None:
    connections = ConnectionList()
    streams = RowStreams(connections)
    first = added(connections)
    stream = streams.open("")
    last, data = await event(stream)
    assert [row["number"] for row in data["rows"]] == [1] and data["new"]
    await stream.aclose()
    ended(connections, first, Result.REJECTED)
    again = streams.open(last)
    _, data = await event(again)
    assert [(row["number"], row["state"]) for row in data["rows"]] == [(1, "rejected")]
    assert (data["missed"], data["new"]) == (0, False)
    await again.aclose()


async def test_the_id_of_another_process_or_a_wrong_one_means_nothing() -> None:
    connections = ConnectionList()
    added(connections)
    streams = RowStreams(connections)
    for last in ("x", "00000000-1-1", "-", "a-b-c", "9" * 5000):
        stream = streams.open(last)
        _, data = await event(stream)
        assert [row["number"] for row in data["rows"]] == [1] and data["new"]
        await stream.aclose()


async def test_the_newest_streams_count_where_they_are_too_many() -> None:
    connections = ConnectionList()
    streams = RowStreams(connections)
    opened = [streams.open("") for _ in range(MOST_STREAMS + 1)]
    for stream in opened:
        await event(stream)
    added(connections)
    pieces = [piece async for piece in opened[0]]
    assert pieces[-1].startswith(b"event: over\n")
    for stream in opened[1:]:
        _, data = await event(stream)
        assert data["total"] == 1
        await stream.aclose()


async def test_a_reader_who_is_slow_gets_one_event_for_all_that_changed() -> None:
    connections = ConnectionList(most=5)
    stream = RowStreams(connections).open("")
    await event(stream)
    for _ in range(100):
        added(connections, Result.ACCEPTED)
    _, data = await event(stream)
    assert [row["number"] for row in data["rows"]] == [96, 97, 98, 99, 100]
    assert (data["missed"], data["total"], data["counts"]["accepted"]) == (95, 100, 100)
    await stream.aclose()


async def test_text_of_a_peer_stays_on_one_line_of_ascii() -> None:
    connections = ConnectionList()
    hostile = added(connections)
    hostile.state = "a\r\n\r\ndata: b\u2028</script>"
    connections.change(hostile)
    stream = RowStreams(connections).open("")
    _, data = await event(stream)
    assert data["rows"][0]["state"] == hostile.state
    await stream.aclose()
