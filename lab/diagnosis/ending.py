"""The event that ended a connection, read as a signal, and which endings part of one proves.

Rules: what a capture lacks proves nothing. Where the missing part could turn the result into
another one, it cannot be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from lab.diagnosis.handshake_progress import HandshakeProgress
from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.events import (
    AlertSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Gap,
    MessageSeen,
    NotCaptured,
    SealedSeen,
    Undecoded,
)

REFUSALS = frozenset(
    {
        Alert.BAD_CERTIFICATE,
        Alert.UNSUPPORTED_CERTIFICATE,
        Alert.CERTIFICATE_REVOKED,
        Alert.CERTIFICATE_EXPIRED,
        Alert.CERTIFICATE_UNKNOWN,
        Alert.UNKNOWN_CA,
        Alert.ACCESS_DENIED,
        Alert.CERTIFICATE_REQUIRED,
    }
)
"""Alerts that speak of the other end's certificate, whenever they come."""

AT_AN_END = frozenset(
    {
        Alert.DECODE_ERROR,
        Alert.HANDSHAKE_FAILURE,
        Alert.INTERNAL_ERROR,
        Alert.UNEXPECTED_MESSAGE,
    }
)
"""Alerts that libraries also write where the other end has closed TCP."""

Handshake = MessageSeen | SealedSeen | Undecoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The event that decided, read as a signal.

    ``after`` is the other end's last message then, ``ground`` as in ``Outcome``, ``lacking`` whose
    bytes were not all captured by then. ``proved`` tells that no missing byte can undo the result.
    """

    result: Result
    by: Endpoint | None = None
    signal: Signal | None = None
    event: Event | None = None
    after: Handshake | None = None
    ground: str = ""
    lacking: frozenset[Endpoint] = frozenset()
    proved: bool = False

    def refused_by_answer(self, signal: Signal, event: Event) -> Ending:
        """Return that the application refused the client that TLS had let in."""
        ending = replace(self, result=Result.REJECTED, by=Endpoint.SERVER)
        return replace(ending, signal=signal, event=event, ground="")

    def past_malformed(self, last: Mapping[Endpoint, Handshake]) -> Ending:
        """Return what an end of TCP means behind this one by malformed bytes.

        Their sender is read no further. ``last`` are the last messages of the ends: where the
        other end went on, it took those bytes for something else.
        """
        assert self.by is not None
        if last.get(self.by.other) is self.after:
            return self
        why = (
            f"the {self.by.value} sent malformed bytes, behind which nothing of it is read, and "
            f"the {self.by.other.value} went on"
        )
        return Ending(result=Result.UNKNOWN, event=self.event, ground=why)


# Shared, as most connections lack nothing.
_NOTHING: Mapping[Endpoint, Gap] = {}
_NOBODY: frozenset[Endpoint] = frozenset()  # one for all: each takes 216 bytes


class MissingParts:
    """What a capture lacks of one connection, the ``progress`` of whose handshake it looks at."""

    __slots__ = ("_first", "_later", "_progress", "end")

    def __init__(self, progress: HandshakeProgress) -> None:
        self._progress = progress
        self._first = _NOTHING
        self._later = False
        self.end = _NOTHING

    def take(self, event: NotCaptured) -> None:
        """Take what is missing at this point."""
        if event.gap.is_end:
            self.end = {**self.end, event.endpoint: event.gap}
            return
        self._first = {event.endpoint: event.gap, **self._first}
        if event.endpoint is Endpoint.SERVER:
            self._later = self._progress.acceptance is not None

    @property
    def of(self) -> frozenset[Endpoint]:
        """Whose bytes are missing so that it matters; the end of the capture does not count.

        What the server sent before a ticket or ChangeCipherSpec by which it accepted the client
        makes no difference then: its answer comes later.
        """
        if not self._first:
            return _NOBODY
        return frozenset(end for end, gap in self._first.items() if self._matters(end, gap))

    def _matters(self, end: Endpoint, gap: Gap) -> bool:
        if gap is Gap.DIRECTION or self._progress.acceptance is None:
            return True
        if end is Endpoint.CLIENT:
            return gap is not Gap.START
        by_message = isinstance(self._progress.acceptance, MessageSeen | ChangeCipherSpecSeen)
        return self._later or not by_message

    def what_stands(self, ending: Ending, *, settled: bool, open_answer: bool) -> Ending:
        """Return ``ending``, or that it cannot be told where a missing part could overturn it.

        ``settled`` tells that nothing that follows can change it, ``open_answer`` that the
        server's first answer has begun and may become an HTTP refusal.
        """
        if not self._first and not self.end:
            return ending
        accepted = self._progress.acceptance is not None
        whole = {end for end, gap in self._first.items() if gap is Gap.DIRECTION}
        lacking = ending.lacking | whole
        if lacking and not _is_proved(ending, lacking):
            return _unknown(self._why(lacking), accepted=accepted)
        if self.end and (not settled or open_answer):
            return _unknown(next(iter(self.end.values())).value, accepted=accepted)
        return ending

    def _why(self, lacking: Set[Endpoint]) -> str:
        ends = [end for end in (Endpoint.CLIENT, Endpoint.SERVER) if end in lacking]
        gaps = {self._first[end] for end in ends}
        if Gap.DIRECTION in gaps:
            whole = next(end for end in ends if self._first[end] is Gap.DIRECTION)
            return f"nothing that the {whole.value} sent was captured"
        return " and ".join(sorted(gap.value for gap in gaps))


def _unknown(why: str, *, accepted: bool) -> Ending:
    if accepted:
        why = f"the server had accepted the client's last flight, but what came of it: {why}"
    return Ending(result=Result.UNKNOWN, ground=why)


def _is_proved(ending: Ending, lacking: Set[Endpoint]) -> bool:
    """Return whether no byte that is missing can turn ``ending`` into another one."""
    if ending.proved:
        return True
    alert = ending.event if ending.signal is Signal.ALERT else None
    if not isinstance(alert, AlertSeen):
        return False
    if alert.description in REFUSALS:
        return True
    echo = alert.endpoint.other in lacking and alert.description in AT_AN_END
    # Before it has changed to encryption an end has accepted nothing.
    return not alert.encrypted and not echo


def speaks_of_client(alert: AlertSeen | None) -> bool:
    """Return whether an alert is one of the server's that speaks of the client's certificate."""
    by_server = alert is not None and alert.endpoint is Endpoint.SERVER
    return by_server and alert is not None and alert.description in REFUSALS


_MOST_ALERTS = 64  # how many echoes and how many warnings an outcome names


def append(alerts: list[AlertSeen], alert: AlertSeen) -> None:
    """Add an echo or a warning to those that an outcome names, unless there are too many."""
    if len(alerts) < _MOST_ALERTS:
        alerts.append(alert)


def is_echo(alert: AlertSeen, *, completed: bool) -> bool:
    """Return whether an alert that comes after the client has ended TCP is only due to that.

    ``completed`` tells that the client had sent its last flight: that the server had to judge.
    """
    if alert.endpoint is Endpoint.CLIENT:
        return True
    if completed and alert.description == Alert.HANDSHAKE_FAILURE:
        return False
    return alert.description in AT_AN_END
