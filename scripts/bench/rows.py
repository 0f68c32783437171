"""The figures of a benchmark: their form, which the JSON file has too, and ratios between them.

This module must not know what is measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TypedDict


class Row(TypedDict):
    """One figure: the median of ``rounds``, with the lowest and the highest."""

    operation: str
    server: str
    value: float
    unit: str
    spread: tuple[float, float]
    rounds: list[float]


def row(operation: str, server: str, unit: str, values: Sequence[float]) -> Row:
    """A figure from what each round gave."""
    return Row(
        operation=operation,
        server=server,
        value=statistics.median(values),
        unit=unit,
        spread=(min(values), max(values)),
        rounds=list(values),
    )


def ratios(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Round by round: what slows a round down slows both down in it."""
    return [value / other for value, other in zip(values, others, strict=True)]


def text(figure: Row) -> str:
    """A row of the table that is printed."""
    low, high = figure["spread"]
    return (
        f"{figure['operation']:<27} {figure['server']:<18} {figure['value']:>9.1f} "
        f"{figure['unit']:<12} ({low:.1f} to {high:.1f})"
    )
