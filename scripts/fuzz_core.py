"""Feed the core what is almost TLS, many times over, and see that nothing is raised.

Usage: python scripts/fuzz_core.py [--count N] [--seed N]. The same seed makes the same inputs.
Exit 0: nothing was raised and every list of events was well-formed; 1: the input that broke it
is told.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lab.tls.code_points import HandshakeType, ProtocolVersion
from lab.tls.events import (
    Endpoint,
    Event,
    Gap,
    Malformed,
    MessageSeen,
    NotCaptured,
    NotTls,
    StreamEnd,
    StreamEnded,
    Undecoded,
    WireEvent,
)
from lab.tls.layout import Field, event_layout, record_layout
from lab.tls.message_parsing import parse_message
from lab.tls.messages import Certificate, CertificateRequest
from lab.tls.observer import Observer
from lab.tls.parsing_context import KeyExchange, ParsingContext
from lab.tls.reader import BeyondLimit, WireError
from lab.tls.record_log import RecordLog
from lab.tls.sessions import Sessions
from lab.x509.certificates import describe
from lab.x509.names import distinguished_name

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "vectors"
INTERESTING = (0, 1, 2, 3, 0x14, 0x15, 0x16, 0x17, 0x7F, 0x80, 0xFE, 0xFF)
SETTINGS = [
    ParsingContext(version=version, key_exchange=exchange, signed=signed)
    for version in (ProtocolVersion.TLS_1_1, ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3)
    for exchange in (KeyExchange.RSA, KeyExchange.DHE, KeyExchange.ECDHE)
    for signed in (True, False)
]


@dataclass(frozen=True)
class Connection:
    """A recorded connection: what each end sent, in order, and its key log."""

    pieces: list[tuple[Endpoint, bytes]]
    key_log: str


@dataclass(frozen=True)
class Corpus:
    """What is mutated: connections, handshake messages, certificates, names."""

    connections: list[Connection]
    messages: list[bytes]
    certificates: list[bytes]
    names: list[bytes]


def load() -> Corpus:
    """The corpus, from the test vectors."""
    document = json.loads((VECTORS / "openssl.json").read_text(encoding="utf-8"))
    connections = [
        Connection(
            [(Endpoint(sender), bytes.fromhex(data)) for sender, data in entry["pieces"]],
            "\n".join(entry["key_log"]),
        )
        for entry in document["connections"]
    ]
    events = [event for connection in connections for event in observe(connection)]
    seen = [event for event in events if isinstance(event, MessageSeen)]
    chains = [event.message for event in seen if isinstance(event.message, Certificate)]
    asked = [event.message for event in seen if isinstance(event.message, CertificateRequest)]
    return Corpus(
        connections,
        sorted({event.raw for event in seen}),
        sorted({entry.cert_data for chain in chains for entry in chain.certificate_list}),
        sorted({name for request in asked for name in request.certificate_authorities}),
    )


def observe(connection: Connection) -> list[Event]:
    """All events of a connection as it was."""
    observer = Observer()
    events = observer.learn(connection.key_log)
    for number, (sender, data) in enumerate(connection.pieces):
        events += observer.feed(sender, data, float(number))
    return events + observer.finish()


def mutate(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to four changes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed) + 1)
        end = min(len(changed), at + rng.choice((1, 2, 4, 16, 64)))
        match rng.randrange(7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(changed):
                changed[at] = rng.choice(INTERESTING)
            case 2 if at < len(changed):
                changed[at] = (changed[at] + rng.choice((-1, 1))) % 256
            case 3:
                del changed[at:end]
            case 4:
                changed[at:at] = changed[at:end]
            case 5:
                changed[at:at] = rng.randbytes(rng.randrange(1, 9))
            case _:
                del changed[at:]
    return bytes(changed)


def fuzz_message(corpus: Corpus, rng: random.Random) -> None:
    """A mutated message, as any type and in any setting."""
    raw = rng.choice(corpus.messages)
    number = raw[0] if rng.random() < 0.8 else rng.randrange(256)
    try:
        parse_message(HandshakeType(number), mutate(raw[4:], rng), rng.choice(SETTINGS))
    except WireError as error:
        assert error.where and error.problem
    except BeyondLimit as beyond:
        assert beyond.where and beyond.limit


def fuzz_clear(corpus: Corpus, rng: random.Random) -> None:
    """Messages in the clear, in any order, some mutated, after a hello or two."""
    observer = Observer()
    events: list[Event] = []
    for number in range(rng.randrange(1, 6)):
        raw = rng.choice(corpus.messages)
        if rng.random() < 0.5:
            raw = mutate(raw, rng)
        kind = 22 if rng.random() < 0.9 else rng.randrange(20, 24)
        header = bytes([kind, 3, 3]) + min(len(raw), 0xFFFF).to_bytes(2, "big")
        events += observer.feed(rng.choice(list(Endpoint)), header + raw, float(number))
    check(events + observer.finish())


def fuzz_connection(corpus: Corpus, rng: random.Random) -> None:
    """A whole connection with changed pieces, cut anywhere, secrets at any time or never."""
    connection = rng.choice(corpus.connections)
    pieces = list(connection.pieces)
    target = rng.randrange(len(pieces))
    match rng.randrange(5):
        case 0:
            del pieces[target]
        case 1:
            pieces.insert(rng.randrange(len(pieces)), pieces[target])
        case 2:
            pieces[target] = (pieces[target][0].other, pieces[target][1])
        case _:
            pieces[target] = (pieces[target][0], mutate(pieces[target][1], rng))
    learn_at = rng.randrange(-1, len(pieces) + 2)
    lines = connection.key_log.splitlines(keepends=True)
    rng.shuffle(lines)
    key_log = "".join(lines if rng.random() < 0.8 else lines[1:])
    log = RecordLog()
    observer = Observer(record_log=log)
    events = observer.finish() if rng.random() < 0.1 else []
    for number, (sender, data) in enumerate(pieces):
        if number == learn_at:
            events += observer.learn(key_log)
        cut = rng.randrange(len(data) + 1)
        events += observer.feed(sender, data[:cut], float(number))
        events += observer.feed(sender, data[cut:], float(number))
    events += observer.end(rng.choice(list(Endpoint)), rng.choice(list(StreamEnd)), len(pieces))
    events += observer.learn(key_log)
    check(events + observer.finish())
    check_records(log)


def fuzz_holes(corpus: Corpus, rng: random.Random) -> None:
    """A connection of which bytes are missing, told rightly or not; some mutated besides."""
    connection = rng.choice(corpus.connections)
    log = RecordLog()
    observer = Observer(sessions=Sessions(), record_log=log)
    events = observer.learn(connection.key_log) if rng.random() < 0.7 else []
    if rng.random() < 0.7:
        events += observer.finish()
    lacking: set[Endpoint] = set()
    mutated = rng.random() < 0.5
    for number, (sender, data) in enumerate(connection.pieces):
        time = float(number)
        if rng.random() < 0.3:
            start = rng.randrange(len(data) + 1)
            end = min(len(data), start + rng.choice((1, 4, 40, 1400)))
            octets = rng.choice((end - start, None, rng.randrange(1 << rng.randrange(1, 40))))
            events += observer.feed(sender, data[:start], time)
            events += observer.miss(sender, rng.choice(list(Gap)), octets, time)
            lacking.add(sender)
            data = data[end:]
        if mutated and rng.random() < 0.2:
            data = mutate(data, rng)
        events += observer.feed(sender, data, time)
    for sender in Endpoint:
        events += observer.end(sender, rng.choice(list(StreamEnd)), 99.0)
    events += observer.unfinished(99.0)
    check(events)
    check_records(log)
    for event in events:
        if event.endpoint in lacking and isinstance(event, StreamEnded):
            assert not event.truncated
        if lacking and not mutated:
            assert not isinstance(event, NotTls)


def fuzz_certificate(corpus: Corpus, rng: random.Random) -> None:
    """A mutated certificate, a mutated name."""
    describe(mutate(rng.choice(corpus.certificates), rng))
    distinguished_name(mutate(rng.choice(corpus.names), rng))


def fuzz_key_log(corpus: Corpus, rng: random.Random) -> None:
    """A mutated key log, with a connection behind it."""
    connection = rng.choice(corpus.connections)
    observer = Observer()
    observer.learn(mutate(connection.key_log.encode(), rng).decode("latin-1"))
    sender, data = connection.pieces[0]
    check(observer.feed(sender, data, 0.0) + observer.finish())


def check(events: list[Event]) -> None:
    """Events come in order of time; none is of bytes behind those that stopped a direction."""
    assert [event.time for event in events] == sorted(event.time for event in events)
    stopped: set[Endpoint] = set()
    for event in events:
        if event.endpoint in stopped:
            assert isinstance(event, StreamEnded | NotCaptured)
        rest = isinstance(event, Undecoded) and event.message is None
        if rest or isinstance(event, Malformed | NotTls):
            stopped.add(event.endpoint)
        if isinstance(event, WireEvent) and (laid_out := event_layout(event)) is not None:
            check_layout(laid_out[1], 0, len(laid_out[0]))


def check_records(log: RecordLog) -> None:
    """Check that every byte of the records has a name."""
    for record in log.records:
        check_layout(record_layout(record), 0, len(record.raw))


def check_layout(field: Field, start: int, end: int) -> None:
    """Check that a field covers the bytes from ``start`` to ``end``, and its children it."""
    assert (field.start, field.end) == (start, end)
    for child in field.children:
        assert start < child.end <= end
        check_layout(child, start, child.end)
        start = child.end
    assert start == end or not field.children


# How often each is done, out of a hundred.
SHARES: list[tuple[int, Callable[[Corpus, random.Random], None]]] = [
    (52, fuzz_message),
    (26, fuzz_clear),
    (9, fuzz_connection),
    (5, fuzz_holes),
    (4, fuzz_certificate),
    (4, fuzz_key_log),
]


def main(argv: list[str] | None = None) -> int:
    """Run; see the module's description."""
    return run(argv, __doc__, load, SHARES)


C = TypeVar("C")


def run(
    argv: list[str] | None,
    about: str | None,
    load: Callable[[], C],
    shares: Sequence[tuple[int, Callable[[C, random.Random], str | None]]],
) -> int:
    """Try as many inputs as the command line says; each kind, as often as its share says.

    A kind makes one input of a corpus and a source of randomness, and may return what became of it,
    which is counted. Exit code 1: one raised.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0] if about else None)
    parser.add_argument("--count", type=int, default=100_000, help="inputs (default: 100000)")
    parser.add_argument("--seed", type=int, default=1, help="where the randomness starts")
    arguments = parser.parse_args(argv)
    corpus = load()
    kinds = [kind for share, kind in shares for _ in range(share)]
    results: Counter[str] = Counter()
    for number in range(arguments.count):
        kind = kinds[number % len(kinds)]
        try:
            result = kind(corpus, random.Random(f"{arguments.seed}/{number}"))
        except Exception:
            traceback.print_exc()
            print(f"{kind.__name__}, seed {arguments.seed}, input {number}", file=sys.stderr)
            return 1
        if result is not None:
            results[result] += 1
    counts = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
    found = f" ({counts})" if counts else ""
    print(f"{arguments.count} inputs, seed {arguments.seed}{found}: nothing was raised")
    return 0


if __name__ == "__main__":
    sys.exit(main())
