"""A changed ClientHello differs in what the change names, and in nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.stream.contexts import ClientTls, TlsVersion, client_context
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import ExtensionType, NamedGroup, ProtocolVersion
from lab.tls.events import Endpoint, MessageSeen
from lab.tls.extensions import ServerNameList, SupportedGroups
from lab.tls.messages import ClientHello
from lab.tls.observer import Observer
from lab.tracing.client_hello_edit import HelloChange, changed_hello


def hello(change: HelloChange, version: TlsVersion = TlsVersion.TLS13) -> ClientHello:
    """The ClientHello as a parser that is strict about lengths reads it."""
    context = client_context(ClientTls(verify_server=False, minimum=version, maximum=version))
    record = changed_hello(context, "lab.example", change)
    (event,) = Observer().feed(Endpoint.CLIENT, record, 0.0)
    assert isinstance(event, MessageSeen)
    assert isinstance(event.message, ClientHello)
    assert event.records[0].length == len(record)
    return event.message


def plain(message: ClientHello) -> ClientHello:
    """The message without what is random."""
    kept = tuple(
        each for each in message.extensions if each.extension_type is not ExtensionType.KEY_SHARE
    )
    return replace(message, random=b"", legacy_session_id=b"", extensions=kept)


@pytest.mark.parametrize("version", list(TlsVersion))
def test_no_change_is_openssls_own(version: TlsVersion) -> None:
    message = hello(HelloChange(), version)
    offered = message.has(ExtensionType.SUPPORTED_VERSIONS)
    assert offered is (version is TlsVersion.TLS13)
    names = message.find(ServerNameList)
    assert names is not None
    assert names.server_name_list[0].name == b"lab.example"


def test_the_version() -> None:
    own = plain(hello(HelloChange()))
    changed = plain(hello(HelloChange(legacy_version=ProtocolVersion.TLS_1_1)))
    assert changed == replace(own, legacy_version=ProtocolVersion.TLS_1_1)


def test_the_cipher_suites() -> None:
    suites = (CipherSuite["TLS_AES_128_CCM_8_SHA256"], CipherSuite(0xFEFE))
    own = plain(hello(HelloChange()))
    assert plain(hello(HelloChange(cipher_suites=suites))) == replace(own, cipher_suites=suites)


def test_an_extension_is_replaced_where_it_stood() -> None:
    groups = (ExtensionType.SUPPORTED_GROUPS, bytes.fromhex("00020016"))
    own = plain(hello(HelloChange()))
    changed = plain(hello(HelloChange(extensions=(groups,))))
    expected = tuple(
        SupportedGroups(
            extension_type=ExtensionType.SUPPORTED_GROUPS, named_group_list=(NamedGroup.SECP256K1,)
        )
        if isinstance(each, SupportedGroups)
        else each
        for each in own.extensions
    )
    assert changed == replace(own, extensions=expected)


def test_an_extension_is_left_out() -> None:
    own = plain(hello(HelloChange()))
    gone = plain(hello(HelloChange(extensions=((ExtensionType.SERVER_NAME, None),))))
    kept = tuple(each for each in own.extensions if not isinstance(each, ServerNameList))
    assert len(kept) == len(own.extensions) - 1
    assert gone == replace(own, extensions=kept)


def test_an_extension_that_is_not_there_is_not_added() -> None:
    absent = (ExtensionType.COOKIE, b"\0\1x")
    assert plain(hello(HelloChange(extensions=(absent,)))) == plain(hello(HelloChange()))


def test_an_extension_is_added_behind_the_others_in_place_of_its_own() -> None:
    groups = (ExtensionType.SUPPORTED_GROUPS, b"\0\2" + NamedGroup.X25519.to_bytes(2, "big"))
    padding = (ExtensionType.PADDING, bytes(9))
    message = hello(HelloChange(added=(groups, padding)))
    kinds = [each.extension_type for each in message.extensions]
    assert kinds[-2:] == [ExtensionType.SUPPORTED_GROUPS, ExtensionType.PADDING]
    assert len(kinds) == len(set(kinds))
    found = message.find(SupportedGroups)
    assert found is not None
    assert list(found.named_group_list) == [NamedGroup.X25519]
