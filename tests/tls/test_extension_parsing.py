"""Extensions of a message: each once, each read to its end."""

from __future__ import annotations

import pytest

from lab.tls import messages as msg
from lab.tls.code_points import HandshakeType
from lab.tls.message_parsing import parse_message as parse_counted
from lab.tls.parsing_context import ParsingContext
from lab.tls.reader import WireError
from tests.tls.messages_table import (
    CLIENT_EXTENSIONS,
    TLS12,
    TLS13,
    client_hello,
    server_hello,
)
from tests.tls.wire import (
    Wire,
    extension,
    extensions,
    opaque,
    raw,
)


def parse_message(
    msg_type: HandshakeType, body: bytes, setting: ParsingContext
) -> msg.HandshakeMessage:
    return parse_counted(msg_type, body, setting)[0]


@pytest.mark.parametrize(
    ("wire", "parsed"), CLIENT_EXTENSIONS, ids=[str(e.extension_type) for _, e in CLIENT_EXTENSIONS]
)
def test_a_second_extension_of_a_type_is_refused(wire, parsed) -> None:  # type: ignore[no-untyped-def]
    body = client_hello(wire, extension(0x5A5A), wire).data
    with pytest.raises(WireError) as caught:
        parse_message(HandshakeType.CLIENT_HELLO, body, TLS12)
    assert str(caught.value) == (
        f"ClientHello.extensions.{parsed.extension_type}: a second extension of this type"
    )


@pytest.mark.parametrize(
    ("wire", "parsed"), CLIENT_EXTENSIONS, ids=[str(e.extension_type) for _, e in CLIENT_EXTENSIONS]
)
def test_bytes_after_an_extensions_body_are_refused(wire, parsed) -> None:  # type: ignore[no-untyped-def]
    body = wire.data[4:] + b"\0"
    hello = client_hello(raw(wire.data[:2]) + opaque(2, body)).data
    try:
        message = parse_message(HandshakeType.CLIENT_HELLO, hello, TLS12)
    except WireError as error:
        assert error.where.startswith(f"ClientHello.extensions.{parsed.extension_type}")
    else:
        assert isinstance(message, msg.ClientHello)
        assert message.extensions != (parsed,)  # its body is whatever comes


@pytest.mark.parametrize(
    ("msg_type", "hello"),
    [
        (HandshakeType.CLIENT_HELLO, client_hello()),
        (HandshakeType.SERVER_HELLO, server_hello()),
    ],
)
def test_hellos_may_lack_extensions_as_a_whole(msg_type: HandshakeType, hello: Wire) -> None:
    for body in (hello.data, hello.data[:-2]):
        message = parse_message(msg_type, body, TLS12)
        assert isinstance(message, msg.ExtendedMessage)
        assert message.extensions == ()


def test_an_empty_extensions_block_is_in_order() -> None:
    parsed = parse_message(HandshakeType.ENCRYPTED_EXTENSIONS, extensions().data, TLS13)
    assert parsed == msg.EncryptedExtensions()
