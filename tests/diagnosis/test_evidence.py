"""What a diagnosis stands on, gathered from events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.evidence import Evidence, summarize
from lab.tls.code_points import (
    CertificateCompressionAlgorithm,
    NameType,
    ProtocolVersion,
)
from lab.tls.events import Endpoint, Event, Fact, MessageSeen, Undecoded
from lab.tls.extensions import SelectedPsk, ServerName, ServerNameList
from lab.tls.messages import (
    Certificate,
    CertificateEntry,
    CompressedCertificate,
    HelloRetryRequest,
    ServerHello,
)
from tests.support.events import (
    CLIENT,
    EMPTY_CERTIFICATE,
    REQUEST,
    SEALED,
    SERVER,
    TLS13,
    VERIFY,
    application_data,
    certificate_message,
    client_hello,
    fact,
    message_seen,
    server_hello,
)

TLS12_ANSWER = server_hello(ProtocolVersion.TLS_1_2)


def message(event: Event) -> object:
    assert isinstance(event, MessageSeen)
    return event.message


def test_nothing_was_seen() -> None:
    assert summarize([]) == Evidence(
        client_hello=None,
        server_hello=None,
        version=None,
        request=None,
        client_chain=None,
        server_chain=None,
        client_key=None,
        server_key=None,
        client_verify=None,
        refusals=(),
        server_failure="",
        client_wrote_data=False,
        server_answered=False,
        protocol="",
        asked_after_handshake=False,
        resumed=False,
        sealed=False,
        empty_certificate_likely=False,
        client_is_ours=False,
        unread_certificate="",
    )
    assert summarize([]).server_name == ""


def test_a_raw_public_key_is_no_certificate() -> None:
    shown = message_seen(CLIENT, Certificate(certificate_list=(), raw_public_key=b"key"))
    evidence = summarize([shown])
    assert (evidence.client_chain, evidence.client_key, evidence.server_key) == (None, b"key", None)


def test_of_repeated_messages_the_first_counts() -> None:
    first, second = client_hello(), client_hello(ProtocolVersion.TLS_1_2)
    evidence = summarize([first, server_hello(), second, TLS12_ANSWER])
    assert evidence.client_hello is message(first)
    assert evidence.version == ProtocolVersion.TLS_1_3


def test_each_end_has_its_own_messages() -> None:
    events = [
        certificate_message(SERVER, b"s"),
        certificate_message(CLIENT, b"c", b"ca"),
        replace(VERIFY, endpoint=SERVER),
    ]
    evidence = summarize(events)
    assert (evidence.server_chain, evidence.client_chain) == ((b"s",), (b"c", b"ca"))
    assert evidence.client_verify is None
    assert summarize([*events, VERIFY]).client_verify is message(VERIFY)
    assert summarize([EMPTY_CERTIFICATE]).client_chain == ()
    assert summarize([EMPTY_CERTIFICATE]).server_chain is None
    # A hello from the wrong end is none.
    assert summarize([replace(client_hello(), endpoint=SERVER)]).client_hello is None
    assert summarize([replace(server_hello(), endpoint=CLIENT)]).server_hello is None
    assert summarize([REQUEST]).request is message(REQUEST)


def test_a_hello_retry_request_is_not_yet_the_servers_answer() -> None:
    server = message(server_hello())
    assert isinstance(server, ServerHello)
    retry = message_seen(
        SERVER,
        HelloRetryRequest(
            legacy_version=server.legacy_version,
            random=server.random,
            legacy_session_id_echo=b"",
            cipher_suite=server.cipher_suite,
            legacy_compression_method=server.legacy_compression_method,
            extensions=server.extensions,
        ),
    )
    assert summarize([client_hello(), retry]).server_hello is None
    later = server_hello(ProtocolVersion.TLS_1_2)
    assert summarize([client_hello(), retry, later]).server_hello is message(later)


def test_a_compressed_chain_is_a_chain() -> None:
    inner = Certificate(certificate_list=(CertificateEntry(cert_data=b"c"),))
    compressed = CompressedCertificate(
        algorithm=CertificateCompressionAlgorithm.ZLIB,
        uncompressed_length=9,
        compressed_certificate_message=b"x",
        certificate=inner,
    )
    assert summarize([message_seen(CLIENT, compressed)]).client_chain == (b"c",)
    unread = replace(compressed, certificate=None)
    assert summarize([message_seen(CLIENT, unread)]).client_chain is None


def test_what_the_ends_said() -> None:
    refused = fact(CLIENT, Fact.CERTIFICATE_REFUSED, "expired", 10)
    by_client = fact(CLIENT, Fact.HANDSHAKE_FAILED, "client's words")
    first, second = (fact(SERVER, Fact.HANDSHAKE_FAILED, word) for word in ("first", "second"))
    other = fact(SERVER, Fact.READ_FAILED, "another failure")
    evidence = summarize([by_client, refused, other, first, second])
    assert evidence.server_failure == "first"
    assert evidence.refusals == (refused,)
    assert evidence.refusal_by(CLIENT) is refused
    assert evidence.refusal_by(SERVER) is None


@pytest.mark.parametrize(("sender", "wrote"), [(CLIENT, True), (SERVER, False)])
def test_whether_the_client_wrote_data(sender: Endpoint, wrote: bool) -> None:
    assert summarize([application_data(sender, b"x")]).client_wrote_data is wrote
    assert not summarize([client_hello()]).client_wrote_data


def test_what_stayed_closed_is_told() -> None:
    rest = Undecoded(time=0.0, endpoint=CLIENT, records=(), where="stream", limit="too many")
    assert summarize([SEALED]).sealed and summarize([rest]).sealed
    assert not summarize([*TLS13, application_data(CLIENT, b"x")]).sealed


@pytest.mark.parametrize(
    ("client", "server", "resumed"),
    [
        (
            client_hello(),
            server_hello(ProtocolVersion.TLS_1_3, SelectedPsk(selected_identity=0)),
            True,
        ),
        (client_hello(), server_hello(), False),
        (
            client_hello(session_id=b"s"),
            server_hello(ProtocolVersion.TLS_1_2, session_id=b"s"),
            True,
        ),
        (
            client_hello(session_id=b"s"),
            server_hello(ProtocolVersion.TLS_1_2, session_id=b"t"),
            False,
        ),
        (client_hello(), TLS12_ANSWER, False),
        # In TLS 1.3 the session ID is echoed whatever it means (RFC 9846 section 4.2.2).
        (client_hello(session_id=b"s"), server_hello(session_id=b"s"), False),
    ],
)
def test_whether_a_session_was_resumed(client: Event, server: Event, resumed: bool) -> None:
    assert summarize([client, server]).resumed is resumed


def test_a_session_is_known_from_both_hellos() -> None:
    assert not summarize([server_hello(ProtocolVersion.TLS_1_2, session_id=b"s")]).resumed
    assert not summarize([client_hello(session_id=b"s")]).resumed


def test_the_name_that_the_client_asked_for() -> None:
    def asked(*names: bytes) -> str:
        entries = tuple(ServerName(name_type=NameType.HOST_NAME, name=name) for name in names)
        extension = ServerNameList(server_name_list=entries)
        return summarize([client_hello(ProtocolVersion.TLS_1_3, extension)]).server_name

    assert asked(b"first.example", b"second.example") == "first.example"
    assert asked(b"\xff") == "\\xff"
    assert asked() == ""
    assert summarize([client_hello()]).server_name == ""
