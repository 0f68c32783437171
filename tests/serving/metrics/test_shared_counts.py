"""Counts of forked workers: added up, and kept when one of them is killed."""

from __future__ import annotations

import sys

import pytest

from tests.support.doors import run
from tests.support.scraping import labels, only, parsed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a system with fork")


def test_workers_that_come_and_go() -> None:
    done = run("tests.support.forking")
    assert done.code == 0, done.err
    *told, _ = done.out.split("\f")
    healths = [text.partition("\n")[0] for text in told]
    scrapes = [parsed(text.partition("\n")[2].encode()) for text in told]
    refused = labels(method="none", route="none", code="400")

    # Before any; both; after one was killed; with its successor, which goes on counting.
    assert healths == ["worker_silent", "ok", "worker_silent", "ok"]
    requests = [only(scrape, "requests_total") for scrape in scrapes]
    assert requests == [{}, {refused: 7}, {refused: 7}, {refused: 12}]
    limits = [only(scrape, "limits_struck_total") for scrape in scrapes[1:]]
    assert limits == [{labels(limit="max_body"): number} for number in (2, 2, 3)]
    connections = [only(scrape, "open_connections")[labels()] for scrape in scrapes]
    assert connections == [0, 7, 3, 8]
    assert [only(scrape, "tasks")[labels()] for scrape in scrapes] == [0, 14, 6, 16]
    seconds = only(scrapes[-1], "request_duration_seconds_count")
    assert seconds == {labels(route="none"): 12}
    assert only(scrapes[-1], "request_duration_seconds_sum")[labels(route="none")] == (
        pytest.approx(0.012)
    )
