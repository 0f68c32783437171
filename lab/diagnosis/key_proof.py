"""Whether the signature by which an end proves that it has its key verifies, as far as was seen.

TLS 1.3: CertificateVerify of either end (RFC 9846 section 4.5.2). TLS 1.2: the client's
CertificateVerify (RFC 5246 section 7.4.8) and the server's ServerKeyExchange (section 7.4.3).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence

from lab.tls.code_points import HandshakeType, ProtocolVersion
from lab.tls.events import (
    Endpoint,
    Event,
    LeftOut,
    Malformed,
    MessageSeen,
    NotCaptured,
    Undecoded,
)
from lab.tls.messages import (
    Certificate,
    CertificateVerify,
    ClientHello,
    CompressedCertificate,
    HelloRetryRequest,
    ServerHello,
    ServerKeyExchange,
)
from lab.tls.record_suites import suite_of
from lab.x509.certificates import describe

_HEADER = 4
_LOST = (LeftOut, Malformed, NotCaptured, Undecoded)
_MOST_BYTES = 1 << 20  # of messages that are hashed


class Proof(enum.Enum):
    """What the signature of an end is worth."""

    NONE = "no signature was seen"
    VERIFIES = "it verifies with the key of the certificate"
    WRONG = "it does not verify with the key of the certificate"
    UNCHECKED = "it cannot be checked with what was seen"


def proof_of(events: Sequence[Event], sender: Endpoint) -> Proof:
    """Return what the first signature of ``sender`` over the handshake is worth.

    One that does not verify counts as wrong only where nothing is missing before it.
    """
    seen: list[MessageSeen] = []
    is_whole = True
    for event in events:
        if isinstance(event, _LOST):
            is_whole = False
        elif isinstance(event, MessageSeen):
            if event.endpoint is sender and _is_proof(event):
                verifies = _verifies(seen, event)
                if verifies:
                    return Proof.VERIFIES
                is_checked = verifies is False and is_whole
                return Proof.WRONG if is_checked else Proof.UNCHECKED
            is_whole = is_whole and bool(event.raw) and not event.out_of_order
            seen.append(event)
    return Proof.NONE


def _is_proof(event: MessageSeen) -> bool:
    message = event.message
    if isinstance(message, ServerKeyExchange):
        return message.signature is not None
    return isinstance(message, CertificateVerify)


def _verifies(before: Sequence[MessageSeen], event: MessageSeen) -> bool | None:
    """Return whether the signature of ``event`` verifies; None if that cannot be told."""
    message, sender = event.message, event.endpoint
    assert isinstance(message, CertificateVerify | ServerKeyExchange)
    key = _public_key(before, sender)
    if not key or message.algorithm is None or message.signature is None:
        return None
    signed = _signed(before, event)
    if signed is None:
        return None
    from lab.x509.signatures import scheme_verifies  # here: it takes long to load

    return scheme_verifies(key, signed, str(message.algorithm), message.signature)


def _public_key(before: Sequence[MessageSeen], sender: Endpoint) -> bytes:
    """The key of the sender's own certificate, b"" where none can be read."""
    for event in before:
        message = event.message
        if isinstance(message, CompressedCertificate):
            message = message.certificate or message
        if event.endpoint is sender and isinstance(message, Certificate):
            if message.raw_public_key is not None or not message.certificate_list:
                return message.raw_public_key or b""
            return describe(message.certificate_list[0].cert_data).public_key
    return b""


def _signed(before: Sequence[MessageSeen], event: MessageSeen) -> bytes | None:
    """What the signature is over, None where that is not known, or is too long."""
    hello = next(
        (
            each.message
            for each in before
            if isinstance(each.message, ServerHello)
            and not isinstance(each.message, HelloRetryRequest)
        ),
        None,
    )
    if hello is None or sum(len(each.raw) for each in before) > _MOST_BYTES:
        return None
    if hello.is_tls13:
        hash_name = suite_of(hello.cipher_suite).hash_name
        digest = hashlib.new(hash_name, _transcript(before, event.endpoint, hash_name)).digest()
        title = f"TLS 1.3, {event.endpoint.value} CertificateVerify"
        return b" " * 64 + title.encode("ascii") + b"\0" + digest
    if hello.negotiated_version != ProtocolVersion.TLS_1_2:
        return None
    if isinstance(event.message, ServerKeyExchange):
        return _signed_parameters(before, hello, event)
    return b"".join(each.raw for each in before)


def _transcript(before: Sequence[MessageSeen], sender: Endpoint, hash_name: str) -> bytes:
    """The messages that count (RFC 9846 section 4.1), in order; the server's end with Finished."""
    sent = {end: [each for each in before if each.endpoint is end] for end in Endpoint}
    hellos = [each for each in sent[Endpoint.CLIENT] if isinstance(each.message, ClientHello)]
    others = [each for each in sent[Endpoint.CLIENT] if each not in hellos]
    server = [each.raw for each in sent[Endpoint.SERVER]]
    parts = [each.raw for each in hellos]
    if len(hellos) > 1 and server:
        digest = hashlib.new(hash_name, parts[0]).digest()
        replaced = bytes([HandshakeType.MESSAGE_HASH.value, 0, 0, len(digest)]) + digest
        parts = [replaced, server.pop(0), *parts[1:]]
    parts += server
    if sender is Endpoint.CLIENT:
        parts += [each.raw for each in others]
    return b"".join(parts)


def _signed_parameters(
    before: Sequence[MessageSeen], server: ServerHello, event: MessageSeen
) -> bytes | None:
    """Both randoms and the parameters of the key exchange (RFC 8422 section 5.4)."""
    client = next((each.message for each in before if isinstance(each.message, ClientHello)), None)
    message = event.message
    assert isinstance(message, ServerKeyExchange)
    if client is None or message.signature is None:
        return None
    # Behind the parameters are the algorithm and the length of the signature, two bytes each.
    parameters = event.raw[_HEADER : len(event.raw) - len(message.signature) - 4]
    return client.random + server.random + parameters
