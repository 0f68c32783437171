"""The connections of a capture as a part of a page: a table, and the sequences that fit."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator

from lab.show.html.capture_view import KeptConnections, capture_view
from lab.tracing.results import Trace
from tests.show.html.conftest import SUMMARY
from tests.support.capture_pages import capture_page

MOST_OCTETS = 600_000


def numbered(traces: Iterator[Trace]) -> Iterator[Trace]:
    for number, trace in enumerate(traces, start=1):
        assert trace.flow is not None
        yield dataclasses.replace(trace, flow=dataclasses.replace(trace.flow, number=number))


def many(captured: dict[str, list[Trace]], count: int) -> Iterator[Trace]:
    every = [trace for traces in captured.values() for trace in traces]
    return numbered(itertools.islice(itertools.cycle(every), count))


def kept(traces: Iterator[Trace]) -> KeptConnections:
    found = KeptConnections()
    for trace in traces:
        found.add(trace)
    return found


def test_each_connection_is_a_row_and_has_a_sequence(captured: dict[str, list[Trace]]) -> None:
    view, decrypted = capture_view(kept(many(captured, 6)), SUMMARY)
    assert decrypted
    assert view.count('<tr class="of-') == 6
    assert view.count('<details class="connection') == 6
    assert "left out" not in view
    assert "not TLS over TCP, so not read: 1 connection of SSH" in view


def test_a_large_capture_stays_small_and_says_what_is_left_out(
    captured: dict[str, list[Trace]],
) -> None:
    page = capture_page(many(captured, 2000), lambda: SUMMARY, "large.pcap")
    assert len(page.encode()) <= MOST_OCTETS
    assert "2,000 connections with TLS" in re.sub(r"\s+", " ", page)
    assert page.count('<tr class="of-') == 400
    assert "1,600 more connections are not in the table" in page
    shown = page.count('<details class="connection')
    assert shown >= 10
    assert f"Below are the sequences of {shown} connections; those of {2000 - shown:,}" in page
    assert page.count('class="connection of-refused"') == shown, "they come first"


def test_a_single_connection_is_open(captured: dict[str, list[Trace]]) -> None:
    view, _ = capture_view(kept(many(captured, 1)), SUMMARY)
    assert re.search(r'<details class="connection [^>]* open>', view)


def test_a_file_name_is_escaped(captured: dict[str, list[Trace]]) -> None:
    page = capture_page(many(captured, 1), lambda: SUMMARY, "<script>\u202e.pcap")
    assert "TLS connections in &lt;script&gt;\\u202e.pcap" in page
