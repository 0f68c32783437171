"""The verdict on recorded connections of servers of fourteen makes, with keys and without.

What is right is what the servers did: which alerts they sent by tshark's decoder, and what their
clients were answered. ``tests/support/server_recordings.py`` made the recordings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Outcome, Result, Signal
from lab.tls.events import Endpoint, Event, Gap, NotCaptured, StreamEnd
from lab.tls.observer import Observer
from tests.support.server_recordings import (
    ALL_MAKES,
    SHOWN,
    VERSIONS,
    ServerOutcome,
    load,
    observed,
    record_all,
)

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
RECORDED = {outcome.name: outcome for outcome in load()}
SAMPLE = sorted(RECORDED)[::14]
_CLOSE_NOTIFY = 0
_ALERT = 21

Verdict = tuple[Result, Endpoint | None, str]


def right(recorded: ServerOutcome, *, keys: bool) -> Verdict:
    """What the server did: who refused whom, and by which alert as far as that can be read."""
    if recorded.status is not None and recorded.status >= 400 and keys:
        return Result.REJECTED, SERVER, "HTTP status"
    if recorded.answered:
        return Result.ACCEPTED, None, ""
    by = CLIENT if recorded.shown == "server not trusted" else SERVER
    alerts = [number for sender, number in recorded.alerts if sender == by.value]
    fatal = [number for number in alerts if number != _CLOSE_NOTIFY]
    if not fatal:
        # A server that says nothing refuses; a client may as well have crashed.
        return Result.REJECTED if by is SERVER else Result.FAILED, by, "no alert"
    readable = keys or recorded.version == "1.2" or has_alert_in_clear(recorded, by)
    return Result.REJECTED, by, str(fatal[0]) if readable else "unread alert"


def has_alert_in_clear(recorded: ServerOutcome, sender: Endpoint) -> bool:
    """Whether an alert is seen as such, by the headers of records."""
    return any(
        record[0] == _ALERT and len(record) == 7
        for _, by, record in records(recorded)
        if by is sender
    )


def records(recorded: ServerOutcome) -> Iterator[tuple[float, Endpoint, bytes]]:
    """The records of a connection, in the order in which they came whole."""
    pending = {end: b"" for end in Endpoint}
    for time, name, what in recorded.steps:
        if what not in StreamEnd.__members__:
            sender = Endpoint(name)
            data = pending[sender] + bytes.fromhex(what)
            while len(data) >= 5 and len(data) >= (size := 5 + int.from_bytes(data[3:5], "big")):
                yield time, sender, data[:size]
                data = data[size:]
            pending[sender] = data


def told(outcome: Outcome) -> Verdict:
    """What the judge says."""
    if outcome.alert is not None:
        return outcome.result, outcome.by, str(outcome.alert.description.value)
    if outcome.signal in (Signal.HTTP_STATUS, Signal.UNREAD_ALERT):
        word = "HTTP status" if outcome.signal is Signal.HTTP_STATUS else "unread alert"
        return outcome.result, outcome.by, word
    return outcome.result, outcome.by, "" if outcome.accepted else "no alert"


def test_all_were_recorded() -> None:
    assert len(ALL_MAKES) >= 10
    names = {(each.server, each.version, each.shown) for each in RECORDED.values()}
    assert names == {
        (server, version, shown) for server in ALL_MAKES for version in VERSIONS for shown in SHOWN
    }
    assert len({each.client for each in RECORDED.values()}) == 5


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_with_keys_the_verdict_is_right(name: str) -> None:
    recorded = RECORDED[name]
    outcome = judge(observed(recorded, keys=True))
    assert told(outcome) == right(recorded, keys=True)
    assert outcome.http_status == (recorded.status if recorded.answered else None)


def without_keys(recordings: Sequence[ServerOutcome]) -> tuple[Counter[str], list[str]]:
    """How many verdicts are right without keys, and which are wrong."""
    counts: Counter[str] = Counter()
    wrong = []
    for recorded in recordings:
        outcome = judge(observed(recorded, keys=False))
        known = outcome.result is not Result.UNKNOWN
        is_right = told(outcome) == right(recorded, keys=False)
        counts["right" if is_right else "wrong" if known else "cannot be told"] += 1
        if known and not is_right:
            wrong.append(f"{recorded.name}: {told(outcome)}")
    return counts, wrong


def test_without_keys_the_verdict_is_right_or_called_unknown() -> None:
    counts, wrong = without_keys(list(RECORDED.values()))
    assert not wrong
    assert counts["cannot be told"] <= 0.05 * len(RECORDED)
    assert counts["right"] >= 0.95 * len(RECORDED)


def test_what_is_inferred_has_its_ground() -> None:
    for recorded in RECORDED.values():
        outcome = judge(observed(recorded, keys=False))
        hidden = recorded.version == "1.3" or outcome.result in (Result.ACCEPTED, Result.UNKNOWN)
        in_clear = outcome.alert is not None or outcome.result is Result.FAILED
        assert bool(outcome.ground) is (hidden and not in_clear), recorded.name
        assert not judge(observed(recorded, keys=True)).ground


@pytest.mark.parametrize("keys", [True, False])
def test_what_is_cut_off_is_never_told_otherwise(keys: bool) -> None:
    cut = [NotCaptured(time=0.0, endpoint=end, gap=Gap.END) for end in Endpoint]
    for recorded in RECORDED.values():
        events = list(observed(recorded, keys=keys))
        whole = judge(events)
        for kept in range(len(events)):
            outcome = judge([*events[:kept], *cut])
            same = (outcome.result, outcome.by) == (whole.result, whole.by)
            assert same or outcome.result is Result.UNKNOWN, (recorded.name, kept)


def lacking(recorded: ServerOutcome, lost: int, *, keys: bool) -> Iterator[Event]:
    """The events of a connection of which the record with the number ``lost`` is missing."""
    observer = Observer()
    log = "".join(f"{line}\n" for line in recorded.key_log)
    yield from observer.learn(log) if keys else observer.finish()
    for number, (time, sender, record) in enumerate(records(recorded)):
        if number == lost:
            yield from observer.miss(sender, Gap.MISSING, len(record), time)
        else:
            yield from observer.feed(sender, record, time)
    yield from observer.finish()
    for time, name, what in recorded.steps:
        if what in StreamEnd.__members__:
            yield from observer.end(Endpoint(name), StreamEnd[what], time)


def tls_verdict(outcome: Outcome) -> tuple[Result, Endpoint | None]:
    """What TLS decided: a refusal by HTTP is an acceptance by TLS."""
    if outcome.result is Result.REJECTED and outcome.signal is not Signal.HTTP_STATUS:
        return outcome.result, outcome.by
    return Result.ACCEPTED if outcome.handshake_accepted else outcome.result, None


def check_lost_records(names: Sequence[str]) -> None:
    """Take one record after the other away; the verdict is the same, or unknown."""
    for name in names:
        recorded = RECORDED[name]
        for keys in (True, False):
            whole = tls_verdict(judge(lacking(recorded, -1, keys=keys)))
            for lost in range(len(list(records(recorded)))):
                outcome = judge(lacking(recorded, lost, keys=keys))
                same = tls_verdict(outcome) == whole
                assert same or outcome.result is Result.UNKNOWN, (name, keys, lost, outcome)


def test_a_lost_record_is_never_told_otherwise() -> None:
    check_lost_records(SAMPLE)


@pytest.mark.slow
def test_no_lost_record_is_told_otherwise() -> None:
    check_lost_records(sorted(RECORDED))


@pytest.mark.slow
def test_the_verdict_is_right_on_servers_of_today(tmp_path: Path) -> None:
    """The same, live, with three servers of different libraries."""
    live = list(record_all(tmp_path, ["openssl s_server", "gnutls-serv", "nginx"]))
    for recorded in live:
        outcome = judge(observed(recorded, keys=True))
        assert told(outcome) == right(recorded, keys=True), recorded.name
    counts, wrong = without_keys(live)
    assert not wrong
    assert counts["cannot be told"] <= 0.05 * len(live)
