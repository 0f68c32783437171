"""What the rules of client selection say of an empty Certificate: of our client, and of others.

Which program a foreign client is, the wire does not tell: what is said of the kinds of clients is
evidence, and decides nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from lab.diagnosis.certificate_selection.results import (
    CertificateAtHand,
    ClientSelection,
    Decision,
)
from lab.diagnosis.evidence import Evidence
from lab.tls.code_points import ClientCertificateType, ProtocolVersion, SignatureScheme
from lab.tls.extensions import CertificateAuthorities, Extension
from lab.tls.messages import CertificateRequest
from lab.x509 import der
from lab.x509.der import Element

OURS = "python"
"""The kind of client that ``ssl`` is."""
_DETAIL = re.compile(r" \(|, | given | as ")
"""What begins the details in a client's name."""
_MOST_OCTETS = 16384
"""How long the names may be in all: a peer may send others with each connection."""
_VALID = timedelta(days=30)
_NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def our_reason(summary: Evidence, certificate: bytes | None, now: datetime | None) -> str:
    """Return why our client, which has ``certificate`` (DER), sends an empty Certificate.

    A sentence without its full stop; "" where the client is another, or the rules do not say so.
    """
    request, version = summary.request, summary.version
    if not summary.client_is_ours or summary.asked_after_handshake:
        return ""
    if not (request and version and certificate and now):
        return ""
    for selection in _selections(request, version, certificate, now):
        if selection.client.code == OURS and selection.decision is Decision.SENDS_EMPTY:
            return selection.reason
    return ""


def kinds_of_clients(summary: Evidence) -> tuple[str, ...]:
    """Return which kinds of client send no certificate whose issuer the request does not name.

    It is one piece of evidence about a client that is not ours; none where the rules do not tell:
    of a request that names no CA, or very many, or that came after the handshake.
    """
    request, version = summary.request, summary.version
    if summary.client_is_ours or summary.asked_after_handshake or not (request and version):
        return ()
    if not 0 < sum(map(len, request.certificate_authorities)) <= _MOST_OCTETS:
        return ()
    told = _kinds(replace(request, certificate_request_context=b""), version)
    return (told,) if told else ()


def _selections(
    request: CertificateRequest, version: ProtocolVersion, certificate: bytes, now: datetime
) -> tuple[ClientSelection, ...]:
    # Imported here: it takes long to load, and most connections have no empty Certificate.
    from lab.diagnosis.certificate_selection.select import select

    at_hand = CertificateAtHand(name="the client's certificate", chain=(certificate,))
    return select(request, version, [at_hand], now=now)


@functools.lru_cache(maxsize=16)
def _kinds(request: CertificateRequest, version: ProtocolVersion) -> str:
    certificate = _of_another_ca(request)
    if certificate is None:
        return ""
    unnamed = replace(request, certificate_authorities=(), extensions=_without_names(request))
    # Whoever sends it where no CA is named, and none where some are, goes by the names.
    sending = [
        each.client
        for each in _selections(unnamed, version, certificate, _NOW)
        if each.decision is Decision.SENDS
    ]
    found = _selections(request, version, certificate, _NOW)
    found = tuple(each for each in found if each.client in sending)
    withhold = _names(found, Decision.SENDS_EMPTY)
    # A program can have its library send what it would withhold by itself.
    send = [name for name in _names(found, Decision.SENDS) if name not in withhold]
    if not withhold:
        return ""
    which = "a certificate whose issuer is not named"
    others = f", and sent all the same by {_listed(send)}" if send else ""
    return f"{which} is as a rule withheld by {_listed(withhold)}{others}"


def _without_names(request: CertificateRequest) -> tuple[Extension, ...]:
    kept = (each for each in request.extensions if not isinstance(each, CertificateAuthorities))
    return tuple(kept)


def _names(found: Sequence[ClientSelection], decision: Decision) -> list[str]:
    """Return the short names of the kinds of clients that decide so."""
    names = (each.client.name for each in found if each.decision is decision)
    return list(dict.fromkeys(_DETAIL.split(name)[0] for name in names))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _of_another_ca(request: CertificateRequest) -> bytes | None:
    """Return a certificate that fits a request in all but its issuer; None: none is made here.

    Nothing but what it says is ever looked at: it is signed by nobody.
    """
    schemes, types = request.supported_signature_algorithms, request.certificate_types
    for scheme, kind, key, algorithm in (
        (_ECDSA, ClientCertificateType.ECDSA_SIGN, _EC_KEY, _ECDSA_WITH_SHA256),
        (_RSA, ClientCertificateType.RSA_SIGN, _RSA_KEY, _SHA256_WITH_RSA),
    ):
        if scheme in schemes and (not types or kind in types):
            return _certificate(key, algorithm)
    return None


_ECDSA, _RSA = SignatureScheme.ECDSA_SECP256R1_SHA256, SignatureScheme.RSA_PKCS1_SHA256


def _oid(content: str) -> Element:
    return Element(tag=der.OBJECT_IDENTIFIER, content=bytes.fromhex(content))


def _integer(number: int) -> Element:
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return Element(tag=der.INTEGER, content=octets)


_NULL = Element(tag=0x05, content=b"")
_ECDSA_WITH_SHA256 = der.sequence(_oid("2a8648ce3d040302"))
_SHA256_WITH_RSA = der.sequence(_oid("2a864886f70d01010b"), _NULL)
_EC_KEY = der.sequence(
    der.sequence(_oid("2a8648ce3d0201"), _oid("2a8648ce3d030107")),  # secp256r1
    der.bit_string(b"\x04" + bytes(64)),
)
_RSA_KEY = der.sequence(
    der.sequence(_oid("2a864886f70d010101"), _NULL),
    der.bit_string(der.sequence(_integer((1 << 2047) | 1), _integer(65537)).encode()),
)


def _name(text: str) -> Element:
    value = Element(tag=0x0C, content=text.encode())
    attribute = der.sequence(_oid("550403"), value)
    return der.sequence(Element(tag=der.SET, content=attribute.encode()))


def _time(moment: datetime) -> Element:
    return Element(tag=der.UTC_TIME, content=f"{moment:%y%m%d%H%M%SZ}".encode())


def _extension(kind: str, value: Element) -> Element:
    return der.sequence(_oid(kind), Element(tag=der.OCTET_STRING, content=value.encode()))


def _certificate(key: Element, algorithm: Element) -> bytes:
    """Return a certificate for TLS clients, of a CA that no request names (RFC 5280 section 4)."""
    usage = Element(tag=der.BIT_STRING, content=b"\x07\x80")  # digitalSignature
    purposes = der.sequence(_oid("2b06010505070302"))  # clientAuth
    extensions = der.sequence(_extension("551d0f", usage), _extension("551d25", purposes))
    signed = der.sequence(
        Element(tag=0xA0, content=_integer(2).encode()),
        _integer(1),
        algorithm,
        _name("A CA that is not named, of the lab"),
        der.sequence(_time(_NOW - _VALID), _time(_NOW + _VALID)),
        _name("client"),
        key,
        Element(tag=0xA3, content=extensions.encode()),
    )
    return der.sequence(signed, algorithm, der.bit_string(bytes(8))).encode()
