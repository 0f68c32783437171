"""The observer on real connections of the openssl programs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from lab.diagnosis.evidence import summarize
from lab.tls import messages as msg
from lab.tls.code_points import ExtensionType
from lab.tls.events import (
    Endpoint,
    Event,
    Malformed,
    MessageSeen,
    SealedSeen,
)
from lab.tls.extensions import CertificateStatusResponse
from lab.tls.observer import Observer
from tests.support.harness import Identities
from tests.support.openssl import (
    CLIENT,
    SERVER,
    Command,
    Connection,
    Program,
    needs_openssl,
    record,
    run_client,
    server_arguments,
)
from tests.tls.test_observer import names

pytestmark = needs_openssl

Sent = dict[Endpoint, list[str]]
CCS = "ChangeCipherSpec"
PROOF = ["Certificate", "CertificateVerify"]
CLOSE = "close_notify"


def data(word: str, *numbers: int) -> list[str]:
    return [f"data b'{word} {number}\\n'" for number in numbers]


def tls13(*, ask: bool = True, tickets: int = 2) -> Sent:
    """What each end sends in a full handshake of TLS 1.3."""
    request = ["CertificateRequest"] if ask else []
    return {
        CLIENT: ["ClientHello", CCS, *(PROOF if ask else []), "Finished"],
        SERVER: [
            *["ServerHello", CCS, "EncryptedExtensions", *request, *PROOF, "Finished"],
            *["NewSessionTicket"] * tickets,
        ],
    }


def tls12(*, ask: bool = True, proof: bool = True, exchange: bool = True) -> Sent:
    """What each end sends in a full handshake of TLS 1.2."""
    ask = ask and proof
    return {
        CLIENT: [
            "ClientHello",
            *(["Certificate"] if ask else []),
            "ClientKeyExchange",
            *(["CertificateVerify"] if ask else []),
            *[CCS, "Finished"],
        ],
        SERVER: [
            "ServerHello",
            *(["Certificate"] if proof else []),
            *(["ServerKeyExchange"] if exchange else []),
            *(["CertificateRequest"] if ask else []),
            *["ServerHelloDone", "NewSessionTicket", CCS, "Finished"],
        ],
    }


def then(sent: Sent, client: Sequence[str] = (), server: Sequence[str] = (), last: int = 0) -> Sent:
    """A handshake, an exchange of text, more messages, and the end."""
    more = range(1, last + 1)
    return {
        CLIENT: [*sent[CLIENT], *data("ping", 0), *client, *data("ping", *more), CLOSE],
        SERVER: [*sent[SERVER], *data("pong", 0), *server, *data("pong", *more), CLOSE],
    }


def version12(*arguments: str) -> list[str]:
    return ["-tls1_2", *arguments]


def suite13(name: str) -> Connection:
    return Connection(server=["-ciphersuites", name], client=["-ciphersuites", name])


def suite12(name: str, *arguments: str, rsa: bool = False) -> Connection:
    client = version12("-cipher", name, *arguments)
    return Connection(server=["-cipher", name], client=client, rsa=rsa)


RESUMED12: Sent = {
    CLIENT: ["ClientHello", CCS, "Finished"],
    SERVER: ["ServerHello", CCS, "Finished"],
}
UNASKED12 = tls12(ask=False)

CASES: dict[str, tuple[Connection, Sent]] = {
    "AES-128-GCM": (suite13("TLS_AES_128_GCM_SHA256"), then(tls13())),
    "AES-256-GCM": (suite13("TLS_AES_256_GCM_SHA384"), then(tls13())),
    "ChaCha20": (suite13("TLS_CHACHA20_POLY1305_SHA256"), then(tls13())),
    "AES-128-CCM": (suite13("TLS_AES_128_CCM_SHA256"), then(tls13())),
    "AES-128-CCM-8": (suite13("TLS_AES_128_CCM_8_SHA256"), then(tls13())),
    "padded records": (
        Connection(server=["-record_padding", "512"], client=["-record_padding", "256"]),
        then(tls13()),
    ),
    "short fragments, 1.3": (
        Connection(client=["-maxfraglen", "512"], rsa=True),
        then(tls13()),
    ),
    "short fragments, 1.2": (
        Connection(client=version12("-maxfraglen", "512"), rsa=True),
        then(tls12()),
    ),
    "key updates": (
        Connection(
            commands=[
                Command(CLIENT, "k", CLIENT),
                Command(CLIENT, "K", CLIENT),
                Command(SERVER, "k", SERVER),
            ]
        ),
        {
            CLIENT: [
                *[*tls13()[CLIENT], *data("ping", 0), "KeyUpdate", *data("ping", 1)],
                *["KeyUpdate", *data("ping", 2, 3), CLOSE],
            ],
            SERVER: [
                # A KeyUpdate that was asked for comes with the next data.
                *[*tls13()[SERVER], *data("pong", 0, 1), "KeyUpdate", *data("pong", 2)],
                *["KeyUpdate", *data("pong", 3), CLOSE],
            ],
        },
    ),
    "post-handshake authentication": (
        Connection(
            server=["-verify", "1"],
            client=["-enable_pha"],
            commands=[Command(SERVER, "c", CLIENT)],
        ),
        then(
            tls13(),
            [*PROOF, "Finished"],
            ["CertificateRequest", "NewSessionTicket", "NewSessionTicket"],
            1,
        ),
    ),
    "external PSK, 1.3": (
        Connection(server=["-nocert", "-psk", "1234"], client=["-psk", "1234"], certificates=False),
        then(
            {
                CLIENT: ["ClientHello", CCS, "Finished"],
                SERVER: [
                    *["ServerHello", CCS, "EncryptedExtensions", "Finished"],
                    "NewSessionTicket",
                ],
            }
        ),
    ),
    "GCM, ECDHE": (suite12("ECDHE-ECDSA-AES256-GCM-SHA384"), then(tls12())),
    "ChaCha20, 1.2": (suite12("ECDHE-ECDSA-CHACHA20-POLY1305"), then(tls12())),
    "CCM, 1.2": (suite12("ECDHE-ECDSA-AES128-CCM"), then(tls12())),
    "CCM-8, 1.2": (suite12("ECDHE-ECDSA-AES256-CCM8"), then(tls12())),
    "CBC-SHA, encrypt-then-MAC": (suite12("ECDHE-ECDSA-AES128-SHA"), then(tls12())),
    "CBC-SHA256, encrypt-then-MAC": (suite12("ECDHE-ECDSA-AES128-SHA256"), then(tls12())),
    "CBC-SHA384, encrypt-then-MAC": (suite12("ECDHE-ECDSA-AES256-SHA384"), then(tls12())),
    "CBC-SHA, MAC-then-encrypt": (suite12("ECDHE-ECDSA-AES128-SHA", "-no_etm"), then(tls12())),
    "CBC-SHA256, MAC-then-encrypt": (
        suite12("ECDHE-ECDSA-AES128-SHA256", "-no_etm"),
        then(tls12()),
    ),
    "CBC-SHA384, MAC-then-encrypt": (
        suite12("ECDHE-ECDSA-AES256-SHA384", "-no_etm"),
        then(tls12()),
    ),
    "DHE": (suite12("DHE-RSA-AES128-GCM-SHA256", rsa=True), then(tls12())),
    "RSA key exchange": (suite12("AES128-GCM-SHA256", rsa=True), then(tls12(exchange=False))),
    "anonymous": (
        Connection(
            server=["-nocert", "-cipher", "ADH-AES128-SHA256:@SECLEVEL=0"],
            client=version12("-cipher", "ADH-AES128-SHA256:@SECLEVEL=0"),
            certificates=False,
        ),
        then(tls12(proof=False)),
    ),
    "PSK, 1.2": (
        Connection(
            server=["-nocert", "-psk", "1234", "-cipher", "PSK-AES128-GCM-SHA256"],
            client=version12("-psk", "1234", "-cipher", "PSK-AES128-GCM-SHA256"),
            certificates=False,
        ),
        then(tls12(proof=False, exchange=False)),
    ),
    "renegotiation that the client asks for": (
        Connection(
            server=["-client_renegotiation"],
            client=version12(),
            commands=[Command(CLIENT, "R", SERVER)],
            ask=False,
        ),
        then(UNASKED12, UNASKED12[CLIENT], UNASKED12[SERVER], 1),
    ),
    "renegotiation that the server asks for": (
        Connection(server=["-tls1_2"], commands=[Command(SERVER, "r", CLIENT)]),
        then(tls12(), RESUMED12[CLIENT], ["HelloRequest", *RESUMED12[SERVER]], 1),
    ),
}


def by_sender(events: list[Event]) -> Sent:
    return {
        sender: names([event for event in events if event.endpoint is sender])
        for sender in Endpoint
    }


@pytest.mark.parametrize("name", CASES)
def test_every_message_is_read(name: str, identities: Identities, tmp_path: Path) -> None:
    connection, expected = CASES[name]
    recording = record(connection, identities, tmp_path)
    assert by_sender(recording.observe()) == expected
    # The same with the secrets last, and byte by byte.
    observer = Observer()
    events = [*recording.replay(observer, 1), *observer.learn(recording.key_log)]
    assert events == recording.observe()
    # And without: nothing is out of order, nothing breaks.
    observer = Observer()
    events = [*recording.replay(observer), *observer.finish()]
    assert not [event for event in events if isinstance(event, Malformed)]
    assert not [event for event in events if getattr(event, "out_of_order", False)]
    assert [event for event in events if isinstance(event, SealedSeen)]


def test_what_is_not_opened_of_tls11(identities: Identities, tmp_path: Path) -> None:
    old = ["-cipher", "DHE-RSA-CAMELLIA128-SHA:@SECLEVEL=0"]
    connection = Connection(server=old, client=["-tls1_1", *old], rsa=True)
    events = record(connection, identities, tmp_path).observe()
    assert by_sender(events) == {
        CLIENT: [
            *tls12()[CLIENT][:-1],
            "sealed a Finished message",
            "sealed application data",
            "sealed an alert",
        ],
        SERVER: [
            *tls12()[SERVER][:-1],
            "sealed a Finished message",
            "sealed application data",
            "sealed an alert",
        ],
    }


def test_a_renegotiation_without_secrets(identities: Identities, tmp_path: Path) -> None:
    connection, _ = CASES["renegotiation that the server asks for"]
    recording = record(connection, identities, tmp_path)
    observer = Observer()
    events = by_sender([*recording.replay(observer), *observer.finish()])
    assert events[SERVER][-6:] == [
        "sealed a handshake message",  # HelloRequest
        "sealed a handshake message",  # ServerHello
        "sealed a ChangeCipherSpec of a renegotiation",
        "sealed a handshake message",  # Finished
        "sealed application data, 7 bytes",
        "sealed an alert",
    ]


def test_early_data(identities: Identities, tmp_path: Path) -> None:
    session, early = tmp_path / "session.pem", tmp_path / "early.txt"
    early.write_text("early data\n")
    server_side = Connection(server=["-early_data", "-no_anti_replay"], ask=False)
    first = Connection(client=["-sess_out", str(session)], ask=False)
    second = Connection(client=["-sess_in", str(session), "-early_data", str(early)], ask=False)
    with Program("s_server", *server_arguments(server_side, identities)) as server:
        port = int(server.expect(r"ACCEPT 127\.0\.0\.1:(\d+)").group(1))
        run_client(first, identities, tmp_path, server, port)
        recording = run_client(second, identities, tmp_path, server, port, first_number=100)
    events = recording.observe()
    assert by_sender(events) == {
        CLIENT: [
            *["ClientHello", CCS, "data b'early data\\n'", "EndOfEarlyData", "Finished"],
            *[*data("ping", 100), CLOSE],
        ],
        SERVER: [
            *["ServerHello", CCS, "EncryptedExtensions", "Finished"],
            *["NewSessionTicket", *data("pong", 100), CLOSE],
        ],
    }
    observer = Observer()
    assert [*recording.replay(observer), *observer.learn(recording.key_log)] == events
    assert summarize(events).resumed
    (answer,) = [
        event.message
        for event in events
        if isinstance(event, MessageSeen) and isinstance(event.message, msg.EncryptedExtensions)
    ]
    assert answer.has(ExtensionType.EARLY_DATA)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_stapled_ocsp_response(version: str, identities: Identities, tmp_path: Path) -> None:
    response = tmp_path / "ocsp.der"
    response.write_bytes(ocsp_response(identities))
    connection = Connection(server=["-status_file", str(response)], client=[version, "-status"])
    messages = [
        event.message
        for event in record(connection, identities, tmp_path).observe()
        if isinstance(event, MessageSeen) and event.endpoint is SERVER
    ]
    if version == "-tls1_2":
        (status,) = [message for message in messages if isinstance(message, msg.CertificateStatus)]
        assert status.response == response.read_bytes()
    else:
        (chain,) = [message for message in messages if isinstance(message, msg.Certificate)]
        (stapled,) = chain.certificate_list[0].extensions
        assert isinstance(stapled, CertificateStatusResponse)
        assert stapled.response == response.read_bytes()


def ocsp_response(identities: Identities) -> bytes:
    """A response about the server's certificate; nobody checks who signed it."""
    certificate = x509.load_der_x509_certificate(identities.server.der)
    key = serialization.load_pem_private_key(identities.server.key.read_bytes(), None)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=certificate,
            issuer=certificate,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=now,
            next_update=None,
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)  # type: ignore[arg-type]
