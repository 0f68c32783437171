"""A dump and a tree: each byte once, in pieces that the fields name."""

from __future__ import annotations

import re

from lab.show.html.field_view import PageRoom, bytes_view
from lab.tls.layout import Field


def field(name: str, start: int, end: int, *children: Field, value: int | None = None) -> Field:
    return Field(
        name=name,
        start=start,
        end=end,
        value=value,
        children=children,
        meaning=f"what {name} is",
        reference="RFC 9846 section 4",
    )


def pieces(view: str) -> list[str]:
    return re.findall(r"<i[^>]*>([^<]*)</i>", view)


def test_each_leaf_is_one_piece_of_the_dump_in_the_order_of_the_tree() -> None:
    root = field("whole", 0, 4, field("first", 0, 1, value=7), field("rest", 1, 4))
    view = bytes_view(b"\x07abc", root, PageRoom())
    assert pieces(view) == ["07", "61 62 63"]
    assert "<b>first</b> <code>7</code>" in view
    assert "<b>rest</b> <code>“abc”</code>" in view


def test_names_and_values_are_escaped() -> None:
    view = bytes_view(b"<script>", field("<b>", 0, 8), PageRoom())
    assert "<script>" not in view
    assert "<b>&lt;b&gt;</b> <code>“&lt;script&gt;”</code>" in view


def test_a_field_without_bytes_is_a_piece_too() -> None:
    root = field("whole", 0, 1, field("length", 0, 1, value=0), field("content", 1, 1))
    view = bytes_view(b"\0", root, PageRoom())
    assert pieces(view) == ["00", ""]
    assert "<code>empty</code>" in view


def test_what_is_too_much_is_counted() -> None:
    items = [field("item", place, place + 2) for place in range(0, 2000, 2)]
    view = bytes_view(bytes(2000), field("list", 0, 2000, *items), PageRoom())
    assert "and 961 more" in view
    assert "1,922 bytes" in view
    long = bytes_view(bytes(9000), field("data", 0, 9000), PageRoom())
    assert "… 6,952 bytes more, not shown" in long
    none_left = bytes_view(bytes(900), field("data", 0, 900), PageRoom(octets=1))
    assert "… 884 bytes more, not shown" in none_left
