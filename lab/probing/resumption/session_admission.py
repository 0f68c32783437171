"""Whether a server let in a client of a session scenario.

This module must not know how a trial is made.
"""

from __future__ import annotations

from lab.diagnosis.results import Outcome, Result, Signal
from lab.tls.events import Endpoint
from lab.tracing.results import SessionUse, Trace

_MISDIRECTED = 421  # RFC 9110 section 15.5.20


def got_in(outcome: Outcome) -> bool | None:
    """Tell whether a server let a client in; None where that cannot be told."""
    status = outcome.http_status
    if outcome.result is Result.ACCEPTED:
        if status == _MISDIRECTED:
            return False
        return None if status is not None and status >= 500 else True
    if outcome.by is not Endpoint.SERVER:
        return None
    if outcome.result is Result.REJECTED:
        return False
    return False if outcome.signal in (Signal.FIN, Signal.RST, Signal.CLOSE_NOTIFY) else None


def lets_in(offer: Trace) -> bool:
    """Tell whether the session that was offered was resumed, and let its client in."""
    resumed = offer.resumption is not None and offer.resumption.use is SessionUse.RESUMED
    return resumed and got_in(offer.outcome) is True
