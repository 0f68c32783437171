"""The table of a capture: one line a connection in a pipe, and what fits on a terminal."""

from __future__ import annotations

import dataclasses
import io

import pytest

from lab.capture.results import CUT_SHORT, Address
from lab.diagnosis.results import Outcome, Result, Signal
from lab.show.text.captures.capture_entries import entry
from lab.show.text.captures.capture_table import (
    CaptureTable,
    Endings,
    is_refused_or_failed,
    key_log_words,
    notes,
    without_tls,
)
from lab.show.text.paper import Paper
from lab.tls import extensions as ext
from lab.tls.code_points import NameType
from lab.tls.events import Endpoint, MessageSeen
from lab.tls.messages import ClientHello
from lab.tracing.results import CaptureSummary, KeyLogUse, Trace
from tests.support.traces import FLOW

UNTOLD = Outcome(result=Result.UNKNOWN, ground="the capture ends before it")
INFERRED = Outcome(
    result=Result.REJECTED, by=Endpoint.SERVER, signal=Signal.UNREAD_ALERT, ground="by its size"
)


def of_capture(trace: Trace, outcome: Outcome | None = None) -> Trace:
    return dataclasses.replace(trace, flow=FLOW, outcome=outcome or trace.outcome)


def named(trace: Trace, name: bytes) -> Trace:
    """The trace with another name in its ClientHello."""
    first = next(event for event in trace.events if isinstance(event, MessageSeen))
    assert isinstance(first.message, ClientHello)
    names = ext.ServerNameList(
        server_name_list=(ext.ServerName(name_type=NameType.HOST_NAME, name=name),)
    )
    hello = dataclasses.replace(first.message, extensions=(names,))
    changed = dataclasses.replace(first, message=hello)
    return dataclasses.replace(
        trace, events=tuple(changed if event is first else event for event in trace.events)
    )


def table(*traces: Trace) -> list[str]:
    file = io.StringIO()
    rows = CaptureTable(file)
    for trace in traces:
        rows.row(trace)
    return file.getvalue().splitlines()


def test_a_row_has_all_that_tells_a_connection_apart(refused13: Trace, accepted13: Trace) -> None:
    head, first, second = table(of_capture(refused13), of_capture(accepted13))
    assert head.split()[:6] == ["#", "time", "(UTC)", "client", "server", "version"]
    for words in (
        "    3  2026-11-29 22:19:14.250000  [2001:db8::1]:50000",
        "  192.0.2.1:443 ",
        "  TLS 1.3  localhost ",
        "  none  ",
        "  rejected by the server, alert certificate_required (116)  no-client-certificate",
    ):
        assert words in first
    assert "  CN=client " in second
    assert "  accepted  " in second
    assert head.index("outcome") == first.index("rejected") == second.index("accepted")


def test_what_was_inferred_or_cannot_be_told_is_said(accepted13: Trace) -> None:
    _, first, second = table(of_capture(accepted13, UNTOLD), of_capture(accepted13, INFERRED))
    assert "  cannot be told  " in first
    assert "  rejected by the server, an alert that cannot be read (inferred)  " in second


def test_hostile_names_stay_on_their_line(accepted13: Trace) -> None:
    hostile = named(of_capture(accepted13), b"a\x1b[2J\nb" + b"x" * 300)
    _, line, *more = table(hostile)
    assert not more
    assert r"a\x1b[2J\nb" in line
    assert "... (307 characters)" in line


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_terminal_gets_lines_that_fit_it(refused13: Trace, width: int) -> None:
    trace = named(of_capture(refused13), b"n" * 200)
    lines = [line.plain for line in entry(trace, Paper(width=width))]
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("    3  2026-11-29 22:19:14.250000 UTC")
    text = " ".join(line.strip() for line in lines)
    assert "[2001:db8::1]:50000 to 192.0.2.1:443" in text
    assert "rejected by the server, alert certificate_required (116)" in text
    assert "[no-client-certificate]" in text


def test_a_terminal_gets_the_ground_of_an_inference(accepted13: Trace) -> None:
    lines = [line.plain for line in entry(of_capture(accepted13, INFERRED), Paper(width=140))]
    assert (
        "       rejected by the server, an alert that cannot be read; inferred: by its size"
        in lines
    )


def test_the_endings_are_counted(refused13: Trace, accepted13: Trace) -> None:
    endings = Endings()
    for trace in (accepted13, refused13, accepted13, of_capture(accepted13, UNTOLD)):
        endings.count(trace)
    assert endings.words == (
        "4 connections with TLS: 2 accepted, 1 rejected by the server, 1 cannot be told"
    )
    assert [is_refused_or_failed(trace) for trace in (accepted13, refused13)] == [False, True]
    assert not is_refused_or_failed(of_capture(accepted13, UNTOLD))


def summary(
    *key_logs: KeyLogUse, connections: int = 12, others: tuple[tuple[str, int], ...] = ()
) -> CaptureSummary:
    return CaptureSummary(connections=connections, tls=0, others=others, key_logs=key_logs)


@pytest.mark.parametrize(
    ("name", "beside", "secrets", "used", "words"),
    [
        (
            "k",
            False,
            40,
            12,
            "the key log k has 40 secrets; 12 are of these connections",
        ),
        ("k", False, 1, 1, "the key log k has 1 secret; 1 is of these connections"),
        (
            "k",
            True,
            2,
            0,
            "the key log k (found beside the capture) has 2 secrets; none is of these connections",
        ),
        ("a\nb", False, 0, 0, r"the key log a\nb has no secrets"),
        (
            "",
            False,
            2,
            2,
            "the capture itself has 2 secrets; 2 are of these connections",
        ),
    ],
)
def test_a_key_log_is_told_with_what_it_was_good_for(
    name: str, beside: bool, secrets: int, used: int, words: str
) -> None:
    use = KeyLogUse(name=name, beside=beside, secrets=secrets, used=used)
    assert key_log_words(use) == words


def test_a_key_log_is_not_called_of_other_connections_where_a_client_hello_is_missing() -> None:
    use = KeyLogUse(name="k", beside=False, secrets=2, used=0, complete=False)
    words = "the key log k has 2 secrets; none is of a connection whose ClientHello was captured"
    assert key_log_words(use) == words
    assert list(notes(summary(use))) == [words]


def test_what_is_no_tls_is_counted_by_its_kind() -> None:
    others = (("plain HTTP", 3), ("QUIC", 1), ("", 2))
    assert list(notes(summary(others=others))) == [
        "not TLS over TCP, so not read: 3 connections of plain HTTP, 1 connection of QUIC, "
        "2 connections of no known protocol"
    ]
    assert list(notes(summary(others=((CUT_SHORT, 1),)))) == [
        "not read, whether TLS or not: 1 connection of data cut by the snap length"
    ]


@pytest.mark.parametrize(
    ("connections", "others", "words"),
    [
        (0, (), "no TLS in f: no TCP connection"),
        (0, (("QUIC", 2),), "no TLS in f: no TCP connection, but 2 of QUIC"),
        (1, (("", 1),), "no TLS in f: 1 TCP connection, not TLS (1 of no known protocol)"),
        (
            2,
            ((CUT_SHORT, 2),),
            "no TLS in f: 2 TCP connections, TLS or not cannot be told "
            "(2 of data cut by the snap length)",
        ),
        (
            12,
            (("plain HTTP", 11), ("SSH", 1)),
            "no TLS in f: 12 TCP connections, none of them TLS (11 of plain HTTP, 1 of SSH)",
        ),
    ],
)
def test_a_capture_without_tls_says_what_is_in_it(
    connections: int, others: tuple[tuple[str, int], ...], words: str
) -> None:
    assert without_tls("f", summary(connections=connections, others=others)) == words


def test_addresses_of_version_6_have_brackets() -> None:
    assert Address("::1", 443).authority == "[::1]:443"
