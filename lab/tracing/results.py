"""A trace: one observed connection and its explanation."""

from __future__ import annotations

from dataclasses import dataclass

from lab.diagnosis.results import Cause, Outcome
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What was asked for, what happened, how it ended, and why.

    * ``target`` is the server's address as ``host:port``.
    * ``requested_version`` is the only version that the client offered, None where it offered
      several; ``negotiated_version`` the one that was agreed on, None where none was.
    * ``client_certificate`` is the DER of what the client was given to present, None for nothing;
      whether it presented it is in the events.
    * ``start`` is the time, on the events' clock, from which a face counts.
    * ``events`` are in the order in which they happened. With ``both_ends``, the local facts of
      the server are among them.
    * ``outcome`` is how it ended, ``causes`` what explains that, the likeliest first.
    """

    target: str
    requested_version: ProtocolVersion | None
    negotiated_version: ProtocolVersion | None
    client_certificate: bytes | None
    start: float
    events: tuple[Event, ...]
    both_ends: bool
    outcome: Outcome
    causes: tuple[Cause, ...]
