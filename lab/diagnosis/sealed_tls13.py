"""What records of TLS 1.3 that stay sealed can only mean, by their length and their order.

Rules: TLS 1.3 hides what a record holds and shows its length (RFC 9846 section 5.2). An alert is
2 bytes, and no message of a handshake is as short; a session ticket or an answer is longer. What is
concluded rests on that, so that a padded record, or one with as few bytes of data as an alert has,
can mislead: whoever uses it says that it is inferred.

This module must not know what an end's own library reports.
"""

from __future__ import annotations

from math import gcd

from lab.diagnosis.ending import Ending
from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import ExtensionType
from lab.tls.events import Endpoint, Event, SealedSeen, StreamEnd, StreamEnded
from lab.tls.messages import ClientHello, HelloRetryRequest, ServerHello
from lab.tls.sealed_records import BEFORE_KEYS

_ALERTS = (2, 18)  # the second as some stacks pad it: to 16 bytes more
_EMPTY_CERTIFICATE = 8  # header, an empty context, an empty list: RFC 9846 section 4.5.1
_USUAL_OVERHEAD = 17  # of a record: the type, and a tag of 16 bytes
_MOST_ALERTS = 3
_SHORTEST_BLOCK = 16  # that records are padded to; shorter ones divide others by chance
_PROMPT = 5.0  # seconds within which a server judges a client; later it may end an idle connection

WENT_ON = (
    "after the client's flight the server sent a record that is no alert by its length, so the "
    "handshake accepted the client; what was said inside cannot be read"
)
REFUSED = (
    "after the client's flight the server sent only a record that is as long as an alert, and then "
    "the end"
)
SILENT = "the server sent nothing after the client's flight, which cannot be read"
CLIENT_REFUSED = (
    "the first record that the client encrypted is as long as an alert: it completed no handshake"
)
_CLIENT_LEFT = (
    "the client may have closed before the server judged it, and the only answer is a record that "
    "is as long as an alert"
)
_LATE = (
    "the only record after the client's flight is as long as an alert and came "
    "{seconds:.0f} seconds later: it may end an idle connection"
)
_LATE_END = (
    "the server sent nothing after the client's flight, and ended the connection {seconds:.0f} "
    "seconds later: it may have ended an idle one"
)
_SHORT_RECORDS = (
    "the server sent several records after the client's flight, all as long as an alert: they may "
    "be short data"
)
_EARLY_DATA = "which of the client's records are early data cannot be told"
_PADDED = (
    "the length of the server's records after the client's flight divides that of all before it: "
    "they may be padded, and an alert among them could not be told"
)
_UNANSWERED = (
    "the client's last record is as long as an alert, and nothing came from the server after the "
    "client's flight"
)


class SealedTls13:
    """Follows the sealed records of one connection of TLS 1.3, or of an unknown version.

    * ``proof`` is the first record that shows that the server went on after the client's flight.
    * ``padded`` tells that a record after that flight proves nothing, since all that the server
      sealed before it is a multiple of it in length, as where it pads to blocks (RFC 9846 section
      5.4): an alert is one block.
    * ``alerts`` are the server's records after that flight that are as long as an alert, three at
      most; those before ``proof`` do not count.
    * ``client_alert`` is the client's first record where it is as long as an alert: the client sent
      no Finished. ``client_left`` is a later one, which may be close_notify, or the end of what the
      client sends, before ``alerts``.
    * ``flight`` is the time of the client's last record before ``alerts``, None where it sent none
      but ``client_alert``.
    * ``empty_certificate`` tells that the client's flight begins with a record that is as long as
      an empty Certificate message.
    * ``ambiguous`` tells that the client's records may be early data that the server passes over,
      so that its flight cannot be told from them.
    """

    __slots__ = (
        "_block",
        "_early_data",
        "_sealed_flight",
        "alerts",
        "ambiguous",
        "client_alert",
        "client_left",
        "empty_certificate",
        "flight",
        "padded",
        "proof",
    )

    def __init__(self) -> None:
        self._block = 0
        self._early_data = False
        self._sealed_flight = False
        self.padded = False
        self.proof: SealedSeen | None = None
        self.alerts: list[SealedSeen] = []
        self.client_alert: SealedSeen | None = None
        self.client_left: Event | None = None
        self.flight: float | None = None
        self.empty_certificate = False
        self.ambiguous = False

    def hello(self, message: ClientHello | ServerHello) -> None:
        """Follow a hello: it settles whether early data may be among what follows."""
        if isinstance(message, ClientHello):
            self._early_data |= message.has(ExtensionType.EARLY_DATA)
        elif not isinstance(message, HelloRetryRequest):
            # Who resumes judges no certificate: what the server sends then is an answer.
            self.ambiguous = self._early_data and not message.has(ExtensionType.PRE_SHARED_KEY)

    def client_finished(self, time: float) -> None:
        """Follow the client's Finished where it was read."""
        self.flight = time
        self.ambiguous = False

    def miss(self) -> None:
        """Take that bytes of the server are missing here.

        Whoever waited for them gives what follows them late: it may have come before the client's
        flight, and is an answer only to what the client sends from here on.
        """
        self.flight = None
        self._sealed_flight = False
        self.alerts = []

    def take(self, event: SealedSeen) -> None:
        """Take the next sealed record of either end."""
        if event.early_data or event.inference == BEFORE_KEYS:
            return
        inside = event.inner_length
        if inside is None:
            inside = event.length - _USUAL_OVERHEAD
        if event.endpoint is Endpoint.CLIENT:
            self._take_clients(event, inside)
        elif self.flight is None:
            self._block = gcd(self._block, inside + 1)  # with the type behind the content
        elif not self.ambiguous:
            self._take_answer(event, inside)

    def _take_answer(self, event: SealedSeen, inside: int) -> None:
        if inside in _ALERTS:
            if len(self.alerts) < _MOST_ALERTS:
                self.alerts.append(event)
        elif self._block and inside + 1 >= _SHORTEST_BLOCK and self._block % (inside + 1) == 0:
            self.padded = True
        else:
            self.proof, self.alerts = event, []

    def _take_clients(self, event: SealedSeen, inside: int) -> None:
        if self.flight is None:
            self.empty_certificate = inside == _EMPTY_CERTIFICATE
        if inside not in _ALERTS:
            if not self.alerts:
                self.flight = event.time
                self._sealed_flight = True
        elif self.flight is None:
            self.client_alert = self.client_alert or event
        elif not self.alerts:
            self.client_left = self.client_left or event

    def client_closed(self, event: Event) -> None:
        """Take that the client ended TCP, as far as it sends."""
        if not self.alerts:
            self.client_left = self.client_left or event

    def ending(self, end: StreamEnded) -> Ending | None:
        """Return what the sealed records mean at an end of TCP; None where they mean nothing."""
        if self.client_alert is not None and self.flight is None:
            return Ending(
                result=Result.REJECTED,
                by=Endpoint.CLIENT,
                signal=Signal.UNREAD_ALERT,
                event=self.client_alert,
                ground=CLIENT_REFUSED,
            )
        if self.flight is None:
            return None
        if self.ambiguous:
            return _unknown(_EARLY_DATA)
        if self.padded:
            return _unknown(_PADDED)
        if self.alerts:
            return self._answered_shortly(self.alerts[0].time - self.flight)
        if isinstance(self.client_left, SealedSeen):
            return _unknown(_UNANSWERED)
        is_silence = end.endpoint is Endpoint.SERVER and self.client_left is None
        return self._closed_silently(end) if is_silence else None

    def _closed_silently(self, end: StreamEnded) -> Ending | None:
        assert self.flight is not None
        if end.time - self.flight > _PROMPT:
            return _unknown(_LATE_END.format(seconds=end.time - self.flight))
        if not self._sealed_flight:
            return None  # read, so that nothing is inferred
        return Ending(
            result=Result.REJECTED,
            by=Endpoint.SERVER,
            signal=Signal.RST if end.end is StreamEnd.RESET else Signal.FIN,
            event=end,
            ground=SILENT,
        )

    def _answered_shortly(self, seconds: float) -> Ending:
        if self.client_left is not None:
            return _unknown(_CLIENT_LEFT)
        if len(self.alerts) == _MOST_ALERTS:
            return _unknown(_SHORT_RECORDS)
        if seconds > _PROMPT:
            return _unknown(_LATE.format(seconds=seconds))
        return Ending(
            result=Result.REJECTED,
            by=Endpoint.SERVER,
            signal=Signal.UNREAD_ALERT,
            event=self.alerts[0],
            ground=REFUSED,
        )


def _unknown(why: str) -> Ending:
    return Ending(result=Result.UNKNOWN, ground=why)
