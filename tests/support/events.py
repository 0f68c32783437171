"""Events made by hand, and what is concluded from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Cause, Outcome
from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import KeyKind, cached
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    CompressionMethod,
    ContentType,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    MessageSeen,
    Part,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Unfinished,
)
from lab.tls.extensions import Extension, SelectedVersion, SupportedVersions
from lab.tls.messages import (
    Certificate,
    CertificateEntry,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    Finished,
    HandshakeMessage,
    HelloRequest,
    NewSessionTicket,
    ServerHello,
)

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER


NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def message_seen(sender: Endpoint, message: HandshakeMessage) -> Event:
    return MessageSeen(
        time=0.0, endpoint=sender, records=(), encrypted=False, message=message, raw=b""
    )


def alert(
    sender: Endpoint,
    description: AlertDescription,
    level: AlertLevel = AlertLevel.FATAL,
) -> AlertSeen:
    return AlertSeen(
        time=0.0,
        endpoint=sender,
        records=(),
        encrypted=False,
        level=level,
        description=description,
    )


def application_data(sender: Endpoint, text: bytes) -> Event:
    return ApplicationDataSeen(time=0.0, endpoint=sender, records=(), encrypted=True, data=text)


def change_cipher_spec(sender: Endpoint) -> Event:
    return ChangeCipherSpecSeen(time=0.0, endpoint=sender, records=(), encrypted=False)


def stream_ended(sender: Endpoint, end: StreamEnd = StreamEnd.FIN) -> Event:
    return StreamEnded(time=0.0, endpoint=sender, end=end)


def fact(endpoint: Endpoint, what: Fact, reason: str = "", code: int | None = None) -> Event:
    return LocalFact(time=0.0, endpoint=endpoint, fact=what, reason=reason, code=code)


def client_hello(
    version: ProtocolVersion = ProtocolVersion.TLS_1_3, *more: Extension, session_id: bytes = b""
) -> Event:
    return message_seen(
        CLIENT,
        ClientHello(
            legacy_version=ProtocolVersion.TLS_1_2,
            random=bytes(32),
            legacy_session_id=session_id,
            cipher_suites=(CipherSuite["TLS_AES_128_GCM_SHA256"],),
            legacy_compression_methods=(),
            extensions=(SupportedVersions(versions=(version,)), *more),
        ),
    )


def server_hello(
    version: ProtocolVersion = ProtocolVersion.TLS_1_3, *more: Extension, session_id: bytes = b""
) -> Event:
    tls13 = version == ProtocolVersion.TLS_1_3
    return message_seen(
        SERVER,
        ServerHello(
            legacy_version=ProtocolVersion.TLS_1_2,
            random=bytes(32),
            legacy_session_id_echo=session_id,
            cipher_suite=CipherSuite["TLS_AES_128_GCM_SHA256"],
            legacy_compression_method=CompressionMethod.NULL,
            extensions=(*([SelectedVersion(selected_version=version)] * tls13), *more),
        ),
    )


REQUEST = message_seen(
    SERVER,
    CertificateRequest(
        supported_signature_algorithms=(SignatureScheme.ECDSA_SECP256R1_SHA256,),
    ),
)


def finished(sender: Endpoint) -> Event:
    return message_seen(sender, Finished(verify_data=b""))


def certificate_message(sender: Endpoint, *ders: bytes) -> Event:
    entries = tuple(CertificateEntry(cert_data=der) for der in ders)
    return message_seen(sender, Certificate(certificate_list=entries))


TICKET = message_seen(SERVER, NewSessionTicket(ticket_lifetime=7200, ticket=b""))


RETURNED = fact(CLIENT, Fact.HANDSHAKE_RETURNED)


TLS13 = [client_hello(), server_hello(), REQUEST, finished(SERVER)]


EMPTY_CERTIFICATE = certificate_message(CLIENT)


def outcome_and_causes(events: list[Event]) -> tuple[Outcome, tuple[Cause, ...]]:
    outcome = judge(events)
    return outcome, diagnose(events, outcome, now=NOW)


TIMED_OUT = fact(CLIENT, Fact.TIMED_OUT, "no complete handshake")


HELLO_REQUEST = MessageSeen(
    time=0.0, endpoint=SERVER, records=(), encrypted=False, message=HelloRequest(), raw=bytes(4)
)


def unfinished(
    sender: Endpoint, came: int, expected: int | None, part: Part = Part.RECORD
) -> Event:
    return Unfinished(time=0.0, endpoint=sender, part=part, came=came, expected=expected)


def client_chain(**flaw: object) -> bytes:
    ca = self_signed(profiles.root_ca(), cached(KeyKind.EC_P256, 1), now=NOW)
    profile = replace(profiles.client("somebody"), **flaw)  # type: ignore[arg-type]
    identity = Authority(identity=ca).issue(profile, cached(KeyKind.EC_P256, 2), now=NOW)
    return identity.certificate.public_bytes(Encoding.DER)


VERIFY = message_seen(
    CLIENT, CertificateVerify(algorithm=SignatureScheme.ECDSA_SECP256R1_SHA256, signature=b"")
)


SEALED = SealedSeen(
    time=0.0,
    endpoint=SERVER,
    records=(),
    encrypted=True,
    content_type=ContentType.APPLICATION_DATA,
    length=99,
)
