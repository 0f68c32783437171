"""One watched connection as the table shows it, and what a connection must tell for that.

Rules: text of a peer's is escaped and bounded when a row is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

from lab.diagnosis.results import Outcome, Result
from lab.show.text.event_text import on_one_line
from lab.show.text.outcome_text import result_words, signal_words
from lab.tls.events import Event
from lab.tracing.results import Trace

OPEN = "open"
"""The state of a connection that is not decided; the others are the values of ``Result``."""
UNDECIDED = "in progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRow:
    """What the table shows of one connection; JSON has the same names.

    * ``number`` counts the connections of this process from 1; ``began`` is when it began, in
      milliseconds since the epoch; ``source`` is where it was watched, "server" or "tap".
    * ``peer`` is the client's ``host:port``, ``name`` what it asked for, ``version`` that of TLS,
      ``client`` the subject of its certificate; "" where that is not known.
    * ``state`` is ``OPEN`` or a value of ``Result``, ``outcome`` says it in words, ``cause`` the
      first cause, "" where none is needed.
    * ``last`` is the last thing seen while it is open, ``steps`` how many there were; ``ended``
      tells that no more follows.
    """

    number: int
    began: int
    source: str
    peer: str
    name: str = ""
    version: str = ""
    client: str = ""
    state: str = OPEN
    outcome: str = UNDECIDED
    cause: str = ""
    last: str = ""
    steps: int = 0
    ended: bool = False


_NAMES = tuple(field.name for field in fields(WatchedRow))


def as_json(row: WatchedRow) -> dict[str, object]:
    """Return a row as a JSON object; ``asdict`` would copy each value, and takes long."""
    return {name: getattr(row, name) for name in _NAMES}


class WatchedConnection(Protocol):
    """A connection in the list, which numbers it."""

    number: int

    @property
    def state(self) -> str:
        """``OPEN``, or a value of ``Result``."""
        ...

    @property
    def is_ended(self) -> bool:
        """Whether nothing more comes of it."""
        ...

    @property
    def is_refused(self) -> bool:
        """Whether it was rejected or failed, as far as is known."""
        ...

    @property
    def octets(self) -> int:
        """About how many bytes of memory it keeps."""
        ...

    def row(self) -> WatchedRow:
        """Return it as it is now."""
        ...

    def snapshot(self) -> Callable[[], Trace | None]:
        """Return what makes the trace of all that was seen so far; that may run in a thread."""
        ...

    def forget(self) -> None:
        """Keep nothing of it any more: it is not in the list now."""
        ...


def outcome_words(outcome: Outcome) -> str:
    """Return how it ended, and by what where it was refused: "rejected by the server, alert …"."""
    if outcome.result in (Result.ACCEPTED, Result.UNKNOWN):
        return result_words(outcome)
    words, signal = result_words(outcome), signal_words(outcome)
    return words if words.endswith(signal) else f"{words}, {signal}"


def last_words(event: Event | None) -> str:
    """Return the last thing seen: "client: Certificate (empty)"."""
    return "" if event is None else f"{event.endpoint.value}: {on_one_line(event)}"
