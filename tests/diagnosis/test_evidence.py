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
    EMPTY,
    REQUEST,
    SEALED,
    SERVER,
    TLS13,
    VERIFY,
    answer,
    chain,
    data,
    fact,
    hello,
    said,
)

TLS12_ANSWER = answer(ProtocolVersion.TLS_1_2)


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
        client_verify=None,
        refusals=(),
        server_failure="",
        client_wrote_data=False,
        resumed=False,
        sealed=False,
    )
    assert summarize([]).server_name == ""


def test_of_repeated_messages_the_first_counts() -> None:
    first, second = hello(), hello(ProtocolVersion.TLS_1_2)
    evidence = summarize([first, answer(), second, TLS12_ANSWER])
    assert evidence.client_hello is message(first)
    assert evidence.version == ProtocolVersion.TLS_1_3


def test_each_end_has_its_own_messages() -> None:
    events = [chain(SERVER, b"s"), chain(CLIENT, b"c", b"ca"), replace(VERIFY, endpoint=SERVER)]
    evidence = summarize(events)
    assert (evidence.server_chain, evidence.client_chain) == ((b"s",), (b"c", b"ca"))
    assert evidence.client_verify is None
    assert summarize([*events, VERIFY]).client_verify is message(VERIFY)
    assert summarize([EMPTY]).client_chain == ()
    assert summarize([EMPTY]).server_chain is None
    # A hello from the wrong end is none.
    assert summarize([replace(hello(), endpoint=SERVER)]).client_hello is None
    assert summarize([replace(answer(), endpoint=CLIENT)]).server_hello is None
    assert summarize([REQUEST]).request is message(REQUEST)


def test_a_hello_retry_request_is_not_yet_the_servers_answer() -> None:
    server = message(answer())
    assert isinstance(server, ServerHello)
    retry = said(
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
    assert summarize([hello(), retry]).server_hello is None
    later = answer(ProtocolVersion.TLS_1_2)
    assert summarize([hello(), retry, later]).server_hello is message(later)


def test_a_compressed_chain_is_a_chain() -> None:
    inner = Certificate(certificate_list=(CertificateEntry(cert_data=b"c"),))
    compressed = CompressedCertificate(
        algorithm=CertificateCompressionAlgorithm.ZLIB,
        uncompressed_length=9,
        compressed_certificate_message=b"x",
        certificate=inner,
    )
    assert summarize([said(CLIENT, compressed)]).client_chain == (b"c",)
    unread = replace(compressed, certificate=None)
    assert summarize([said(CLIENT, unread)]).client_chain is None


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
    assert summarize([data(sender, b"x")]).client_wrote_data is wrote
    assert not summarize([hello()]).client_wrote_data


def test_what_stayed_closed_is_told() -> None:
    rest = Undecoded(time=0.0, endpoint=CLIENT, records=(), where="stream", limit="too many")
    assert summarize([SEALED]).sealed and summarize([rest]).sealed
    assert not summarize([*TLS13, data(CLIENT, b"x")]).sealed


@pytest.mark.parametrize(
    ("client", "server", "resumed"),
    [
        (hello(), answer(ProtocolVersion.TLS_1_3, SelectedPsk(selected_identity=0)), True),
        (hello(), answer(), False),
        (hello(session_id=b"s"), answer(ProtocolVersion.TLS_1_2, session_id=b"s"), True),
        (hello(session_id=b"s"), answer(ProtocolVersion.TLS_1_2, session_id=b"t"), False),
        (hello(), TLS12_ANSWER, False),
        # In TLS 1.3 the session ID is echoed whatever it means (RFC 9846 section 4.2.2).
        (hello(session_id=b"s"), answer(session_id=b"s"), False),
    ],
)
def test_whether_a_session_was_resumed(client: Event, server: Event, resumed: bool) -> None:
    assert summarize([client, server]).resumed is resumed


def test_a_session_is_known_from_both_hellos() -> None:
    assert not summarize([answer(ProtocolVersion.TLS_1_2, session_id=b"s")]).resumed
    assert not summarize([hello(session_id=b"s")]).resumed


def test_the_name_that_the_client_asked_for() -> None:
    def asked(*names: bytes) -> str:
        entries = tuple(ServerName(name_type=NameType.HOST_NAME, name=name) for name in names)
        extension = ServerNameList(server_name_list=entries)
        return summarize([hello(ProtocolVersion.TLS_1_3, extension)]).server_name

    assert asked(b"first.example", b"second.example") == "first.example"
    assert asked(b"\xff") == "\\xff"
    assert asked() == ""
    assert summarize([hello()]).server_name == ""
