"""The judge of how a connection ended, who ended it, by what, and when.

Rules: an outcome states what was seen; why it happened is ``diagnose.py``'s to say. Nothing is
concluded from an alert's number. An alert that an endpoint writes after the other one has already
ended the connection is an echo, and a warning that ends nothing is no rejection. What is a limit of
ours decides nothing.

This module must not know where events come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lab.diagnosis.http_status import HTTP_REFUSALS, MOST_BODY, StatusReader, body_text
from lab.diagnosis.results import Outcome, Result, Signal
from lab.tls.code_points import AlertDescription, ExtensionType
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    Malformed,
    MessageSeen,
    NotTls,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
    is_fatal,
)
from lab.tls.messages import CertificateRequest, Finished, NewSessionTicket, ServerHello

_FAILURES = frozenset({Fact.HANDSHAKE_FAILED, Fact.READ_FAILED, Fact.WRITE_FAILED, Fact.TIMED_OUT})
_TCP_SIGNALS = (Signal.FIN, Signal.RST)
# How many echoes and how many warnings an outcome names.
_MOST_RESPONSE = 2 * MOST_BODY
_MOST_ALERTS = 64

_Handshake = MessageSeen | SealedSeen | Undecoded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """The event that decided, read as a signal; ``after`` is the other end's last message then."""

    result: Result
    by: Endpoint | None = None
    signal: Signal | None = None
    event: Event | None = None
    after: _Handshake | None = None


def judge(events: Iterable[Event]) -> Outcome:
    """Return the outcome of a connection from all its events, in the order in which they were seen.

    The events may be one end's, or both ends' merged: bytes as one of them saw them, and the local
    facts of both.
    """
    judge_of_connection = OutcomeJudge()
    for event in events:
        judge_of_connection.take(event)
    return judge_of_connection.outcome


class OutcomeJudge:
    """Judges one connection, event by event; holds no more of it than its outcome needs.

    ``outcome`` may be asked at any time: it is what the events taken so far show. Taking an event
    costs the same however many came before.
    """

    def __init__(self) -> None:
        self._tls13 = False
        self._client_finished = False
        self._client_wrote = False
        self._changed: Endpoint | None = None
        self._acceptance: Event | None = None
        self._asked_again = False
        self._last: dict[Endpoint, _Handshake] = {}
        self._returned: dict[Endpoint, bool] = {}
        self._failed: set[Endpoint] = set()
        self._exceptions: dict[Endpoint, str] = {}
        self._refusal: LocalFact | None = None
        self._goodbye: _Ending | None = None
        self._malformed: _Ending | None = None
        self._ending: _Ending | None = None
        self._status: StatusReader | None = None
        self._response = bytearray()
        self._echoes: list[AlertSeen] = []
        self._warnings: list[AlertSeen] = []

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, MessageSeen):
            self._take_message(event)
        elif isinstance(event, LocalFact):
            self._take_fact(event)
        elif isinstance(event, SealedSeen | Undecoded):
            self._last[event.endpoint] = event
        elif isinstance(event, ChangeCipherSpecSeen):
            self._take_change(event)
        elif isinstance(event, AlertSeen):
            self._take_alert(event)
        elif isinstance(event, ApplicationDataSeen):
            self._take_data(event)
        elif isinstance(event, StreamEnded):
            self._take_end(event)
        elif isinstance(event, NotTls):
            self._end(Result.FAILED, event.endpoint, Signal.NOT_TLS, event)
        elif isinstance(event, Malformed) and self._malformed is None:
            self._malformed = self._ending_by(
                Result.FAILED, event.endpoint, Signal.MALFORMED, event
            )

    @property
    def outcome(self) -> Outcome:
        """The outcome as far as the events tell."""
        ending = self._ending or self._what_is_left()
        after, sealed = _name(ending.after if ending.by else None)
        alert = ending.event if ending.signal is Signal.ALERT else None
        assert alert is None or isinstance(alert, AlertSeen)
        exceptions = self._exceptions
        return Outcome(
            result=ending.result,
            by=ending.by,
            signal=ending.signal,
            alert=alert,
            http_status=self._status.status if self._status else None,
            http_text=body_text(bytes(self._response)) if self._response else "",
            handshake_accepted=self._accepted,
            after=after,
            sealed=sealed,
            client_handshake_returned=self._returned.get(Endpoint.CLIENT),
            server_handshake_returned=self._returned.get(Endpoint.SERVER),
            exception=exceptions.get(Endpoint.CLIENT, exceptions.get(Endpoint.SERVER, "")),
            echoes=tuple(self._echoes),
            warnings=tuple(self._warnings),
            decided_by=ending.event,
        )

    @property
    def _accepted(self) -> bool:
        return self._acceptance is not None or self._status is not None

    def _what_is_left(self) -> _Ending:
        """Return the ending where no event was the end."""
        if self._acceptance is not None:
            return _Ending(result=Result.ACCEPTED, event=self._acceptance)
        if self._refusal is not None:
            refusal = self._refusal
            return self._ending_by(Result.REJECTED, refusal.endpoint, None, refusal)
        # Last, because the ends themselves may have taken what our parser does not.
        return self._malformed or self._goodbye or _Ending(result=Result.FAILED)

    def _what_goodbye_meant(self, goodbye: _Ending) -> _Ending:
        """Return an orderly end as it is now: the server may have accepted a client that left."""
        if self._acceptance is not None and goodbye.by is Endpoint.CLIENT:
            return _Ending(result=Result.ACCEPTED, signal=Signal.CLOSE_NOTIFY, event=goodbye.event)
        return goodbye

    def _ending_by(
        self, result: Result, by: Endpoint, signal: Signal | None, event: Event
    ) -> _Ending:
        return _Ending(
            result=result, by=by, signal=signal, event=event, after=self._last.get(by.other)
        )

    def _end(self, result: Result, by: Endpoint, signal: Signal, event: Event) -> None:
        if self._ending is None:
            self._ending = self._ending_by(result, by, signal, event)

    def _take_message(self, event: MessageSeen) -> None:
        message = event.message
        if isinstance(message, ServerHello):
            self._tls13 = message.has(ExtensionType.SUPPORTED_VERSIONS)
        elif isinstance(message, Finished):
            self._client_finished |= event.endpoint is Endpoint.CLIENT
        elif isinstance(message, NewSessionTicket):
            # In TLS 1.3 the server's flight comes before it judges the client's certificate; a
            # ticket behind the client's Finished comes after that (RFC 9846 section 4.7.1).
            if self._tls13 and self._client_finished:
                self._accept(event)
        elif isinstance(message, CertificateRequest):
            self._asked_again |= self._acceptance is not None
        self._last[event.endpoint] = event

    def _take_change(self, event: ChangeCipherSpecSeen) -> None:
        """In TLS 1.2 the server sends its own only after it has judged the client's certificate.

        So both ends' show that it accepted the client (RFC 5246 section 7.3).
        """
        self._changed = self._changed or event.endpoint
        if event.endpoint is not self._changed and not self._tls13:
            self._accept(event)

    def _accept(self, event: Event) -> None:
        """Remember by which event the server is known to have accepted the client's last flight."""
        if self._acceptance is None:
            self._acceptance = event

    def _take_fact(self, event: LocalFact) -> None:
        endpoint, fact = event.endpoint, event.fact
        returned = fact is Fact.HANDSHAKE_RETURNED
        self._returned[endpoint] = self._returned.get(endpoint, False) or returned
        if fact in _FAILURES:
            self._exceptions.setdefault(endpoint, event.reason)
        if returned and endpoint is Endpoint.SERVER:
            self._accept(event)
        elif fact is Fact.TIMED_OUT:
            self._end(Result.FAILED, endpoint.other, Signal.TIME_OUT, event)
        elif fact is Fact.HANDSHAKE_FAILED:
            self._failed.add(endpoint)
        elif fact is Fact.CERTIFICATE_REFUSED:
            self._refusal = self._refusal or event

    def _take_alert(self, event: AlertSeen) -> None:
        ending = self._ending
        if event.description == AlertDescription.CLOSE_NOTIFY:
            if event.endpoint is Endpoint.SERVER and self._tls13 and self._client_finished:
                # Who refuses the client's last flight is in no state to close TLS in order.
                self._accept(event)
            if self._goodbye is None:
                self._goodbye = self._goodbye_by(event)
        elif not is_fatal(event, tls13=self._tls13):
            _append(self._warnings, event)
        elif ending is None:
            self._end(self._broken_or_refused(), event.endpoint, Signal.ALERT, event)
        elif ending.signal in _TCP_SIGNALS and event.endpoint is ending.by:
            # A reset may be seen first, and then the alert that it had overtaken.
            self._ending = replace(
                ending, result=self._broken_or_refused(), signal=Signal.ALERT, event=event
            )
        elif ending.signal is Signal.ALERT or ending.signal in _TCP_SIGNALS:
            _append(self._echoes, event)

    def _goodbye_by(self, event: AlertSeen) -> _Ending:
        """Read a close_notify as the end that it is if TCP ends behind it."""
        by_server = event.endpoint is Endpoint.SERVER
        if self._acceptance is not None:
            if by_server and self._client_wrote and self._status is None:
                return self._ending_by(Result.FAILED, event.endpoint, Signal.CLOSE_NOTIFY, event)
            return _Ending(result=Result.ACCEPTED, signal=Signal.CLOSE_NOTIFY, event=event)
        # A client that leaves in order has heard neither yes nor no.
        result = Result.REJECTED if by_server else Result.FAILED
        return self._ending_by(result, event.endpoint, Signal.CLOSE_NOTIFY, event)

    def _take_end(self, event: StreamEnded) -> None:
        """TCP ended; whoever sent close_notify first ended it, the other one only answered."""
        if self._ending is None and self._goodbye is not None:
            if event.endpoint is Endpoint.SERVER or self._goodbye.by is not Endpoint.CLIENT:
                self._ending = self._what_goodbye_meant(self._goodbye)
            return  # else the server may still accept or refuse the client
        signal = Signal.RST if event.end is StreamEnd.RESET else Signal.FIN
        result = Result.FAILED
        # Before a single message has passed, nothing can have been refused.
        if self._last and self._refuses_by_leaving(event.endpoint):
            result = self._broken_or_refused()
        self._end(result, event.endpoint, signal, event)

    def _refuses_by_leaving(self, endpoint: Endpoint) -> bool:
        """Return whether an end that closes TCP without an alert refuses the other by that.

        Servers do refuse in this way, but who has sent no message may not speak TLS there; a client
        may as well have crashed, or be a port scanner. An end that is watched says itself whether
        its handshake failed.
        """
        if endpoint in self._failed or (self._refusal and self._refusal.endpoint is endpoint):
            return True
        warned = any(warning.endpoint is endpoint for warning in self._warnings)
        speaks_tls = warned or endpoint in self._last
        watched = endpoint in self._returned
        return endpoint is Endpoint.SERVER and (self._asked_again or (speaks_tls and not watched))

    def _broken_or_refused(self) -> Result:
        """Return what an end without close_notify means: after acceptance, no refusal.

        Unless a certificate was asked for once more: after the handshake (RFC 9846 section 4.7.2),
        or by renegotiation.
        """
        refused = self._acceptance is None or self._asked_again
        return Result.REJECTED if refused else Result.FAILED

    def _take_data(self, event: ApplicationDataSeen) -> None:
        """Where the server sends data, TLS let the client in; HTTP may say otherwise."""
        if event.endpoint is not Endpoint.SERVER:
            self._client_wrote = True
            return
        if self._ending is None:
            self._status = StatusReader()
            after = self._last.get(Endpoint.CLIENT)
            self._ending = _Ending(result=Result.ACCEPTED, event=event, after=after)
        reader = self._status
        if reader is None:
            return
        if not reader.done or reader.status in HTTP_REFUSALS:
            self._response += event.data[: _MOST_RESPONSE - len(self._response)]
        if not reader.done:
            reader.feed(event.data)
            if reader.status in HTTP_REFUSALS:
                self._ending = replace(
                    self._ending,
                    result=Result.REJECTED,
                    by=Endpoint.SERVER,
                    signal=Signal.HTTP_STATUS,
                    event=event,
                )
            elif reader.status is not None:
                self._response.clear()


def _append(alerts: list[AlertSeen], alert: AlertSeen) -> None:
    if len(alerts) < _MOST_ALERTS:
        alerts.append(alert)


def _name(event: _Handshake | None) -> tuple[str, bool]:
    """Return the name of a handshake message, and whether it was sealed."""
    if event is None:
        return "", False
    if isinstance(event, MessageSeen):
        return event.message.name, False
    if isinstance(event, Undecoded):
        return event.name if event.message is not None else "bytes, not decoded here", False
    named = event.inference.startswith(("a ", "an "))
    sealed = f"an encrypted record of {event.length} bytes"
    return event.inference if named else sealed, True


def what_was_seen(outcome: Outcome) -> str:
    """Return the signal in a sentence: who ended the connection, by what, after which message."""
    assert outcome.by is not None
    if outcome.alert is not None:
        alert = outcome.alert
        did = f"sent the alert {alert.description} ({alert.description.value})"
    elif outcome.signal is None:
        did = f"reported that it rejected the {outcome.by.other.value}'s certificate"
    else:
        did = f"ended the connection with {outcome.signal.value} and no alert"
    after = f" after the {outcome.by.other.value}'s {outcome.after}" if outcome.after else ""
    return f"the {outcome.by.value} {did}{after}"
