"""Draw the figures of ``bench.py serve``: a small chart for each, one bar for each server.

This module must not know how anything was measured. It is imported only for a picture, as it needs
matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # files only: no display is looked for

from matplotlib import pyplot
from matplotlib.axes import Axes

from bench.rows import Row

_COLUMNS = 3
_LAB, _OTHER = "#1f6f8b", "#b8c4cc"
_UNITS = {"us": "µs of the server's CPU", "1/s": "operations a second", "KiB": "KiB a connection"}


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """Write the picture; ``path``'s suffix says in which form. Raises OSError, ValueError."""
    operations = list(dict.fromkeys(row["operation"] for row in rows))
    lines = -(-len(operations) // _COLUMNS)
    figure, grid = pyplot.subplots(
        lines, _COLUMNS, figsize=(5.2 * _COLUMNS, 2.6 * lines), squeeze=False, layout="constrained"
    )
    figure.suptitle(title, fontsize=10)
    axes = list(grid.flat)
    for chart, operation in zip(axes, operations, strict=False):
        _bars(chart, [row for row in rows if row["operation"] == operation])
        chart.set_title(operation, fontsize=11, loc="left")
    for empty in axes[len(operations) :]:
        empty.set_axis_off()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(chart: Axes, rows: Sequence[Row]) -> None:
    """Draw a bar for each median, with a line from the lowest to the highest."""
    names = [row["server"] for row in rows]
    values = [row["value"] for row in rows]
    below = [row["value"] - row["spread"][0] for row in rows]
    above = [row["spread"][1] - row["value"] for row in rows]
    colours = [_LAB if name.startswith("lab") else _OTHER for name in names]
    chart.barh(names, values, color=colours, xerr=[below, above], ecolor="#444", capsize=2)
    chart.invert_yaxis()  # the first server on top
    chart.set_xlim(left=0)
    widest = chart.get_xlim()[1]
    for place, row in enumerate(rows):
        end = row["spread"][1] + widest * 0.015
        chart.text(end, place, f"{row['value']:,.4g}", va="center", fontsize=8)
    chart.set_xlim(0, widest * 1.12)
    chart.set_xlabel(_UNITS.get(rows[0]["unit"], rows[0]["unit"]), fontsize=8)
    chart.tick_params(labelsize=8)
    chart.spines[["top", "right"]].set_visible(False)
