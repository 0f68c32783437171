"""One connection, in one version or several, as a part of a page: the answer, then the sequences.

This module must not know in which page it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from lab.show.html.answer_view import answer
from lab.show.html.environment import render
from lab.show.html.field_view import PageRoom
from lab.show.html.sequence_view import columns, row_name
from lab.tls.events import SealedSeen, WireEvent
from lab.tracing.results import Trace


def traces_view(traces: Sequence[Trace], *, key: str = "t", room: PageRoom | None = None) -> Markup:
    """Return the markup of traces of one connection, side by side where they are two.

    Its headings are of the levels 2 and below. It needs ``lab.css``, and uses ``lab.js``. ``key``,
    letters and digits, begins its names in the page, and is to differ where several are on one;
    ``room`` bounds the bytes and fields that are shown.
    """
    return render(
        "traces.html",
        answer=answer(traces),
        columns=columns(traces, key, room or PageRoom()),
        row_name=row_name,
    )


def shows_decrypted(traces: Sequence[Trace]) -> bool:
    """Return whether a view of ``traces`` has content that was protected on the wire."""
    return any(
        isinstance(event, WireEvent) and event.encrypted and not isinstance(event, SealedSeen)
        for trace in traces
        for event in trace.events
    )
