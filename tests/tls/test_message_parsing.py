"""One table of messages, and mechanical abuse of it."""

from __future__ import annotations

import contextlib
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import HandshakeType, ProtocolVersion
from lab.tls.message_parsing import parse_message as parse_counted
from lab.tls.parsing_context import KeyExchange, ParsingContext, parsing_context
from lab.tls.reader import MAX_MESSAGE, BeyondLimit, WireError
from tests.tls.messages_table import (
    CASES,
    SSL3,
    TLS11,
    TLS12,
    TLS13,
    Case,
)
from tests.tls.wire import (
    opaque,
    raw,
    u8,
    u16,
)


def parse_message(
    msg_type: HandshakeType, body: bytes, setting: ParsingContext
) -> msg.HandshakeMessage:
    return parse_counted(msg_type, body, setting)[0]


every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))


@every_case
def test_it_is_parsed(case: Case) -> None:
    assert parse_message(case.message.msg_type, case.wire.data, case.setting) == case.message


@every_case
def test_every_shorter_body_is_refused(case: Case) -> None:
    for end in range(len(case.wire.data)):
        if case.prefixes_fail:
            with pytest.raises(WireError):
                parse_message(case.message.msg_type, case.wire.data[:end], case.setting)
        else:
            attempt(case, case.wire.data[:end])


@every_case
def test_a_longer_body_is_refused(case: Case) -> None:
    if case.prefixes_fail or isinstance(case.message, msg.ClientHello | msg.ServerHello):
        with pytest.raises(WireError, match="left over at its end"):
            parse_message(case.message.msg_type, case.wire.data + b"\0", case.setting)


@every_case
def test_every_length_that_lies_is_seen(case: Case) -> None:
    for lie in case.wire.lies():
        try:
            parsed = parse_message(case.message.msg_type, lie, case.setting)
        except BeyondLimit as beyond:  # a compressed message that says it is longer than is read
            assert beyond.where == "CompressedCertificate.uncompressed_length"
        except WireError as error:
            assert error.where
            assert error.problem
        else:
            # Only where what was another field reads as well as part of this one.
            assert parsed != case.message


@every_case
def test_every_bit_flipped_raises_nothing_else(case: Case) -> None:
    data = case.wire.data
    for place in range(len(data)):
        for bit in range(8):
            attempt(case, data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])


@every_case
def test_random_bytes_raise_nothing_else(case: Case) -> None:
    generator = random.Random(case.name)
    for length in range(200):
        attempt(case, generator.randbytes(length))


@pytest.mark.parametrize("setting", [TLS13, TLS12, TLS11, SSL3])
@given(number=st.integers(0, 255), body=st.binary(max_size=300))
def test_any_message_in_any_version(setting, number, body) -> None:  # type: ignore[no-untyped-def]
    try:
        message = parse_message(HandshakeType(number), body, setting)
    except (WireError, BeyondLimit):
        return
    assert message.msg_type == number


def attempt(case: Case, body: bytes) -> None:
    with contextlib.suppress(WireError, BeyondLimit):
        parse_message(case.message.msg_type, body, case.setting)


@pytest.mark.parametrize(
    ("msg_type", "body", "message"),
    [
        (
            HandshakeType.SERVER_KEY_EXCHANGE,
            u8(1) + u16(29) + opaque(1, b"p"),
            "ServerKeyExchange.curve_type: explicit_prime where only named_curve is allowed",
        ),
        (HandshakeType.FINISHED, raw(b""), "Finished.verify_data: empty"),
        (
            HandshakeType.SERVER_HELLO_DONE,
            raw(b"x"),
            "ServerHelloDone: 1 bytes left over at its end",
        ),
        (
            HandshakeType.COMPRESSED_CERTIFICATE,
            u16(1) + raw(b"\0\0\x05") + opaque(3, b"junk"),
            "CompressedCertificate.compressed_certificate_message: zlib cannot read it: "
            "Error -3 while decompressing data: incorrect header check",
        ),
        (
            HandshakeType.COMPRESSED_CERTIFICATE,
            u16(1) + raw(b"\0\0\x05") + opaque(3, zlib.compress(bytes(10**6))),
            "CompressedCertificate.uncompressed_length: 5 told, 6 or more found",
        ),
        (
            HandshakeType.COMPRESSED_CERTIFICATE,
            u16(1) + raw(b"\0\0\x05") + opaque(3, zlib.compress(b"\0\0\0\0")),
            "CompressedCertificate.uncompressed_length: 5 told, 4 or more found",
        ),
        (
            HandshakeType.COMPRESSED_CERTIFICATE,
            u16(1) + raw(b"\0\0\x05") + opaque(3, zlib.compress(b"\0\0\0\0\0")),
            "CompressedCertificate.Certificate: 1 bytes left over at its end",
        ),
    ],
)
def test_errors_are_told_in_words(msg_type, body, message) -> None:  # type: ignore[no-untyped-def]
    setting = TLS13 if msg_type == HandshakeType.COMPRESSED_CERTIFICATE else TLS12
    with pytest.raises(WireError) as caught:
        parse_message(msg_type, body.data, setting)
    assert str(caught.value) == message


def test_decompression_is_bounded() -> None:
    bomb = zlib.compress(bytes(MAX_MESSAGE * 50))
    body = u16(1) + raw(MAX_MESSAGE.to_bytes(3, "big")) + opaque(3, bomb)
    with pytest.raises(WireError, match="uncompressed_length: 262144 told, 262145 or more found"):
        parse_message(HandshakeType.COMPRESSED_CERTIFICATE, body.data, TLS13)


EXCHANGES = {
    "TLS_AES_128_GCM_SHA256": (KeyExchange.TLS_1_3, True),
    "TLS_AES_256_GCM_SHA384": (KeyExchange.TLS_1_3, True),
    "TLS_CHACHA20_POLY1305_SHA256": (KeyExchange.TLS_1_3, True),
    "TLS_AES_128_CCM_SHA256": (KeyExchange.TLS_1_3, True),
    "TLS_AES_128_CCM_8_SHA256": (KeyExchange.TLS_1_3, True),
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": (KeyExchange.ECDHE, True),
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8": (KeyExchange.ECDHE, True),
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA": (KeyExchange.DHE, True),
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": (KeyExchange.ECDHE, True),
    "TLS_RSA_WITH_AES_128_CBC_SHA256": (KeyExchange.RSA, True),
    "TLS_DH_anon_WITH_AES_128_GCM_SHA256": (KeyExchange.DHE, False),
    "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256": (KeyExchange.OTHER, True),
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": (KeyExchange.RSA, True),
    "TLS_RSA_WITH_NULL_SHA256": (KeyExchange.RSA, True),
    "TLS_FALLBACK_SCSV": (KeyExchange.TLS_1_3, True),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_suites_name_tells_its_key_exchange(name: str) -> None:
    context = parsing_context(ProtocolVersion.TLS_1_2, CipherSuite[name])
    assert (context.key_exchange, context.signed) == EXCHANGES[name]


def test_of_an_unknown_suite_no_key_exchange_is_known() -> None:
    context = parsing_context(ProtocolVersion.TLS_1_2, CipherSuite(0x1234))
    assert (context.key_exchange, context.signed) == (KeyExchange.OTHER, False)
