"""The records that a log keeps: their bytes, what was found in them, and its bound."""

from __future__ import annotations

from lab.tls.events import MessageSeen
from lab.tls.key_log import SecretLabel
from lab.tls.observer import Observer
from lab.tls.record_log import RecordLog
from tests.tls.rfc8448 import Trace
from tests.tls.test_rfc8448 import feed


def observe(trace: Trace, log: RecordLog, *, keys: bool = True) -> list[object]:
    observer = Observer(record_log=log)
    events = observer.learn(trace.key_log) if keys else observer.finish()
    return [*events, *feed(observer, trace), *observer.finish()]


def test_records_are_kept_whole_and_with_their_plaintext(trace: Trace) -> None:
    log = RecordLog()
    observe(trace, log)
    assert [record.raw for record in log.records] == [wire for _, _, wire in trace.records]
    for record, (sender, plain, _) in zip(log.records, trace.records, strict=True):
        assert record.endpoint is sender
        if record.encrypted:
            assert record.opening is not None
            assert record.opening.content == plain
            assert record.opening.behind == 16
        else:
            assert record.opening is None
            assert record.raw[5:] == plain


def test_a_secret_is_named_by_its_label(trace: Trace) -> None:
    log = RecordLog()
    observe(trace, log)
    labels = {record.opening.secret for record in log.records if record.opening}
    assert SecretLabel.SERVER_HANDSHAKE_TRAFFIC_SECRET in labels
    assert SecretLabel.CLIENT_TRAFFIC_SECRET_0 in labels


def test_records_that_no_secret_opens_are_kept_closed(trace: Trace) -> None:
    log = RecordLog()
    observe(trace, log, keys=False)
    assert [record.raw for record in log.records] == [wire for _, _, wire in trace.records]
    closed = [record for record in log.records if record.encrypted]
    assert closed
    assert all(record.opening is None for record in closed)


def test_a_log_is_bounded(trace: Trace) -> None:
    log = RecordLog(most=600)
    events = observe(trace, log)
    assert sum(len(record.raw) for record in log.records) <= 600
    assert len(log.records) + log.left_out == len(trace.records)
    assert any(isinstance(event, MessageSeen) for event in events)


def test_events_are_the_same_with_and_without_a_log(trace: Trace) -> None:
    observer = Observer()
    plain = [*observer.learn(trace.key_log), *feed(observer, trace), *observer.finish()]
    assert observe(trace, RecordLog()) == plain
