"""Elements of an SVG drawing: texts of a known width, lines, arrows and marks.

Rules: any text is valid XML, stays on its line, and is no wider than was reckoned: the font is
monospaced, and what may come from another font is fitted to its cells. Looks are classes, for
light and for dark; there is no style attribute, no script and no reference to anything.

This module must not know what is drawn.
"""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from rich.cells import cell_len

from lab.show.text.paper import Paper
from lab.tls.escape import printable

FONT, SMALL = 13, 11
"""The sizes of texts, in pixels."""
_CELL = 0.62
"""The width of a character of the widest monospaced font there is in use, in parts of its size."""
_MOST_MARKS = 2
"""How many marks may stand on a letter; more would grow into other lines."""
_KNOWN = frozenset("…—✗✓")
_PAPER = Paper()

STYLE = """
text { font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
  fill: #1f2328; white-space: pre }
.small { font-size: 11px }
.pale { fill: #59636e }
.strong { font-weight: bold }
.good { fill: #116329 }
.bad { fill: #b3141d }
.unsure { fill: #7d4e00 }
.page { fill: #ffffff; stroke: #d1d9e0 }
.blank { fill: #ffffff }
.flight { fill: #f3f5f8 }
.decisive { fill: #ffe9e7 }
.bar { fill: #b3141d }
.frame { fill: #ffffff; stroke: #b3141d; stroke-width: 1.5 }
.lifeline { stroke: #afb8c1 }
.arrow { stroke: #424a53; fill: none; stroke-width: 1.4 }
.encrypted { stroke: #0550ae }
.tcp { stroke: #59636e; stroke-dasharray: 5 4 }
.alert { stroke: #b3141d; stroke-width: 2 }
.head { fill: #424a53 }
.head-encrypted { fill: #0550ae }
.head-tcp { fill: #59636e }
.head-alert { fill: #b3141d }
.mark { fill: #ffffff; stroke: #59636e; stroke-width: 1.6 }
.mark-good { fill: #116329; stroke: #116329 }
.mark-bad { fill: none; stroke: #b3141d; stroke-width: 2.2 }
.gap { fill: none; stroke: #7d4e00; stroke-dasharray: 2 3 }
.bracket { fill: none; stroke: #818b98 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.pale { fill: #9da7b3 }
.good { fill: #56d364 }
.bad { fill: #ff938a }
.unsure { fill: #e3b341 }
.page { fill: #0d1117; stroke: #3d444d }
.blank { fill: #0d1117 }
.flight { fill: #161c24 }
.decisive { fill: #3c1618 }
.bar { fill: #ff7b72 }
.frame { fill: #0d1117; stroke: #ff7b72 }
.lifeline { stroke: #4d5560 }
.arrow { stroke: #c9d1d9 }
.encrypted { stroke: #79c0ff }
.tcp { stroke: #9da7b3 }
.alert { stroke: #ff7b72 }
.head { fill: #c9d1d9 }
.head-encrypted { fill: #79c0ff }
.head-tcp { fill: #9da7b3 }
.head-alert { fill: #ff7b72 }
.mark { fill: #0d1117; stroke: #9da7b3 }
.mark-good { fill: #56d364; stroke: #56d364 }
.mark-bad { fill: none; stroke: #ff938a }
.gap { stroke: #e3b341 }
.bracket { stroke: #768390 }
}
"""


def element(parent: ET.Element, tag: str, css: str = "", **values: float | str) -> ET.Element:
    """Add an element of class ``css`` to ``parent``, with attributes; "_" in a name is "-"."""
    attributes = {"class": css} if css else {}
    attributes |= {name.replace("_", "-"): _number(value) for name, value in values.items()}
    return ET.SubElement(parent, tag, attributes)


def text(
    parent: ET.Element, x: float, y: float, words: str, css: str = "", anchor: str = "start"
) -> None:
    """Add a line of text whose ``anchor`` ("start", "middle" or "end") is at ``x``, ``y``."""
    words = plain(words)
    attributes: dict[str, float | str] = {"x": x, "y": y}
    if anchor != "start":
        attributes["text_anchor"] = anchor
    if not all(char in _KNOWN or char < "\u0180" for char in words):
        width = cells(words) * (SMALL if "small" in css.split() else FONT) * _CELL
        attributes |= {"textLength": width, "lengthAdjust": "spacingAndGlyphs"}
    element(parent, "text", css, **attributes).text = words


def arrow(parent: ET.Element, start: float, end: float, y: float, css: str) -> None:
    """Add an arrow from ``start`` to ``end``, of class "clear", "encrypted", "tcp" or "alert".

    "encrypted" is a double line, whatever else it is.
    """
    toward = 1 if end > start else -1
    tip, neck = end - 2 * toward, end - 11 * toward
    offsets = (-1.7, 1.7) if "encrypted" in css.split() else (0.0,)
    for offset in offsets:
        element(parent, "line", f"arrow {css}", x1=start, y1=y + offset, x2=neck, y2=y + offset)
    points = f"{tip:g},{y:g} {neck:g},{y - 5:g} {neck:g},{y + 5:g}"
    element(parent, "polygon", f"head head-{css.split()[-1]}", points=points)


def mark(parent: ET.Element, x: float, y: float, good: bool | None) -> None:
    """Add the mark of a local fact: a disc for a good one, a cross for a bad one, else a ring."""
    if good is False:
        path = f"M{x - 4.5:g} {y - 4.5:g}l9 9m0 -9l-9 9"
        element(parent, "circle", "blank", cx=x, cy=y, r=6)
        element(parent, "path", "mark-bad", d=path)
    else:
        element(parent, "circle", "mark mark-good" if good else "mark", cx=x, cy=y, r=4.5)


def plain(words: str) -> str:
    """Return ``words`` on one line as XML may hold them, and with few marks on each letter."""
    result, marks = [], 0
    for char in printable(words):
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        result.append(ascii(char)[1:-1] if marks > _MOST_MARKS else char)
    return "".join(result)


def wrapped(words: str, width: float, most: int, size: int = FONT) -> list[str]:
    """Return ``words`` in ``most`` lines at most, each at most ``width`` pixels wide."""
    room = int(width / (size * _CELL))
    lines = _PAPER.wrapped(plain(words), room)
    if len(lines) > most:
        lines[most - 1 :] = [_PAPER.clipped(" ".join(lines[most - 1 : most + 1]), room)]
    return lines


def cells(words: str) -> int:
    """Return how many cells of a monospaced font ``words`` take."""
    return cell_len(words)


def width_of(words: str, size: int = FONT) -> float:
    """Return how wide ``words`` are at most, in pixels."""
    return cells(plain(words)) * size * _CELL


def document(width: float, height: float, title: str, description: str) -> ET.Element:
    """Return the root of a drawing, with what a screen reader says of it."""
    size: Mapping[str, str] = {"width": _number(width), "height": _number(height)}
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            **size,
            "viewBox": f"0 0 {_number(width)} {_number(height)}",
            "role": "img",
        },
    )
    element(root, "title").text = plain(title)
    element(root, "desc").text = plain(description)
    element(root, "style").text = STYLE
    element(root, "rect", "page", x=0.5, y=0.5, width=width - 1, height=height - 1, rx=8)
    return root


def written(root: ET.Element) -> str:
    """Return a drawing as the text of a file, an element a line."""
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{round(value, 1):g}"
