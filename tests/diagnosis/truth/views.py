"""The same connection as a capture has it: without what the client reports, and without keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from lab.api import Trace
from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.tls.code_points import ContentType, ExtensionType
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    LocalFact,
    MessageSeen,
    SealedSeen,
    WireEvent,
)
from lab.tls.messages import ServerHello

_OVERHEAD = 17  # of a record of TLS 1.3: the type, and a tag of 16 bytes


def captured(trace: Trace, *, keys: bool) -> Trace:
    """Return the trace that a capture of its connection makes, with keys or without."""
    events: Sequence[Event] = [event for event in trace.events if not isinstance(event, LocalFact)]
    if not keys:
        events = list(_sealed(events))
    outcome = judge(events)
    causes = diagnose(events, outcome, now=datetime.now(timezone.utc))
    return replace(trace, events=tuple(events), outcome=outcome, causes=causes)


def _sealed(events: Sequence[Event]) -> Iterator[Event]:
    tls13 = any(
        isinstance(event, MessageSeen)
        and isinstance(event.message, ServerHello)
        and event.message.has(ExtensionType.SUPPORTED_VERSIONS)
        for event in events
    )
    finished: set[Endpoint] = set()
    for event in events:
        if not isinstance(event, WireEvent) or not event.encrypted:
            yield event
            continue
        kind, inside = _content(event)
        inference = ""
        if kind is ContentType.HANDSHAKE:
            known = event.endpoint in finished
            inference = "a handshake message" if known else "a Finished message"
            finished.add(event.endpoint)
        yield SealedSeen(
            time=event.time,
            endpoint=event.endpoint,
            records=event.records,
            encrypted=True,
            content_type=ContentType.APPLICATION_DATA if tls13 else kind,
            length=inside + _OVERHEAD,
            inference="" if tls13 else inference,
            inner_length=inside,
        )


def _content(event: WireEvent) -> tuple[ContentType, int]:
    """Return what an encrypted event was in its record: the type, and how many bytes."""
    if isinstance(event, MessageSeen):
        return ContentType.HANDSHAKE, len(event.raw)
    if isinstance(event, AlertSeen):
        return ContentType.ALERT, 2
    if isinstance(event, ChangeCipherSpecSeen):
        return ContentType.CHANGE_CIPHER_SPEC, 1
    if isinstance(event, ApplicationDataSeen):
        return ContentType.APPLICATION_DATA, len(event.data)
    assert isinstance(event, SealedSeen)
    return event.content_type, event.length - _OVERHEAD
