"""The page of a capture, of traces that are at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lab.show.html.capture_view import KeptConnections
from lab.show.html.page import connections_page
from lab.tracing.results import CaptureSummary, Trace


def capture_page(traces: Iterable[Trace], summary: Callable[[], CaptureSummary], name: str) -> str:
    """The page; ``summary`` is called behind the last trace, ``name`` is the capture's."""
    kept = KeptConnections()
    for trace in traces:
        kept.add(trace)
    return connections_page(kept, summary(), f"TLS connections in {name}")
