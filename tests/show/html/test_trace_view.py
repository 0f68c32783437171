"""One connection as a part of a page."""

from __future__ import annotations

from lab.show.html.trace_view import traces_view
from lab.tracing.results import Trace


def test_the_answer_comes_first(refused12: Trace, refused13: Trace) -> None:
    view = traces_view([refused12, refused13])
    assert view.index("certificate_required (116)") < view.index("ClientHello")
