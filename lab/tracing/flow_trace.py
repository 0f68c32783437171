"""One connection between two others: what passed on it goes in, a trace comes out.

A capture and a tap both feed it, and neither end of the connection is ours: so there are no local
facts, and what is known of the client is what it sent.

Rules: what is kept is bounded, whatever the ends send. Certificates are judged by the time of the
connection, not by today's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timezone

from lab.capture.results import Flow, FlowBytes, FlowEnd, FlowGap
from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.evidence import Evidence, summarize
from lab.diagnosis.outcome import OutcomeJudge
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint, Event, Gap, StreamEnd
from lab.tls.extensions import SupportedVersions
from lab.tls.key_log import Secret
from lab.tls.observer import Observer
from lab.tls.reader import Budget
from lab.tls.record_log import RecordLog
from lab.tls.sessions import Sessions
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.results import Trace


class FlowTrace:
    """Observe one connection, from its first byte to the trace of it.

    Times are seconds since the epoch. With ``secrets_follow``, records that no secret opens wait
    for ``learn``, until ``finish``; without it they come out sealed at once. ``secrets`` returns
    what is known of a client_random from elsewhere; ``sessions`` are shared by connections that
    may resume each other's. With a ``budget`` no more than that is decoded of either end. With
    ``keep_records`` the trace has the records with their bytes.
    """

    def __init__(
        self,
        *,
        secrets: Callable[[bytes], Iterable[Secret]] | None = None,
        sessions: Sessions | None = None,
        secrets_follow: bool = False,
        budget: Budget | None = None,
        keep_records: bool = False,
    ) -> None:
        log = RecordLog() if keep_records else None
        self._observer = Observer(budget, secrets=secrets, sessions=sessions, record_log=log)
        self._judge = OutcomeJudge()
        self._buffer = EventBuffer(log)
        if not secrets_follow:
            self._observer.finish()

    def take(self, item: FlowBytes | FlowGap | FlowEnd) -> None:
        """Take what a capture tells of the connection next."""
        if isinstance(item, FlowBytes):  # as most are
            self.feed(item.sender, item.data, item.time)
        elif isinstance(item, FlowEnd):
            self.end(item.sender, item.end, item.time)
        else:
            self.miss(item.sender, item.gap, item.octets, item.time)

    def feed(self, sender: Endpoint, data: bytes, time: float) -> None:
        """Take the next bytes that ``sender`` sent."""
        self._take(self._observer.feed(sender, data, time))

    def miss(self, sender: Endpoint, gap: Gap, octets: int | None, time: float) -> None:
        """Take that bytes of ``sender`` are missing here, ``octets`` of them if that is known."""
        self._take(self._observer.miss(sender, gap, octets, time))

    def end(self, sender: Endpoint, end: StreamEnd, time: float) -> None:
        """Take that TCP ended for what ``sender`` sends."""
        self._take(self._observer.end(sender, end, time))

    def learn(self, key_log: str) -> None:
        """Take whole lines in the NSS key log format; those of other connections may be there."""
        self._take(self._observer.learn(key_log))

    def finish(self, time: float) -> None:
        """Take that nothing more will be seen of it, neither bytes nor secrets."""
        self._take(self._observer.unfinished(time))

    def trace(self, flow: Flow) -> Trace | None:
        """Explain what was seen; ``flow`` is the connection. None: no event was seen."""
        events = tuple(self._buffer.events)
        if not events:
            return None
        evidence = summarize(events)
        outcome = self._judge.outcome
        return Trace(
            target=flow.server.authority,
            requested_version=only_version(evidence),
            negotiated_version=evidence.version,
            client_certificate=next(iter(evidence.client_chain or ()), None),
            start=flow.first,
            events=events,
            both_ends=False,
            outcome=outcome,
            causes=diagnose(
                events,
                outcome,
                now=datetime.fromtimestamp(flow.first, timezone.utc),
                port=flow.server.port,
                evidence=evidence,
            ),
            flow=flow,
            records=self._buffer.records,
        )

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._judge.take(event)
            self._buffer(event)


def only_version(evidence: Evidence) -> ProtocolVersion | None:
    """Return the only version that the client offered; None: several, or not known."""
    hello = evidence.client_hello
    # Without this extension all versions up to one are offered (RFC 5246 appendix E.1).
    offered = hello.find(SupportedVersions) if hello else None
    versions = [version for version in offered.versions if not version.is_grease] if offered else []
    return versions[0] if len(versions) == 1 else None
