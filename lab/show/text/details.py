"""The labelled details of an event, for the lines under its headline.

Rules: all text is escaped and bounded; a long list ends in "and n more", and is complete in the
JSON document. GREASE values (RFC 8701) are left out.

This module must not know how details are laid out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch

from lab.tls import extensions as ext
from lab.tls import messages as msg
from lab.tls.code_point import sample
from lab.tls.code_points import ExtensionType
from lab.tls.events import (
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Event,
    LeftOut,
    LocalFact,
    Malformed,
    MessageSeen,
    NotTls,
    SealedSeen,
    StreamEnded,
    Undecoded,
    Unfinished,
    WireEvent,
    escaped,
)
from lab.tls.messages import accepted_signatures, offered_versions
from lab.x509.certificates import describe, distinguished_name

_MOST_TEXT = 240
_MOST_OF_MANY = 64
_MOST_CERTIFICATES = 4
_MOST_NAMES = 4
_MOST_SPANS = 4
_SAMPLE = 32
_START_LINE = re.compile(
    rb"(?:[A-Z]{1,16} [!-~]{1,2000} HTTP/1\.[01]|HTTP/1\.[01] [ -~]{3,200})\r?\n"
)


@dataclass(frozen=True, slots=True)
class Detail:
    """One detail of an event. ``notable`` ones are highlighted."""

    label: str
    value: str
    notable: bool = False


def details(event: Event) -> Iterator[Detail]:
    """Yield the details of the event, in the order in which they are shown."""
    yield from _of_event(event)
    if isinstance(event, MessageSeen | ChangeCipherSpecSeen) and event.out_of_order:
        yield Detail("order", "not allowed at this point of the handshake", notable=True)
    if isinstance(event, WireEvent) and len(event.records) > 1:
        lengths = [str(span.length) for span in event.records]
        yield Detail("records", f"{len(lengths)}, of {listed(lengths, _MOST_SPANS)} bytes")


@singledispatch
def _of_event(event: Event) -> Iterator[Detail]:
    yield from ()


@_of_event.register
def _message_seen(event: MessageSeen) -> Iterator[Detail]:
    yield from _of_message(event.message)


@_of_event.register
def _application_data_seen(event: ApplicationDataSeen) -> Iterator[Detail]:
    line = start_line(event.data)
    if line is not None:
        yield Detail("HTTP", bounded(line))
    else:
        yield Detail("data", quoted(event.data))
    yield Detail("length", f"{len(event.data)} bytes")


@_of_event.register
def _sealed_seen(event: SealedSeen) -> Iterator[Detail]:
    yield Detail("content", f"{event.length} bytes, not decrypted: no known secret fits")
    if event.inference:
        yield Detail("likely", bounded(event.inference))


@_of_event.register
def _stream_ended(event: StreamEnded) -> Iterator[Detail]:
    if event.truncated:
        yield Detail("truncated", "inside a record or a handshake message", notable=True)


@_of_event.register
def _not_tls(event: NotTls) -> Iterator[Detail]:
    yield Detail("first bytes", quoted(event.sample), notable=True)


@_of_event.register
def _unfinished(event: Unfinished) -> Iterator[Detail]:
    whole = "header incomplete" if event.expected is None else f"of {event.expected}"
    yield Detail("received", f"{event.came} bytes, {whole}", notable=True)


@_of_event.register
def _left_out(event: LeftOut) -> Iterator[Detail]:
    yield Detail("content", f"{event.octets} bytes, over the limit", notable=True)


@_of_event.register
def _undecoded(event: Undecoded) -> Iterator[Detail]:
    yield Detail("in", bounded(event.where), notable=True)
    yield Detail("limit", f"{bounded(event.limit)}: a limit of this program", notable=True)


@_of_event.register
def _malformed(event: Malformed) -> Iterator[Detail]:
    yield Detail("in", bounded(event.where), notable=True)
    yield Detail("problem", bounded(event.problem), notable=True)
    yield Detail("at", f"byte {event.offset} of what the {event.endpoint.value} sent")


def start_line(data: bytes) -> str | None:
    """The first line of an HTTP/1.1 request or response (RFC 9112 section 2.1), or None."""
    found = _START_LINE.match(data)
    return found.group().decode("ascii").rstrip("\r\n") if found else None


def bounded(text: str, most: int = _MOST_TEXT) -> str:
    """Return a peer's text, escaped, and truncated after ``most`` characters."""
    if len(text) <= most:
        return escaped(text)
    return f"{escaped(text[:most])}... ({len(text)} characters)"


def quoted(data: bytes) -> str:
    """Return the first bytes in quotes, those that are not printable ASCII as escapes."""
    return repr(data[:_SAMPLE])[1:] + ("..." if len(data) > _SAMPLE else "")


def listed(values: Iterable[object], most: int = 3) -> str:
    """Return the first ``most`` values, and how many more there are; GREASE is left out."""
    shown, rest = sample(values, most)
    texts = [bounded(str(value), _MOST_OF_MANY) for value in shown]
    return (", ".join(texts) or "none") + (f" and {rest} more" if rest > 0 else "")


def subject(der: bytes) -> str:
    """Return the subject of a certificate."""
    return bounded(describe(der).subject) or "no subject"


def reason(event: LocalFact) -> str:
    """Return the message of the endpoint's library with its code; "" if there is none."""
    code = "" if event.code is None else f"code {event.code}"
    if event.reason and code:
        return f"{bounded(event.reason)} ({code})"
    return bounded(event.reason) or code


@singledispatch
def _of_message(message: msg.HandshakeMessage) -> Iterator[Detail]:
    """Yield the details of a handshake message; none if no function is registered for it."""
    yield from ()


@_of_message.register
def _unknown(message: msg.UnknownMessage) -> Iterator[Detail]:
    yield Detail("type", f"{message.msg_type.value}, with {len(message.body)} bytes")


@_of_message.register
def _hello_request(message: msg.HelloRequest) -> Iterator[Detail]:
    yield Detail("requests", "a new handshake on this connection")


@_of_message.register
def _client_hello(message: msg.ClientHello) -> Iterator[Detail]:
    yield Detail("versions", listed(offered_versions(message), 6))
    names = message.find(ext.ServerNameList)
    sought = [_text(each.name) for each in names.server_name_list] if names else []
    yield Detail("SNI", listed(sought) if sought else "not sent")
    yield from _alpn(message)
    yield Detail("suites", listed(message.cipher_suites, 2))
    groups = message.find(ext.SupportedGroups)
    if groups is not None:
        yield Detail("groups", listed(groups.named_group_list))
    shares = message.find(ext.KeyShareClientHello)
    if shares is not None:
        yield Detail("key shares", listed(each.group for each in shares.client_shares))
    schemes = accepted_signatures(message)
    if schemes is not None:
        yield Detail("signatures", listed(schemes, 2))
    yield from _resumption(message)


def _resumption(message: msg.ClientHello) -> Iterator[Detail]:
    ticket = message.find(ext.SessionTicket)
    if message.find(ext.OfferedPsks) is not None:
        yield Detail("resumes", "a session, by pre_shared_key")
    elif ticket is not None and ticket.ticket:
        yield Detail("resumes", "a session, by session_ticket")
    if message.has(ExtensionType.EARLY_DATA):
        yield Detail("early data", "follows")
    if message.has(ExtensionType.POST_HANDSHAKE_AUTH):
        yield Detail("client auth", "may also be requested after the handshake")


@_of_message.register
def _server_hello(message: msg.ServerHello) -> Iterator[Detail]:
    yield Detail("version", str(message.negotiated_version))
    yield Detail("suite", str(message.cipher_suite))
    share = message.find(ext.KeyShareServerHello)
    if share is not None:
        yield Detail("group", str(share.server_share.group))
    yield from _alpn(message)
    if message.find(ext.SelectedPsk) is not None:
        yield Detail("resumes", "the session that the client offered")


@_of_message.register
def _hello_retry_request(message: msg.HelloRetryRequest) -> Iterator[Detail]:
    yield Detail("version", str(message.negotiated_version))
    yield Detail("suite", str(message.cipher_suite))
    share = message.find(ext.KeyShareHelloRetryRequest)
    if share is not None:
        yield Detail("requests", f"a key share for {share.selected_group}")
    if message.find(ext.Cookie) is not None:
        yield Detail("requests", "its cookie returned")


@_of_message.register
def _encrypted_extensions(message: msg.EncryptedExtensions) -> Iterator[Detail]:
    yield from _alpn(message)
    if message.has(ExtensionType.EARLY_DATA):
        yield Detail("early data", "accepted")


def _alpn(message: msg.ExtendedMessage) -> Iterator[Detail]:
    protocols = message.find(ext.ApplicationLayerProtocols)
    if protocols is not None:
        yield Detail("ALPN", listed(map(_text, protocols.protocol_name_list)))


@_of_message.register
def _server_key_exchange(message: msg.ServerKeyExchange) -> Iterator[Detail]:
    if isinstance(message.params, msg.ServerECDHParams):
        yield Detail("group", str(message.params.named_group))
    elif isinstance(message.params, msg.ServerDHParams):
        yield Detail("group", f"finite field, {8 * len(message.params.dh_p)} bits")
    if message.algorithm is not None:
        yield Detail("signature", str(message.algorithm))


@_of_message.register
def _certificate_request(message: msg.CertificateRequest) -> Iterator[Detail]:
    yield Detail("requests", "a client certificate")
    authorities = message.certificate_authorities
    names = [distinguished_name(each) for each in authorities]
    yield Detail("CA names", listed(names, _MOST_NAMES) if names else "none (any CA)")
    if message.certificate_types:
        yield Detail("types", listed(message.certificate_types))
    if message.supported_signature_algorithms:
        yield Detail("signatures", listed(message.supported_signature_algorithms, 2))


@_of_message.register
def _certificate(message: msg.Certificate) -> Iterator[Detail]:
    chain = [entry.cert_data for entry in message.certificate_list]
    if not chain:
        yield Detail("contains", "no certificate", notable=True)
    yield from _of_chain(chain)


@_of_message.register
def _compressed_certificate(message: msg.CompressedCertificate) -> Iterator[Detail]:
    compressed = len(message.compressed_certificate_message)
    yield Detail(
        "compressed", f"{message.algorithm}, {compressed} of {message.uncompressed_length} bytes"
    )
    if message.certificate is not None:
        yield from _of_message(message.certificate)


@_of_message.register
def _certificate_status(message: msg.CertificateStatus) -> Iterator[Detail]:
    yield Detail("status", f"{message.status_type}, {len(message.response)} bytes")


@_of_message.register
def _certificate_verify(message: msg.CertificateVerify) -> Iterator[Detail]:
    if message.algorithm is not None:
        yield Detail("signature", str(message.algorithm))


@_of_message.register
def _new_session_ticket(message: msg.NewSessionTicket) -> Iterator[Detail]:
    yield Detail("ticket", f"{len(message.ticket)} bytes, valid for {message.ticket_lifetime} s")


@_of_message.register
def _key_update(message: msg.KeyUpdate) -> Iterator[Detail]:
    yield Detail("request", str(message.request_update))


def _of_chain(chain: Sequence[bytes]) -> Iterator[Detail]:
    """Yield the details of the certificates of a chain (DER), the end-entity certificate first."""
    for number, der in enumerate(chain[:_MOST_CERTIFICATES], start=1):
        if len(chain) > 1:
            yield Detail("certificate", f"{number} of {len(chain)}")
        yield from _of_certificate(der)
    if len(chain) > _MOST_CERTIFICATES:
        yield Detail("certificate", f"and {len(chain) - _MOST_CERTIFICATES} more")


def _of_certificate(der: bytes) -> Iterator[Detail]:
    """Yield the fields that matter most in verification (RFC 5280 sections 4.1 and 4.2)."""
    seen = describe(der)
    if seen.problem:
        yield Detail("problem", bounded(seen.problem), notable=True)
    if seen.not_valid_before is None or seen.not_valid_after is None:
        return  # not a certificate
    yield Detail("subject", subject(der))
    yield Detail("issuer", bounded(seen.issuer))
    yield Detail("valid from", f"{seen.not_valid_before:%Y-%m-%d %H:%M:%S} UTC")
    yield Detail("valid until", f"{seen.not_valid_after:%Y-%m-%d %H:%M:%S} UTC")
    if seen.subject_alt_names:
        yield Detail("SAN", listed(seen.subject_alt_names, _MOST_NAMES))
    if seen.extended_key_usage is not None:
        yield Detail("EKU", listed(seen.extended_key_usage, _MOST_NAMES))
    if seen.is_ca:
        yield Detail("CA", "yes")


def _text(name: bytes) -> str:
    return name.decode("latin-1")
