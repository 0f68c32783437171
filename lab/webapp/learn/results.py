"""What a run of Learn gives: traces of one thing, and of others to compare it with."""

from __future__ import annotations

from dataclasses import dataclass

from lab.tracing.results import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Further connections of a run: ``title`` is their heading, ``words`` say what differs.

    ``words`` are true of any run; what became of the connections is in ``traces``.
    """

    title: str
    words: str
    traces: tuple[Trace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnRun:
    """``traces`` are what is predicted, one for each TLS version; ``comparisons`` come behind."""

    traces: tuple[Trace, ...]
    comparisons: tuple[Comparison, ...] = ()


class RunFailed(Exception):
    """A run did not come about. Its message says why, and what to do."""
