"""The observer on real handshakes in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest

from lab.diagnosis.evidence import summarize
from lab.tls.code_points import ExtensionType
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Malformed,
    MessageSeen,
    SealedSeen,
)
from lab.tls.extensions import ApplicationLayerProtocols, KeyShareServerHello
from lab.tls.messages import (
    CertificateVerify,
    EncryptedExtensions,
    ExtendedMessage,
    HandshakeMessage,
    ServerECDHParams,
    ServerHello,
    ServerKeyExchange,
)
from lab.tls.observer import Observer
from tests.support.connections import KINDS, connect
from tests.support.harness import EventBuffer, Identities
from tests.tls.test_observer import names

M = TypeVar("M", bound=HandshakeMessage)
CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER

HELLOS = ["ClientHello", "ServerHello", "ChangeCipherSpec"]
PROOF = ["Certificate", "CertificateVerify"]
TEXT = ["data b'ping'", "data b'pong'", "close_notify", "close_notify"]
FLIGHT13 = ["EncryptedExtensions", "CertificateRequest", *PROOF, "Finished"]
UNASKED13 = ["EncryptedExtensions", *PROOF, "Finished"]
TICKETS = ["NewSessionTicket"] * 2
MUTUAL13 = [*HELLOS, *FLIGHT13, "ChangeCipherSpec", *PROOF, "Finished", *TICKETS, *TEXT]
RESUMED13 = [
    *[*HELLOS, "EncryptedExtensions", "Finished", "ChangeCipherSpec", "Finished"],
    *["NewSessionTicket", *TEXT],
]
FLIGHT12 = [
    *["ClientHello", "ServerHello", "Certificate", "ServerKeyExchange", "CertificateRequest"],
    "ServerHelloDone",
]
CIPHER = ["ChangeCipherSpec", "Finished"]
END12 = ["NewSessionTicket", *CIPHER, *TEXT]
MUTUAL12 = [
    *[*FLIGHT12, "Certificate", "ClientKeyExchange", "CertificateVerify", *CIPHER],
    *END12,
]
RESUMED12 = ["ClientHello", "ServerHello", *CIPHER, *CIPHER, *TEXT]
RETRIED = [
    *["ClientHello", "HelloRetryRequest", "ChangeCipherSpec", "ChangeCipherSpec"],
    *["ClientHello", "ServerHello"],
]

STRANGERS = f"CLIENT_RANDOM {bytes(32).hex()} {bytes(48).hex()}\n"

EXPECTED: dict[str, list[str]] = {
    "1.3 accepted": MUTUAL13,
    "1.3 RSA": MUTUAL13,
    "1.3 server only": [
        *[*HELLOS, *UNASKED13, "ChangeCipherSpec", "Finished", *TICKETS, *TEXT],
    ],
    "1.3 no certificate": [
        *[*HELLOS, *FLIGHT13, "ChangeCipherSpec", "Certificate", "Finished"],
        "certificate_required",
    ],
    "1.3 wrong CA": [
        *[*HELLOS, *FLIGHT13, "ChangeCipherSpec", *PROOF, "Finished", "unknown_ca"],
    ],
    "1.3 server not trusted": [*HELLOS, *FLIGHT13, "unknown_ca"],
    "1.3 resumed": RESUMED13,
    "1.3 retried": [*RETRIED, *FLIGHT13, *PROOF, "Finished", *TICKETS, *TEXT],
    "1.3 retried and resumed": [
        *[*RETRIED, "EncryptedExtensions", "Finished", "Finished", "NewSessionTicket", *TEXT],
    ],
    "1.3 ALPN": MUTUAL13,
    "1.2 accepted": MUTUAL12,
    "1.2 RSA": MUTUAL12,
    "1.2 server only": [
        *["ClientHello", "ServerHello", "Certificate", "ServerKeyExchange", "ServerHelloDone"],
        *["ClientKeyExchange", *CIPHER, *END12],
    ],
    "1.2 no certificate": [
        *[*FLIGHT12, "Certificate", "ClientKeyExchange", *CIPHER, "handshake_failure"],
    ],
    "1.2 wrong CA": [
        *[*FLIGHT12, "Certificate", "ClientKeyExchange", "CertificateVerify", *CIPHER],
        "unknown_ca",
    ],
    "1.2 server not trusted": [*FLIGHT12, "unknown_ca"],
    "1.2 resumed by ticket": RESUMED12,
    "1.2 resumed by session ID": RESUMED12,
    "1.2 ALPN": MUTUAL12,
    "1.2 ChaCha20": MUTUAL12,
    "1.2 CCM": MUTUAL12,
    "1.2 CBC": MUTUAL12,
    "1.2 CBC, MAC-then-encrypt": MUTUAL12,
}


@pytest.fixture(params=KINDS)
def named(
    request: pytest.FixtureRequest, identities: Identities, tmp_path: Path
) -> tuple[str, EventBuffer]:
    name = str(request.param)
    return name, connect(KINDS[name], identities, tmp_path)


def test_every_message_is_read(named: tuple[str, EventBuffer]) -> None:
    name, recording = named
    assert names(recording.observe()) == EXPECTED[name]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_bytes_may_be_split_anywhere(named: tuple[str, EventBuffer], size: int) -> None:
    _, recording = named
    observer = Observer()
    events = [*observer.learn(recording.key_log), *recording.replay(observer, size)]
    assert events == recording.observe()


def test_secrets_may_come_last(named: tuple[str, EventBuffer]) -> None:
    _, recording = named
    observer = Observer()
    events = [*recording.replay(observer), *observer.learn(STRANGERS)]
    events += [*observer.learn(recording.key_log), *observer.finish()]
    assert events == recording.observe()


def test_without_secrets_the_clear_part_is_the_same(named: tuple[str, EventBuffer]) -> None:
    _, recording = named
    observer = Observer()
    events = [*recording.replay(observer), *observer.finish()]
    assert not [event for event in events if isinstance(event, Malformed)]
    assert not [event for event in events if getattr(event, "out_of_order", False)]
    clear = [event for event in events if not isinstance(event, SealedSeen)]
    expected = [e for e in recording.observe() if not getattr(e, "encrypted", False)]
    assert clear == expected


def sent(events: list[Event], sender: Endpoint, kind: type[M]) -> M:
    """The only message of this kind from ``sender``."""
    (found,) = [
        event.message
        for event in events
        if isinstance(event, MessageSeen)
        and event.endpoint is sender
        and isinstance(event.message, kind)
    ]
    return found


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_events_tell_what_was_settled(
    version: str, identities: Identities, tmp_path: Path
) -> None:
    events = connect(KINDS[f"{version} accepted"], identities, tmp_path).observe()
    summary = summarize(events)
    assert str(summary.version) == f"TLS {version}"
    assert summary.client_hello is not None
    assert summary.client_hello.random.hex() in (tmp_path / "key.log").read_text()
    assert summary.server_name == "localhost"
    assert summary.server_hello is not None
    assert "AES_256_GCM_SHA384" in str(summary.server_hello.cipher_suite)
    secured = summary.server_hello.has(ExtensionType.EXTENDED_MASTER_SECRET)
    assert secured is (version == "1.2")
    assert summary.request is not None
    assert summary.client_chain is not None
    assert summary.client_chain[0] == identities.client.der
    assert summary.server_chain is not None
    assert summary.server_chain[0] == identities.server.der
    assert summary.client_verify is not None
    assert str(summary.client_verify.algorithm) == "ecdsa_secp256r1_sha256"
    assert not summary.resumed
    if version == "1.2":
        exchange = sent(events, SERVER, ServerKeyExchange)
        assert isinstance(exchange.params, ServerECDHParams)
        group, scheme = exchange.params.named_group, exchange.algorithm
    else:
        share = summary.server_hello.find(KeyShareServerHello)
        assert share is not None
        group = share.server_share.group
        scheme = sent(events, SERVER, CertificateVerify).algorithm
    assert (str(group), str(scheme)) == ("x25519", "ecdsa_secp256r1_sha256")


@pytest.mark.parametrize(
    ("name", "resumed", "client_chain"),
    [
        ("1.3 resumed", True, None),
        ("1.3 retried and resumed", True, None),
        ("1.3 retried", False, 2),
        ("1.3 no certificate", False, 0),
        ("1.2 resumed by ticket", True, None),
        ("1.2 resumed by session ID", True, None),
        ("1.2 accepted", False, 2),
        ("1.2 no certificate", False, 0),
    ],
)
def test_what_sessions_resume_and_clients_show(
    name: str,
    resumed: bool,
    client_chain: int | None,
    identities: Identities,
    tmp_path: Path,
) -> None:
    summary = summarize(connect(KINDS[name], identities, tmp_path).observe())
    assert summary.resumed is resumed
    shown = summary.client_chain
    assert (None if shown is None else len(shown)) == client_chain


@pytest.mark.parametrize(("version", "kind"), [("1.2", ServerHello), ("1.3", EncryptedExtensions)])
def test_the_protocol_that_was_agreed_on(
    version: str, kind: type[ExtendedMessage], identities: Identities, tmp_path: Path
) -> None:
    events = connect(KINDS[f"{version} ALPN"], identities, tmp_path).observe()
    chosen = sent(events, SERVER, kind).find(ApplicationLayerProtocols)
    assert chosen is not None
    assert chosen.protocol_name_list == (b"http/1.1",)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_where_the_rejection_of_a_client_without_a_certificate_stands(
    version: str, identities: Identities, tmp_path: Path
) -> None:
    """TLS 1.2 refuses in the clear, TLS 1.3 under the server's application keys."""
    recording = connect(KINDS[f"{version} no certificate"], identities, tmp_path)
    events = recording.observe()
    alert = events[-1]
    assert isinstance(alert, AlertSeen)
    assert (alert.endpoint, alert.encrypted) == (SERVER, version == "1.3")
    finished = [e for e in events if isinstance(e, MessageSeen) and e.message.name == "Finished"]
    assert (finished[-1].endpoint, finished[-1].time < alert.time) == (CLIENT, True)
    if version == "1.3":
        observer = Observer()
        sealed = [*recording.replay(observer), *observer.finish()][-1]
        assert isinstance(sealed, SealedSeen)
        assert (sealed.length, sealed.inference) == (
            19,
            "as long as an alert: 2 bytes inside, unless it is padded",
        )
