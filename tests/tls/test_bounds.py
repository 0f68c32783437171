"""What is more than is decoded: it costs little, leaves nothing behind, and is nobody's fault."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.evidence import summarize
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result
from lab.tls import extension_parsing, message_parsing
from lab.tls import reader as limits
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import CodePoint
from lab.tls.code_points import ExtensionType, HandshakeType
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Malformed,
    MessageSeen,
    SealedSeen,
)
from lab.tls.message_parsing import parse_message
from lab.tls.messages import ClientHello
from lab.tls.observer import Observer
from lab.tls.reader import SERVER_BUDGET, BeyondLimit, Budget
from lab.tls.sealed_records import BEFORE_KEYS
from tests.tls.hostile_hellos import (
    KINDS,
    hello,
    in_records,
    listed,
    numbers,
    ordinary,
)
from tests.tls.messages_table import RANDOM, TLS12, TLS13
from tests.tls.sealing import (
    CLIENT,
    SERVER,
    VERSIONS,
    Tls13,
)
from tests.tls.test_observer import SERVER_FLIGHT, names
from tests.tls.wire import (
    Wire,
    extension,
    extensions,
    handshake,
    opaque,
    record,
    u8,
    u16,
    u32,
)

every_kind = pytest.mark.parametrize("kind", KINDS)
CHUNK = 65536


def decoded(data: bytes, budget: Budget | None = SERVER_BUDGET) -> list[Event]:
    observer = Observer(budget)
    events = []
    for at in range(0, len(data), CHUNK):
        events += observer.feed(Endpoint.CLIENT, data[at : at + CHUNK], 1.0)
    return events + observer.finish()


# What a hostile handshake costs.


@every_kind
def test_a_hostile_handshake_makes_few_objects(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted: numbers without a name that are made, events, and bytes that are held."""
    data = KINDS[kind]()
    made: list[object] = []
    missing: Callable[[type[CodePoint], object], CodePoint | None]
    missing = CodePoint._missing_.__func__  # type: ignore[attr-defined]

    def counting(cls: type[CodePoint], value: object) -> CodePoint | None:
        made.append(value)
        return missing(cls, value)

    # What the enum's own machinery asks for each number without a name.
    monkeypatch.setattr(CodePoint, "_missing_", classmethod(counting))
    tracemalloc.start()
    try:
        events = decoded(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(made) <= limits.MAX_EXTENSIONS + limits.MAX_KEY_SHARES
    assert len(events) <= SERVER_BUDGET.records + 1
    # The bytes in the buffer of records, of the message, its raw form, its lists: and not more.
    assert peak < 6 * max(len(data), CHUNK) + 500_000
    assert not any(isinstance(event, Malformed) for event in events)


@every_kind
def test_without_a_budget_one_message_is_bounded_all_the_same(kind: str) -> None:
    data = KINDS[kind]()
    tracemalloc.start()
    try:
        observer = Observer()
        for at in range(0, len(data), 2**14):
            observer.feed(Endpoint.CLIENT, data[at : at + 2**14], 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


def test_nothing_is_left_behind() -> None:
    """Neither in a registry nor in a cache, however many different ones come."""
    for make in KINDS.values():
        decoded(make())
    gc.collect()
    members = len(CipherSuite), len(ExtensionType)
    tracemalloc.start()
    try:
        for make in KINDS.values():
            decoded(make())
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(CipherSuite), len(ExtensionType)) == members
    assert kept < 500_000


def _filled(fill: Callable[[int], None], most: int = 300) -> int:
    """The bytes that are kept of so many different things."""
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(most):
            fill(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_what_is_remembered_of_extensions_is_small() -> None:
    """The worst of short bodies: many numbers, many names, in every list there is."""
    bodies: list[Callable[[int], Wire]] = [
        lambda n: listed(10, numbers(126, n)),
        lambda n: listed(16, b"\1" + bytes([n % 256]) + b"\1" * 2 + b"\2ab" * 80),
        lambda n: listed(0, b"\x77\0\2" + n.to_bytes(2, "big") + b"\x77\0\1n" * 14),
        lambda n: extension(43, opaque(1, numbers(127, n))),
        lambda n: extension(5, u8(n % 256), u16(n)),
    ]
    for body in bodies:
        extension_parsing._remembered.cache_clear()
        assert _filled(lambda n, body=body: decode_one(body(n))) < 3_000_000  # type: ignore[misc]
    extension_parsing._remembered.cache_clear()


def decode_one(part: Wire) -> None:
    decoded(in_records(hello(part)))


def test_what_is_remembered_of_messages_is_small() -> None:
    def many_names(number: int) -> None:
        names = opaque(2, number.to_bytes(2, "big")).data + b"\0\1n" * 2600
        body = opaque(1, b"\1") + opaque(2, b"\4\1") + opaque(2, names)
        parse_message(HandshakeType.CERTIFICATE_REQUEST, body.data, TLS12)

    def many_extensions(number: int) -> None:
        parts = [extension(0x4000 + at) for at in range(255)]
        body = extensions(extension(0x3000 + number), *parts).data
        parse_message(HandshakeType.ENCRYPTED_EXTENSIONS, body, TLS13)

    def many_certificates(number: int) -> None:
        body = opaque(3, opaque(3, number.to_bytes(2, "big")).data + b"\0\0\1c" * 255).data
        parse_message(HandshakeType.CERTIFICATE, body, TLS12)

    message_parsing._remembered.clear()
    for fill in (many_names, many_extensions, many_certificates):
        assert _filled(fill, 80) < 100_000
    message_parsing._remembered.clear()


# The bounds themselves: as many as they say are decoded, and one more is told as a limit of ours.

CH, CR = HandshakeType.CLIENT_HELLO, HandshakeType.CERTIFICATE_REQUEST
NAME = opaque(2, b"n").data
LISTS: dict[str, tuple[int, HandshakeType, Callable[[int], bytes]]] = {
    "extensions": (
        limits.MAX_EXTENSIONS,
        CH,
        lambda n: hello(*(extension(0x4000 + at) for at in range(n)))[4:],
    ),
    "extensions.server_name.server_name_list": (
        limits.MAX_SERVER_NAMES,
        CH,
        lambda n: hello(listed(0, b"\0\0\1n" * n))[4:],
    ),
    "extensions.application_layer_protocol_negotiation.protocol_name_list": (
        limits.MAX_PROTOCOLS,
        CH,
        lambda n: hello(listed(16, b"\1a" * n))[4:],
    ),
    "extensions.key_share.client_shares": (
        limits.MAX_KEY_SHARES,
        CH,
        lambda n: hello(listed(51, b"\0\x1d\0\1k" * n))[4:],
    ),
    "extensions.pre_shared_key.identities": (
        limits.MAX_PSKS,
        CH,
        lambda n: hello(
            extension(41, opaque(2, (opaque(2, b"i") + u32(0)).data * n), opaque(2, b" " * 33))
        )[4:],
    ),
    "extensions.pre_shared_key.binders": (
        limits.MAX_PSKS,
        CH,
        lambda n: hello(
            extension(41, opaque(2, (opaque(2, b"i") + u32(0)).data), opaque(2, b" " * 33 * n))
        )[4:],
    ),
    "extensions.certificate_authorities.authorities": (
        limits.MAX_AUTHORITIES,
        CH,
        lambda n: hello(listed(47, NAME * n))[4:],
    ),
    "extensions.oid_filters.filters": (
        limits.MAX_OID_FILTERS,
        CR,
        lambda n: (opaque(1, b"") + extensions(listed(48, b"\1o\0\0" * n))).data,
    ),
    "certificate_list": (
        limits.MAX_CERTIFICATES,
        HandshakeType.CERTIFICATE,
        lambda n: (opaque(1, b"") + opaque(3, (opaque(3, b"c") + u16(0)).data * n)).data,
    ),
    "certificate_list.extensions.signed_certificate_timestamp.sct_list": (
        limits.MAX_SCTS,
        HandshakeType.CERTIFICATE,
        lambda n: (
            (
                opaque(1, b"")
                + opaque(3, (opaque(3, b"c") + extensions(listed(18, NAME * n))).data)
            ).data
        ),
    ),
}


@pytest.mark.parametrize("where", LISTS)
def test_a_list_may_have_so_many_items_and_no_more(where: str) -> None:
    most, msg_type, make = LISTS[where]
    message, _ = parse_message(msg_type, make(most), TLS13)
    assert message.msg_type is msg_type
    with pytest.raises(BeyondLimit) as caught:
        parse_message(msg_type, make(most + 1), TLS13)
    assert str(caught.value) == f"{message.name}.{where}: more than {most} items"


def test_all_lists_of_a_message_together_are_bounded() -> None:
    chain = opaque(3, b"c") + extensions(listed(18, NAME * 200))
    body = (opaque(1, b"") + opaque(3, chain.data * 50)).data
    with pytest.raises(BeyondLimit) as caught:
        parse_message(HandshakeType.CERTIFICATE, body, TLS13)
    assert str(caught.value) == "Certificate: more than 8192 items in its lists"


def test_authorities_of_tls12_are_bounded_too() -> None:
    body = (opaque(1, b"\1") + opaque(2, b"\4\1") + opaque(2, NAME * 4097)).data
    with pytest.raises(BeyondLimit, match=r"certificate_authorities: more than 4096 items"):
        parse_message(CR, body, TLS12)


def test_lists_of_numbers_have_no_bound() -> None:
    message, made = parse_message(CH, hello(suites=numbers(32700, 0))[4:], TLS12)
    assert isinstance(message, ClientHello)
    assert (len(message.cipher_suites), made) == (32700, 0)
    assert CipherSuite["TLS_AES_128_GCM_SHA256"] in message.cipher_suites
    assert str(message.cipher_suites[0x1301]) == "TLS_AES_128_GCM_SHA256"
    assert str(message.cipher_suites[-1]) == "unknown(0x7fbb)"


# What is told, and what is not claimed.

TOO_MANY = [extension(0x4000 + at) for at in range(300)]


def undecoded(events: list[Event]) -> list[str]:
    return [name for name in names(events) if "not decoded" in name]


def test_a_hello_that_is_not_decoded_hides_nothing_behind_it() -> None:
    """Its random is known, and so are the keys; what is not known is not judged."""
    tls = Tls13()
    events = tls.hellos(*TOO_MANY)
    assert names(events) == [
        "ClientHello not decoded: ClientHello.extensions: more than 256 items",
        "ServerHello",
    ]
    events += tls.send(SERVER, "handshake", 22, SERVER_FLIGHT)
    events += tls.send(CLIENT, "handshake", 21, b"\2\x2a")
    assert names(events)[2:] == [
        "EncryptedExtensions",
        "Certificate",
        "CertificateVerify",
        "Finished",
        "bad_certificate",
    ]
    outcome = judge(events)
    assert (outcome.result, outcome.by) == (Result.REJECTED, CLIENT)
    assert summarize(events).sealed


def test_whether_early_data_was_announced_is_not_known_then() -> None:
    tls = Tls13()
    tls.hellos(*TOO_MANY, extension(42))
    assert names(tls.send(CLIENT, "early", 23, b"early")) == ["data b'early'"]
    tls = Tls13()
    tls.observer.learn(tls.key_log.replace("CLIENT_EARLY", "OTHER"))
    tls.hellos(*TOO_MANY, learn=False)
    (event,) = tls.send(CLIENT, "early", 23, b"early")
    assert isinstance(event, SealedSeen)
    assert event.inference == ""


def test_without_a_server_hello_nothing_more_is_said_of_either_end() -> None:
    tls = Tls13()
    tls.observer.learn(tls.key_log)
    tls.feed(CLIENT, record(22, tls.client_hello()))
    server_hello = handshake(2, server_hello_with(*TOO_MANY))
    events = tls.feed(SERVER, record(22, server_hello) + record(20, b"\1"))
    assert names(events) == [
        "ServerHello not decoded: ServerHello.extensions: more than 256 items",
        "the rest not decoded: ServerHello: what follows depends on it, and it is not decoded",
        "the rest not decoded: ServerHello: what follows depends on it, and it is not decoded",
    ]
    assert [event.endpoint for event in events] == [SERVER, CLIENT, SERVER]
    events += tls.send(SERVER, "handshake", 22, SERVER_FLIGHT)
    events += tls.send(CLIENT, "handshake", 23, b"x")
    assert len(events) == 3
    assert BEFORE_KEYS not in str(events)
    (cause,) = diagnose(events, judge(events))
    assert cause.code == "not-decoded"


def server_hello_with(*parts: Wire) -> bytes:
    fixed = u16(0x0303) + Wire(RANDOM) + opaque(1, b"") + u16(0x1301) + u8(0)
    return (fixed + extensions(VERSIONS, *parts)).data


def test_a_message_that_is_too_long_is_not_called_malformed() -> None:
    events = decoded(record(22, b"\x01\x04\x00\x01"), None)
    assert names(events) == [
        "the rest not decoded: Handshake.length: 262145 where at most 262144 is read"
    ]
    tls = Tls13()
    tls.hellos()
    events = tls.feed(SERVER, record(22, b"\x0b\x00\x40\x00" + b"x") + record(22, b"x") * 5000)
    assert undecoded(events) == [
        "the rest not decoded: Handshake: a message in more than 4096 records"
    ]


def test_a_compressed_chain_that_is_too_long_is_not_called_malformed() -> None:
    with pytest.raises(BeyondLimit, match="262145 where at most 262144 is read"):
        parse_message(
            HandshakeType.COMPRESSED_CERTIFICATE,
            (u16(1) + Wire(b"\x04\0\1") + opaque(3, b"??")).data,
            TLS13,
        )


@pytest.mark.parametrize(
    ("budget", "data", "told"),
    [
        (
            Budget(octets=10**6, records=3, messages=99, items=99),
            in_records(ordinary()) + record(21, b"\1\x5a") * 9,
            "the rest not decoded: stream: more than 3 records",
        ),
        (
            Budget(octets=1000, records=99, messages=99, items=99),
            in_records(ordinary()) + record(23, b"s" * 400) * 9,
            "the rest not decoded: stream: more than 1000 bytes",
        ),
        (
            Budget(octets=10**6, records=99, messages=2, items=99),
            in_records(ordinary() + b"\0\0\0\0" * 9),
            "the rest not decoded: Handshake: more than 2 messages",
        ),
        (
            Budget(octets=10**6, records=99, messages=99, items=99),
            in_records(hello(listed(47, NAME * 100)) + ordinary() * 2),
            "the rest not decoded: Handshake: more than 99 items in lists",
        ),
    ],
)
def test_a_budget_stops_one_direction_only(budget: Budget, data: bytes, told: str) -> None:
    observer = Observer(budget)
    events = observer.feed(CLIENT, data, 1.0)
    assert names(events)[-1] == told
    assert undecoded(events) == [told]
    assert observer.feed(CLIENT, data, 2.0) == []
    alert = observer.feed(SERVER, record(21, b"\2\x28"), 3.0)
    assert names(alert) == ["handshake_failure"]
    outcome = judge(events + alert)
    assert (outcome.result, outcome.by, outcome.after) == (
        Result.REJECTED,
        SERVER,
        "bytes, not decoded here",
    )


def test_an_ordinary_handshake_is_far_within_the_budget() -> None:
    tls = Tls13(observer=Observer(SERVER_BUDGET))
    events = tls.hellos()
    events += tls.send(SERVER, "handshake", 22, SERVER_FLIGHT)
    assert not undecoded(events)
    assert [type(event) for event in events].count(MessageSeen) == 6
    assert not any(isinstance(event, AlertSeen) for event in events)
