"""A connection at the lab's server: its row as it happens, and its bytes for whoever opens it.

Rules: what happens on the server's event loop costs no more than its log does. So the bytes are
kept as they are, and decoded a second time, for the page, where somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from operator import attrgetter

from lab.capture.results import Address, Flow
from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.evidence import summarize
from lab.diagnosis.outcome import OutcomeJudge, judge
from lab.diagnosis.results import Outcome, Result
from lab.show.text.message_names import offered_names
from lab.show.text.peer_text import bounded, shortened, subject
from lab.tls.events import (
    ApplicationDataSeen,
    Endpoint,
    Event,
    Fact,
    Gap,
    LocalFact,
    MessageSeen,
    StreamEnd,
)
from lab.tls.messages import Certificate, ClientHello, ServerHello
from lab.tls.observer import Observer
from lab.tls.reader import SERVER_BUDGET
from lab.tls.record_log import RecordLog
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.flow_trace import only_version
from lab.tracing.results import Trace
from lab.webapp.watch.watched_row import (
    OPEN,
    UNDECIDED,
    WatchedRow,
    last_words,
    outcome_words,
)

_MOST_OCTETS = 2**17  # kept of a connection, a piece counted as _PIECE bytes more
_PIECE = 200
_BASE = 4000  # bytes that a connection takes in memory beside what passed on it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """What passed: bytes, or with ``end`` the end of a direction."""

    sender: Endpoint
    time: float
    data: bytes = b""
    end: StreamEnd | None = None


class RecordedConnection:
    """An event sink and a recorder of one connection; ``changed`` is called when its row changes.

    ``client`` and ``server`` are the addresses, ``epoch`` is what to add to the events' times for
    seconds since the epoch.
    """

    def __init__(
        self,
        client: Address,
        server: Address,
        *,
        epoch: float,
        began: float,
        changed: Callable[[RecordedConnection], None],
    ) -> None:
        self.number = 0
        self._ends = client, server
        self._epoch = epoch
        self._began = self._until = began
        self._changed = changed
        self._judge = OutcomeJudge()
        self._outcome: Outcome | None = None
        self._buffer: EventBuffer | None = EventBuffer()  # None: closed, and diagnosed
        self._facts: list[LocalFact] = []
        self._items: list[_Item] = []
        self._secrets: list[str] = []
        self._kept = 0
        self._missed: set[Endpoint] = set()
        self._over: set[Endpoint] = set()
        self._last: Event | None = None
        self._steps = 0
        self._hello: ClientHello | None = None
        self._version = self._cause = self._name = self._client = ""
        self._certificate: bytes | None = None

    # The event sink.

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        self._judge.take(event)
        if self._buffer is not None:
            self._buffer(event)
        if isinstance(event, ApplicationDataSeen) and self._outcome is not None:
            return  # as most events of an accepted connection are
        self._last = event
        self._steps += 1
        if isinstance(event, MessageSeen):
            self._take_message(event)
        elif isinstance(event, LocalFact):
            self._facts.append(event)
            if event.fact is Fact.HANDSHAKE_RETURNED and event.version is not None:
                self._version = str(event.version)
            if event.fact in (Fact.HANDSHAKE_RETURNED, Fact.CLOSED):
                self._decide(ended=event.fact is Fact.CLOSED)
        self._changed(self)

    def _take_message(self, event: MessageSeen) -> None:
        message = event.message
        if isinstance(message, ClientHello):
            self._hello = message
        elif isinstance(message, ServerHello):
            self._version = str(message.negotiated_version)
        elif isinstance(message, Certificate) and event.endpoint is Endpoint.CLIENT:
            entries = message.certificate_list
            self._certificate = entries[0].cert_data if entries else None

    def _decide(self, *, ended: bool) -> None:
        outcome = self._outcome = self._judge.outcome
        if not ended:
            return
        buffer, self._buffer = self._buffer, None
        if buffer is not None and outcome.result is not Result.ACCEPTED:
            causes = diagnose(buffer.events, outcome, now=datetime.now(timezone.utc))
            self._cause = shortened(causes[0].summary)

    # The recorder.

    def sent(self, sender: Endpoint, data: bytes, time: float) -> None:
        """Take the next bytes that ``sender`` sent."""
        self._until = time
        self._kept += len(data) + _PIECE
        if self._kept <= _MOST_OCTETS:
            self._items.append(_Item(sender=sender, data=data, time=time))
        else:
            self._missed.add(sender)

    def ended(self, sender: Endpoint, end: StreamEnd, time: float) -> None:
        """Take that TCP ended for what ``sender`` sends."""
        self._until = time
        if sender not in self._over:
            self._over.add(sender)
            self._items.append(_Item(sender=sender, end=end, time=time))

    def learned(self, key_log: str) -> None:
        """Take secrets, as lines of a key log."""
        self._secrets.append(key_log)

    def closed(self) -> None:
        """Take that nothing more comes."""

    # What the list asks.

    @property
    def state(self) -> str:
        """``OPEN``, or a value of ``Result``."""
        return self._outcome.result.value if self._outcome is not None else OPEN

    @property
    def is_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self._buffer is None

    @property
    def is_refused(self) -> bool:
        """Whether it was rejected or failed, as far as is known."""
        outcome = self._outcome
        return outcome is not None and outcome.result in (Result.REJECTED, Result.FAILED)

    @property
    def octets(self) -> int:
        """About how many bytes of memory it keeps."""
        return _BASE + min(self._kept, _MOST_OCTETS)

    def row(self) -> WatchedRow:
        """Return it as it is now."""
        outcome = self._outcome
        self._name_ends()
        return WatchedRow(
            number=self.number,
            began=int((self._began + self._epoch) * 1000),
            source="server",
            peer=self._ends[0].authority,
            name=self._name,
            version=self._version,
            client=self._client,
            state=self.state,
            outcome=outcome_words(outcome) if outcome else UNDECIDED,
            cause=self._cause,
            last=last_words(self._last) if outcome is None else "",
            steps=self._steps,
            ended=self.is_ended,
        )

    def _name_ends(self) -> None:
        """Find the names that the row has, once, and not while the server is at work."""
        if self._hello is not None:
            hosts, _ = offered_names(self._hello)
            self._name, self._hello = bounded(hosts[0]) if hosts else "", None
        if self._certificate is not None:
            self._client, self._certificate = subject(self._certificate), None

    def snapshot(self) -> Callable[[], Trace | None]:
        """Return what makes the trace of all that was seen so far."""
        recording = _Recording(
            flow=Flow(
                number=self.number,
                client=self._ends[0],
                server=self._ends[1],
                first=self._began + self._epoch,
                last=self._until + self._epoch,
                packets=0,
            ),
            epoch=self._epoch,
            items=tuple(self._items),
            facts=tuple(self._facts),
            secrets="".join(self._secrets),
            missed=frozenset(self._missed),
        )
        return recording.trace

    def forget(self) -> None:
        """Keep nothing that passed any more."""
        self._items.clear()
        self._secrets.clear()
        self._kept = _MOST_OCTETS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording:
    """All that was kept of a connection at one moment."""

    flow: Flow
    epoch: float
    items: Sequence[_Item]
    facts: Sequence[LocalFact]
    secrets: str
    missed: frozenset[Endpoint]

    def trace(self) -> Trace | None:
        """Decode and explain it; None where nothing happened."""
        log = RecordLog()
        events = self._events(Observer(SERVER_BUDGET, record_log=log))
        if not events:
            return None
        outcome, evidence = judge(events), summarize(events)
        return Trace(
            target=self.flow.server.authority,
            requested_version=only_version(evidence),
            negotiated_version=evidence.version,
            client_certificate=next(iter(evidence.client_chain or ()), None),
            start=self.flow.first,
            events=tuple(events),
            both_ends=False,
            outcome=outcome,
            causes=diagnose(events, outcome, now=datetime.now(timezone.utc), evidence=evidence),
            flow=self.flow,
            records=log.records,
        )

    def _events(self, observer: Observer) -> list[Event]:
        events: list[Event] = [replace(fact, time=fact.time + self.epoch) for fact in self.facts]
        observer.learn(self.secrets)
        for item in self.items:
            at = item.time + self.epoch
            if item.end is None:
                events += observer.feed(item.sender, item.data, at)
            else:
                events += observer.end(item.sender, item.end, at)
        for sender in self.missed:
            events += observer.miss(sender, Gap.STOPPED, None, self.flow.last)
        events += observer.finish()
        return sorted(events, key=attrgetter("time"))
