"""The server's log as text: one line a handshake, or one a stage, and the form of every line.

Rules: a stage log belongs to one connection and holds no more of it than its line needs. What a
peer chose is escaped. A record is one line, or one line and an indented traceback; nothing in it
can end its line early or start a line that looks like another record's. A record may have the
attributes ``fields``, a mapping that JSON can carry, ``parts``, the pieces of its message that
``SEPARATOR`` joins, ``style``, the number of the part to highlight and rich's name of the style,
and ``stacked``, which asks for a line for each part where lines can be folded.

This module must not know how the lines reach their reader.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone

from lab.diagnosis.results import Cause, Judge, Outcome, Result
from lab.show.stage_kinds import (
    ABOUT_CERTIFICATE,
    answers_late_request,
    is_byte_of_client,
    is_failure,
    is_late,
    is_rare,
    is_renewed_handshake,
    left_at_request,
)
from lab.show.text.event_text import on_one_line
from lab.show.text.message_names import offered_names
from lab.show.text.outcome_text import alternatives, or_others
from lab.show.text.peer_text import shortened
from lab.tls.escape import escaped, printable
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    MessageSeen,
    StreamEnded,
    WireEvent,
)
from lab.tls.messages import (
    Certificate,
    ClientHello,
    ServerHello,
)
from lab.x509.certificates import describe_names

SEPARATOR = " | "
_INDENT = "    "
# A handshake has some 15 stages. Of one that has more than this, the rest is counted.
_MOST_STAGES = 64
_STYLES = {
    Result.ACCEPTED: "green",
    Result.REJECTED: "red",
    Result.FAILED: "yellow",
    Result.UNKNOWN: "yellow",
}
# Tuples, since a union of types is made anew wherever it is written.
_ENDS = (StreamEnded, AlertSeen)
# Events of a client that are not what it connected for.
_NO_USE = (MessageSeen, AlertSeen, ChangeCipherSpecSeen, LocalFact, StreamEnded)
_ASKED_LATER = "certificate requested after the handshake"


class TextFormatter(logging.Formatter):
    """``[PREFIX] message``; a traceback follows, indented by four spaces."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = f"[{prefix}] "

    def message(self, record: logging.LogRecord) -> str:
        """Return the record as text, without its traceback."""
        return self.prefix + printable(record.getMessage())

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, without a final line end."""
        text = self.message(record)
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            text += "".join(f"\n{_INDENT}{printable(line)}" for line in trace.split("\n"))
        return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII.

    Keys: ``time`` (ISO 8601, UTC, milliseconds), ``level``, ``message``, ``fields`` (an object,
    empty where the record has none), and ``traceback`` where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON, without a final line end."""
        moment = datetime.fromtimestamp(record.created, tz=timezone.utc)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "message": record.getMessage(),
            "fields": getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=repr)


class StageLog:
    """An event sink that logs the connection of ``peer`` (its address, as text).

    ``judge`` makes the judge of the connection, which gets the events from here; ``explain`` gives
    the causes of an outcome from the events that it was judged from, the likeliest first.

    At INFO, an accepted handshake is logged when its call returns (with ``refused_only`` it is
    not), a rejected or failed one when its connection is closed, so that the line also tells how
    the client left, the first cause and its fix. The answer to a certificate request that came
    after the handshake is logged when it has come. What else looks like another handshake on an
    accepted connection is logged when that is closed; so is that the client left before it sent a
    request.
    A client that leaves before it sends a byte, as health checks do, is logged at DEBUG. One that
    closes when it is asked for a certificate, as browsers do while they ask their user, is said not
    to have completed its handshake. At DEBUG each event has a line of its own besides; the level
    counts that is set when the connection begins.
    """

    def __init__(
        self,
        peer: str,
        *,
        logger: logging.Logger,
        judge: Callable[[], Judge],
        explain: Callable[[Sequence[Event], Outcome], Sequence[Cause]],
        refused_only: bool = False,
    ) -> None:
        self._peer = peer
        self._logger = logger
        self._verbose = logger.isEnabledFor(logging.DEBUG)
        self._judge: Judge | None = judge()  # None: the handshake is over
        self._explain = explain
        self._refused_only = refused_only
        self._stages: list[tuple[Event, str]] = []
        self._left_out = 0
        self._version = ""
        self._hello: ClientHello | None = None
        self._certificate: bytes | None = None
        self._used = False  # by the client, for more than a handshake
        self._ended_by: Endpoint | None = None
        self._tcp_ended = False  # by either end

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        if self._judge is None and not self._verbose and isinstance(event, ApplicationDataSeen):
            self._used = self._used or event.endpoint is Endpoint.CLIENT
            return  # as most events of an accepted connection are
        if isinstance(event, _ENDS):
            self._ended_by = self._ended_by or event.endpoint
            self._tcp_ended |= isinstance(event, StreamEnded)
        elif event.endpoint is Endpoint.CLIENT and not isinstance(event, _NO_USE):
            self._used = True
        if self._judge is None:
            self._take_later(event)
            return
        words = self._words(event)
        if self._verbose:
            self._log_stage(event, words)
        self._judge.take(event)
        self._keep(event, words)
        if isinstance(event, MessageSeen):
            self._take_message(event)
        elif isinstance(event, LocalFact):
            self._take_fact(event, self._judge)

    def _take_later(self, event: Event) -> None:
        """Take an event that came after the handshake's line."""
        if self._verbose:
            self._log_stage(event, self._words(event))
        is_end = isinstance(event, _ENDS)
        if self._tcp_ended and is_late(event):
            return
        if isinstance(event, MessageSeen) and isinstance(event.message, Certificate):
            self._take_message(event)
        if is_renewed_handshake(event) or (is_end and not self._used):
            self._keep(event, self._words(event))
        if answers_late_request(event, self._certificate):
            self._log_stages("AFTER HANDSHAKE", f"{self._version}: {_ASKED_LATER}")
            self._certificate = None
        if not (isinstance(event, LocalFact) and event.fact is Fact.CLOSED):
            return
        if not self._used and self._ended_by is Endpoint.CLIENT and not self._refused_only:
            words = f"{self._version}: the client left before it sent a request"
            self._log_stages("AFTER HANDSHAKE", words)
        elif any(is_renewed_handshake(kept) for kept, _ in self._stages):
            self._log_stages("AFTER HANDSHAKE", self._version)

    def _keep(self, event: Event, words: str) -> None:
        """Keep a stage for the line: the first ones, and of those behind them the rare ones."""
        if len(self._stages) < _MOST_STAGES or is_rare(event):
            self._stages.append((event, words))
            return
        if not self._left_out:
            self._stages.append((event, ""))  # the place for how many there were
        self._left_out += 1
        more = f"{self._left_out} more records of either end"
        self._stages[_MOST_STAGES] = (self._stages[_MOST_STAGES][0], more)

    def _take_message(self, event: MessageSeen) -> None:
        message = event.message
        if isinstance(message, ServerHello):
            self._version = str(message.negotiated_version)
        elif isinstance(message, ClientHello):
            self._hello = message
        elif isinstance(message, Certificate) and event.endpoint is Endpoint.CLIENT:
            entries = message.certificate_list
            self._certificate = entries[0].cert_data if entries else None

    def _take_fact(self, event: LocalFact, judge: Judge) -> None:
        if event.fact is Fact.HANDSHAKE_RETURNED and event.version is not None:
            self._version = str(event.version)
        if event.fact in (Fact.HANDSHAKE_RETURNED, Fact.CLOSED):
            self._log_handshake(judge.outcome)

    def _words(self, event: Event) -> str:
        words = on_one_line(event)
        if isinstance(event, LocalFact) and event.fact in ABOUT_CERTIFICATE:
            certificate = event.certificate or self._certificate
            words += f": {_certificate(certificate)}" if certificate else ""
        return words

    def _log_handshake(self, outcome: Outcome) -> None:
        self._judge = None
        hello, self._hello, self._certificate = self._hello, None, None
        if self._refused_only and outcome.result is Result.ACCEPTED:
            self._stages = []
            return
        result = _result(outcome)
        fields = {"result": result, **_asked_for(hello)}
        level, end = logging.INFO, []
        if outcome.result is not Result.ACCEPTED:
            events = [event for event, _ in self._stages]
            if self._ended_by is Endpoint.CLIENT and not any(map(is_byte_of_client, events)):
                level = logging.DEBUG
            causes = self._explain(events, outcome)
            cause = causes[0]
            end = [f"cause: {shortened(cause.summary)}{or_others(causes)}"]
            end += [f"fix: {cause.fix}"] * bool(cause.fix)
            fields["cause"] = {
                "code": cause.code,
                "summary": cause.summary,
                "fix": cause.fix,
                "alternatives": alternatives(causes),
            }
            # What our own library wrote to a client that had gone already tells nothing.
            echoes = [echo for echo in outcome.echoes if echo.endpoint is Endpoint.SERVER]
            self._stages = [stage for stage in self._stages if stage[0] not in echoes]
        word, style = result, _STYLES[outcome.result]
        if left_at_request([event for event, _ in self._stages], outcome):
            word, style = "not completed", "dim"
            self._stages = [stage for stage in self._stages if not is_failure(stage[0])]
        verdict = f"{self._version or 'version unknown:'} {word}"
        look = {"style": (2, style)}
        self._log_stages("HANDSHAKE", verdict, level=level, end=end, fields=fields, look=look)

    def _log_stages(
        self,
        event: str,
        verdict: str,
        *,
        level: int = logging.INFO,
        end: Sequence[str] = (),
        fields: Mapping[str, object] | None = None,
        look: Mapping[str, object] | None = None,
    ) -> None:
        """Log the stages so far and what is to be said behind them; forget the stages."""
        stages = [(_whose(stage), words) for stage, words in self._stages]
        self._log(
            level,
            (event, f"peer={self._peer}", verdict, *_by_endpoint(stages), *end),
            {
                "event": event.lower().replace(" ", "_"),
                "peer": self._peer,
                "version": self._version,
                **(fields or {}),
                "stages": [{"at": whose, "stage": words} for whose, words in stages],
            },
            {"stacked": True, **(look or {})},
        )
        self._stages, self._left_out = [], 0

    def _log_stage(self, event: Event, words: str) -> None:
        whose = _whose(event)
        fields: dict[str, object] = {"event": "stage", "peer": self._peer, "at": whose}
        fields["stage"] = words
        parts: tuple[str, ...] = (whose, words)
        if isinstance(event, WireEvent):
            octets = sum(span.length for span in event.records)
            fields |= {"bytes": octets, "encrypted": event.encrypted}
            wire = f"{octets} bytes on the wire{', encrypted' if event.encrypted else ''}"
            parts = (f"{whose} sent", words, wire)
        self._log(logging.DEBUG, ("STAGE", f"peer={self._peer}", *parts), fields)

    def _log(
        self,
        level: int,
        parts: tuple[str, ...],
        fields: Mapping[str, object],
        look: Mapping[str, object] | None = None,
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        # Made by hand, as the search for the calling line costs more than the rest and would
        # always come to this one.
        extra = {"fields": fields, "parts": parts, **(look or {})}
        record = self._logger.makeRecord(
            self._logger.name, level, __file__, 0, SEPARATOR.join(parts), (), None, extra=extra
        )
        self._logger.handle(record)


def _result(outcome: Outcome) -> str:
    """Return how it ended in the judge's word; of our server's own rejection, no more."""
    by_client = outcome.result is Result.REJECTED and outcome.by is Endpoint.CLIENT
    return "rejected by the client" if by_client else outcome.result.value


def _whose(event: Event) -> str:
    return event.endpoint.value


def _asked_for(hello: ClientHello | None) -> dict[str, object]:
    """Return the host and the protocols that a client named, as JSON values."""
    hosts, protocols = offered_names(hello) if hello else ([], [])
    return {"sni": hosts[0] if hosts else None, "alpn": protocols}


def _certificate(der: bytes) -> str:
    about = describe_names(der)
    if about.problem and not about.subject:
        return escaped(about.problem)
    # repr escapes what is not printable, as a log needs it.
    subject, issuer = shortened(about.subject), shortened(about.issuer)
    return f"subject={subject!r} issuer={issuer!r} serial={about.serial:#x}"


def _by_endpoint(stages: list[tuple[str, str]]) -> list[str]:
    """Return stages in order, those of one end together: ``client: A, B``, ``server: C``."""
    parts: list[str] = []
    last = ""
    for whose, words in stages:
        if whose == last:
            parts[-1] += f", {words}"
        else:
            parts.append(f"{whose}: {words}")
        last = whose
    return parts
