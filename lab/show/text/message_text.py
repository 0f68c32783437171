"""The labelled details of a handshake message, for all faces.

Rules: all text of a peer's is escaped and bounded; a long list ends in "and n more", and is
complete in the JSON document. GREASE values (RFC 8701) are left out.

This module must not know how the details are laid out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from lab.show.text.message_names import offered_names
from lab.show.text.peer_text import bounded, key_words, latin_text, listed, subject
from lab.tls import extensions as ext
from lab.tls import messages as msg
from lab.tls.code_points import ExtensionType
from lab.x509.certificates import describe
from lab.x509.names import distinguished_name

_MOST_CERTIFICATES = 4
_MOST_NAMES = 4

Pairs = Iterable[tuple[str, object]]
"""Labels and values; a value that is None or False is not shown."""


@singledispatch
def message_pairs(message: msg.HandshakeMessage) -> Pairs:
    """Yield the details of a handshake message; none if no function is registered for it."""
    return ()


@message_pairs.register
def _unknown(message: msg.UnknownMessage) -> Pairs:
    yield "type", f"{message.msg_type.value}, with {len(message.body)} bytes"


@message_pairs.register
def _hello_request(message: msg.HelloRequest) -> Pairs:
    yield "requests", "a new handshake on this connection"


@message_pairs.register
def _client_hello(message: msg.ClientHello) -> Pairs:
    hosts, protocols = offered_names(message)
    groups = message.find(ext.SupportedGroups)
    shares = message.find(ext.KeyShareClientHello)
    schemes = msg.accepted_signatures(message)
    ticket = message.find(ext.SessionTicket)
    yield "versions", listed(msg.offered_versions(message), 6)
    yield "form", message.in_sslv2_form and "of SSL 2, for TLS or SSL 3.0"
    yield "SNI", listed(hosts) if hosts else "not sent"
    yield "ALPN", listed(protocols) if protocols else None
    yield "suites", listed(message.cipher_suites, 2)
    yield "groups", groups and listed(groups.named_group_list)
    yield "key shares", shares and listed(share.group for share in shares.client_shares)
    yield "signatures", None if schemes is None else listed(schemes, 2)
    if message.find(ext.OfferedPsks) is not None:
        yield "resumes", "a session, by pre_shared_key"
    elif ticket is not None and ticket.ticket:
        yield "resumes", "a session, by session_ticket"
    yield "early data", message.has(ExtensionType.EARLY_DATA) and "follows"
    if message.has(ExtensionType.POST_HANDSHAKE_AUTH):
        yield "client auth", "may also be requested after the handshake"


@message_pairs.register
def _server_hello(message: msg.ServerHello) -> Pairs:
    share = message.find(ext.KeyShareServerHello)
    yield "version", message.negotiated_version
    yield "suite", message.cipher_suite
    yield "group", share and share.server_share.group
    yield "ALPN", _alpn(message)
    yield "resumes", message.find(ext.SelectedPsk) and "the session that the client offered"


@message_pairs.register
def _hello_retry_request(message: msg.HelloRetryRequest) -> Pairs:
    share = message.find(ext.KeyShareHelloRetryRequest)
    yield "version", message.negotiated_version
    yield "suite", message.cipher_suite
    yield "requests", share and f"a key share for {share.selected_group}"
    yield "requests", message.find(ext.Cookie) and "its cookie returned"


@message_pairs.register
def _encrypted_extensions(message: msg.EncryptedExtensions) -> Pairs:
    yield "ALPN", _alpn(message)
    yield "early data", message.has(ExtensionType.EARLY_DATA) and "accepted"


def _alpn(message: msg.ExtendedMessage) -> str | None:
    protocols = message.find(ext.ApplicationLayerProtocols)
    return listed(map(latin_text, protocols.protocol_name_list)) if protocols else None


@message_pairs.register
def _server_key_exchange(message: msg.ServerKeyExchange) -> Pairs:
    if isinstance(message.params, msg.ServerECDHParams):
        yield "group", message.params.named_group
    elif isinstance(message.params, msg.ServerDHParams):
        yield "group", f"finite field, {8 * len(message.params.dh_p)} bits"
    yield "signature", message.algorithm


@message_pairs.register
def _certificate_request(message: msg.CertificateRequest) -> Pairs:
    names = [distinguished_name(der) for der in message.certificate_authorities]
    schemes = message.supported_signature_algorithms
    yield "requests", "a client certificate"
    yield "CA names", listed(names, _MOST_NAMES) if names else "none (any CA)"
    yield "types", listed(message.certificate_types) if message.certificate_types else None
    yield "signatures", listed(schemes, 2) if schemes else None


@message_pairs.register
def _certificate(message: msg.Certificate) -> Pairs:
    chain = [entry.cert_data for entry in message.certificate_list]
    yield "contains", message.is_empty and "no certificate"
    key = message.raw_public_key
    yield "raw key", key and f"{key_words(key)}, {len(key)} bytes (RFC 7250)"
    for number, der in enumerate(chain[:_MOST_CERTIFICATES], start=1):
        yield "certificate", len(chain) > 1 and f"{number} of {len(chain)}"
        yield from _of_certificate(der)
    more = len(chain) - _MOST_CERTIFICATES
    yield "certificate", more > 0 and f"and {more} more"


def _of_certificate(der: bytes) -> Pairs:
    """Yield the fields that matter most in verification (RFC 5280 sections 4.1 and 4.2)."""
    about = describe(der)
    yield "problem", bounded(about.problem) or None
    if about.not_valid_before is None or about.not_valid_after is None:
        return  # not a certificate
    names, purposes = about.subject_alt_names, about.extended_key_usage
    yield "subject", subject(der)
    yield "issuer", bounded(about.issuer)
    yield "valid from", f"{about.not_valid_before:%Y-%m-%d %H:%M:%S} UTC"
    yield "valid until", f"{about.not_valid_after:%Y-%m-%d %H:%M:%S} UTC"
    yield "SAN", listed(names, _MOST_NAMES) if names else None
    yield "EKU", None if purposes is None else listed(purposes, _MOST_NAMES)
    yield "CA", about.is_ca and "yes"


@message_pairs.register
def _compressed_certificate(message: msg.CompressedCertificate) -> Pairs:
    compressed = len(message.compressed_certificate_message)
    sizes = f"{compressed} of {message.uncompressed_length} bytes"
    yield "compressed", f"{message.algorithm}, {sizes}"
    if message.certificate is None:
        yield "content", "not read: this compression is not undone here"
    else:
        yield from _certificate(message.certificate)


@message_pairs.register
def _certificate_status(message: msg.CertificateStatus) -> Pairs:
    yield "status", f"{message.status_type}, {len(message.response)} bytes"


@message_pairs.register
def _certificate_verify(message: msg.CertificateVerify) -> Pairs:
    yield "signature", message.algorithm


@message_pairs.register
def _new_session_ticket(message: msg.NewSessionTicket) -> Pairs:
    lifetime = f"valid for {message.ticket_lifetime} s"
    if message.ticket_nonce is None and not message.ticket_lifetime:
        lifetime = "for how long is not said"  # RFC 5077 section 3.3
    yield "ticket", f"{len(message.ticket)} bytes, {lifetime}"


@message_pairs.register
def _key_update(message: msg.KeyUpdate) -> Pairs:
    yield "request", message.request_update
