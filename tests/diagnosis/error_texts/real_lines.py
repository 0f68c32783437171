"""Lines that programs print, and what is known of each, from ``tests/vectors/error_lines.json``.

The lines were printed in runs on loopback or stand in public issue trackers; names, addresses and
paths are replaced.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).resolve().parent.parent.parent / "vectors" / "error_lines.json"


class Line(NamedTuple):
    """A line, whom it must name, the alert with its direction, and one cause that must be there."""

    text: str
    speaker: str
    alert: int | None
    direction: str
    cause: str


REAL_LINES = {
    family: [Line(**line) for line in lines]
    for family, lines in json.loads(_FILE.read_text(encoding="utf-8")).items()
}
