"""One connection, in one version or several, as a part of a page: the answer, then the sequences.

This module must not know in which page it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from lab.show.html.environment import render
from lab.show.text.comparison import difference
from lab.show.text.event_text import on_one_line
from lab.show.text.outcome_text import result_words, signal_words
from lab.show.text.trace_text import setting
from lab.tracing.results import Trace


def traces_view(traces: Sequence[Trace]) -> Markup:
    """Return the markup of traces of one connection, side by side where they are two.

    Its headings are of the levels 2 and below. It needs ``lab.css``, and uses ``lab.js``.
    """
    return render(
        "traces.html",
        difference=difference(traces) if len(traces) > 1 else "",
        traces=[
            {
                "name": setting(trace),
                "result": result_words(trace.outcome),
                "signal": signal_words(trace.outcome),
                "causes": trace.causes,
                "events": [
                    f"{event.endpoint.value}: {on_one_line(event)}" for event in trace.events
                ],
            }
            for trace in traces
        ],
    )
