"""The guided path: its stops in their order.

Rules: what a stop says holds for the lab's own server and client. Its ``lesson`` is shown only
where the run came out as ``expected``; a test holds that it does, in both versions.
"""

from __future__ import annotations

from lab.webapp.learn.certificate_stops import CERTIFICATE_STOPS
from lab.webapp.learn.later_stops import LATER_STOPS

STOPS = (*CERTIFICATE_STOPS, *LATER_STOPS)

_PLACES = {stop.name: place for place, stop in enumerate(STOPS)}


def place_of(name: str) -> int | None:
    """Return where the stop of this name is on the path, from 0; None: there is none."""
    return _PLACES.get(name)
