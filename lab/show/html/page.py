"""Whole pages as files of their own: style and script inside, nothing from elsewhere.

Rules: the Content-Security-Policy of a page names the hashes of its one style sheet and its one
script, and allows nothing else; what a page shows can neither run nor load anything.

This module must not know how a trace is drawn.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence

from markupsafe import Markup

from lab.show.html.capture_view import KeptConnections, capture_view
from lab.show.html.environment import render, static_text
from lab.show.html.trace_view import shows_decrypted, traces_view
from lab.show.text.peer_text import bounded
from lab.tracing.results import CaptureSummary, Trace

DECRYPTED = (
    "This page shows what was encrypted on the wire: messages, certificates and data of the "
    "connection, decrypted. It has no keys and no secrets. Give it only to those who may read that."
)


def standalone(title: str, body: Markup, *, warning: str = "", also: str = "") -> str:
    """Return a page that needs no other file and no network.

    ``title`` is its heading's text, ``body`` the markup of its main part; ``warning`` is shown
    above it where the page holds what not everybody may read. ``also`` names a style sheet and a
    script beside ``lab.css`` and ``lab.js``: "probe".
    """
    names = ("lab", also) if also else ("lab",)
    style = "".join(static_text(f"{name}.css") for name in names)
    script = "".join(static_text(f"{name}.js") for name in names)
    return render(
        "standalone.html",
        title=title,
        body=body,
        warning=warning,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


@functools.cache
def _hash(text: str) -> str:
    """Return the source expression of an inline block (CSP Level 3 section 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def trace_page(traces: Sequence[Trace]) -> str:
    """Return the page of one connection, or of the same one in several versions."""
    warning = DECRYPTED if shows_decrypted(traces) else ""
    target = bounded(traces[0].target)
    return standalone(f"TLS handshake with {target}", traces_view(traces), warning=warning)


def connections_page(kept: KeptConnections, summary: CaptureSummary, title: str) -> str:
    """Return the page of the connections that were ``kept`` of many."""
    body, decrypted = capture_view(kept, summary)
    return standalone(bounded(title), body, warning=DECRYPTED if decrypted else "")
