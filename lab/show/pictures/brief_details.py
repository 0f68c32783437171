"""The few details of an arrow that a picture for a document has room for.

This module must not know how a detail is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.show.sequence import Arrow
from lab.show.text.event_text import Detail

_TELLING = frozenset(
    {"ALPN", "CA names", "HTTP", "SNI", "alert", "echo", "likely", "subject", "version", "warning"}
)
# What says nothing more than that it is not there, or than the label of its arrow.
_NOTHING = frozenset({("SNI", "not sent"), ("contains", "no certificate")})


def brief_details(arrow: Arrow) -> Iterator[Detail]:
    """Yield what tells most of an arrow: what is notable, and the first of each telling label."""
    shown = set()
    for detail in arrow.details:
        if detail.label in shown or (detail.label, detail.value) in _NOTHING:
            continue
        if detail.notable or detail.label in _TELLING:
            shown.add(detail.label)
            yield detail
