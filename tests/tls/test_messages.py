"""What a parsed message answers: its name, its extensions, its key exchange."""

from __future__ import annotations

from lab.tls import messages as msg
from lab.tls.code_points import ExtensionType, HandshakeType
from lab.tls.extensions import SupportedVersions
from lab.tls.message_parsing import parse_message as parse_counted
from lab.tls.parsing_context import ParsingContext
from tests.tls.messages_table import (
    CASES,
    CLIENT_EXTENSIONS,
    TLS12,
    client_hello,
)


def parse_message(
    msg_type: HandshakeType, body: bytes, setting: ParsingContext
) -> msg.HandshakeMessage:
    return parse_counted(msg_type, body, setting)[0]


def test_extensions_are_found_by_class_and_by_type() -> None:
    hello = parse_message(
        HandshakeType.CLIENT_HELLO, client_hello(*(w for w, _ in CLIENT_EXTENSIONS)).data, TLS12
    )
    assert isinstance(hello, msg.ClientHello)
    found = hello.find(SupportedVersions)
    assert found is not None
    assert hello.has(ExtensionType.SUPPORTED_VERSIONS)
    assert not hello.has(ExtensionType.CONNECTION_ID)
    assert msg.EncryptedExtensions().find(SupportedVersions) is None


def test_messages_have_the_names_of_the_rfcs() -> None:
    names = [case.message.name for case in CASES]
    assert "HelloRetryRequest" in names
    assert "CertificateRequest" in names
    assert msg.UnknownMessage(msg_type=HandshakeType(99), body=b"").name == "unknown(0x63)"
