"""The comparison of traces: what is said is what differs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lab.show.text.comparison import comparison, difference, print_comparison
from lab.show.text.paper import Paper
from lab.tls import messages as msg
from lab.tls.code_points import AlertDescription, ProtocolVersion
from lab.tls.events import Event, Fact, StreamEnd
from lab.tracing.results import Trace
from tests.support.harness import Identities
from tests.support.traces import (
    CLIENT,
    SERVER,
    EventBuilder,
    handshake,
    trace_of,
)

HELLO = EventBuilder().message(CLIENT, msg.HelloRequest())
ANSWER = EventBuilder().message(SERVER, msg.ServerHelloDone())


def shown(traces: Sequence[Trace]) -> list[str]:
    return [line.plain for line in comparison(traces, Paper())]


def test_the_two_versions_of_a_refusal_beside_each_other(
    refused12: Trace, refused13: Trace
) -> None:
    file = io.StringIO()
    print_comparison([refused12, refused13], file)
    assert file.getvalue() == (
        "── Comparison " + "─" * 66 + "\n"
        "            TLS 1.2                           TLS 1.3\n"
        "result      rejected by the server            rejected by the server\n"
        "version     TLS 1.2                           TLS 1.3\n"
        "signal      alert handshake_failure (40)      alert certificate_required (116)\n"
        "after       the client's Finished             the client's Finished\n"
        "client      3.00 ms: handshake call failed    2.00 ms: handshake call returned\n"
        "                                              3.00 ms: read failed\n"
        "server      3.00 ms: certificate rejected     3.00 ms: certificate rejected\n"
        "            3.00 ms: handshake call failed    3.00 ms: handshake call failed\n"
        "\n"
        "Rejected by the server each time; with TLS 1.2, by alert handshake_failure (40)\n"
        "inside the client's handshake call; with TLS 1.3, by alert certificate_required\n"
        "(116) after the client's handshake call had returned.\n"
        "\n"
    )


def test_traces_that_end_alike_have_no_difference(refused13: Trace) -> None:
    assert difference([refused13, refused13]) == (
        "No difference: rejected by the server by alert certificate_required (116) "
        "after the client's handshake call had returned each time."
    )


def test_what_differs_may_be_the_result(refused13: Trace, accepted13: Trace) -> None:
    sentence = difference([refused13, accepted13])
    assert sentence.startswith(
        "With TLS 1.3, no client certificate, rejected by the server by alert"
    )
    assert sentence.endswith("with TLS 1.3, client certificate CN=client, accepted.")


@pytest.mark.parametrize(
    ("events", "clause"),
    [
        ([HELLO, ANSWER, EventBuilder().ended(SERVER)], "with TLS 1.2, by TCP FIN with no alert"),
        (
            [HELLO, ANSWER, EventBuilder().ended(SERVER, StreamEnd.RESET)],
            "by TCP RST with no alert",
        ),
        (
            [HELLO, EventBuilder().ended(SERVER, StreamEnd.RESET)],
            "with TLS 1.2, failed: the server reset the connection;",
        ),
        (
            [HELLO, EventBuilder().data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")],
            "by HTTP status 403",
        ),
        (
            [HELLO, EventBuilder().alert(SERVER, AlertDescription.UNKNOWN_CA)],
            "with TLS 1.2, by alert unknown_ca (48);",
        ),
        (
            [HELLO, EventBuilder().alert(CLIENT, AlertDescription.UNKNOWN_CA)],
            "with TLS 1.2, rejected by the client by alert unknown_ca (48);",
        ),
        (
            [HELLO, EventBuilder().fact(CLIENT, Fact.TIMED_OUT)],
            "failed: the server did not finish in time inside the client's handshake call;",
        ),
        (
            [EventBuilder().not_tls(SERVER, b"HTTP/1.1 400 Bad\r\n")],
            "with TLS 1.2, failed: the server sent bytes that are not TLS;",
        ),
    ],
    ids=["FIN", "RST", "RST at the hello", "HTTP", "alert", "the client", "time-out", "not TLS"],
)
def test_each_way_to_end_has_its_words(events: list[Event], clause: str, refused13: Trace) -> None:
    trace = trace_of(events, requested=ProtocolVersion.TLS_1_2)
    assert clause.lower() in difference([trace, refused13]).lower()


def test_an_end_that_was_not_watched_is_not_observed(
    refused12: Trace, identities: Identities, tmp_path: Path
) -> None:
    alone = handshake(identities, tmp_path, ProtocolVersion.TLS_1_3)
    events = [event for event in alone.events if getattr(event, "fact", None) is None]
    unwatched = replace(trace_of(events), requested_version=None)
    lines = shown([refused12, unwatched])
    assert [line for line in lines if line.startswith("client ") and "not observed" in line]
    assert "any version" in lines[1]
    assert lines[-2].endswith("(116).")
