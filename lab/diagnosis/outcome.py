"""The judge of how a connection ended, who ended it, by what, and when.

Rules: an outcome states what was seen; why it happened is ``diagnose.py``'s to say. What is
inferred from records that stay sealed has its ground, and what cannot be told is called so. An
alert that an endpoint writes after the other one has already ended the connection is an echo, and a
warning that ends nothing is no rejection. What is a limit of ours decides nothing, and neither does
what a capture lacks.

This module must not know where events come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from lab.diagnosis.application_answers import ToldAnswer
from lab.diagnosis.ending import Ending, Handshake, MissingParts, append, is_echo, speaks_of_client
from lab.diagnosis.handshake_progress import TELLING, HandshakeProgress
from lab.diagnosis.http_status import FirstAnswer
from lab.diagnosis.outcome_wording import name_of
from lab.diagnosis.reports import Reports
from lab.diagnosis.results import Outcome, Result, Signal
from lab.diagnosis.sealed_tls12 import DATA, SealedTls12, shows_older
from lab.diagnosis.sealed_tls13 import WENT_ON, SealedTls13
from lab.tls.code_points import AlertDescription, ContentType
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
    NotCaptured,
    NotTls,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
    is_fatal,
)
from lab.tls.messages import ClientHello, Finished, ServerHello

_HELLOS = (ClientHello, ServerHello)
_TCP_SIGNALS = (Signal.FIN, Signal.RST)
_PARTLY = "part of what the server sent is missing, so what it answered cannot be told"


def judge(events: Iterable[Event]) -> Outcome:
    """Return the outcome of a connection from all its events, in the order in which they were seen.

    They may be both ends' merged: bytes as one of them saw them, and the local facts of both.
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
        self._handshake = HandshakeProgress()
        self._client_wrote = False
        self._last: dict[Endpoint, Handshake] = {}
        self._reports = Reports()
        self._goodbye: Ending | None = None
        self._malformed: Ending | None = None
        self._half_closed: Ending | None = None
        self._accepted_before = False
        self._ending: Ending | None = None
        self._answer: FirstAnswer | None = None
        self._told: ToldAnswer | None = None
        self._sealed12 = SealedTls12()
        self._sealed13 = SealedTls13()
        self._missing = MissingParts(self._handshake)
        self._echoes: list[AlertSeen] = []
        self._warnings: list[AlertSeen] = []

    def take(self, event: Event) -> None:
        """Take the next event."""
        if take := _TAKE.get(type(event)):
            take(self, event)

    @property
    def outcome(self) -> Outcome:
        """The outcome as far as the events tell."""
        answer, told = self._answer, self._told
        ending = self._missing.what_stands(
            self._ending or self._what_is_left(),
            settled=self._ending is not None,
            open_answer=answer is not None and answer.is_open,
        )
        after, sealed = name_of(ending.after if ending.by else None)
        alert = ending.event if ending.signal is Signal.ALERT else None
        assert alert is None or isinstance(alert, AlertSeen)
        return Outcome(
            result=ending.result,
            by=ending.by,
            signal=ending.signal,
            alert=alert,
            http_status=told.http_status if told else answer.status if answer else None,
            http_text=told.http_text if told else answer.text if answer else "",
            answer=told.of_others if told else None,
            answer_meaning=told.meaning if told and told.of_others else None,
            handshake_accepted=self._handshake.acceptance is not None,
            after=after,
            sealed=sealed,
            client_handshake_returned=self._reports.returned.get(Endpoint.CLIENT),
            server_handshake_returned=self._reports.returned.get(Endpoint.SERVER),
            exception=self._reports.exception,
            echoes=tuple(self._echoes),
            warnings=tuple(self._warnings),
            decided_by=ending.event,
            ground=ending.ground,
        )

    def _what_is_left(self) -> Ending:
        """Return the ending where no event was the end."""
        if self._half_closed is not None:
            return self._after_half_close(self._half_closed)
        if self._handshake.acceptance is not None:
            return self._accepted_so_far(self._handshake.acceptance)
        if (refusal := self._reports.refusal) is not None:
            return self._ending_by(Result.REJECTED, refusal.endpoint, None, refusal)
        # Last, because the ends themselves may have taken what our parser does not.
        left = self._malformed or self._goodbye or Ending(result=Result.FAILED)
        return replace(left, lacking=self._missing.of)

    def _after_half_close(self, half_closed: Ending) -> Ending:
        """Return what it means that the client ended TCP, and the server said no more than so."""
        accepted = self._handshake.acceptance
        if accepted is not None and not self._accepted_before:
            return self._accepted_so_far(accepted)
        return replace(half_closed, lacking=self._missing.of)

    def _what_goodbye_meant(self, goodbye: Ending) -> Ending:
        """Return an orderly end as it is now: the server may have accepted a client that left."""
        if self._handshake.acceptance is not None and goodbye.by is Endpoint.CLIENT:
            goodbye = replace(goodbye, result=Result.ACCEPTED, by=None)
        return replace(goodbye, lacking=self._missing.of)

    def _accepted_so_far(self, event: Event) -> Ending:
        return Ending(result=Result.ACCEPTED, event=event, lacking=self._missing.of)

    def _ending_by(
        self, result: Result, by: Endpoint, signal: Signal | None, event: Event
    ) -> Ending:
        after, lacking = self._last.get(by.other), self._missing.of
        return Ending(
            result=result, by=by, signal=signal, event=event, after=after, lacking=lacking
        )

    def _end(self, result: Result, by: Endpoint, signal: Signal, event: Event) -> None:
        if self._ending is None:
            self._ending = self._ending_by(result, by, signal, event)

    def _take_message(self, event: MessageSeen) -> None:
        self._last[event.endpoint] = event
        message = event.message
        if type(message) in TELLING:
            self._handshake.take_message(event)
        if isinstance(message, _HELLOS):
            self._sealed13.hello(message)
        elif type(message) is Finished and event.endpoint is Endpoint.CLIENT:
            self._sealed13.client_finished(event.time)

    def _take_change(self, event: ChangeCipherSpecSeen) -> None:
        self._handshake.take_change(event, is_whole=not self._missing.of)
        self._sealed12.change(event.endpoint)

    def _take_fact(self, event: LocalFact) -> None:
        self._reports.take(event)
        if event.fact is Fact.HANDSHAKE_RETURNED and event.endpoint is Endpoint.SERVER:
            self._handshake.accept(event)
        elif event.fact is Fact.TIMED_OUT:
            self._end(Result.FAILED, event.endpoint.other, Signal.TIME_OUT, event)
        elif event.answer is not None:
            self._told, ending = ToldAnswer(event.answer), self._ending
            if self._told.refuses and ending is not None and ending.result is Result.ACCEPTED:
                self._ending = ending.refused_by_answer(self._told.signal, event)

    def _take_undecoded(self, event: Undecoded) -> None:
        self._last[event.endpoint] = event

    def _take_not_tls(self, event: NotTls) -> None:
        self._end(Result.FAILED, event.endpoint, Signal.NOT_TLS, event)

    def _take_malformed(self, event: Malformed) -> None:
        if self._malformed is None:
            self._malformed = self._ending_by(
                Result.FAILED, event.endpoint, Signal.MALFORMED, event
            )

    def _take_missing(self, event: NotCaptured) -> None:
        self._missing.take(event)
        if Endpoint.SERVER in self._missing.of:
            self._sealed13.miss()
            if self._answer is not None:
                self._answer.cut()

    def _take_alert(self, event: AlertSeen) -> None:
        ending = self._ending
        if event.description == AlertDescription.CLOSE_NOTIFY:
            finished = self._handshake.tls13 and self._handshake.client_finished
            if event.endpoint is Endpoint.SERVER and finished:
                # Who refuses the client's last flight is in no state to close TLS in order.
                self._handshake.accept(event)
            if self._goodbye is None:
                self._goodbye = self._goodbye_by(event)
        elif not is_fatal(event, tls13=self._handshake.tls13):
            append(self._warnings, event)
        elif (
            ending is None
            and self._half_closed is not None
            and is_echo(event, completed=self._handshake.client_completed)
        ):
            append(self._echoes, event)
        elif ending is None:
            self._end(self._broken_or_refused(event), event.endpoint, Signal.ALERT, event)
        elif ending.signal in _TCP_SIGNALS and event.endpoint is ending.by:
            # A reset may be seen first, and then the alert that it had overtaken.
            self._ending = replace(
                ending, result=self._broken_or_refused(event), signal=Signal.ALERT, event=event
            )
        elif ending.signal is Signal.ALERT or ending.signal in _TCP_SIGNALS:
            append(self._echoes, event)
        elif ending.proved and self._handshake.asked_again and speaks_of_client(event):
            # It had sent data before it judged the certificate that it asked for then.
            self._ending = self._ending_by(Result.REJECTED, event.endpoint, Signal.ALERT, event)

    def _goodbye_by(self, event: AlertSeen) -> Ending:
        """Read a close_notify as the end that it is if TCP ends behind it."""
        by_server = event.endpoint is Endpoint.SERVER
        if self._handshake.acceptance is not None:
            if by_server and self._client_wrote and self._answer is None:
                return self._ending_by(Result.FAILED, event.endpoint, Signal.CLOSE_NOTIFY, event)
            return Ending(result=Result.ACCEPTED, signal=Signal.CLOSE_NOTIFY, event=event)
        # A client that leaves in order has heard neither yes nor no.
        result = Result.REJECTED if by_server else Result.FAILED
        return self._ending_by(result, event.endpoint, Signal.CLOSE_NOTIFY, event)

    def _take_end(self, event: StreamEnded) -> None:
        """TCP ended; whoever sent close_notify first ended it, the other one only answered."""
        by_client = event.endpoint is Endpoint.CLIENT
        if self._ending is None and self._goodbye is not None:
            if not by_client or self._goodbye.by is not Endpoint.CLIENT:
                self._ending = self._what_goodbye_meant(self._goodbye)
            return  # else the server may still accept or refuse the client
        if self._ending is not None:
            return
        sealed = self._sealed_ending(event)
        ending = sealed or self._ending_by_tcp(event)
        is_half = by_client and event.end is StreamEnd.FIN and bool(self._last)
        if is_half and (sealed or ending.result is Result.FAILED):
            # The server may still accept or refuse what the client sent before.
            self._half_closed = ending
            self._accepted_before = self._handshake.acceptance is not None
            self._sealed12.client_closed()
            self._sealed13.client_closed(event)
        elif self._half_closed is not None and sealed is None:
            self._ending = self._after_half_close(self._half_closed)
        else:
            self._ending = ending

    def _ending_by_tcp(self, event: StreamEnded) -> Ending:
        if self._malformed is not None and not self._reports.refused(event.endpoint):
            return self._malformed.past_malformed(self._last)
        signal = Signal.RST if event.end is StreamEnd.RESET else Signal.FIN
        result = Result.FAILED
        # Before a single message has passed, nothing can have been refused.
        if self._last and self._refuses_by_leaving(event.endpoint):
            result = self._broken_or_refused()
        return self._ending_by(result, event.endpoint, signal, event)

    def _sealed_ending(self, event: StreamEnded) -> Ending | None:
        """Return what sealed records mean at an end of TCP; None where they decide nothing."""
        if self._handshake.older:
            sealed = self._sealed12.ending() if self._handshake.acceptance is not None else None
        else:
            settled = self._handshake.acceptance or self._reports.refused(Endpoint.SERVER)
            sealed = None if settled else self._sealed13.ending(event)
        if sealed is None:
            return None
        after = self._last.get(sealed.by.other) if sealed.by else None
        return replace(sealed, after=after, lacking=self._missing.of)

    def _refuses_by_leaving(self, endpoint: Endpoint) -> bool:
        """Return whether an end that closes TCP without an alert refuses the other by that.

        Servers do refuse in this way, but who has sent no message may not speak TLS there; a client
        may as well have crashed, or be a port scanner. An end that is watched says itself whether
        its handshake failed.
        """
        if self._reports.refused(endpoint):
            return True
        warned = any(warning.endpoint is endpoint for warning in self._warnings)
        speaks_tls = warned or endpoint in self._last
        watched = endpoint in self._reports.returned
        asked_again = self._handshake.asked_again
        return endpoint is Endpoint.SERVER and (asked_again or (speaks_tls and not watched))

    def _broken_or_refused(self, alert: AlertSeen | None = None) -> Result:
        """Return what an end without close_notify means: after acceptance, no refusal.

        Unless a certificate was asked for once more: after the handshake (RFC 9846 section 4.7.2),
        or by renegotiation; or the server's ``alert`` speaks of the client's certificate, as where
        a library judges it only when the handshake is over.
        """
        asked = self._handshake.asked_again or self._sealed12.negotiates is Endpoint.SERVER
        refused = self._handshake.acceptance is None or asked or speaks_of_client(alert)
        return Result.REJECTED if refused else Result.FAILED

    def _take_sealed(self, event: SealedSeen) -> None:
        """Infer what a record that stays sealed can only mean."""
        self._last[event.endpoint] = event
        if self._reports.refused(Endpoint.SERVER):
            return  # it knows better
        if shows_older(event):
            self._handshake.know_older()
        is_data = event.content_type is ContentType.APPLICATION_DATA
        if self._handshake.older:
            self._sealed12.take(event)
            known = self._handshake.acceptance is not None or bool(self._missing.of)
            if is_data and known and event.endpoint is Endpoint.SERVER:
                self._proved(event, DATA)
        elif is_data:  # else it is in the clear, and only taken for sealed
            self._sealed13.take(event)
            if self._sealed13.proof is event:
                self._proved(event, WENT_ON)

    def _proved(self, event: Event, ground: str = "") -> None:
        """Take that the server went on with a client that it had accepted."""
        self._handshake.accept(event)
        if self._ending is None:
            self._ending = Ending(
                result=Result.ACCEPTED,
                event=event,
                after=self._last.get(Endpoint.CLIENT),
                ground=ground,
                proved=True,
            )

    def _take_data(self, event: ApplicationDataSeen) -> None:
        """Where the server sends data, TLS let the client in; HTTP may say otherwise."""
        if event.endpoint is not Endpoint.SERVER:
            self._client_wrote = True
            return
        if self._answer is None and self._ending is None:
            asked = self._client_wrote or Endpoint.CLIENT in self._missing.of
            self._answer = FirstAnswer(is_cut=Endpoint.SERVER in self._missing.of, is_asked=asked)
        if self._may_be_unjudged:
            if self._answer is not None:
                self._answer.feed(event.data)
            return
        self._proved(event, _PARTLY if Endpoint.SERVER in self._missing.of else "")
        answer, ending = self._answer, self._ending
        if answer is None or ending is None:
            return
        refused = answer.refuses
        answer.feed(event.data)
        if answer.refuses and not refused:
            self._ending = ending.refused_by_answer(Signal.HTTP_STATUS, event)

    @property
    def _may_be_unjudged(self) -> bool:
        """Whether the server may send data and not have judged the client yet."""
        last = self._last.get(Endpoint.CLIENT)
        return self._handshake.may_precede_judgement and not (
            isinstance(last, SealedSeen | Undecoded) or Endpoint.CLIENT in self._missing.of
        )


_TAKE: dict[type[Event], Callable[[OutcomeJudge, Any], None]] = {
    MessageSeen: OutcomeJudge._take_message,
    SealedSeen: OutcomeJudge._take_sealed,
    Undecoded: OutcomeJudge._take_undecoded,
    ChangeCipherSpecSeen: OutcomeJudge._take_change,
    AlertSeen: OutcomeJudge._take_alert,
    ApplicationDataSeen: OutcomeJudge._take_data,
    StreamEnded: OutcomeJudge._take_end,
    NotCaptured: OutcomeJudge._take_missing,
    NotTls: OutcomeJudge._take_not_tls,
    Malformed: OutcomeJudge._take_malformed,
    LocalFact: OutcomeJudge._take_fact,
}
