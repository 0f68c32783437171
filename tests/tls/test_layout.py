"""The fields of messages and records: every byte of every recorded handshake has one name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.tls.events import Endpoint, Event, MessageSeen, WireEvent
from lab.tls.layout import Field, event_layout, record_layout
from lab.tls.messages import UnknownMessage
from lab.tls.observer import Observer
from lab.tls.record_log import ObservedRecord, RecordLog
from lab.tracing.read_capture import CaptureReader, KeyLogFile, key_log_beside
from tests.support.server_recordings import ServerOutcome, load, observed
from tests.tls.messages_table import CASES, Case
from tests.tls.rfc8448 import Trace
from tests.tls.test_captures import FILES
from tests.tls.test_rfc8448 import feed

RECORDED = load()


def leaves(field: Field) -> Iterator[Field]:
    """Yield the leaves of a tree; fail where children do not cover a field."""
    assert field.name
    assert field.meaning
    assert field.reference.startswith("RFC ")
    if not field.children:
        yield field
        return
    at = field.start
    for child in field.children:
        assert child.start == at, f"{field.name}: {at} to {child.start} of no name"
        assert child.end > child.start
        at = child.end
        yield from leaves(child)
    assert at == field.end, f"{field.name}: {at} to {field.end} of no name"


def check_event(event: WireEvent) -> None:
    laid_out = event_layout(event)
    if laid_out is None:
        assert not isinstance(event, MessageSeen)
        return
    data, field = laid_out
    assert (field.start, field.end) == (0, len(data))
    assert sum(leaf.end - leaf.start for leaf in leaves(field)) == len(data)


def check_records(records: tuple[ObservedRecord, ...]) -> None:
    for record in records:
        field = record_layout(record)
        assert (field.start, field.end) == (0, len(record.raw) or field.end)
        assert sum(leaf.end - leaf.start for leaf in leaves(field)) == len(record.raw)
        opening = record.opening
        if opening is None or not opening.aligned:
            continue
        names = {child.name: child for child in field.children}
        content = names.get("encrypted content") or names.get("fragment")
        if content is not None:
            assert content.end - content.start == len(opening.content)


def names(field: Field) -> list[str]:
    return [leaf.name for leaf in leaves(field)]


def events_of(events: list[Event]) -> list[WireEvent]:
    return [event for event in events if isinstance(event, WireEvent)]


@pytest.mark.parametrize("keys", [True, False], ids=["keys", "no keys"])
@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_every_byte_of_a_recorded_server_is_labelled(recorded: ServerOutcome, keys: bool) -> None:
    events = list(observed(recorded, keys=keys))
    assert events_of(events)
    for event in events_of(events):
        check_event(event)


def test_every_byte_of_rfc_8448_is_labelled(trace: Trace) -> None:
    log = RecordLog()
    observer = Observer(record_log=log)
    events = [*observer.learn(trace.key_log), *feed(observer, trace), *observer.finish()]
    for event in events_of(events):
        check_event(event)
    check_records(log.records)
    carried = {(event.endpoint, span) for event in events_of(events) for span in event.records}
    assert carried == {(record.endpoint, record.span) for record in log.records}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_byte_of_a_capture_is_labelled(path: Path) -> None:
    beside = key_log_beside(path)
    with path.open("rb") as file:
        key_log = KeyLogFile(beside) if beside is not None else None
        traces = list(CaptureReader(file, key_log=key_log, keep_records=True).traces())
    if key_log is not None:
        key_log.close()
    assert traces
    for trace in traces:
        assert trace.records
        for event in events_of(list(trace.events)):
            check_event(event)
        check_records(trace.records)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_field_of_a_message_has_a_name_and_a_meaning(case: Case) -> None:
    body = case.wire.data
    event = MessageSeen(
        time=0.0,
        endpoint=Endpoint.CLIENT,
        records=(),
        encrypted=False,
        message=case.message,
        raw=bytes([case.message.msg_type]) + len(body).to_bytes(3, "big") + body,
        context=case.setting,
    )
    check_event(event)
    laid_out = event_layout(event)
    assert laid_out is not None
    if not isinstance(event.message, UnknownMessage):
        assert "body" not in names(laid_out[1])
