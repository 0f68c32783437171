"""One connection of a tap: what is kept of it, and what comes out at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.capture.results import Address
from lab.diagnosis.results import Result
from lab.tls.events import Endpoint, MessageSeen, NotCaptured, SealedSeen, StreamEnd, Undecoded
from lab.tls.key_log import parse_key_log
from lab.tracing.packet_file import PacketFile
from lab.tracing.results import Trace
from lab.tracing.tap.tap_connection import BUDGET, Allowance, TapConnection
from lab.tracing.tap.tap_key_log import KeyLogFollower
from tests.capture.test_pcapng_writer import blocks
from tests.support.harness import (
    EventBuffer,
    Identities,
    Pair,
    client_context,
    server_context,
    splits,
)

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
ENDS = Address("127.0.0.1", 50000), Address("127.0.0.1", 443)


@pytest.fixture(scope="module")
def recording(identities: Identities, tmp_path_factory: pytest.TempPathFactory) -> EventBuffer:
    """A mutual connection of TLS 1.3 with a request and an answer."""
    client = client_context(identities, identities.client)
    key_log = tmp_path_factory.mktemp("keys") / "keylog"
    pair = Pair(client, server_context(identities), key_log)
    assert pair.handshake()
    pair.exchange(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n")
    return pair.close()


def played(recording: EventBuffer, connection: TapConnection) -> TapConnection:
    for number, (sender, data) in enumerate(recording.pieces):
        connection.sent(sender, data, 1.0 + number)
    for sender in Endpoint:
        connection.ended(sender, StreamEnd.FIN, 100.0)
    return connection


def connection(follower: KeyLogFollower | None = None) -> TapConnection:
    find = follower.find if follower else None
    return TapConnection(7, *ENDS, epoch=1e9, allowance=Allowance(2**24), secrets=find)


@pytest.fixture
def key_log(tmp_path: Path) -> Path:
    return tmp_path / "keylog"


@pytest.fixture
def follower(key_log: Path) -> Iterator[KeyLogFollower]:
    follower = KeyLogFollower(key_log)
    yield follower
    follower.close()


def explained(watched: TapConnection) -> Trace:
    trace = watched.trace()
    assert trace is not None
    return trace


def test_a_connection_with_its_secrets(
    recording: EventBuffer, key_log: Path, follower: KeyLogFollower
) -> None:
    watched = played(recording, connection(follower))
    awaited = [watched.awaits_secrets]
    key_log.write_text(recording.key_log)
    awaited += [watched.awaits_secrets]
    assert awaited == [True, False]
    trace = explained(watched)
    assert trace.outcome.result is Result.ACCEPTED and trace.outcome.http_status == 200
    assert trace.flow is not None
    assert (trace.flow.number, trace.flow.client, trace.flow.server) == (7, *ENDS)
    assert trace.flow.last == 1e9 + 100 and trace.client_certificate is not None
    names = [event.message.name for event in trace.events if isinstance(event, MessageSeen)]
    assert names.count("Finished") == 2


def test_a_connection_without_secrets_is_sealed(recording: EventBuffer) -> None:
    trace = explained(played(recording, connection()))
    assert any(isinstance(event, SealedSeen) for event in trace.events)
    assert trace.client_certificate is None


def test_one_that_was_cut_says_where_the_bytes_end(recording: EventBuffer) -> None:
    watched = connection()
    watched.sent(*recording.pieces[0], 1.0)
    watched.ended(CLIENT, StreamEnd.FIN, 2.0)
    watched.cut()
    trace = explained(watched)
    lacking = [event.endpoint for event in trace.events if isinstance(event, NotCaptured)]
    assert lacking == [SERVER]


def test_nothing_at_all_is_no_trace() -> None:
    assert connection().trace() is None


@pytest.mark.parametrize("size", [1, 1000, 65536])
def test_no_more_is_kept_than_is_decoded(recording: EventBuffer, size: int) -> None:
    allowance = Allowance(2**24)
    watched = TapConnection(1, *ENDS, epoch=0.0, allowance=allowance)
    played(recording, watched)
    record = b"\x17\x03\x03\x03\xe3" + bytes(995)
    total = BUDGET.octets * 2
    stream = (record * (total // len(record) + 1))[:total]
    for start in range(0, total, size):
        watched.sent(SERVER, stream[start : start + size], 50.0)
    assert 2**24 - allowance.octets <= BUDGET.octets * 2 + 2 * 65536 + 256 * 10_000
    events = explained(watched).events
    told = Undecoded if size > 1 else NotCaptured  # of too many pieces the rest is not kept
    assert any(isinstance(event, told) for event in events)
    watched.forget()
    assert allowance.octets == 2**24


def test_beyond_the_allowance_of_all_there_is_nothing_to_explain(recording: EventBuffer) -> None:
    allowance = Allowance(1000)
    watched = played(recording, TapConnection(1, *ENDS, epoch=0.0, allowance=allowance))
    assert watched.dropped and allowance.octets == 1000


@pytest.mark.parametrize("late", [True, False], ids=["secrets at the end", "secrets at once"])
def test_packets_stand_behind_the_secrets(
    recording: EventBuffer, key_log: Path, follower: KeyLogFollower, late: bool
) -> None:
    path = key_log.with_name("seen.pcapng")
    if not late:
        key_log.write_text(recording.key_log)
    with PacketFile(path) as packets:
        watched = TapConnection(
            1,
            *ENDS,
            epoch=0.0,
            allowance=Allowance(2**24),
            secrets=follower.find,
            packets=packets.connection(*ENDS, 0.0),
        )
        played(recording, watched)
        key_log.write_text(recording.key_log)
        watched.closed()
    kinds = [kind for kind, _ in blocks(path.read_bytes())][2:]
    assert kinds[0] == 0x0A and set(kinds[1:]) == {6}
    written = next(body for kind, body in blocks(path.read_bytes()) if kind == 0x0A)
    lines = written[8:].decode("ascii").rstrip("\0")
    assert set(parse_key_log(lines)) == set(parse_key_log(recording.key_log))


def test_a_hello_in_pieces_still_has_its_secrets(
    recording: EventBuffer, key_log: Path, follower: KeyLogFollower
) -> None:
    key_log.write_text(recording.key_log)
    watched = connection(follower)
    for sender, data in recording.pieces:
        for piece in splits(data, 7):
            watched.sent(sender, piece, 1.0)
    assert watched.record_secrets() and not watched.awaits_secrets
    assert explained(watched).outcome.http_status == 200


STARTTLS = [
    (SERVER, b"220 mail.test ESMTP\r\n"),
    (CLIENT, b"EHLO me\r\n"),
    (SERVER, b"250-mail.test\r\n250 STARTTLS\r\n"),
    (CLIENT, b"STARTTLS\r\n"),
    (SERVER, b"220 go ahead\r\n"),
]


@pytest.mark.parametrize(
    ("before", "name"),
    [
        (STARTTLS, "SMTP STARTTLS"),
        ([(CLIENT, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")], "PROXY protocol"),
        ([(CLIENT, b"\0\0\0\x08\x04\xd2\x16\x2f"), (SERVER, b"S")], "PostgreSQL SSLRequest"),
    ],
)
def test_what_comes_before_tls_is_passed_over_and_named(
    recording: EventBuffer,
    key_log: Path,
    follower: KeyLogFollower,
    before: list[tuple[Endpoint, bytes]],
    name: str,
) -> None:
    key_log.write_text(recording.key_log)
    watched = connection(follower)
    for sender, data in before:
        watched.sent(sender, data, 0.5)
    trace = explained(played(recording, watched))
    assert trace.flow is not None and trace.flow.prelude == name
    assert trace.outcome.http_status == 200


def test_a_server_that_is_the_client_of_tls(recording: EventBuffer) -> None:
    watched = connection()
    for sender, data in recording.pieces:
        watched.sent(sender.other, data, 1.0)
    trace = explained(watched)
    assert trace.flow is not None and (trace.flow.server, trace.flow.client) == ENDS
    assert next(iter(trace.events)).endpoint is CLIENT


def test_who_only_connects_is_not_refused() -> None:
    """A server may answer an end of TCP with an alert: there was no ClientHello to refuse."""
    watched = connection()
    watched.ended(CLIENT, StreamEnd.FIN, 1.0)
    watched.sent(SERVER, bytes.fromhex("15030100020232"), 1.1)
    watched.ended(SERVER, StreamEnd.FIN, 1.2)
    outcome = explained(watched).outcome
    assert (outcome.result, outcome.by) == (Result.FAILED, CLIENT)
