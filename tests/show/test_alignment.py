"""Two traces side by side: equal steps face each other, in order, and what is alone says why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lab.diagnosis.results import Outcome, Result
from lab.show.alignment import AlignedRow, aligned
from lab.show.sequence import Arrow, LocalRow, Row, rows
from lab.tls import messages as msg
from lab.tls.code_points import AlertDescription, ProtocolVersion
from lab.tls.events import Endpoint, Event, Fact
from lab.tracing.results import Trace
from tests.support.harness import Identities
from tests.support.traces import CLIENT, SERVER, EventBuilder, handshake, sample, trace_of

ACCEPTED = Outcome(result=Result.ACCEPTED)
MESSAGES = (
    sample(msg.ClientHello),
    msg.ServerHelloDone(),
    msg.Certificate(certificate_list=()),
    msg.Finished(verify_data=b""),
    msg.EncryptedExtensions(extensions=()),
)


def label(row: Row | None) -> str:
    return row.label if isinstance(row, Arrow | LocalRow) else ""


def note_of(found: tuple[AlignedRow, ...], text: str, *, right: bool) -> list[str]:
    sides = [(row.right if right else row.left, row.note) for row in found]
    return [note for row, note in sides if label(row) == text]


def traced(events: Sequence[Event], version: ProtocolVersion = ProtocolVersion.TLS_1_3) -> Trace:
    return trace_of(events, requested=version, outcome=ACCEPTED)


def test_two_refusals_of_both_versions(refused12: Trace, refused13: Trace) -> None:
    found = aligned(refused12, refused13)
    pairs = [(label(row.left), label(row.right)) for row in found]
    assert (
        "ALERT fatal handshake_failure (40)",
        "ALERT fatal certificate_required (116)",
    ) in pairs
    for both in ("ClientHello", "ServerHello", "Certificate", "Certificate (empty)", "Finished"):
        assert (both, both) in pairs
    (extensions,) = note_of(found, "EncryptedExtensions", right=True)
    assert extensions.startswith("only in TLS 1.3: in TLS 1.2 ")
    (key_exchange,) = note_of(found, "ServerKeyExchange", right=False)
    assert key_exchange.startswith("only in TLS 1.2: in TLS 1.3 ")
    assert note_of(found, "CertificateRequest", right=True) == ["in TLS 1.2 later"]
    assert note_of(found, "CertificateRequest", right=False) == ["in TLS 1.3 earlier"]
    ended = "here only in TLS 1.3: in TLS 1.2 the handshake ended before it"
    assert note_of(found, "client: handshake call returned", right=True) == [ended]
    assert ended in note_of(found, "Finished", right=True)
    assert note_of(found, "client: read failed", right=True) == ["here only in TLS 1.3"]


def test_an_accepted_client_in_both_versions(identities: Identities, tmp_path: Path) -> None:
    versions = (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3)
    traces = [handshake(identities, tmp_path, one, identities.client) for one in versions]
    pairs = [
        (label(row.left), row.left and row.left.endpoint) for row in aligned(*traces) if row.right
    ]
    for step in ("Certificate", "CertificateVerify", "Finished"):
        assert (step, CLIENT) in pairs
    assert ("NewSessionTicket", SERVER) in pairs
    verify = note_of(aligned(*traces), "CertificateVerify", right=True)
    assert "only in TLS 1.3: in TLS 1.2 only the client sends CertificateVerify" in verify


def test_equal_traces_face_each_other_in_each_row(refused13: Trace) -> None:
    found = aligned(refused13, refused13)
    assert [row.left for row in found] == [row.right for row in found] == list(rows(refused13))
    assert {row.note for row in found} == {""}


def test_traces_of_one_version_are_told_apart_by_their_side() -> None:
    make = EventBuilder()
    one = [make.message(CLIENT, msg.ServerHelloDone())]
    found = aligned(traced(one), traced([*one, make.fact(CLIENT, Fact.CLOSED)]))
    assert [row.note for row in found] == ["", "here only in the connection on the right"]


def test_a_verdict_that_is_not_reported_is_not_said_to_be_lacking() -> None:
    make = EventBuilder()
    refused = make.alert(SERVER, AlertDescription.UNKNOWN_CA)
    verified = make.fact(CLIENT, Fact.CERTIFICATE_VERIFIED)
    left = trace_of([refused], requested=ProtocolVersion.TLS_1_2)
    (note,) = note_of(aligned(left, traced([verified])), "client: certificate verified", right=True)
    assert note.endswith("an end reports it when its handshake call returns")


def test_what_may_be_in_records_that_stay_closed_is_not_said_to_be_lacking() -> None:
    make = EventBuilder()
    hello = make.message(SERVER, sample(msg.ServerHello))
    request = make.message(SERVER, sample(msg.CertificateRequest))
    found = aligned(
        traced([hello, request], ProtocolVersion.TLS_1_2), traced([hello, make.sealed(SERVER)])
    )
    notes = note_of(found, "CertificateRequest", right=False)
    assert len(notes) == 1 and notes[0].startswith("seen only in ")


def test_alerts_that_refuse_face_each_other_and_no_warning_does() -> None:
    make = EventBuilder()
    fatal = make.alert(SERVER, AlertDescription.UNKNOWN_CA)
    other = make.alert(SERVER, AlertDescription.CERTIFICATE_EXPIRED)
    goodbye = make.alert(SERVER, AlertDescription.CLOSE_NOTIFY)
    assert len(aligned(traced([fatal]), traced([other]))) == 1
    assert len(aligned(traced([fatal]), traced([goodbye]))) == 2


steps = st.lists(st.tuples(st.sampled_from(Endpoint), st.sampled_from(MESSAGES)), max_size=14)


@given(steps, steps)
def test_each_row_is_there_once_and_nothing_crosses(
    left: list[tuple[Endpoint, msg.HandshakeMessage]],
    right: list[tuple[Endpoint, msg.HandshakeMessage]],
) -> None:
    make = EventBuilder()
    traces = [traced([make.message(*step) for step in side]) for side in (left, right)]
    found = aligned(*traces)
    assert [row.left for row in found if row.left] == list(rows(traces[0]))
    assert [row.right for row in found if row.right] == list(rows(traces[1]))
    for row in found:
        assert bool(row.note) == (row.left is None or row.right is None)
        if row.left and row.right:
            # Of long runs, one may have more than the other: "ClientHello, 4 more".
            names = [label(side).partition(",")[0] for side in (row.left, row.right)]
            assert names[0] == names[1]
            assert row.left.endpoint is row.right.endpoint


def test_traces_too_long_to_compare_stand_alone_behind_their_equal_beginning() -> None:
    make = EventBuilder()
    hello = make.message(CLIENT, sample(msg.ClientHello))
    names = (CLIENT, SERVER)
    left = [make.fact(names[n % 2], Fact.CLOSED) for n in range(600)]
    right = [make.fact(names[n % 2], Fact.TIMED_OUT) for n in range(600)]
    found = aligned(traced([hello, *left]), traced([hello, *right]))
    assert len(found) == 1201
    assert found[0].left and found[0].right
