"""Metrics of several workers: each counts in files of its own, and one process adds them up.

Rules: the files are prometheus_client's, in a private folder that lives as long as the server. A
worker's are named by its number, not by its process id: one that is started again goes on
counting where the one before it was killed, so no total ever falls and the files stay few. What
is no counter (open connections, health) is on the board, not here.

This module must not know how workers are started. As ``metrics`` it is imported only where needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from lab.service.metrics import Metrics


def worker_metrics(folder: Path, worker: int) -> Metrics:
    """Counters that ``worker``, this process, shares through ``folder``.

    To be called once, in the worker, before anything else makes a metric. Raises OSError.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    # The library takes its choice at its import, which may have been before the fork.
    values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]
    return Metrics()


def shared_registry(folder: Path) -> CollectorRegistry:
    """A registry of what all workers that share ``folder`` have counted."""
    registry = CollectorRegistry()
    registry.register(_Workers(folder))
    return registry


class _Workers(Collector):
    """Adds up the files of a folder at each scrape."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        # A file is empty for a moment when a worker has just made it; the library trips over that.
        files = [str(path) for path in self._folder.glob("*.db") if path.stat().st_size]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged
