"""The words for an event, for all faces: a headline, what a log line adds, and labelled details.

Rules: all text of a peer's is escaped and bounded; a long list ends in "and n more", and is
complete in the JSON document. GREASE values (RFC 8701) are left out.

This module must not know how the words are laid out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from typing import NamedTuple

from lab.diagnosis.results import ONE_OF_SEVERAL, THEIR_FILES, Cause
from lab.tls import extensions as ext
from lab.tls import messages as msg
from lab.tls.code_point import sample
from lab.tls.code_points import ExtensionType
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Event,
    LeftOut,
    LocalFact,
    Malformed,
    MessageSeen,
    NotTls,
    Protocol,
    SealedSeen,
    StreamEnded,
    Undecoded,
    Unfinished,
    WireEvent,
    escaped,
)
from lab.x509.certificates import describe
from lab.x509.names import distinguished_name

_MOST_TEXT = 240
_MOST_OF_MANY = 64
_MOST_CERTIFICATES = 4
_MOST_NAMES = 4
_MOST_SPANS = 4
_SAMPLE = 32
_START_LINE = re.compile(
    rb"(?:[A-Z]{1,16} [!-~]{1,2000} HTTP/1\.[01]|HTTP/1\.[01] [ -~]{3,200})\r?\n"
)
_TRUNCATED = " inside a record or a handshake message"
_NOTABLE = frozenset(
    {"contains", "first bytes", "in", "limit", "order", "over limit", "problem", "received"}
    | {"truncated"}
)

_Pairs = Iterable[tuple[str, object]]
"""Labels and values; a value that is None or False is not shown."""


class Detail(NamedTuple):
    """One detail of an event. ``notable`` ones are highlighted."""

    label: str
    value: str
    notable: bool = False


def headline(event: Event) -> str:
    """Return the event in a few words, such as "ClientHello" or "alert fatal unknown_ca (48)"."""
    return _words(event)[0]


def on_one_line(event: Event) -> str:
    """Return the headline, and behind it what the event says besides."""
    return "".join(_words(event))


def _words(event: Event) -> tuple[str, str]:
    """Return the headline, and what a log line adds to it."""
    match event:
        case MessageSeen():
            empty = " (empty)" if _is_empty_certificate(event.message) else ""
            return event.message.name + empty, _asked_for(event.message) + _order(event)
        case LocalFact():
            return event.fact.value, f": {escaped(event.reason)}" if event.reason else ""
        case AlertSeen():
            name, number = event.description, event.description.value
            return f"alert {event.level} {name} ({number})", ""
        case ChangeCipherSpecSeen():
            return "ChangeCipherSpec", _order(event)
        case ApplicationDataSeen():
            return "application data", f", {len(event.data)} bytes"
        case SealedSeen():
            more = f": {event.inference}" if event.inference else f", {event.length} bytes"
            return f"undecrypted record ({event.content_type})", more
        case StreamEnded():
            return f"TCP {event.end.value}", _TRUNCATED if event.truncated else ""
        case _:
            return _words_of_unread(event)


def _words_of_unread(event: Event) -> tuple[str, str]:
    match event:
        case NotTls():
            unknown = event.protocol is Protocol.UNKNOWN
            return "not TLS" if unknown else f"not TLS: {event.protocol.value}", ""
        case Unfinished():
            return f"unfinished {event.part.value}", f": {_extent(event)}"
        case LeftOut():
            return f"{event.count} more, not kept", ""
        case Undecoded():
            return f"{event.name} not decoded", f": {event.where}: {event.limit}"
    assert isinstance(event, Malformed)
    return "malformed bytes", f": {event.where}: {event.problem}"


def _asked_for(message: msg.HandshakeMessage) -> str:
    """Return the host and the protocols that a ClientHello names: " (SNI localhost, ALPN h2)"."""
    if not isinstance(message, msg.ClientHello):
        return ""
    named = zip(("SNI", "ALPN"), offered_names(message), strict=True)
    words = [f"{label} {listed(names)}" for label, names in named if names]
    return f" ({', '.join(words)})" if words else ""


def offered_names(hello: msg.ClientHello) -> tuple[list[str], list[str]]:
    """Return the hosts (RFC 6066 section 3) and protocols (RFC 7301) that a ClientHello names."""
    hosts = hello.find(ext.ServerNameList)
    protocols = hello.find(ext.ApplicationLayerProtocols)
    return (
        [_text(host.name) for host in hosts.server_name_list] if hosts else [],
        [_text(name) for name in protocols.protocol_name_list] if protocols else [],
    )


def _order(event: MessageSeen | ChangeCipherSpecSeen) -> str:
    return " (out of order)" if event.out_of_order else ""


def _extent(event: Unfinished) -> str:
    whole = "header incomplete" if event.expected is None else f"of {event.expected}"
    return f"{event.came} bytes, {whole}"


def _is_empty_certificate(message: msg.HandshakeMessage) -> bool:
    if isinstance(message, msg.CompressedCertificate) and message.certificate is not None:
        message = message.certificate
    return isinstance(message, msg.Certificate) and not message.certificate_list


def details(event: Event) -> Iterator[Detail]:
    """Yield the details of the event, in the order in which they are shown."""
    for label, value in _pairs(event):
        if value is not None and value is not False:
            yield Detail(label, str(value), label in _NOTABLE)


def _pairs(event: Event) -> _Pairs:
    yield from _of_message(event.message) if isinstance(event, MessageSeen) else _of_event(event)
    if isinstance(event, MessageSeen | ChangeCipherSpecSeen):
        yield "order", event.out_of_order and "not allowed at this point of the handshake"
    if isinstance(event, WireEvent) and len(event.records) > 1:
        lengths = [str(span.length) for span in event.records]
        yield "records", f"{len(lengths)}, of {listed(lengths, _MOST_SPANS)} bytes"


def _of_event(event: Event) -> _Pairs:
    """Yield the details of an event that is no message."""
    match event:
        case ApplicationDataSeen():
            line = start_line(event.data)
            yield ("data", quoted(event.data)) if line is None else ("HTTP", bounded(line))
            yield "length", f"{len(event.data)} bytes"
        case SealedSeen():
            yield "content", f"{event.length} bytes, not decrypted: no known secret fits"
            yield "likely", bounded(event.inference) or None
        case StreamEnded():
            yield "truncated", event.truncated and _TRUNCATED.lstrip()
        case NotTls():
            yield "first bytes", quoted(event.sample)
        case Unfinished():
            yield "received", _extent(event)
        case LeftOut():
            yield "over limit", f"{event.octets} bytes"
        case Undecoded():
            yield "in", bounded(event.where)
            yield "limit", f"{bounded(event.limit)}: a limit of this program"
        case Malformed():
            yield "in", bounded(event.where)
            yield "problem", bounded(event.problem)
            yield "at", f"byte {event.offset} of what the {event.endpoint.value} sent"


def start_line(data: bytes) -> str | None:
    """The first line of an HTTP/1.1 request or response (RFC 9112 section 2.1), or None."""
    found = _START_LINE.match(data)
    return found.group().decode("ascii").rstrip("\r\n") if found else None


def bounded(text: str, most: int = _MOST_TEXT) -> str:
    """Return a peer's text, escaped, and truncated after ``most`` characters."""
    if len(text) <= most:
        return escaped(text)
    return f"{escaped(text[:most])}... ({len(text)} characters)"


def shortened(sentence: str, most: int = 600) -> str:
    """Return a sentence that is escaped already, truncated after ``most`` characters."""
    return sentence if len(sentence) <= most else f"{sentence[:most]}..."


def or_others(causes: Sequence[Cause]) -> str:
    """Return what the first cause rests on, and the codes of those that fit as well, if any do."""
    files = ", if the server uses the files given" if THEIR_FILES in causes[0].evidence else ""
    others = alternatives(causes)
    if not others:
        return files
    return f"{files}, or [{'], ['.join(others)}]: which one cannot be told"


def alternatives(causes: Sequence[Cause]) -> list[str]:
    """Return the codes of the causes that fit as well as the first one."""
    first, *rest = causes
    if ONE_OF_SEVERAL not in first.evidence and THEIR_FILES not in first.evidence:
        return []
    return [cause.code for cause in rest if ONE_OF_SEVERAL in cause.evidence]


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
def _of_message(message: msg.HandshakeMessage) -> _Pairs:
    """Yield the details of a handshake message; none if no function is registered for it."""
    return ()


@_of_message.register
def _unknown(message: msg.UnknownMessage) -> _Pairs:
    yield "type", f"{message.msg_type.value}, with {len(message.body)} bytes"


@_of_message.register
def _hello_request(message: msg.HelloRequest) -> _Pairs:
    yield "requests", "a new handshake on this connection"


@_of_message.register
def _client_hello(message: msg.ClientHello) -> _Pairs:
    hosts, protocols = offered_names(message)
    groups = message.find(ext.SupportedGroups)
    shares = message.find(ext.KeyShareClientHello)
    schemes = msg.accepted_signatures(message)
    ticket = message.find(ext.SessionTicket)
    yield "versions", listed(msg.offered_versions(message), 6)
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


@_of_message.register
def _server_hello(message: msg.ServerHello) -> _Pairs:
    share = message.find(ext.KeyShareServerHello)
    yield "version", message.negotiated_version
    yield "suite", message.cipher_suite
    yield "group", share and share.server_share.group
    yield "ALPN", _alpn(message)
    yield "resumes", message.find(ext.SelectedPsk) and "the session that the client offered"


@_of_message.register
def _hello_retry_request(message: msg.HelloRetryRequest) -> _Pairs:
    share = message.find(ext.KeyShareHelloRetryRequest)
    yield "version", message.negotiated_version
    yield "suite", message.cipher_suite
    yield "requests", share and f"a key share for {share.selected_group}"
    yield "requests", message.find(ext.Cookie) and "its cookie returned"


@_of_message.register
def _encrypted_extensions(message: msg.EncryptedExtensions) -> _Pairs:
    yield "ALPN", _alpn(message)
    yield "early data", message.has(ExtensionType.EARLY_DATA) and "accepted"


def _alpn(message: msg.ExtendedMessage) -> str | None:
    protocols = message.find(ext.ApplicationLayerProtocols)
    return listed(map(_text, protocols.protocol_name_list)) if protocols else None


@_of_message.register
def _server_key_exchange(message: msg.ServerKeyExchange) -> _Pairs:
    if isinstance(message.params, msg.ServerECDHParams):
        yield "group", message.params.named_group
    elif isinstance(message.params, msg.ServerDHParams):
        yield "group", f"finite field, {8 * len(message.params.dh_p)} bits"
    yield "signature", message.algorithm


@_of_message.register
def _certificate_request(message: msg.CertificateRequest) -> _Pairs:
    names = [distinguished_name(der) for der in message.certificate_authorities]
    schemes = message.supported_signature_algorithms
    yield "requests", "a client certificate"
    yield "CA names", listed(names, _MOST_NAMES) if names else "none (any CA)"
    yield "types", listed(message.certificate_types) if message.certificate_types else None
    yield "signatures", listed(schemes, 2) if schemes else None


@_of_message.register
def _certificate(message: msg.Certificate) -> _Pairs:
    chain = [entry.cert_data for entry in message.certificate_list]
    yield "contains", not chain and "no certificate"
    for number, der in enumerate(chain[:_MOST_CERTIFICATES], start=1):
        yield "certificate", len(chain) > 1 and f"{number} of {len(chain)}"
        yield from _of_certificate(der)
    more = len(chain) - _MOST_CERTIFICATES
    yield "certificate", more > 0 and f"and {more} more"


def _of_certificate(der: bytes) -> _Pairs:
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


@_of_message.register
def _compressed_certificate(message: msg.CompressedCertificate) -> _Pairs:
    compressed = len(message.compressed_certificate_message)
    sizes = f"{compressed} of {message.uncompressed_length} bytes"
    yield "compressed", f"{message.algorithm}, {sizes}"
    if message.certificate is not None:
        yield from _certificate(message.certificate)


@_of_message.register
def _certificate_status(message: msg.CertificateStatus) -> _Pairs:
    yield "status", f"{message.status_type}, {len(message.response)} bytes"


@_of_message.register
def _certificate_verify(message: msg.CertificateVerify) -> _Pairs:
    yield "signature", message.algorithm


@_of_message.register
def _new_session_ticket(message: msg.NewSessionTicket) -> _Pairs:
    yield "ticket", f"{len(message.ticket)} bytes, valid for {message.ticket_lifetime} s"


@_of_message.register
def _key_update(message: msg.KeyUpdate) -> _Pairs:
    yield "request", message.request_update


def _text(name: bytes) -> str:
    return name.decode("latin-1")
