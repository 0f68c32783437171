"""What a connection was about, gathered from its events: the ground that a diagnosis stands on.

This module must not judge: it only finds things.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lab.diagnosis.sealed_tls13 import SealedTls13
from lab.tls.code_points import ContentType, ExtensionType, ProtocolVersion
from lab.tls.events import (
    ApplicationDataSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    MessageSeen,
    NotCaptured,
    SealedSeen,
    Undecoded,
)
from lab.tls.extensions import ApplicationLayerProtocols, ServerNameList
from lab.tls.messages import (
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    CompressedCertificate,
    EncryptedExtensions,
    Finished,
    HandshakeMessage,
    HelloRetryRequest,
    ServerHello,
)

M = TypeVar("M", bound=HandshakeMessage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The parts of a handshake that explain it; None is what was not seen.

    ``client_chain`` and ``server_chain`` are the certificates sent, DER, the sender's own first;
    an empty client chain is a client that was asked and had none. ``client_key`` and ``server_key``
    are what was sent instead where raw public keys were agreed on (RFC 7250). ``resumed`` tells
    that the server took up an earlier session, so that no certificate was due. ``server_failure``
    is what the server's own library said of a failed handshake, "" if unknown. ``sealed`` tells
    that records stayed closed or were not decoded, so that what is None may have been there all the
    same, or that bytes were not captured. ``empty_certificate_likely`` tells that the client's
    first encrypted record is as long as an empty Certificate message, ``client_is_ours`` that the
    client reports what happens at it. ``unread_certificate`` names the compression of the client's
    Certificate where that is not undone here, "" otherwise. ``server_answered`` tells that the
    server sent application data. ``protocol`` was agreed on by ALPN, "" for none.
    ``asked_after_handshake`` tells that the server asked for a certificate only then.
    """

    client_hello: ClientHello | None
    server_hello: ServerHello | None
    version: ProtocolVersion | None
    request: CertificateRequest | None
    client_chain: tuple[bytes, ...] | None
    server_chain: tuple[bytes, ...] | None
    client_key: bytes | None
    server_key: bytes | None
    client_verify: CertificateVerify | None
    refusals: tuple[LocalFact, ...]
    server_failure: str
    client_wrote_data: bool
    server_answered: bool
    protocol: str
    asked_after_handshake: bool
    resumed: bool
    sealed: bool
    empty_certificate_likely: bool
    client_is_ours: bool
    unread_certificate: str

    def refusal_by(self, endpoint: Endpoint) -> LocalFact | None:
        """What the library of ``endpoint`` said against the other end's certificate."""
        return next((fact for fact in self.refusals if fact.endpoint is endpoint), None)

    @property
    def offers_later_authentication(self) -> bool:
        """Whether the client can be asked after the handshake: in TLS 1.2 any can."""
        hello = self.client_hello
        tls13 = self.server_hello is not None and self.server_hello.is_tls13
        return not tls13 or hello is None or hello.has(ExtensionType.POST_HANDSHAKE_AUTH)

    @property
    def server_name(self) -> str:
        """The host name that the client asked for by SNI, "" for none (RFC 6066 section 3)."""
        names = self.client_hello.find(ServerNameList) if self.client_hello else None
        if names is None or not names.server_name_list:
            return ""
        return names.server_name_list[0].name.decode("ascii", "backslashreplace")


def summarize(events: Sequence[Event]) -> Evidence:
    """Gather what ``events``, in their order, show. Of repeated handshakes, the first counts."""
    # Sorted first, as what is looked for is of one class each, and most events are of another.
    messages: list[MessageSeen] = []
    facts: list[LocalFact] = []
    unread: list[Event] = []
    senders_of_data: set[Endpoint] = set()
    for event in events:
        if isinstance(event, MessageSeen):
            messages.append(event)
        elif isinstance(event, ApplicationDataSeen):
            senders_of_data.add(event.endpoint)
        elif isinstance(event, LocalFact):
            facts.append(event)
        else:
            unread.append(event)
    client_hello = _first(messages, ClientHello, Endpoint.CLIENT)
    server_hello = _first(messages, ServerHello, Endpoint.SERVER)
    certificates = {sender: list(_certificates(messages, sender)) for sender in Endpoint}
    return Evidence(
        client_hello=client_hello,
        server_hello=server_hello,
        version=server_hello.negotiated_version if server_hello else None,
        request=_first(messages, CertificateRequest),
        client_chain=_chain(certificates[Endpoint.CLIENT]),
        server_chain=_chain(certificates[Endpoint.SERVER]),
        client_key=_raw_public_key(certificates[Endpoint.CLIENT]),
        server_key=_raw_public_key(certificates[Endpoint.SERVER]),
        client_verify=_first(messages, CertificateVerify, Endpoint.CLIENT),
        refusals=tuple(fact for fact in facts if fact.fact is Fact.CERTIFICATE_REFUSED),
        server_failure=_server_failure(facts),
        client_wrote_data=Endpoint.CLIENT in senders_of_data,
        server_answered=Endpoint.SERVER in senders_of_data,
        protocol=_protocol(messages),
        asked_after_handshake=_asked_after_handshake(messages),
        resumed=server_hello is not None and _resumes(client_hello, server_hello),
        sealed=_hides_handshake(unread, server_hello),
        empty_certificate_likely=_empty_certificate_likely(unread),
        client_is_ours=any(fact.endpoint is Endpoint.CLIENT for fact in facts),
        unread_certificate=_unread_certificate(messages),
    )


def _server_failure(facts: Sequence[LocalFact]) -> str:
    """What the server's library said of the handshake that failed, "" if nothing."""
    for fact in facts:
        if fact.fact is Fact.HANDSHAKE_FAILED and fact.endpoint is Endpoint.SERVER:
            return fact.reason
    return ""


def _hides_handshake(events: Sequence[Event], server_hello: ServerHello | None) -> bool:
    """Whether a part of the handshake may be in what was not read."""
    older = server_hello is not None and not server_hello.is_tls13
    return any(_hides(event, older=older) for event in events)


def _hides(event: Event, *, older: bool) -> bool:
    if isinstance(event, SealedSeen):
        # TLS 1.2 shows its handshake; what is sealed of it is Finished, or a renegotiation.
        handshake = event.content_type is ContentType.HANDSHAKE
        return not older or (handshake and event.inference != "a Finished message")
    if isinstance(event, NotCaptured):
        return not event.gap.is_end
    return isinstance(event, Undecoded)


def _empty_certificate_likely(events: Sequence[Event]) -> bool:
    sealed = SealedTls13()
    for event in events:
        if isinstance(event, SealedSeen):
            sealed.take(event)
    return sealed.empty_certificate


def _resumes(client: ClientHello | None, server: ServerHello) -> bool:
    """A pre_shared_key answered (RFC 9846 section 4.3.11), or a session ID (RFC 5246 7.4.1.3)."""
    if server.has(ExtensionType.PRE_SHARED_KEY):
        return True
    if client is None or server.is_tls13:
        return False
    return bool(client.legacy_session_id) and (
        client.legacy_session_id == server.legacy_session_id_echo
    )


def _first(
    messages: Sequence[MessageSeen], kind: type[M], sender: Endpoint | None = None
) -> M | None:
    for event in messages:
        message = event.message
        if isinstance(message, kind) and sender in (None, event.endpoint):
            # A HelloRetryRequest is a ServerHello by class, and not yet the server's answer.
            if isinstance(message, HelloRetryRequest):
                continue
            return message
    return None


def _chain(certificates: Sequence[Certificate]) -> tuple[bytes, ...] | None:
    for message in certificates:
        if message.raw_public_key is None:
            return tuple(entry.cert_data for entry in message.certificate_list)
    return None


def _raw_public_key(certificates: Sequence[Certificate]) -> bytes | None:
    return certificates[0].raw_public_key if certificates else None


def _certificates(messages: Sequence[MessageSeen], sender: Endpoint) -> Iterator[Certificate]:
    """The Certificate messages that ``sender`` sent, compressed or not."""
    for event in messages:
        if event.endpoint is not sender:
            continue
        message: HandshakeMessage | None = event.message
        if isinstance(message, CompressedCertificate):
            message = message.certificate
        if isinstance(message, Certificate):
            yield message


def _unread_certificate(messages: Sequence[MessageSeen]) -> str:
    compressed = _first(messages, CompressedCertificate, Endpoint.CLIENT)
    unread = compressed is not None and compressed.certificate is None
    return str(compressed.algorithm) if compressed is not None and unread else ""


def _protocol(messages: Sequence[MessageSeen]) -> str:
    """The application protocol that the server chose (RFC 7301 section 3.1)."""
    for event in messages:
        message = event.message
        if event.endpoint is Endpoint.SERVER and isinstance(
            message, ServerHello | EncryptedExtensions
        ):
            chosen = message.find(ApplicationLayerProtocols)
            if chosen is not None and chosen.protocol_name_list:
                return chosen.protocol_name_list[0].decode("ascii", "backslashreplace")
    return ""


def _asked_after_handshake(messages: Sequence[MessageSeen]) -> bool:
    """Whether the first CertificateRequest came behind the server's Finished."""
    for event in messages:
        if event.endpoint is Endpoint.SERVER:
            if isinstance(event.message, CertificateRequest):
                return False
            if isinstance(event.message, Finished):
                break
    return any(isinstance(event.message, CertificateRequest) for event in messages)
